//! Alerts: a condition that became true, once per rule, scope and level, until it is false again.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::hex::hex_of_sha256;
use crate::phase::ExecutionId;
use crate::position::PartitionId;
use crate::time::Timestamp;
use crate::words::words;

/// What raises alerts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum AlertRule {
    /// A pressure level of a limit was reached on the way up.
    Pressure,
    /// Usage is above a limit: breach status `warning` or `exceeded`.
    Breach,
    /// The gate blocked the task.
    StopLoss,
    /// The task became more important by two tiers or more, after it was opened.
    Drift,
    /// An execution runs far longer than it should.
    Stuck,
    /// An execution runs without reporting any usage.
    Silence,
    /// One event id was used with two different contents, and both are in the log.
    Conflict,
    /// Something arrived that cannot be read or accepted, and waits for a person.
    Quarantine,
    /// A view is behind its log.
    Lag,
    /// The remediation of a blocked task could not be opened yet.
    Remediation,
    /// A task is of critical importance without a justification or without a responsible person.
    Unjustified,
    /// Too many of the latest tasks are of critical importance.
    CriticalShare,
    /// Too many of the latest tasks were blocked.
    StoppedShare,
    /// Too many of the tasks that the rules stopped were legitimate.
    FalsePositives,
    /// The usage of completed tasks shifted from one week to the next: tokens may be counted differently.
    TokenTrend,
    /// Phase transitions take longer than they used to.
    SlowTransitions,
    /// Phase transitions were far too slow for so long that enforcement was switched off.
    Breaker,
    /// Someone read reports from a new address, or read many of them at once.
    Access,
    /// A task was completed: a notice, not a problem.
    Completed,
    /// A second phase of a task tried to start while another was active.
    PhaseAlreadyActive,
    /// A phase other than the active one was to end: an orchestrator and the ledger disagree.
    PhaseMismatch,
    /// A blocked task went on anyway.
    Bypass,
    /// A correction subtracted more than there was to correct.
    OverCorrection,
    /// A producer's clock is far from the ledger's: the times of its events are not trusted.
    ClockSkew,
    /// A policy's threshold or limit was reached in a window.
    Budget,
    /// A price waits for a person.
    PriceWaiting,
    /// Sources do not agree on a price.
    PriceDisputed,
    /// The list of a source of prices cannot be used.
    PriceSource,
    /// More was used of an allocation than was allocated.
    AllocationOverrun,
}

impl AlertRule {
    /// The rules, in order.
    pub const ALL: [Self; 29] = [
        Self::Pressure,
        Self::Breach,
        Self::StopLoss,
        Self::Drift,
        Self::Stuck,
        Self::Silence,
        Self::Conflict,
        Self::Quarantine,
        Self::Lag,
        Self::Remediation,
        Self::Unjustified,
        Self::CriticalShare,
        Self::StoppedShare,
        Self::FalsePositives,
        Self::TokenTrend,
        Self::SlowTransitions,
        Self::Breaker,
        Self::Access,
        Self::Completed,
        Self::PhaseAlreadyActive,
        Self::PhaseMismatch,
        Self::OverCorrection,
        Self::Bypass,
        Self::ClockSkew,
        Self::Budget,
        Self::PriceWaiting,
        Self::PriceDisputed,
        Self::PriceSource,
        Self::AllocationOverrun,
    ];
    /// Their names, in order.
    pub const NAMES: [&'static str; 29] = [
        "pressure",
        "breach",
        "stop_loss",
        "drift",
        "stuck",
        "silence",
        "conflict",
        "quarantine",
        "lag",
        "remediation",
        "unjustified",
        "critical_share",
        "stopped_share",
        "false_positives",
        "token_trend",
        "slow_transitions",
        "breaker",
        "access",
        "completed",
        "phase_already_active",
        "phase_mismatch",
        "over_correction",
        "bypass",
        "clock_skew",
        "budget",
        "price_waiting",
        "price_disputed",
        "price_source",
        "allocation_overrun",
    ];

    /// The word used in answers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pressure => "pressure",
            Self::Breach => "breach",
            Self::StopLoss => "stop_loss",
            Self::Drift => "drift",
            Self::Stuck => "stuck",
            Self::Silence => "silence",
            Self::Conflict => "conflict",
            Self::Quarantine => "quarantine",
            Self::Lag => "lag",
            Self::Remediation => "remediation",
            Self::Unjustified => "unjustified",
            Self::CriticalShare => "critical_share",
            Self::StoppedShare => "stopped_share",
            Self::FalsePositives => "false_positives",
            Self::TokenTrend => "token_trend",
            Self::SlowTransitions => "slow_transitions",
            Self::Breaker => "breaker",
            Self::Access => "access",
            Self::Completed => "completed",
            Self::PhaseAlreadyActive => "phase_already_active",
            Self::PhaseMismatch => "phase_mismatch",
            Self::Bypass => "bypass",
            Self::OverCorrection => "over_correction",
            Self::ClockSkew => "clock_skew",
            Self::Budget => "budget",
            Self::PriceWaiting => "price_waiting",
            Self::PriceDisputed => "price_disputed",
            Self::PriceSource => "price_source",
            Self::AllocationOverrun => "allocation_overrun",
        }
    }

    /// The rule with this name, if there is one.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rule| rule.as_str() == word)
    }

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
        )
    }
}

impl fmt::Display for AlertRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
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
            AlertRule::Completed => Self::Info,
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
            Self::Policy { name, from: None } => write!(f, "policy {name}"),
            Self::Policy { name, from: Some(from) } => write!(f, "policy {name} from {from}"),
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
        assert_eq!(AlertRule::ALL.map(AlertRule::as_str), AlertRule::NAMES);
        assert_eq!(AlertRule::NAMES.map(AlertRule::from_word), AlertRule::ALL.map(Some));
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
