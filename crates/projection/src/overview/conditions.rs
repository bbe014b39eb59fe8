//! Reportable conditions across many tasks. Pure: everyone who looks at the same figures writes the same events.

use tollgate_domain::alert::{AlertRule, AlertScope, Condition};
use tollgate_domain::config::WatchConfig;
use tollgate_domain::event::ConditionObserved;
use tollgate_domain::gate::grouped;

use super::figures::Overview;
use super::health::{critical_share, false_positive_share, stopped_share, token_shift};
use super::share::Share;

/// The weeks that the shares cover, counted back from the newest in which tasks were opened.
const WEEKS: u32 = 4;

/// The conditions that are true now. They follow from the latest event: if they become true again after
/// having been false, they are new ones.
#[must_use]
pub fn conditions(overview: &Overview, config: &WatchConfig) -> Vec<ConditionObserved> {
    let mut found = Vec::new();
    let mut note = |rule, detail: String| {
        let condition = Condition { rule, scope: AlertScope::Task, level: 0 };
        let since = overview.last_at;
        found.push(ConditionObserved { condition, active: true, since, threshold_ms: 0, detail });
    };
    let many = |share: Share, percent: u64| {
        percent > 0 && share.of >= config.min_tasks.max(1) && share.above(percent)
    };
    let critical = critical_share(overview, WEEKS);
    if many(critical, config.critical_share_percent) {
        note(
            AlertRule::CriticalShare,
            format!(
                "Importance drifts: {} of the tasks of the last {WEEKS} weeks are critical, more than {} %; expected are fewer than \
                 5 %. `tollgate health budgets` shows the shares by week",
                of(critical),
                config.critical_share_percent
            ),
        );
    }
    let stopped = stopped_share(overview, WEEKS);
    if many(stopped, config.stopped_share_percent) {
        note(
            AlertRule::StoppedShare,
            format!(
                "Budgets may starve the work: {} of the tasks of the last {WEEKS} weeks were blocked, more than {} %. Go back to \
                 `rollout: observe` and calibrate",
                of(stopped),
                config.stopped_share_percent
            ),
        );
    }
    // One mark per stopped task is enough evidence: here few are many.
    let wrong = false_positive_share(overview, WEEKS);
    if config.false_positive_percent > 0 && wrong.above(config.false_positive_percent) {
        note(
            AlertRule::FalsePositives,
            format!(
                "Too many blocks were wrong: {} of the tasks that the rules stopped in the last {WEEKS} weeks were marked legitimate, \
                 more than {} %. `tollgate health budgets` proposes thresholds",
                of(wrong),
                config.false_positive_percent
            ),
        );
    }
    if let Some((week, before, now)) = token_shift(overview, config.min_tasks)
        && config.token_shift_percent > 0
    {
        let share = Share { part: before.abs_diff(now), of: before };
        if share.above(config.token_shift_percent) {
            let moved = share.percent().unwrap_or_default();
            let direction = if now > before { "rose" } else { "fell" };
            note(
                AlertRule::TokenTrend,
                format!(
                    "Token counts shifted: the p50 of completed tasks {direction} by {moved} % in the week of {week}, from {} to {}. A \
                     provider may count in another way: see docs/guides/recalibrate.md",
                    grouped(before.into()),
                    grouped(now.into())
                ),
            );
        }
    }
    found
}

fn of(share: Share) -> String {
    let percent = share.percent().unwrap_or_default();
    format!("{} of {} ({percent} %)", grouped(share.part.into()), grouped(share.of.into()))
}
