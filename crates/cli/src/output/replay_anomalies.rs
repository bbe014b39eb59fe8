//! What is far from the usual, on screen.

use std::fmt::Write;

use tollgate_replay::what_if::anomaly::{AnomalousPhase, AnomalyResult};

use super::replay_figures::share;
use super::{counted, grouped_u64, table};

/// Phases that are shown; all of them are in the result.
const SHOWN_PHASES: usize = 10;

/// The phases of tasks that took far more or less than those of their class; nothing if none could be judged.
pub(super) fn anomalies(result: &AnomalyResult) -> String {
    if result.judged_phases == 0 {
        return String::new();
    }
    let mut text = format!(
        "\nanomalies: {} beside its class; {} of too small a class\n",
        counted(result.judged_phases, "phase"),
        grouped_u64(result.unjudged_phases)
    );
    let shares = [
        ("tasks far above", &result.far_above),
        ("  marked runaway", &result.far_above_of_runaways),
        ("  known to be good", &result.far_above_of_good),
    ];
    for (what, of) in shares {
        // Writing to a String cannot fail, here and below.
        let _ = writeln!(text, "  {what:<22} {}", share(of));
    }
    if result.phases.is_empty() {
        return text;
    }
    let rows = result.phases.iter().take(SHOWN_PHASES).map(row).collect();
    let header = ["task", "phase", "class", "took", "p25", "p50", "p75", "of", "is"];
    text += &table(&header, &[3, 4, 5, 6, 7], rows);
    if result.phases.len() > SHOWN_PHASES {
        let more = (result.phases.len() - SHOWN_PHASES) as u64;
        let _ = writeln!(text, "… and {} more: with --format json", grouped_u64(more));
    }
    text
}

fn row(found: &AnomalousPhase) -> Vec<String> {
    let per_point = if found.of == "tokens" { "" } else { " a point" };
    vec![
        found.task.clone(),
        found.phase.clone(),
        format!("{} {}", found.complexity, found.importance),
        format!("{}{per_point}", grouped_u64(found.value)),
        grouped_u64(found.p25),
        grouped_u64(found.p50),
        grouped_u64(found.p75),
        grouped_u64(found.others),
        format!("far {}", found.side),
    ]
}
