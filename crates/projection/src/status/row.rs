//! What the status view keeps of a task.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tollgate_domain::breach::Utilization;
use tollgate_domain::event::{Mark, RecordedEvent, TaskOutcome};
use tollgate_domain::gate::{ReasonCode, Requirement, Verdict};
use tollgate_domain::money::Usd;
use tollgate_domain::phase::{Advance, ExecutionId};
use tollgate_domain::position::Sequence;
use tollgate_domain::progress::TaskProgress;
use tollgate_domain::task::{TaskStage, TaskState};
use tollgate_domain::tier::Importance;
use tollgate_domain::time::Timestamp;
use tollgate_domain::tokens::TokenSums;
use tollgate_domain::usage::{Corrected, NamedExecution, UnitTally};

/// Gate decisions kept per task. Earlier ones are counted, and are in the log.
pub const KEPT_DECISIONS: usize = 50;

/// The state of one task.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskRow {
    /// What decisions about it depend on.
    pub state: TaskState,
    /// The record of its last decision; zero: none yet.
    pub last_decision: Sequence,
    /// The metadata given when it opened.
    pub opened: Option<Opened>,
    /// How it closed.
    pub closed: Option<Closed>,
    /// Its executions, in the order they started.
    pub executions: Vec<Execution>,
    /// The rules that concluded phases of it from a session, the latest; `None`: all were reported.
    pub concluded_by: Option<String>,
    /// Activity without an execution.
    pub unphased: Activity,
    /// Activity of an execution that has not started; moved there when it does.
    #[serde(with = "crate::pairs")]
    pub unmatched: BTreeMap<NamedExecution, Activity>,
    /// What corrections changed, by the producer and id of the usage: the next correction of the same usage
    /// starts from what is left.
    #[serde(with = "crate::pairs")]
    pub corrections: BTreeMap<(String, String), Corrected>,
    /// The gate's latest decisions, oldest first.
    pub decisions: Vec<Decision>,
    /// Decisions before those.
    pub earlier_decisions: u64,
    /// What people set aside, oldest first.
    pub overrides: Vec<Override>,
    /// What people explained about its phases, oldest first.
    pub explanations: Vec<Explanation>,
    /// Changes of its importance, oldest first.
    pub importance_changes: Vec<ImportanceChange>,
    /// Whether the gate ever blocked it: with `block`, not with what rollout or an override made of it.
    pub stopped: bool,
    /// Where it went on despite a block, oldest first; earlier ones than those kept are in the log.
    pub bypasses: Vec<Bypass>,
    /// Whether the rules were right about it, according to a person. The latest mark counts.
    pub mark: Option<MarkedAs>,
    /// What its phases achieved for their tokens; `None`: its budget does not follow progress.
    pub progress: Option<Box<TaskProgress>>,
    /// How far producers' clocks are from the ledger's, in milliseconds: for each producer whose latest event
    /// was dated far ahead (positive), or far behind while the task was open.
    pub skews: BTreeMap<String, i64>,
    /// When its earliest event happened, by its producer's clock as far as plausible.
    pub first_at: Timestamp,
    /// When its latest event happened, likewise.
    pub last_at: Timestamp,
}

impl TaskRow {
    /// The row of a task before its first event is folded into it.
    #[must_use]
    pub fn begun_by(event: &RecordedEvent<'_>) -> Self {
        let at = event.occurred_at.believed(event.recorded_at);
        Self { first_at: at, last_at: at, ..Self::default() }
    }

    /// Its current importance; `None`: it was not opened.
    #[must_use]
    pub fn importance(&self) -> Option<Importance> {
        let limits = self.state.limits.as_deref()?;
        Some(self.state.importance.unwrap_or(limits.importance))
    }

    /// How far the clock furthest from the ledger's is ahead (positive) or behind, in milliseconds; `None`:
    /// all are plausible.
    #[must_use]
    pub fn skew_ms(&self) -> Option<i64> {
        self.skews.values().copied().max_by_key(|ms| ms.unsigned_abs())
    }

    /// When it was opened, or began without being opened, as far as plausible.
    #[must_use]
    pub fn began_at(&self) -> Timestamp {
        self.opened.as_ref().map_or(self.first_at, |opened| opened.at.believed(opened.recorded_at))
    }

    /// Its executions that have not ended, while the task is open.
    pub(crate) fn running(&self) -> impl Iterator<Item = &Execution> {
        let open = self.state.stage == TaskStage::Open;
        self.executions.iter().filter(move |execution| open && execution.ended_at.is_none())
    }

    /// The gate decision that blocks it now; `None`: it may go on, or the gate was not asked.
    #[must_use]
    pub fn blocked(&self) -> Option<&Decision> {
        let blocks = |decision: &&Decision| {
            decision.verdict == Verdict::Block && !self.state.passes.contains(&decision.advance)
        };
        self.decisions.last().filter(blocks)
    }
}

/// The metadata given when a task opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opened {
    /// When, according to its producer.
    pub at: Timestamp,
    /// When that was recorded, by the clock of the ledger.
    pub recorded_at: Timestamp,
    /// Its record.
    pub sequence: Sequence,
    /// A one-line title for people.
    pub title: Option<String>,
    /// Why it is as important as stated.
    pub justification: Option<String>,
    /// Free words.
    pub tags: Vec<String>,
    /// Free pairs.
    pub labels: BTreeMap<String, String>,
    /// Who opened it.
    pub author: Option<String>,
    /// The tool it was opened with.
    pub producer: String,
}

