//! The result of a replay: plain data with canonical bytes, and a hash over all of it.
//!
//! It holds nothing that depends on where the events were stored or how they were worked: no sequence, no identity of a
//! log, no time of the run. What it was read from stands beside it, in [`Source`]. Money is a decimal text in US
//! dollars, times are RFC 3339, percentages have at most two decimals.

mod inputs;
mod money;

use std::collections::BTreeMap;

use serde::Serialize;
use tollgate_domain::hex::hex;
use tollgate_wire::api::ReturnView;

use super::anomaly::AnomalyResult;
use super::pool::PoolResult;
use super::progress::ProgressResult;
use super::thresholds::ThresholdCurve;

use crate::concluded::ConcludedPhases;
use crate::estimates::EstimateView;

pub use inputs::{CandidateInput, InputsView, PartitionInput, PoliciesInput, Source};
pub use money::{
    DifferingMoney, ExceededWindow, LeftTokens, LeftUsd, LiveMoney, MoneyBlockPoint, MoneyCandidate,
    MoneyDecisionPair, MoneyOutcome, MoneyResult, PolicyHeadroom, PolicyResult, RefusedRequest,
    RequestCounts,
};

/// The version of the result's form.
pub const FORMAT: u32 = 7;

/// A result, and where its history was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Replayed {
    /// BLAKE3 of the canonical bytes of `result`, in hex: over all inputs and outputs.
    pub hash: String,
    /// Where the history was read.
    pub source: Source,
    /// Whether it went on from an earlier run of its directory: then it is about the history up to where that began.
    #[serde(skip)]
    pub resumed: bool,
    /// Partitions of which that run had kept something that could not be used: they were read anew.
    #[serde(skip)]
    pub read_anew: u64,
    /// What would have happened.
    pub result: WhatIf,
}

/// What would have happened under each candidate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WhatIf {
    /// [`FORMAT`].
    pub format: u32,
    /// What it was computed from.
    pub inputs: InputsView,
    /// What the history holds.
    pub history: HistoryFigures,
    /// What the live gate decided.
    pub live: LiveFigures,
    /// One for each candidate, in the order in which they were named.
    pub candidates: Vec<CandidateResult>,
    /// Every task whose outcome differs between candidates; with one candidate, between it and the live gate, and each
    /// that it warns of or blocks and about which the live gate was not asked. By owner and id.
    pub differing: Vec<DifferingTask>,
    /// Phases that took far more or less than those of their class.
    pub anomalies: AnomalyResult,
    /// What policies of money and tokens would have said; absent: none were named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub money: Option<MoneyResult>,
    /// What the figures assume, and what they leave out.
    pub assumptions: Vec<String>,
}

/// What a history holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct HistoryFigures {
    /// Tasks.
    pub tasks: u64,
    /// Of these, those that were opened.
    pub opened: u64,
    /// Follow-ups of blocks, which are no planned work and not judged.
    pub remediations: u64,
    /// Opened tasks that are only tracked (`enforcement: off`), those follow-ups left out: no gate blocks them, and
    /// they are not judged.
    pub tracked_only: u64,
    /// Tasks with an event that cannot be read: not judged.
    pub unreadable_tasks: u64,
    /// Events that cannot be read.
    pub unreadable_events: u64,
    /// Usage and corrections that came after their task was closed: they count.
    pub late_events: u64,
    /// Tasks that are still open, or were never opened.
    pub unfinished: u64,
    /// Tasks that were completed.
    pub completed: u64,
    /// Tasks that were cancelled or abandoned.
    pub given_up: u64,
    /// Tasks marked legitimate.
    pub legitimate: u64,
    /// Tasks marked runaway.
    pub runaway: u64,
    /// What all tasks used.
    pub used: Amounts,
    /// How much of it was estimated, and how far estimates were off.
    pub estimates: EstimateView,
    /// Phases that rules concluded when sessions were imported; absent: there are none, or `inputs.session_phases` says
    /// more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concluded_phases: Option<ConcludedPhases>,
}

/// Tokens and money.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Amounts {
    /// Tasks.
    pub tasks: u64,
    /// Their tokens.
    pub tokens: i64,
    /// What they cost, as far as prices are known.
    pub cost_usd: String,
    /// Tokens without a price.
    pub unpriced_tokens: i64,
    /// What else has no price, by unit.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub unpriced_units: BTreeMap<String, i64>,
}

/// What the live gate decided.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LiveFigures {
    /// Tasks for which it was asked.
    pub asked: u64,
    /// Tasks that it blocked.
    pub blocked: u64,
    /// Tasks that its rules would have blocked, before rollout, switches and overrides.
    pub ruled_blocked: u64,
    /// Tasks that it warned of and never blocked.
    pub warned: u64,
    /// What it returned for what it costs: what `report savings` says of the same tasks.
    pub return_on_investment: Option<ReturnView>,
}

