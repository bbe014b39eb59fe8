//! The price book in force, and what a call costs under it.

use tollgate_domain::price::{Aliases, Call, NoPrice, PriceBook, PriceEntry, UnitLine};
use tollgate_domain::time::Timestamp;
use tollgate_domain::tokens::TokenCounts;
use tollgate_domain::units::UnitCounts;
use tollgate_domain::usage::Used;
use tollgate_wire::api::{PriceList, PriceQuote, PriceQuoteLine, PriceQuoteUnit, PriceRow, PriceTier};

use super::Queries;
use crate::problem::{Answer, INVALID};

/// Which entries of a price book are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PricesQuery {
    /// Only entries whose names contain this, in any case.
    pub search: Option<String>,
    /// Only entries of this provider.
    pub provider: Option<String>,
    /// Only entries after this one.
    pub after: Option<String>,
    /// How many at most.
    pub limit: usize,
}

/// A call whose price is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QuoteQuery {
    /// The model.
    pub model: String,
    /// The provider.
    pub provider: Option<String>,
    /// The service tier.
    pub service_tier: Option<String>,
    /// When the call happens; `None`: now.
    pub at: Option<Timestamp>,
    /// Its tokens.
    pub tokens: TokenCounts,
    /// What else it is billed for.
    pub units: UnitCounts,
}

impl Queries {
    /// Entries of the price book in force.
    #[must_use]
    pub fn prices(&self, query: &PricesQuery) -> PriceList {
        let settings = self.settings();
        prices_of(&settings.prices, &settings.prices_source, query, self.now())
    }

    /// What a call costs under the prices and aliases in force.
    ///
    /// # Errors
    ///
    /// The problem with the model or the tokens.
    pub fn quote(&self, query: &QuoteQuery) -> Answer<PriceQuote> {
        let settings = self.settings();
        quote_of(&settings.prices, &settings.config.prices, query, self.now())
    }
}

/// Entries of a price book, as they are in force now.
#[must_use]
pub fn prices_of(book: &PriceBook, source: &str, query: &PricesQuery, now: Timestamp) -> PriceList {
    let search = query.search.as_ref().map(|search| search.to_lowercase());
    let wanted = |entry: &PriceEntry<'_>| {
        query.after.as_deref().is_none_or(|after| entry.name > after)
            && search.as_ref().is_none_or(|search| entry.name.to_lowercase().contains(search))
            && query.provider.as_deref().is_none_or(|provider| entry.is_of(provider))
    };
    let mut found = book.entries(now).filter(wanted);
    let prices: Vec<PriceRow> = found.by_ref().take(query.limit).map(price_row).collect();
    let next = found.next().and_then(|_| prices.last()).map(|last| last.entry.clone());
    PriceList { prices, next, price_version: book.version().to_owned(), source: source.to_owned() }
}

