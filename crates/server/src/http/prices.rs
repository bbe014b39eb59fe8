//! The price book in force.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use tollgate_domain::tokens::TokenCounts;
use tollgate_domain::units::UnitCounts;
use tollgate_wire::api::{PriceList, PriceQuote, Problem};

use super::extract::Params;
use super::{App, Handled};
use crate::asked::{page_limit, time};
use crate::ledger::{PricesQuery, QuoteQuery};
use crate::problem::INVALID;

/// Which entries.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListParams {
    /// Only entries whose names contain this, in any case.
    search: Option<String>,
    /// Only entries of this provider, by any of its names.
    provider: Option<String>,
    /// Only entries after this one: the `next` of the previous page.
    after: Option<String>,
    /// Maximum number to return (1–1000, default 100).
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
}

/// Which call.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct QuoteParams {
    /// The model, as calls name it.
    model: String,
    /// The provider, as calls name it.
    provider: Option<String>,
    /// The service tier, such as `flex`, `priority` or `batch` (default: the standard one).
    service_tier: Option<String>,
    /// When the call happens (RFC 3339, default now): some prices depend on the hour.
    at: Option<String>,
    /// Input tokens that are neither read from nor written to a cache.
    #[serde(default)]
    input_uncached: u64,
    /// Input tokens read from a cache.
    #[serde(default)]
    cached_input: u64,
    /// Input tokens written to a cache.
    #[serde(default)]
    cache_write: u64,
    /// The part of `cache_write` that is kept for an hour.
    #[serde(default)]
    cache_write_1h: u64,
    /// Output tokens, including reasoning.
    #[serde(default)]
    output: u64,
    /// The part of `output` spent on reasoning.
    #[serde(default)]
    reasoning: u64,
    /// What else the call is billed for, such as `output_images=2,pages=1`; times are in milliseconds.
    #[serde(default)]
    units: String,
}

/// The price book in force
#[utoipa::path(get, path = "/v1/prices", tag = "prices", params(ListParams), responses(
    (status = 200, description = "Entries, ordered by name", body = PriceList),
    (status = 400, description = "Invalid parameter", body = Problem),
))]
pub(crate) async fn list(
    State(app): State<App>,
    Params(query): Params<ListParams>,
) -> Handled<Json<PriceList>> {
    let limit = page_limit(query.limit)?;
    let ListParams { search, provider, after, .. } = query;
    Ok(Json(app.ledger.ask().prices(&PricesQuery { search, provider, after, limit })))
}

/// What a call costs, and why
#[utoipa::path(get, path = "/v1/prices/quote", tag = "prices", params(QuoteParams), responses(
    (status = 200, description = "The price that applies, and the amount; or why the call is unpriced", body = PriceQuote),
    (status = 400, description = "Invalid parameter", body = Problem),
))]
pub(crate) async fn quote(
    State(app): State<App>,
    Params(query): Params<QuoteParams>,
) -> Handled<Json<PriceQuote>> {
    let at = query.at.as_deref().map(|text| time("at", text));
    let tokens = TokenCounts {
        input_uncached: query.input_uncached,
        cached_input: query.cached_input,
        cache_write: query.cache_write,
        cache_write_1h: query.cache_write_1h,
        output: query.output,
        reasoning: query.reasoning,
    };
    let read = query.units.parse::<UnitCounts>();
    let units = read.map_err(|rule| INVALID.of_field("units", &query.units, &rule))?;
    let QuoteParams { model, provider, service_tier, .. } = query;
    Ok(Json(app.ledger.ask().quote(&QuoteQuery {
        model,
        provider,
        service_tier,
        at: at.transpose()?,
        tokens,
        units,
    })?))
}
