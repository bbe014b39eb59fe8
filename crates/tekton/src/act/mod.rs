//! What clients do: each becomes a decision or a fact in the ledger's log.

pub(crate) mod allocate;
pub(crate) mod budgets;
pub(crate) mod prices;
pub(crate) mod usage;