/// What a call costs under a price book; `now` is when it happens if the query does not say.
///
/// # Errors
///
/// The problem with the model or the tokens.
pub fn quote_of(
    book: &PriceBook,
    aliases: &Aliases,
    query: &QuoteQuery,
    now: Timestamp,
) -> Answer<PriceQuote> {
    if query.model.trim().is_empty() {
        return Err(INVALID.of_field("model", &query.model, "must name a model"));
    }
    query.tokens.check().map_err(|error| INVALID.with(error.to_string()))?;
    let at = query.at.unwrap_or(now);
    let call = aliases.apply(Call {
        provider: query.provider.as_deref(),
        model: Some(&query.model),
        service_tier: query.service_tier.as_deref(),
        at,
    });
    let mut answer = PriceQuote {
        model: query.model.clone(),
        provider: query.provider.clone(),
        at: at.to_string(),
        entry: None,
        service_tier: None,
        prices_above: None,
        off_peak: false,
        lines: Vec::new(),
        units: Vec::new(),
        cost_usd: None,
        unpriced_because: None,
        tiers: Vec::new(),
        price_version: book.version().to_owned(),
    };
    match book.quote(call, Used { tokens: &query.tokens, units: &query.units }) {
        Ok(quote) => {
            answer.entry = Some(price_row(quote.entry));
            answer.tiers = tiers(&quote.entry);
            answer.service_tier = quote.service_tier.map(str::to_owned);
            answer.prices_above = quote.above_input;
            answer.off_peak = quote.off_peak;
            quote.price_version.clone_into(&mut answer.price_version);
            answer.cost_usd = quote.usd.map(|usd| usd.to_string());
            let unknown = quote.lines.iter().find(|line| line.tokens > 0 && line.rate.is_none());
            let unknown = unknown.map(|line| line.kind.as_str());
            let no_rate = |line: &&UnitLine| line.rate.is_none();
            let unknown = unknown.or_else(|| quote.units.iter().find(no_rate).map(|line| line.unit.as_str()));
            let unsaid = query.tokens.total() == 0 && query.units.is_empty();
            answer.unpriced_because = match (quote.usd, unknown) {
                (Some(_), _) => None,
                (None, Some(what)) => {
                    Some(format!("the entry `{}` has no price for {what}", quote.entry.name))
                }
                (None, None) if unsaid => Some(format!(
                    "the entry `{}` has no price per token: name what the call is billed for",
                    quote.entry.name
                )),
                (None, None) => Some("the amount is too large to be exact".to_owned()),
            };
            let line = |line: &tollgate_domain::price::QuoteLine| PriceQuoteLine {
                kind: line.kind,
                tokens: line.tokens,
                usd_per_token: line.rate.map(|rate| rate.to_string()),
                cost_usd: line.usd.map(|usd| usd.to_string()),
            };
            answer.lines = quote.lines.iter().map(line).collect();
            let unit = |line: &UnitLine| PriceQuoteUnit {
                unit: line.unit,
                count: line.count,
                usd_per_unit: line.rate.map(|rate| rate.to_string()),
                cost_usd: line.usd.map(|usd| usd.to_string()),
            };
            answer.units = quote.units.iter().map(unit).collect();
        }
        Err(why) => answer.unpriced_because = Some(no_price(book, call, &why)),
    }
    Ok(answer)
}

/// Why a call has no price, and which entry may have been meant.
fn no_price(book: &PriceBook, call: Call<'_>, why: &NoPrice<'_>) -> String {
    let similar = match why {
        NoPrice::NoEntry => call.model.and_then(|model| book.similar(model, call.at)),
        NoPrice::NoModel
        | NoPrice::LeftOut { .. }
        | NoPrice::Ambiguous { .. }
        | NoPrice::ServiceTier { .. } => None,
    };
    let hint = similar.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default();
    format!("{why}{hint}")
}

fn tiers(entry: &PriceEntry<'_>) -> Vec<PriceTier> {
    let each = entry.tiers().into_iter().map(|(tier, rates)| {
        let known = rates.into_iter().map(|(kind, usd)| (kind.as_str().to_owned(), usd.to_string()));
        PriceTier {
            above_input: tier.above_input,
            service_tier: tier.service_tier.map(str::to_owned),
            usd_per_token: known.collect(),
        }
    });
    each.collect()
}

fn price_row(entry: PriceEntry<'_>) -> PriceRow {
    let known = entry
        .rates()
        .into_iter()
        .filter_map(|(kind, rate)| Some((kind.as_str().to_owned(), rate?.to_string())));
    // An entry that does not say who serves it, or has no price, may be named after them.
    let in_name = entry.name.split_once('/');
    PriceRow {
        entry: entry.name.to_owned(),
        provider: entry.provider().or_else(|| in_name.map(|(provider, _)| provider)).map(str::to_owned),
        mode: entry.mode().map(str::to_owned),
        priced: entry.is_priced(),
        usd_per_token: known.collect(),
        usd_per_unit: entry
            .unit_rates()
            .into_iter()
            .filter_map(|(unit, rate)| Some((unit.as_str().to_owned(), rate?.to_string())))
            .collect(),
        other_prices_above: entry.thresholds(),
        service_tiers: entry.service_tiers().into_iter().map(str::to_owned).collect(),
        off_peak: entry.has_off_peak_rates(),
        compared_on: entry.as_of().map(|day| day.to_string()),
        changed_by: entry.changed_by().map(str::to_owned),
        decided_as: entry.decided_as().map(str::to_owned),
    }
}
