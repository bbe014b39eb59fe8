//! What an import says at its end.

use tollgate_import::summary::ImportSummary;

use super::outcomes::Outcomes;
use super::phasing::Phasing;
use crate::args::{Format, Global};
use crate::output::{counted, grouped, grouped_u64, json, line, note};

pub(super) fn tell_interrupted(global: &Global, outcomes: &Outcomes) {
    let Outcomes { new, duplicate, corrected, refused, .. } = *outcomes;
    if global.format == Format::Json {
        json(
            &serde_json::json!({"interrupted": true, "new": new, "duplicate": duplicate, "corrected": corrected,
            "refused": refused}),
        );
        return;
    }
    line(&format!(
        "stopped by Ctrl-C: {} of this import {} in the ledger ({} new, {} were there already)",
        counted(new + duplicate, "event"),
        if new + duplicate == 1 { "is" } else { "are" },
        grouped_u64(new),
        grouped_u64(duplicate)
    ));
    line("  run the same command again: it takes in the rest, and counts nothing twice");
}

/// `unshown`: how many problems were not shown.
pub(super) fn tell(
    global: &Global,
    summary: &ImportSummary,
    outcomes: &Outcomes,
    phasing: Option<&Phasing>,
    unshown: u64,
) {
    // A copy belongs to a call that is counted once; what the snapshots report is what was counted.
    let events = summary.events.saturating_sub(outcomes.copies);
    let tokens = summary.tokens.without(&outcomes.copied);
    let tokens = tollgate_projection::report::token_totals(&tokens);
    if global.format == Format::Json {
        let mut answer = serde_json::json!({"files": summary.files, "files_with_usage": summary.files_with_usage, "lines": summary.lines,
            "events": events, "copies": outcomes.copies, "new": outcomes.new, "duplicate": outcomes.duplicate, "corrected": outcomes.corrected, "corrected_unpriced": outcomes.corrected_unpriced, "refused": outcomes.refused,
            "problems": summary.problems, "tokens": tokens});
        if let Some(phasing) = phasing {
            answer["phases"] = serde_json::json!({"executions": phasing.begun, "calls": phasing.calls,
                "recorded_without": phasing.recorded_without, "coverage": phasing.coverage()});
        }
        json(&answer);
        return;
    }
    if unshown > 0 {
        note(&format!("! and {} more", grouped_u64(unshown)));
    }
    line(&format!(
        "{} with {}: {} with {} tokens",
        counted(summary.files, "file"),
        counted(summary.lines, "line"),
        counted(events, "event"),
        grouped(tokens.total)
    ));
    line(&format!(
        "  {} new, {} were there already",
        grouped_u64(outcomes.new),
        grouped_u64(outcomes.duplicate)
    ));
    if outcomes.copies > 0 {
        line(&format!("  copies of these calls, not counted again: {}", grouped_u64(outcomes.copies)));
    }
    if outcomes.corrected > 0 {
        line(&format!("  {} of what was counted before", counted(outcomes.corrected, "correction")));
    }
    if outcomes.corrected_unpriced > 0 {
        let corrections = counted(outcomes.corrected_unpriced, "correction");
        line(&format!(
            "  {corrections} without a price, as prices have changed since: the cost stays as it was charged"
        ));
    }
    if outcomes.refused > 0 || summary.problems > 0 {
        line(&format!(
            "  {} refused, {}",
            grouped_u64(outcomes.refused),
            counted(summary.problems, "problem")
        ));
    }
    phasing.into_iter().for_each(tell_phases);
}

fn tell_phases(phasing: &Phasing) {
    line(&format!(
        "  {} began, {} of this import in a phase",
        counted(phasing.begun, "execution"),
        counted(phasing.calls, "call")
    ));
    if phasing.recorded_without > 0 {
        line(&format!(
            "  {} had been imported without phases: they stay so, and count in totals only; import into another ledger to have them \
             in phases",
            counted(phasing.recorded_without, "call")
        ));
    }
    for sentence in phasing.coverage().sentences() {
        line(&format!("  {sentence}"));
    }
}
