//! What is in the pool that an owner's tasks share.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The pool of unused budget that the tasks of one owner share.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PoolView {
    /// Whose.
    pub tenant: String,
    /// Whether the config in force has a pool. If not, nothing is given or drawn, and this is what was.
    pub configured: bool,
    /// Tokens that are in it now.
    pub in_pool: u64,
    /// What was moved in the window that it is in; absent: nothing ever was.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub window: Option<PoolMoved>,
    /// What was moved since the ledger began.
    pub total: PoolMoved,
    /// What tasks have drawn that are not closed, by task.
    pub drawers: Vec<PoolDrawer>,
    /// The position for which that is true.
    pub as_of: String,
}

/// Tokens that were moved. What was given or came back was drawn, expired, or is in the pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PoolMoved {
    /// The window's first moment; absent: since the ledger began.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub from: Option<String>,
    /// The first moment after it, when what is left expires.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub to: Option<String>,
    /// By completed tasks.
    pub given: u64,
    /// By tasks that the gate would have blocked.
    pub drawn: u64,
    /// What was drawn and not used, and came back as its task closed.
    pub returned: u64,
    /// What was left at the end of a window.
    pub expired: u64,
}

/// A task that lives on what others left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PoolDrawer {
    /// Which.
    pub task: String,
    /// What it has drawn.
    pub tokens: u64,
}
