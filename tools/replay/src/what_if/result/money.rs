//! What policies of money and tokens would have said, as part of a result.

use serde::Serialize;

use super::{Amounts, ShareView};

/// Policies over history: each candidate beside the others, and beside what the ledger really decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MoneyResult {
    /// What the ledger decided about allocations.
    pub live: LiveMoney,
    /// One for each set of policies, in the order in which they were named.
    pub candidates: Vec<MoneyCandidate>,
    /// Every task whose outcome differs between candidates; with one candidate, between it and the ledger. By id.
    pub differing: Vec<DifferingMoney>,
}

/// What the ledger really decided about requests for allocations and for more of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LiveMoney {
    /// Requests that it allowed.
    pub allowed: u64,
    /// Requests that it allowed, where a threshold or a limit that only warns was reached.
    pub warned: u64,
    /// Requests that it refused.
    pub refused: u64,
    /// Tasks for which it refused one.
    pub refused_tasks: u64,
}

/// What would have happened under one set of policies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MoneyCandidate {
    /// Its name.
    pub name: String,
    /// What it would have said to requests.
    pub requests: RequestCounts,
    /// Tasks that asked under one of its policies.
    pub judged: u64,
    /// Of these, those of which every request was allowed.
    pub within: u64,
    /// Those that were warned of and not stopped.
    pub warned: u64,
    /// Those not stopped, with a request that is refused here as it was by the ledger: they go on as they did.
    pub refused: u64,
    /// Those with a request that is refused here and was not by the ledger: they are taken to stop there.
    pub blocked: u64,
    /// Which policies stopped tasks, and by how much.
    pub blocks: Vec<MoneyBlockPoint>,
    /// What was used after the blocks, in all blocked tasks.
    pub after_block: Amounts,
    /// What the blocks would have saved: work after them in tasks that did not end well.
    pub saved: Amounts,
    /// Of that, in tasks that are marked runaway.
    pub saved_of_runaways: Amounts,
    /// What the blocks would have interrupted: work after them in tasks that finished well or are marked legitimate.
    pub interrupted: Amounts,
    /// Blocked tasks of those marked runaway.
    pub found_runaways: ShareView,
    /// Blocked tasks of those that are known to be good: marked legitimate, or finished well.
    pub false_positives: ShareView,
    /// The same of those marked legitimate alone.
    pub false_positives_of_legitimate: ShareView,
    /// Good tasks of the blocked ones of which it is known what they were.
    pub wrong_blocks: ShareView,
    /// What the ledger said to requests beside what the candidate says to the same.
    pub decisions: Vec<MoneyDecisionPair>,
    /// One for each of its policies, in the order in which they are named.
    pub policies: Vec<PolicyResult>,
}

/// Requests under the policies of a candidate: for allocations, and, where no allocation covers it, each use as a
/// request for exactly what it used.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RequestCounts {
    /// Requests that a policy judges.
    pub judged: u64,
    /// Of these, those that it allows.
    pub allowed: u64,
    /// Those that it allows, where a threshold or a limit that only warns is reached.
    pub warned: u64,
    /// Those that it refuses.
    pub refused: u64,
    /// Requests and uses of tasks that were stopped before: they are not made.
    pub stopped: u64,
    /// Uses of allocations that were made: nobody asks for these again.
    pub covered: u64,
}

/// Tasks that were stopped by one policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MoneyBlockPoint {
    /// The policy: the first one that refused.
    pub policy: String,
    /// What it said.
    pub ruling: &'static str,
    /// Tasks.
    pub tasks: u64,
    /// What was used, reserved and asked for in percent of the limit: half of the tasks no more, to three digits;
    /// absent: the limit is 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub median_percent: Option<u64>,
    /// The most of them, in percent, rounded up to three digits; absent: the limit is 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub most_percent: Option<u64>,
}

/// How often the ledger said one thing to a request where the candidate says another, or the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MoneyDecisionPair {
    /// What the ledger said: `allowed`, `warned` or `refused`.
    pub live: &'static str,
    /// What the candidate says: also `stopped`, of a request whose task was stopped before.
    pub candidate: &'static str,
    /// How often.
    pub times: u64,
}