/// How a task closed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closed {
    /// When, according to its producer.
    pub at: Timestamp,
    /// When that was recorded, by the clock of the ledger.
    pub recorded_at: Timestamp,
    /// How.
    pub outcome: TaskOutcome,
    /// Why.
    pub reason: Option<String>,
    /// Who.
    pub author: Option<String>,
}

/// One execution of a phase.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Execution {
    /// Phase and attempt.
    pub id: ExecutionId,
    /// When it started.
    pub started_at: Timestamp,
    /// When its start was appended, by the clock of the ledger.
    pub appended_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Its recorded activity.
    pub activity: Activity,
}

/// What was recorded for an execution, or outside of one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Activity {
    /// Tokens, corrections included.
    pub tokens: TokenSums,
    /// Usage events.
    pub usage_events: u64,
    /// When the latest of them was appended, by the ledger's clock: a producer's clock may be wrong, and
    /// usage that was reported late was still reported.
    pub heard_at: Option<Timestamp>,
    /// Tokens that were estimated from text lengths.
    pub estimated_tokens: i128,
    /// What it cost, as far as prices are known.
    pub cost: Usd,
    /// Tokens for which no price was known.
    pub unpriced_tokens: i128,
    /// What else was used.
    pub units: UnitTally,
    /// Corrections.
    pub adjustments: u64,
    /// Reported wait time in milliseconds.
    pub wait_ms: u64,
    /// Signals by name, summed.
    pub signals: BTreeMap<String, i128>,
}

impl Execution {
    /// Since when it has been running, by the ledger's clock if the producer's is implausible: it did not
    /// start after its start was recorded, nor days before.
    #[must_use]
    pub fn running_since(&self) -> Timestamp {
        self.started_at.min(self.appended_at).unless_skewed(self.appended_at)
    }

    /// Since when no usage has been reported for it: its latest usage, otherwise its start, by the ledger's clock.
    #[must_use]
    pub fn silent_since(&self) -> Timestamp {
        self.activity.heard_at.map_or(self.appended_at, |heard| heard.max(self.appended_at))
    }
}

impl Activity {
    /// Adds the counts of another.
    pub fn add(&mut self, other: &Self) {
        self.tokens.add(&other.tokens);
        self.usage_events = self.usage_events.saturating_add(other.usage_events);
        self.heard_at = self.heard_at.max(other.heard_at);
        self.estimated_tokens = self.estimated_tokens.saturating_add(other.estimated_tokens);
        self.cost = self.cost.saturating_add(other.cost);
        self.unpriced_tokens = self.unpriced_tokens.saturating_add(other.unpriced_tokens);
        self.units.add(&other.units);
        self.adjustments = self.adjustments.saturating_add(other.adjustments);
        self.wait_ms = self.wait_ms.saturating_add(other.wait_ms);
        for (name, value) in &other.signals {
            let sum = self.signals.entry(name.clone()).or_default();
            *sum = sum.saturating_add(*value);
        }
    }
}

/// One decision of the gate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// Its record.
    pub sequence: Sequence,
    /// When.
    pub at: Timestamp,
    /// Where the task wanted to go.
    pub advance: Advance,
    /// The answer.
    pub verdict: Verdict,
    /// The answer before it was softened.
    pub ruled: Verdict,
    /// Why: rule, the verdict it alone would lead to, sentence.
    pub reasons: Vec<(ReasonCode, Verdict, String)>,
    /// What was required of people.
    pub requirements: Vec<Requirement>,
    /// Tokens against the limit at the time.
    pub tokens: Option<Utilization>,
    /// Latency against the limit at the time.
    pub latency: Option<Utilization>,
    /// The config in force at the time.
    pub config_hash: String,
    /// The position the decision was based on.
    pub as_of: String,
    /// Whether the view was behind.
    pub stale: bool,
}

/// A blocked task went on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bypass {
    /// The record of what it did.
    pub sequence: Sequence,
    /// When.
    pub at: Timestamp,
    /// What it did: it started a phase, or was completed.
    pub went: Advance,
    /// The record of the decision that blocked it.
    pub decision: Sequence,
    /// The advance that was blocked.
    pub blocked: Advance,
}

impl Bypass {
    /// What happened, in a sentence without the task's name.
    #[must_use]
    pub fn sentence(&self) -> String {
        let went = match &self.went {
            Advance::Phase(phase) => format!("{phase} was started"),
            Advance::Completion => "it was completed".to_owned(),
        };
        let (decision, blocked) = (self.decision, &self.blocked);
        format!("{went} in spite of the block before {blocked} (record {decision})")
    }
}

/// A limit or block that a person set aside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Override {
    /// Its record.
    pub sequence: Sequence,
    /// When.
    pub at: Timestamp,
    /// What, in a sentence.
    pub what: String,
    /// Who approved it.
    pub approver: String,
    /// Why.
    pub reason: String,
}

/// A person's explanation of what a phase used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// Its record.
    pub sequence: Sequence,
    /// When.
    pub at: Timestamp,
    /// Which phase; without an attempt, all of them.
    pub execution: NamedExecution,
    /// Who explains.
    pub author: String,
    /// The explanation.
    pub text: String,
}

/// A change of a task's importance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportanceChange {
    /// Its record.
    pub sequence: Sequence,
    /// When.
    pub at: Timestamp,
    /// The previous importance.
    pub from: Option<Importance>,
    /// The new importance.
    pub to: Importance,
    /// Who said so.
    pub author: String,
    /// Why.
    pub reason: String,
}

/// A person's judgement of a task that the gate warned about or blocked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarkedAs {
    /// Its record.
    pub sequence: Sequence,
    /// When.
    pub at: Timestamp,
    /// What.
    pub mark: Mark,
    /// Who.
    pub author: String,
    /// Why.
    pub reason: String,
}
