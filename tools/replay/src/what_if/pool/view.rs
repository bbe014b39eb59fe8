//! What is said of a pool: plain data.

use serde::Serialize;

use super::super::result::{Amounts, ShareView};

/// What a pool of unused budget would have changed under one candidate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PoolResult {
    /// Completed tasks that gave something.
    pub givers: u64,
    /// What they gave.
    pub given_tokens: u64,
    /// What was drawn.
    pub drawn_tokens: u64,
    /// Of that, what was not used and came back when the task closed.
    pub returned_tokens: u64,
    /// What expired at the end of a window.
    pub expired_tokens: u64,
    /// What is still there.
    pub left_tokens: u64,
    /// Judged tasks that were blocked.
    pub blocked: u64,
    /// Tasks that would have been blocked without the pool, and were not.
    pub spared: u64,
    /// Of these, good ones: completed and not marked runaway, or marked legitimate.
    pub good_spared: u64,
    /// Of these, those marked runaway.
    pub runaways_spared: u64,
    /// Tasks that would have been blocked without the pool.
    pub blocked_without: u64,
    /// What blocks would still have saved.
    pub saved: Amounts,
    /// Of that, in tasks that are marked runaway.
    pub saved_of_runaways: Amounts,
    /// What blocks would still have interrupted.
    pub interrupted: Amounts,
    /// Blocked tasks of those marked runaway.
    pub found_runaways: ShareView,
    /// Blocked tasks of those that are known to be good.
    pub false_positives: ShareView,
    /// By importance, the highest first.
    pub tiers: Vec<PoolTier>,
    /// Each task that drew something, by owner and id.
    pub drawers: Vec<PooledTask>,
}

/// Tasks of one importance that would have been blocked without the pool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PoolTier {
    /// Which.
    pub importance: &'static str,
    /// How many.
    pub tasks: u64,
    /// Of these, those that drew something.
    pub drew: u64,
    /// What they drew.
    pub drawn_tokens: u64,
    /// Those that were not blocked at all.
    pub spared: u64,
    /// Those that were blocked because there was not enough in the pool.
    pub empty: u64,
    /// Because what was there had to be left to tasks of higher importance.
    pub reserved: u64,
    /// Because they used more than the ceiling allows.
    pub beyond_ceiling: u64,
    /// Because another rule than that of the task's tokens blocked them, too.
    pub other_rule: u64,
}

/// A task that drew from the pool.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct PooledTask {
    /// Owner.
    pub tenant: String,
    /// The task.
    pub task: String,
    /// Its importance.
    pub importance: &'static str,
    /// What it drew.
    pub drawn_tokens: u64,
    /// Why it was blocked later: `empty`, `reserved`, `beyond_ceiling` or `other_rule`; absent: it was not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blocked: Option<&'static str>,
}
