//! Alerts: a condition that became true, once per rule, scope and level, until it is false again.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::hex::hex_of_sha256;
use crate::phase::ExecutionId;
use crate::position::PartitionId;
use crate::time::Timestamp;
use crate::words::words;

words!(
    /// What raises alerts.
    AlertRule {
        /// A pressure level of a limit was reached on the way up.
        Pressure = "pressure",
        /// Usage is above a limit: breach status `warning` or `exceeded`.
        Breach = "breach",
        /// The gate blocked the task.
        StopLoss = "stop_loss",
        /// The task became more important by two tiers or more, after it was opened.
        Drift = "drift",
        /// An execution runs far longer than it should.
        Stuck = "stuck",
        /// An execution runs without reporting any usage.
        Silence = "silence",
        /// One event id was used with two different contents, and both are in the log.
        Conflict = "conflict",
        /// Something arrived that cannot be read or accepted, and waits for a person.
        Quarantine = "quarantine",
        /// A view is behind its log.
        Lag = "lag",
        /// The remediation of a blocked task could not be opened yet.
        Remediation = "remediation",
        /// A task is of critical importance without a justification or without a responsible person.
        Unjustified = "unjustified",
        /// Too many of the latest tasks are of critical importance.
        CriticalShare = "critical_share",
        /// Too many of the latest tasks were blocked.
        StoppedShare = "stopped_share",
        /// Too many of the tasks that the rules stopped were legitimate.
        FalsePositives = "false_positives",
        /// The usage of completed tasks shifted from one week to the next: tokens may be counted differently.
        TokenTrend = "token_trend",
        /// Phase transitions take longer than they used to.
        SlowTransitions = "slow_transitions",
        /// Phase transitions were far too slow for so long that enforcement was switched off.
        Breaker = "breaker",
        /// Someone read reports from a new address, or read many of them at once.
        Access = "access",
        /// A task was completed: a notice, not a problem.
        Completed = "completed",
        /// A second phase of a task tried to start while another was active.
        PhaseAlreadyActive = "phase_already_active",
        /// A phase other than the active one was to end: an orchestrator and the ledger disagree.
        PhaseMismatch = "phase_mismatch",
        /// A blocked task went on anyway.
        Bypass = "bypass",
        /// A correction subtracted more than there was to correct.
        OverCorrection = "over_correction",
        /// A producer's clock is far from the ledger's: the times of its events are not trusted.
        ClockSkew = "clock_skew",
        /// A policy's threshold or limit was reached in a window.
        Budget = "budget",
        /// A price waits for a person.
        PriceWaiting = "price_waiting",
        /// Sources do not agree on a price.
        PriceDisputed = "price_disputed",
        /// The list of a source of prices cannot be used.
        PriceSource = "price_source",
        /// More was used of an allocation than was allocated.
        AllocationOverrun = "allocation_overrun",
        /// A task or a session reached a threshold of a policy that looks at each by itself.
        TaskBudget = "task_budget",
        /// A policy's threshold or limit was reached in a window that was over, by usage that was recorded late.
        LateUsage = "late_usage",
        /// A price that costs notably more or less came into force.
        PriceChanged = "price_changed",
    }
);

impl AlertRule {
    /// Whether it concerns the ledger's tasks as a whole, or the ledger itself: no single task's events start
    /// or end it.
    #[must_use]
    pub const fn is_ledger_wide(self) -> bool {
        matches!(
            self,
            Self::CriticalShare
                | Self::StoppedShare
                | Self::FalsePositives
                | Self::TokenTrend
                | Self::SlowTransitions
                | Self::Breaker
        )
    }

    /// Whether only a person can end it: something that happened once does not become false.
    #[must_use]
    pub const fn ends_with_acknowledgement(self) -> bool {
        matches!(
            self,
            Self::Conflict
                | Self::Breaker
                | Self::Access
                | Self::OverCorrection
                | Self::Bypass
                | Self::AllocationOverrun
                | Self::TaskBudget
                | Self::LateUsage
                | Self::PriceChanged
        )
    }
}

words!(
    /// How much an alert matters, least first.
    Severity {
        /// Good to know.
        Info = "info",
        /// Look at it.
        Warning = "warning",
        /// Something is wrong.
        Error = "error",
        /// Act now.
        Critical = "critical"
    }
);

impl Severity {
    /// The severities, least first.
    pub const ALL: [Self; 4] = [Self::Info, Self::Warning, Self::Error, Self::Critical];

    /// The severity of a clock-based observation: silence may have a reason, the others block someone's work.
    #[must_use]
    pub const fn of_observed(rule: AlertRule) -> Self {
        match rule {
            AlertRule::Completed | AlertRule::PriceChanged => Self::Info,
            AlertRule::Silence
            | AlertRule::Drift
            | AlertRule::Pressure
            | AlertRule::Unjustified
            | AlertRule::Access
            | AlertRule::CriticalShare
            | AlertRule::FalsePositives
            | AlertRule::TokenTrend
            | AlertRule::SlowTransitions
            | AlertRule::Budget
            | AlertRule::TaskBudget
            | AlertRule::LateUsage
            | AlertRule::PriceWaiting
            | AlertRule::PriceDisputed
            | AlertRule::PriceSource
            | AlertRule::AllocationOverrun
            | AlertRule::ClockSkew => Self::Warning,
            AlertRule::Stuck
            | AlertRule::Conflict
            | AlertRule::Quarantine
            | AlertRule::Lag
            | AlertRule::StoppedShare
            | AlertRule::Breach
            | AlertRule::StopLoss => Self::Error,
            // As long as a remediation is not open, nobody knows that they should work on it; for a phase,
            // only a person can say who is right.
            AlertRule::Remediation
            | AlertRule::Bypass
            | AlertRule::Breaker
            | AlertRule::PhaseAlreadyActive
            | AlertRule::PhaseMismatch
            // Subtracting usage lets a task continue that its limits would stop.
            | AlertRule::OverCorrection => Self::Critical,
        }
    }

