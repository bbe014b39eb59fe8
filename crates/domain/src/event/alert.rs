//! Events about alerts: what people did with them, what passing time showed, what was delivered.

use sha2::{Digest, Sha256};

use crate::alert::{AlertRule, AlertScope, Condition};
use crate::ids::EventId;
use crate::position::Sequence;
use crate::time::Timestamp;
use crate::words::words;

/// A person has seen an alert. It stays raised until its condition is false; a conflict ends with the
/// acknowledgement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertAcknowledged {
    /// The alert's id. An id that the task does not have changes nothing.
    pub alert: String,
    /// Who.
    pub by: String,
    /// What is being done about it.
    pub note: Option<String>,
}

/// A condition that only passing time shows, or that no fold of a single task sees, became true or false.
/// Written by the ledger.
///
/// Its content and id follow from the state alone, never from the observer's clock, so that everyone who
/// looks at the same state writes the same event: one is appended, the others are duplicates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConditionObserved {
    /// Rule, scope and level.
    pub condition: Condition,
    /// Whether the condition became true; otherwise it became false.
    pub active: bool,
    /// What the condition is measured from: the execution's start, its last usage, the record that waits. If
    /// the task has moved on since, the observation is outdated and no longer counts.
    pub since: Timestamp,
    /// How long after that it becomes true, in milliseconds; 0: immediately.
    pub threshold_ms: u64,
    /// A sentence with all the details.
    pub detail: String,
}

impl ConditionObserved {
    /// When it became true: [`Self::since`] plus the threshold. This is the time at which the event occurred.
    #[must_use]
    pub fn due(&self) -> Timestamp {
        self.since.plus_millis(i64::try_from(self.threshold_ms).unwrap_or(i64::MAX))
    }

    /// The event's id: a hash of its entire content, so that the same id never has different content.
    #[must_use]
    pub fn event_id(&self) -> EventId {
        let Self { condition: Condition { rule, scope, level }, active, since, threshold_ms, detail } = self;
        let text =
            format!("{rule}\n{scope}\n{level}\n{active}\n{}\n{threshold_ms}\n{detail}", since.micros());
        EventId::digest("observed", Sha256::digest(text.as_bytes()).into())
    }

    /// Which rule.
    #[must_use]
    pub const fn rule(&self) -> AlertRule {
        self.condition.rule
    }

    /// What it is about.
    #[must_use]
    pub const fn scope(&self) -> &AlertScope {
        &self.condition.scope
    }
}

words!(
    /// What a message says about an alert.
    Change {
        /// It was raised.
        Raised = "raised",
        /// A person has seen it.
        Acknowledged = "acknowledged",
        /// It is no longer true.
        Resolved = "resolved",
        /// Many changes in one message.
        Digest = "digest"
    }
);

words!(
    /// How one attempt to deliver ended.
    DeliveryOutcome {
        /// The receiver accepted it.
        Delivered = "delivered",
        /// The receiver did not accept it; there will be another attempt.
        Failed = "failed",
        /// It failed for so long that there are no more automatic retries.
        GaveUp = "gave_up",
        /// The receiver wants no more messages: the endpoint is off.
        Disabled = "disabled",
        /// Nothing was sent and nothing will be, for example for changes from before the endpoint existed.
        Skipped = "skipped"
    }
);

/// An attempt to deliver a change of an alert, or a digest of several. Written by the ledger, before the next
/// attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryAttempted {
    /// The alert's id; a digest has its own.
    pub alert: String,
    /// The change that was reported.
    pub change: Change,
    /// The record of the change, or of the request to deliver it again. For a digest, the last record it
    /// covers: it reports all changes up to there that were not tried before.
    pub through: Sequence,
    /// The endpoint's name.
    pub endpoint: String,
    /// The number of the attempt, from 1; 0 if nothing was sent.
    pub attempt: u32,
    /// How it ended.
    pub outcome: DeliveryOutcome,
    /// The HTTP status that the receiver answered with, if it did.
    pub status_code: Option<u32>,
    /// Why it failed, without secrets.
    pub error: Option<String>,
    /// When the next attempt is due; only if this one failed.
    pub next_attempt_at: Option<Timestamp>,
}

/// A person asked to deliver a change again. Written by the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryRequested {
    /// The alert's id.
    pub alert: String,
    /// Which change to deliver.
    pub change: Change,
    /// Where to deliver it; `None`: to every endpoint that wants such alerts.
    pub endpoint: Option<String>,
    /// Who asked.
    pub by: String,
    /// Why.
    pub reason: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::phase::ExecutionId;

    #[test]
    fn an_observation_has_the_id_of_what_it_says() {
        let observed = ConditionObserved {
            condition: Condition { rule: AlertRule::Silence, scope: AlertScope::Task, level: 0 },
            active: true,
            since: "2026-11-21T08:00:00Z".parse().unwrap(),
            threshold_ms: 600_000,
            detail: "silent".to_owned(),
        };
        assert_eq!(observed.due().to_string(), "2026-11-21T08:10:00Z");
        let id = observed.event_id();
        assert_eq!(id, observed.clone().event_id());
        assert_eq!((id.as_str().len(), id.as_str().starts_with("observed-")), (41, true));
        let execution = AlertScope::Execution(ExecutionId { phase: "PLAN".parse().unwrap(), attempt: 2 });
        let with = |change: fn(&mut ConditionObserved)| {
            let mut other = observed.clone();
            change(&mut other);
            other.event_id()
        };
        for other in [
            with(|it| it.active = false),
            with(|it| it.since = it.since.plus_millis(1)),
            with(|it| it.threshold_ms = 1),
            with(|it| it.detail.push('.')),
            with(|it| it.condition.level = 1),
            with(|it| it.condition.rule = AlertRule::Stuck),
            ConditionObserved {
                condition: Condition { scope: execution, ..observed.condition.clone() },
                ..observed.clone()
            }
            .event_id(),
        ] {
            assert_ne!(other, id);
        }
    }
}