/// A task whose outcome under policies is not the same everywhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DifferingMoney {
    /// Owner.
    pub tenant: String,
    /// The task.
    pub task: String,
    /// How it ended.
    pub stage: &'static str,
    /// What a person said it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mark: Option<&'static str>,
    /// What it used.
    pub used: Amounts,
    /// What the ledger said to its requests at worst; absent: it asked for no allocation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub live: Option<&'static str>,
    /// One for each candidate, in their order.
    pub outcomes: Vec<MoneyOutcome>,
}

/// A task under the policies of one candidate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct MoneyOutcome {
    /// `within`, `warned`, `refused` (as by the ledger, so that it went on as it did), `blocked`, or `not judged`.
    pub outcome: &'static str,
    /// The request that was refused: the one that stopped the task, or else the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<RefusedRequest>,
}

/// A request that was refused, with the numbers of the policy that did it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RefusedRequest {
    /// When.
    pub at: String,
    /// The policy: the first one that refused.
    pub policy: String,
    /// What it said.
    pub ruling: &'static str,
    /// Its limit in tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit_tokens: Option<u64>,
    /// Its limit in US dollars.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit_usd: Option<String>,
    /// What was spent and reserved before.
    pub used_tokens: i64,
    /// The same in US dollars.
    pub used_usd: String,
    /// What was asked for.
    pub asked_tokens: i64,
    /// The same in US dollars.
    pub asked_usd: String,
    /// What the task used from then on.
    pub after: Amounts,
}

/// What usage would have made of a policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PolicyResult {
    /// Its name.
    pub policy: String,
    /// Over which time it counts.
    pub window: &'static str,
    /// What happens to what exceeds it.
    pub enforcement: &'static str,
    /// Requests that it would have refused.
    pub refused_requests: u64,
    /// Windows in which something was used, whoever was stopped: all that history has.
    pub windows: u64,
    /// Windows that reached the warning and stayed within the limit.
    pub warned_windows: u64,
    /// What was left of the limit in windows that stayed within it.
    pub headroom: PolicyHeadroom,
    /// Windows whose limit was exceeded, by their begin.
    pub exceeded: Vec<ExceededWindow>,
    /// Tasks that used something in a window when its limit was exceeded, or after that.
    pub affected_tasks: u64,
}

/// What was left of a policy's limit at the end of the windows that stayed within it and in which something was used.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PolicyHeadroom {
    /// Those windows.
    pub windows: u64,
    /// What was left in tokens; absent: they are not limited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens: Option<LeftTokens>,
    /// What was left in US dollars; absent: they are not limited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usd: Option<LeftUsd>,
}

/// Tokens that were left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LeftTokens {
    /// The limits of all windows.
    pub limit: u64,
    /// What they left.
    pub unused: u64,
    /// That in percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unused_percent: Option<String>,
    /// What the fullest of them left.
    pub least: u64,
}

/// US dollars that were left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LeftUsd {
    /// The limits of all windows.
    pub limit: String,
    /// What they left.
    pub unused: String,
    /// That in percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unused_percent: Option<String>,
    /// What the fullest of them left.
    pub least: String,
}

/// A window whose limit was exceeded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExceededWindow {
    /// When it began; absent: all time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// The task or session that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub of: Option<String>,
    /// When the limit was exceeded: the time of the usage that did it.
    pub exceeded_at: String,
    /// What the policy says then: `over`, `refused` and so on.
    pub ruling: &'static str,
    /// The limit in tokens, with what rolled over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit_tokens: Option<u64>,
    /// The limit in US dollars.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit_usd: Option<String>,
    /// What was used in the whole window.
    pub used: Amounts,
    /// Tokens beyond the limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub over_tokens: Option<i64>,
    /// US dollars beyond the limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub over_usd: Option<String>,
    /// Tasks that used something then or later, at most 20 of them by name.
    pub tasks: Vec<String>,
}