    /// The severity of an observation: that of its level, where a policy has levels.
    #[must_use]
    pub const fn of_condition(condition: &Condition) -> Self {
        if matches!(condition.rule, AlertRule::Budget | AlertRule::TaskBudget | AlertRule::LateUsage) {
            Self::of_level(condition.level)
        } else {
            Self::of_observed(condition.rule)
        }
    }

    /// The severity of a pressure level: 50 info, 80 and 90 warning, 100 error, above that critical.
    #[must_use]
    pub const fn of_level(percent: u32) -> Self {
        match percent {
            0..80 => Self::Info,
            80..100 => Self::Warning,
            100..150 => Self::Error,
            _ => Self::Critical,
        }
    }
}

/// What an alert is about, within its task; or within the ledger, for anything that belongs to no task.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum AlertScope {
    /// The task as a whole.
    Task,
    /// One execution of a phase.
    Execution(ExecutionId),
    /// A view, or one partition of it.
    View {
        /// The view's name.
        name: String,
        /// The partition; `None`: all partitions of its projector.
        partition: Option<PartitionId>,
    },
    /// The NATS inbox of the tenant.
    Inbox,
    /// Someone who reads reports.
    Reader(String),
    /// A window of a policy of the tenant.
    Policy {
        /// The policy's name.
        name: String,
        /// When the window began; `None`: all time.
        from: Option<Timestamp>,
        /// The task or session, if the policy looks at each by itself.
        of: Option<String>,
    },
    /// An entry of the price book, or a source of prices.
    Price(String),
    /// An allocation of the tenant.
    Allocation(String),
}

impl fmt::Display for AlertScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Task => f.write_str("task"),
            Self::Execution(execution) => execution.fmt(f),
            // Phase names are upper case, so none of them can be confused with these.
            Self::View { name, partition: None } => write!(f, "view {name}"),
            Self::View { name, partition: Some(partition) } => {
                write!(f, "view {name}/{}", partition.number())
            }
            Self::Inbox => f.write_str("inbox"),
            Self::Reader(name) => write!(f, "reader {name}"),
            Self::Policy { name, of: Some(of), .. } => write!(f, "policy {name} of {of}"),
            Self::Policy { name, from: None, of: None } => write!(f, "policy {name}"),
            Self::Policy { name, from: Some(from), of: None } => write!(f, "policy {name} from {from}"),
            Self::Price(entry) => write!(f, "price {entry}"),
            Self::Allocation(name) => write!(f, "allocation {name}"),
        }
    }
}

/// A condition that is true or false. Becoming true again after it was false raises another alert.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Condition {
    /// Which rule.
    pub rule: AlertRule,
    /// What it is about.
    pub scope: AlertScope,
    /// Percent of the limit concerned; for drift, the number of tiers; for access, 1 for a new address and 2
    /// for many tasks; otherwise 0.
    pub level: u32,
}

/// The id of an alert, the same however often its events are folded: the first 128 bits of the SHA-256 of its
/// identifying fields, as hex.
#[must_use]
pub fn alert_id(tenant: &str, task: &str, condition: &Condition, generation: u32) -> String {
    let Condition { rule, scope, level } = condition;
    // Neither tenant nor task can contain a control character.
    let text = format!("{tenant}\n{task}\n{rule}\n{scope}\n{level}\n{generation}");
    hex_of_sha256(&text, 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_follows_from_what_the_alert_is_about_and_nothing_else() {
        let condition = Condition { rule: AlertRule::Pressure, scope: AlertScope::Task, level: 80 };
        let id = alert_id("default", "T-1", &condition, 1);
        assert_eq!((id.len(), id.clone()), (32, alert_id("default", "T-1", &condition, 1)));
        let execution = AlertScope::Execution(ExecutionId { phase: "PLAN".parse().unwrap(), attempt: 2 });
        let view = AlertScope::View { name: "status".to_owned(), partition: Some(PartitionId::of("a", "b")) };
        let others = [
            alert_id("default", "T-2", &condition, 1),
            alert_id("acme", "T-1", &condition, 1),
            alert_id("default", "T-1", &condition, 2),
            alert_id("default", "T-1", &Condition { level: 90, ..condition.clone() }, 1),
            alert_id("default", "T-1", &Condition { rule: AlertRule::Breach, ..condition.clone() }, 1),
            alert_id("default", "T-1", &Condition { scope: execution, ..condition.clone() }, 1),
            alert_id("default", "T-1", &Condition { scope: view, ..condition.clone() }, 1),
            alert_id("default", "T-1", &Condition { scope: AlertScope::Inbox, ..condition.clone() }, 1),
        ];
        assert!(others.iter().all(|other| *other != id));
    }

    #[test]
    fn words_and_values_are_the_same_lists() {
        assert_eq!(Severity::ALL.map(Severity::as_str), Severity::NAMES);
        assert_eq!(Severity::ALL.map(Severity::as_str), Severity::NAMES);
        assert_eq!((AlertRule::from_word("other"), Severity::from_word("other")), (None, None));
    }

    #[test]
    fn severities_of_the_shipped_levels() {
        let words = [50, 80, 90, 100, 150].map(|level| Severity::of_level(level).as_str());
        assert_eq!(words, ["info", "warning", "warning", "error", "critical"]);
    }
}
