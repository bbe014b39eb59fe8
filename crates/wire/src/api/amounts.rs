//! Tokens and money, and limits of them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Tokens and money.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AmountView {
    /// Tokens.
    pub tokens: i64,
    /// US dollars.
    pub usd: String,
}

/// A limit of tokens, of money, or of both; what is absent is not limited.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LimitView {
    /// The most tokens.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tokens: Option<u64>,
    /// The most US dollars.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub usd: Option<String>,
}

/// What was spent without a price.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UnpricedView {
    /// Tokens.
    pub tokens: i64,
    /// US dollars, at most, with what else has no price; absent: nothing says what that may cost.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub usd: Option<String>,
}
