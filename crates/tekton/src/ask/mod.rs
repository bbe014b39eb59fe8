//! Questions to the ledger, put together from its own answers.

pub(crate) mod alerts;
pub(crate) mod allocations;
pub(crate) mod prices;
pub(crate) mod recommend;
pub(crate) mod records;
pub(crate) mod summary;
pub(crate) mod sums;
pub(crate) mod times;