/// What would have happened under one candidate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CandidateResult {
    /// Its name.
    pub name: String,
    /// Tasks that it judges: those with limits that a gate can block.
    pub judged: u64,
    /// Judged tasks that never came to a gate: they began no phase and were not completed.
    pub unasked: u64,
    /// Judged tasks that every decision allowed.
    pub within: u64,
    /// Judged tasks that were warned of and not blocked.
    pub warned: u64,
    /// Judged tasks that no decision could stop: neither blocked nor completed, they went over their limit of tokens,
    /// or from a warning to more than 1.5 times the limit, after the last decision. With all that they used.
    pub over: Amounts,
    /// What they used beyond their limits, in tokens.
    pub over_tokens: u64,
    /// Judged tasks that were blocked.
    pub blocked: u64,
    /// Of the blocked tasks, those that the rollout stated in the candidate would really block.
    pub blocked_by_own_rollout: u64,
    /// Tasks with an override of a phase that the candidate does not have: it was left out.
    pub unknown_phase: u64,
    /// Where tasks were blocked first, and by how much.
    pub blocks: Vec<BlockPoint>,
    /// What was used after the blocks, in all blocked tasks.
    pub after_block: Amounts,
    /// What the blocks would have saved: work after them in tasks that did not end well.
    pub saved: Amounts,
    /// Of that, in tasks that are marked runaway.
    pub saved_of_runaways: Amounts,
    /// Of the tasks in `saved`, those that the live gate had stopped: what they would have gone on to use never
    /// happened, so that blocks would save more than `saved` says.
    pub stopped_live: u64,
    /// What the blocks would have interrupted: work after them in tasks that finished well, are marked legitimate, or
    /// were let through by a person.
    pub interrupted: Amounts,
    /// Blocked tasks of those marked runaway.
    pub found_runaways: ShareView,
    /// Blocked tasks of those that are known to be good: marked legitimate, or finished well.
    pub false_positives: ShareView,
    /// The same of those marked legitimate alone.
    pub false_positives_of_legitimate: ShareView,
    /// Good tasks of the blocked ones of which it is known what they were.
    pub wrong_blocks: ShareView,
    /// What was left of the limits.
    pub headroom: Headroom,
    /// What each threshold of tokens would have done.
    pub thresholds: ThresholdCurve,
    /// The live gate's decisions beside those of the candidate at the same moments.
    pub decisions: Vec<DecisionPair>,
    /// What following progress changed; absent: its budgets do not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress: Option<ProgressResult>,
    /// What a pool of unused budget would have changed; absent: none was asked about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pool: Option<PoolResult>,
    /// What it would have returned for what it costs.
    pub return_on_investment: ReturnView,
    /// What all that advises: the verdict, then its reasons, a sentence each.
    pub findings: Vec<String>,
}

/// Tasks blocked at one place by one rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BlockPoint {
    /// Before which phase, or completion.
    pub advance: String,
    /// The rule.
    pub rule: &'static str,
    /// Tasks.
    pub tasks: u64,
    /// What was used in percent of the rule's limit: half of the tasks used no more, to three digits; absent: it is 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub median_percent: Option<u64>,
    /// The most that one of them used, in percent, rounded up to three digits; absent: the limit is 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub most_percent: Option<u64>,
}

/// A part of a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ShareView {
    /// The part.
    pub part: u64,
    /// Of so many.
    pub of: u64,
    /// In percent; absent: the whole is nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub percent: Option<String>,
    /// The 95 % interval in percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<[String; 2]>,
}

/// What was left of limits by completed tasks that were not blocked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Headroom {
    /// Those tasks.
    pub tasks: u64,
    /// Their limits together with what progress added to them, in tokens.
    pub limit_tokens: u64,
    /// What they left of them. A task above its limit leaves nothing.
    pub unused_tokens: u64,
    /// That in percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unused_percent: Option<String>,
    /// Half of the tasks used no more than this percentage of their limit, to three digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub median_used_percent: Option<u64>,
}

/// How often the live gate answered one thing where the candidate's says another, or the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DecisionPair {
    /// What the live gate answered.
    pub live: &'static str,
    /// What its rules said, before rollout, switches and overrides.
    pub live_ruled: &'static str,
    /// What the candidate's rules say.
    pub candidate_ruled: &'static str,
    /// How often.
    pub times: u64,
}

/// A task whose outcome is not the same everywhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DifferingTask {
    /// Owner.
    pub tenant: String,
    /// The task.
    pub task: String,
    /// How it ended.
    pub stage: &'static str,
    /// What a person said it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mark: Option<&'static str>,
    /// Its tokens.
    pub tokens: i64,
    /// What the live gate answered at worst; absent: it was not asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub live: Option<&'static str>,
    /// One for each candidate, in their order.
    pub outcomes: Vec<TaskOutcomeView>,
}

/// A task under one candidate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TaskOutcomeView {
    /// `within`, `warned`, `over`, `blocked`, `unasked` or `not judged`.
    pub outcome: &'static str,
    /// The decision that blocked first, otherwise the one that warned first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first: Option<FirstCrossing>,
}

/// The decision that made a task's outcome.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FirstCrossing {
    /// When.
    pub at: String,
    /// Before which phase, or completion.
    pub advance: String,
    /// The rule.
    pub rule: &'static str,
    /// What was used.
    pub used: u64,
    /// Of this limit.
    pub limit: u64,
    /// Whether both are `tokens`, `ms` or `times` in a row.
    pub unit: &'static str,
    /// In percent; absent: the limit is nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub percent: Option<String>,
    /// What was used after it.
    pub after: Amounts,
}

impl WhatIf {
    /// The bytes that the hash is over: JSON without blanks, fields in the order of the types.
    #[must_use]
    pub fn canonical(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("plain data always serializes")
    }

    /// BLAKE3 of [`Self::canonical`], in hex.
    #[must_use]
    pub fn hash(&self) -> String {
        hex(blake3::hash(&self.canonical()).as_bytes())
    }
}
