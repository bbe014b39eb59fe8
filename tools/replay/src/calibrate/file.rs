//! The proposed config as a file that says where each number comes from.

use std::fmt::Write;

use tollgate_domain::config::BudgetConfig;

use super::fit::Origin;
use super::groups::{BASE_PERCENT, LATENCY_PERCENT};
use super::judge::WHEN_STOPPED;
use super::notes::{base, permille, range};
use super::propose::shown;
use super::result::{BaseProposal, Calibration, PhaseProposal, ThresholdProposal, TierProposal};

/// The text of a config file that reads as `config`, with a comment at each number that was proposed.
pub(super) fn with_comments(found: &Calibration, config: &BudgetConfig) -> String {
    let mut out = header(found);
    let mut section = String::new();
    for line in config.to_yaml().lines() {
        let key = line.trim().split(':').next().unwrap_or_default().trim_matches('"');
        if line.starts_with(' ') {
            for comment in comments(found, &section, key) {
                put(&mut out, &format!("  # {comment}"));
            }
        } else {
            key.clone_into(&mut section);
        }
        put(&mut out, line);
    }
    out
}

fn put(out: &mut String, line: &str) {
    writeln!(out, "{line}").expect("writing to a String cannot fail");
}

fn header(found: &Calibration) -> String {
    let data = &found.data;
    let mut out = String::new();
    let mut line = |text: &str| put(&mut out, format!("# {text}").trim_end());
    line(
        "Proposed by `tollgate replay calibrate` from a history. Check it with `tollgate config check --config FILE`.",
    );
    line("");
    let time = |at: &Option<String>| at.clone().unwrap_or_else(|| "?".to_owned());
    line(&format!(
        "Fitted to {} executed phases of {} tasks that ended well, of {} tasks between {} and {}.",
        data.fitted_samples,
        data.fitted_tasks,
        data.tasks,
        time(&data.first_at),
        time(&data.last_at)
    ));
    match (&data.split_at, &found.judged) {
        (Some(at), Some(judged)) => {
            let stops = judged.proposed.false_positives;
            line(&format!(
                "Judged by {} tasks from {at} on: {} of {} that ended well would have been stopped.",
                data.judged_tasks, stops.count, stops.of
            ));
            line(&format!("{WHEN_STOPPED}."));
        }
        (_, None) | (None, _) => line("Not judged: no later tasks were kept to judge by."),
    }
    line(&format!("Intervals are at {}.", shown(found.options.confidence)));
    for note in &found.notes {
        line(&format!("! {note}."));
    }
    out.push('\n');
    out
}

/// What is said about a key of a section.
fn comments(found: &Calibration, section: &str, key: &str) -> Vec<String> {
    let phase = found.phases.iter().find(|phase| phase.phase.as_str() == key);
    match section {
        "base_budgets" => phase.map(|phase| bases(found, phase)).unwrap_or_default(),
        "phase_weights" => phase.map(|phase| weight(found, phase)).into_iter().collect(),
        "complexity_multipliers" => tier(&found.complexity, key),
        "importance_multipliers" => tier(&found.importance, key),
        "stop_loss" => {
            found.thresholds.iter().filter(|it| it.key == key).map(|it| threshold(found, it)).collect()
        }
        _ => Vec::new(),
    }
}

fn bases(found: &Calibration, phase: &PhaseProposal) -> Vec<String> {
    let samples = phase.samples;
    let fewest = base(found).map_or(0, |enough| enough.for_bounds);
    let margin = found.options.latency_margin_percent;
    let text = |what: &str, base: BaseProposal, made: String| {
        if base.learned {
            format!(
                "{what}: {made} of {samples} samples, {} (was {})",
                range(base.low, base.high),
                base.current
            )
        } else if base.value == base.current {
            format!("{what}: as before, {}", few(samples, fewest))
        } else {
            let (few, current) = (few(samples, fewest), base.current);
            format!(
                "{what}: the limit is as before, {few} (was {current} at a weight of {})",
                phase.weight.current
            )
        }
    };
    let from = if phase.weight_origin == Origin::Fitted { "" } else { " at multipliers of 1, fitted," };
    vec![
        text("tokens", phase.tokens, format!("p{BASE_PERCENT}{from}")),
        text(
            "latency_ms",
            phase.latency_ms,
            format!("p{LATENCY_PERCENT} at multipliers of 1 + {margin} %, fitted,"),
        ),
    ]
}

fn few(samples: u64, fewest: u64) -> String {
    match samples {
        0 => "no samples".to_owned(),
        samples if samples < fewest => format!("{samples} samples are too few"),
        samples => format!("none of the groups of its {samples} samples has enough"),
    }
}

fn weight(found: &Calibration, phase: &PhaseProposal) -> String {
    let factor = phase.weight;
    match phase.weight_origin {
        Origin::Fitted => format!(
            "fitted to {} samples, {} (was {}): p{BASE_PERCENT} at multipliers of 1 / p{BASE_PERCENT} of all",
            phase.samples,
            range(factor.low, factor.high),
            factor.current
        ),
        Origin::TooFew => {
            format!("as before, {}", few(phase.samples, base(found).map_or(0, |enough| enough.for_bounds)))
        }
        Origin::Kept | Origin::Reference | Origin::Confounded => {
            "as before: base budgets are fitted instead".to_owned()
        }
    }
}

fn tier<T: std::fmt::Display>(tiers: &[TierProposal<T>], key: &str) -> Vec<String> {
    let found = tiers.iter().find(|tier| tier.tier.to_string() == key);
    let Some(TierProposal { samples, origin, factor, .. }) = found else { return Vec::new() };
    vec![match origin {
        Origin::Fitted => {
            format!(
                "fitted to p{BASE_PERCENT} of tokens of {samples} samples, {} (was {})",
                range(factor.low, factor.high),
                factor.current
            )
        }
        Origin::Kept => "as before".to_owned(),
        Origin::Reference => format!("as before, {samples} samples: the other tiers are compared with it"),
        Origin::TooFew => format!("as before, {}", few(*samples, u64::MAX)),
        Origin::Confounded => {
            format!("as before: its {samples} samples cannot be told apart from other tiers")
        }
    }]
}

fn threshold(found: &Calibration, threshold: &ThresholdProposal) -> String {
    let ThresholdProposal { current, tasks, above, runaways_above: (stopped, of), low, high, .. } = threshold;
    if !threshold.learned {
        return format!("as before, {tasks} tasks that ended well are too few");
    }
    format!(
        "{above} of {tasks} tasks that ended well are above it ({} asked for), {stopped} of {of} runaways; {} (was {current})",
        permille(found.options.false_positives_permille.into()),
        range(*low, *high)
    )
}
