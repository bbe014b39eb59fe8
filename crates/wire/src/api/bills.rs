//! What providers billed, and how it compares with the ledger.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tollgate_domain::words;
use utoipa::ToSchema;

use super::word::{self, list};

/// A provider's bill, to be recorded. All of it or nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BillRequest {
    /// Idempotency key: a retry with the same key records nothing: the answer has the position of the first one,
    /// `repeated`, and all days as known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub id: Option<String>,
    /// Who was billed; absent: `default`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tenant: Option<String>,
    /// Who billed: the provider by any of its names, such as `openai`.
    pub provider: String,
    /// Which account there, if there are several. A bill takes the place of earlier ones of the same account.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub account: Option<String>,
    /// Where it came from, such as the name of a file.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub source: Option<String>,
    /// What was billed. The bill covers all days from the first to the last of these.
    pub lines: Vec<BillLineView>,
}

/// What was billed for a model on a day. Several lines for both are added up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BillLineView {
    /// The day, as the provider counts days: `2026-11-21`.
    pub day: String,
    /// The model, as the bill names it.
    pub model: String,
    /// Tokens of all kinds; absent if the bill does not say.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tokens: Option<u64>,
    /// The amount in USD, negative for credits.
    pub amount_usd: String,
}

/// What was recorded of a bill.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BillResponse {
    /// The first day that it covers.
    pub from: String,
    /// The last day that it covers.
    pub to: String,
    /// Days that were recorded now.
    pub recorded_days: u64,
    /// Days that were recorded before, with the same content: they changed nothing.
    pub known_days: u64,
    /// What was billed in total, in USD.
    pub amount_usd: String,
    /// Whether the bill was recorded before, under the same key. Then nothing is recorded, also where another bill took
    /// its place meanwhile.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub repeated: bool,
    /// The position after which views contain it.
    pub position: String,
}

/// A provider's bills beside the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BillComparison {
    /// The position that this answer covers.
    pub as_of: String,
    /// The provider.
    pub provider: String,
    /// The zone in which the ledger's usage was put into days.
    pub time_zone: String,
    /// The first day compared.
    pub from: String,
    /// The last day compared.
    pub to: String,
    /// Days in the range that no bill covers: they are not compared.
    pub days_without_bill: u64,
    /// The UTC day by whose end all that counts was recorded; absent if everything counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known_on: Option<String>,
    /// All rows together.
    pub total: ComparedAmounts,
    /// By day and model.
    pub rows: Vec<BillComparisonRow>,
}

/// A day and a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BillComparisonRow {
    /// The day.
    pub day: String,
    /// The model: as bill and ledger name it, or, if they spell it differently, by the name by which it is priced.
    pub model: String,
    /// The other names under which the bill or the ledger has it: with its provider, as a dated snapshot, in other
    /// letters.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub names: Vec<String>,
    /// The amounts.
    #[serde(flatten)]
    pub amounts: ComparedAmounts,
    /// What the difference comes from, as far as it is known. These and `unexplained_usd` add up to it.
    pub explained: Vec<ExplainedDifference>,
}

/// A bill's amount and the ledger's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ComparedAmounts {
    /// What the provider billed.
    pub billed_usd: String,
    /// What the ledger has.
    pub ledger_usd: String,
    /// Billed − ledger.
    pub difference_usd: String,
    /// The difference in percent of what the ledger has, with two decimal places, rounded towards zero; absent
    /// if that is 0.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub difference_percent: Option<String>,
    /// Tokens billed; absent if the bill does not say.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub billed_tokens: Option<u64>,
    /// Tokens in the ledger.
    pub ledger_tokens: i64,
    /// Of these, tokens without a price.
    pub unpriced_tokens: i64,
    /// What else has no known price, by unit, such as `output_images`; times are in milliseconds.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub unpriced_units: BTreeMap<String, i64>,
    /// The part of the difference that nothing explains.
    pub unexplained_usd: String,
}

/// A part of a difference, and what it comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ExplainedDifference {
    /// What it comes from.
    #[serde(with = "word")]
    #[schema(value_type = list::BillReason)]
    pub reason: BillReason,
    /// How much of the difference.
    pub amount_usd: String,
    /// The same as a sentence.
    pub note: String,
}

words!(
    /// Why a bill and the ledger differ.
    BillReason {
        /// Corrections that the ledger recorded on other days.
        Correction = "correction",
        /// Usage that had no price when it was recorded: at the prices in force now or, if there is none, as billed.
        Unpriced = "unpriced",
        /// Usage that the other side has on the day before or after.
        NeighbouringDay = "neighbouring_day",
        /// The ledger has no usage of the model.
        NotInLedger = "not_in_ledger",
        /// The bill has nothing for the model.
        NotBilled = "not_billed",
        /// Another price per token.
        Rate = "rate",
    }
);
