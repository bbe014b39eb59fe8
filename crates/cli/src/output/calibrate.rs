//! Limits proposed from history, with what they were computed from.

use tollgate_replay::collect::Calibrated;

use super::counted;
use super::session_phases::session_phases_md;

/// What is proposed, for the screen.
pub(crate) fn calibrated_summary(calibrated: &Calibrated) -> String {
    calibrated.result.calibration.to_summary() + &origin(calibrated)
}

/// The same with the percentiles of each group.
pub(crate) fn calibrated_md(calibrated: &Calibrated) -> String {
    calibrated.result.calibration.to_markdown() + &origin(calibrated)
}

fn origin(calibrated: &Calibrated) -> String {
    let inputs = &calibrated.result.inputs;
    let mut text = inputs.session_phases.as_ref().map(session_phases_md).unwrap_or_default();
    text += &format!(
        "\n## Computed from\n\n* {}, {}, against the config {}\n",
        calibrated.source.origin,
        counted(inputs.events, "event"),
        calibrated.current
    );
    if inputs.unreadable_events > 0 {
        text += &format!(
            "* left out: {} with an event that cannot be read\n",
            counted(inputs.unreadable_tasks, "task")
        );
    }
    text + &format!("* hash {}\n", calibrated.hash)
}
