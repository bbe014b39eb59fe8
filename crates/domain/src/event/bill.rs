//! What providers billed.

use crate::money::Usd;
use crate::time::Day;

/// A day of a provider's bill. Written by the ledger itself, under the tenant that was billed and the task
/// `_ledger`. The last one of a provider, account and day counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BillDayRecorded {
    /// Who billed.
    pub provider: String,
    /// Which of the tenant's accounts there; empty: the only one.
    pub account: String,
    /// The day, as the provider counts days.
    pub day: Day,
    /// The name of the file that it was imported from.
    pub source: String,
    /// What was billed; none: nothing was billed for the day.
    pub lines: Vec<BillLine>,
}

/// What a provider billed for a model on a day.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct BillLine {
    /// The model, as the bill names it.
    pub model: String,
    /// Tokens of all kinds; `None`: the bill does not say.
    pub tokens: Option<u64>,
    /// The amount; negative for credits.
    pub amount: Usd,
}
