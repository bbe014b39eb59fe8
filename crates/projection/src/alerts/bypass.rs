//! A blocked task that went on: a critical alert that only a person can end; the block's own alert is kept as long.

use tollgate_domain::alert::{AlertRule, AlertScope, Condition};
use tollgate_domain::position::Sequence;

use super::row::{Observed, Watch};

const CONDITION: Condition = Condition { rule: AlertRule::Bypass, scope: AlertScope::Task, level: 0 };

/// The record of the latest bypass.
pub(super) fn last(watch: &Watch) -> Option<Sequence> {
    watch.task.bypasses.last().map(|bypass| bypass.sequence)
}

/// Adds a new bypass, if there is one. Until the first is acknowledged, further ones are part of it.
pub(super) fn note(watch: &mut Watch, before: Option<Sequence>, task: &str) {
    let Some(bypass) = watch.task.bypasses.last().filter(|bypass| Some(bypass.sequence) != before) else {
        return;
    };
    let detail = format!("Task {task} went on: {} (record {})", bypass.sentence(), bypass.sequence);
    let observed = Observed { since: bypass.at, detail };
    watch.observed.entry(CONDITION).or_insert(observed);
}

/// The block that was bypassed: true until someone has looked at it, even if the task is closed by now.
/// Before what it was blocked.
pub(super) fn kept_block(watch: &Watch) -> Option<String> {
    if !watch.observed.contains_key(&CONDITION) {
        return None;
    }
    watch.task.bypasses.last().map(|bypass| bypass.blocked.to_string())
}
