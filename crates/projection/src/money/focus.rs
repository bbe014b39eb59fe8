//! Lines as rows of FOCUS 1.2, the FinOps Open Cost and Usage Specification: dataset "Cost and Usage".
//!
//! A row is what a tenant was charged on a day for one kind of tokens, or one other unit, of a model. Where the prices
//! do not prove how the cost divides among them, the first row has all of it and no unit price. An empty field is a
//! null.

use tollgate_domain::money::Usd;
use tollgate_domain::time::{Day, Timestamp};
use tollgate_domain::tokens::TokenSums;
use tollgate_domain::units::Unit;
use tollgate_domain::zone::Zone;

use super::focus_tags::{object, tags};
use super::focus_units::{consumed_unit, meter, meter_words, quantity};
use super::kinds::{KindRates, Priced};
use super::{LineDimension, MoneyLine};

/// The columns, in order: those of FOCUS, then our own.
pub const FOCUS_COLUMNS: [&str; 55] = [
    "BilledCost",
    "BillingAccountId",
    "BillingAccountName",
    "BillingAccountType",
    "BillingCurrency",
    "BillingPeriodEnd",
    "BillingPeriodStart",
    "ChargeCategory",
    "ChargeClass",
    "ChargeDescription",
    "ChargeFrequency",
    "ChargePeriodEnd",
    "ChargePeriodStart",
    "ConsumedQuantity",
    "ConsumedUnit",
    "ContractedCost",
    "EffectiveCost",
    "InvoiceId",
    "InvoiceIssuerName",
    "ListCost",
    "ListUnitPrice",
    "PricingCategory",
    "PricingQuantity",
    "PricingUnit",
    "ProviderName",
    "PublisherName",
    "RegionId",
    "RegionName",
    "ServiceCategory",
    "ServiceName",
    "ServiceSubcategory",
    "SkuId",
    "SkuMeter",
    "SkuPriceDetails",
    "SkuPriceId",
    "SubAccountId",
    "SubAccountName",
    "SubAccountType",
    "Tags",
    "x_CacheWriteTokens",
    "x_CachedInputTokens",
    "x_Component",
    "x_CorrectedDay",
    "x_InputUncachedTokens",
    "x_Model",
    "x_OutputTokens",
    "x_Phase",
    "x_PriceVersion",
    "x_ReasoningTokens",
    "x_ServiceTier",
    "x_TimeZone",
    "x_TokenKind",
    "x_TollgateUnpricedQuantity",
    "x_TollgateUnpricedTokens",
    "x_UsageDay",
];

/// What lines are told apart by, so that rows can be made of them.
pub const FOCUS_DIMENSIONS: [LineDimension; 8] = [
    LineDimension::Tenant,
    LineDimension::Provider,
    LineDimension::Model,
    LineDimension::Phase,
    LineDimension::Component,
    LineDimension::ServiceTier,
    LineDimension::PriceVersion,
    LineDimension::Corrects,
];

/// A row: the fields in the order of [`FOCUS_COLUMNS`]. An empty field is a null.
pub type FocusRow = [String; 55];

/// What prices of models are for, in the lists of their providers: a million tokens.
const PRICED_TOKENS: i128 = 1_000_000;

/// What all rows have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FocusOptions {
    /// The zone whose days are charge periods, and whose months are billing periods.
    pub zone: Zone,
    /// The billing account that the charges are booked on.
    pub billing_account: String,
    /// Dimensions that are shown as tags: labels by their keys, which are those of whoever labelled the usage, and
    /// others as our own, with `tollgate/` before their names.
    pub tags: Vec<LineDimension>,
}

/// A part of a line that becomes a row.
struct Charge {
    /// `None`: all kinds of tokens.
    priced: Option<Priced>,
    tokens: TokenSums,
    /// How many tokens, or how many of the unit.
    count: i128,
    cost: Usd,
    /// USD for one, of a time for a second; `None`: no single one.
    unit_price: Option<Usd>,
    /// How many of them have no price.
    unpriced: i128,
    /// What it cost is in the first row of the line.
    is_rest: bool,
}

/// The rows of a line by day whose dimensions are at least [`FOCUS_DIMENSIONS`]: their costs and tokens add up to
/// the line's. `rates` are those of its model in the price book that it was costed with, if they are known.
///
/// Nothing is returned for a line without a day, or without tokens and cost.
#[must_use]
pub fn focus_rows(line: &MoneyLine<'_>, rates: Option<&KindRates>, options: &FocusOptions) -> Vec<FocusRow> {
    let Some(days) = line.period.and_then(|period| Days::of(&period.name, &options.zone)) else {
        return Vec::new();
    };
    let row = |charge: &Charge| fields(line, &days, charge, rates, options);
    charges(line, rates).iter().map(row).collect()
}

/// Rows as CSV (RFC 4180), with the names of the columns if they are the first ones. Unlike exports for people,
/// texts are left as they are: FOCUS wants them unchanged.
#[must_use]
pub fn focus_csv<'a>(rows: impl Iterator<Item = &'a FocusRow>, first: bool) -> Vec<u8> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    // Writing to memory cannot fail, and all rows have the same length.
    if first {
        let _ = writer.write_record(FOCUS_COLUMNS);
    }
    rows.for_each(|row| drop(writer.write_record(row)));
    writer.into_inner().unwrap_or_default()
}

fn charges(line: &MoneyLine<'_>, rates: Option<&KindRates>) -> Vec<Charge> {
    let sums = line.sums;
    if sums.unpriced_tokens == 0
        && sums.units.unpriced.is_empty()
        && let Some(parts) = rates.and_then(|rates| rates.divide(sums))
    {
        let one = |part: &super::kinds::KindCost| Charge {
            priced: Some(part.priced),
            tokens: part.tokens(),
            count: part.count,
            cost: part.usd,
            unit_price: Some(part.rate),
            unpriced: 0,
            is_rest: false,
        };
        return parts.iter().map(one).collect();
    }
    let whole = Charge {
        priced: None,
        tokens: sums.tokens,
        count: sums.tokens.total(),
        cost: sums.cost,
        unit_price: None,
        unpriced: sums.unpriced_tokens,
        is_rest: false,
    };
    let units: Vec<(Unit, i128, i128)> = sums.units.iter().collect();
    let no_tokens = sums.tokens == TokenSums::default() && sums.unpriced_tokens == 0;
    let mut charges = Vec::new();
    if !no_tokens || (units.is_empty() && sums.cost != Usd::ZERO) {
        charges.push(whole);
    }
    for (unit, count, unpriced) in units {
        // Parts of tokens are in the row of all tokens.
        if unit.part_of().is_some() && !no_tokens {
            continue;
        }
        let is_rest = !charges.is_empty();
        charges.push(Charge {
            priced: Some(Priced::Unit(unit)),
            tokens: TokenSums::default(),
            count,
            cost: if is_rest { Usd::ZERO } else { sums.cost },
            unit_price: None,
            unpriced,
            is_rest,
        });
    }
    charges
}

/// A day of a zone and its month, as times.
struct Days {
    day: [Timestamp; 2],
    month: [Timestamp; 2],
}

impl Days {
    fn of(name: &str, zone: &Zone) -> Option<Self> {
        let day: Day = name.parse().ok()?;
        let first: Day = format!("{}-01", month_of(name)?).parse().ok()?;
        // No month has 32 days, and two have more.
        let in_next = Day(first.0.saturating_add(32)).to_string();
        let next: Day = format!("{}-01", month_of(&in_next)?).parse().ok()?;
        let tomorrow = Day(day.0.saturating_add(1));
        Some(Self {
            day: [zone.start_of(day)?, zone.start_of(tomorrow)?],
            month: [zone.start_of(first)?, zone.start_of(next)?],
        })
    }
}

/// The month in the name of a day.
fn month_of(day: &str) -> Option<&str> {
    Some(day.rsplit_once('-')?.0)
}

fn fields(
    line: &MoneyLine<'_>,
    days: &Days,
    charge: &Charge,
    rates: Option<&KindRates>,
    options: &FocusOptions,
) -> FocusRow {
    let value = |dimension: &LineDimension| line.value(dimension).to_owned();
    let [tenant, provider, model] = names(line, rates);
    let tier = line.value(&LineDimension::ServiceTier);
    let kind = charge.priced.map_or("tokens", Priced::as_str);
    let sku = format!("{provider}/{model}/{kind}");
    let price = format!("{sku}/{}", if tier.is_empty() { "standard" } else { tier });
    let cost = amount(charge.cost);
    let day = line.period.map(|period| period.name.clone()).unwrap_or_default();
    let corrected = line.value(&LineDimension::Corrects);
    let earlier = !corrected.is_empty() && month_of(corrected) < month_of(&day);
    let tokens = &charge.tokens;
    [
        cost.clone(),
        options.billing_account.clone(),
        options.billing_account.clone(),
        "Ledger".to_owned(),
        "USD".to_owned(),
        days.month[1].to_string(),
        days.month[0].to_string(),
        "Usage".to_owned(),
        if earlier { "Correction".to_owned() } else { String::new() },
        description(&provider, &model, charge, line),
        "Usage-Based".to_owned(),
        days.day[1].to_string(),
        days.day[0].to_string(),
        charge.unit().map_or_else(|| format!("{}.0", charge.count), |unit| quantity(unit, charge.count)),
        charge.unit().map_or("Tokens", consumed_unit).to_owned(),
        cost.clone(),
        cost.clone(),
        // The ledger issues no invoices.
        String::new(),
        provider.clone(),
        cost,
        list_price(charge),
        "Standard".to_owned(),
        charge.unit().map_or_else(|| millions(charge.count), |unit| quantity(unit, charge.count)),
        charge
            .unit()
            .map_or_else(|| format!("{PRICED_TOKENS} Tokens"), |unit| consumed_unit(unit).to_owned()),
        provider.clone(),
        provider,
        String::new(),
        String::new(),
        "AI and Machine Learning".to_owned(),
        "Model inference".to_owned(),
        "Generative AI".to_owned(),
        sku,
        meter(charge.priced),
        object([("x_Model", model.as_str()), ("x_ServiceTier", tier)].into_iter()),
        price,
        tenant.clone(),
        tenant,
        "Tenant".to_owned(),
        tags(line, &options.tags),
        tokens.cache_write.to_string(),
        tokens.cached_input.to_string(),
        value(&LineDimension::Component),
        corrected.to_owned(),
        tokens.input_uncached.to_string(),
        value(&LineDimension::Model),
        tokens.output.to_string(),
        value(&LineDimension::Phase),
        value(&LineDimension::PriceVersion),
        tokens.reasoning.to_string(),
        tier.to_owned(),
        options.zone.name().to_owned(),
        kind.to_owned(),
        charge.unit().map_or_else(String::new, |unit| quantity(unit, charge.unpriced)),
        if charge.unit().is_some() { 0 } else { charge.unpriced }.to_string(),
        day,
    ]
}

/// USD for what [`PRICED_TOKENS`] or the unit says; null where there is no single price.
fn list_price(charge: &Charge) -> String {
    let many = if charge.unit().is_some() { 1 } else { PRICED_TOKENS };
    charge.unit_price.and_then(|price| price.checked_times(many)).map(amount).unwrap_or_default()
}

/// Tenant, provider and model, none of which may be null. A provider that was not stated is that of the prices.
fn names(line: &MoneyLine<'_>, rates: Option<&KindRates>) -> [String; 3] {
    let stated = line.value(&LineDimension::Provider);
    let known = rates.and_then(|rates| rates.provider.as_deref()).filter(|_| stated.is_empty());
    [line.value(&LineDimension::Tenant), known.unwrap_or(stated), line.value(&LineDimension::Model)]
        .map(|text| if text.is_empty() { "unknown" } else { text }.to_owned())
}

/// An amount with at least two decimal places: what guesses the types of columns takes it for a decimal.
fn amount(usd: Usd) -> String {
    let text = usd.to_string();
    match text.split_once('.') {
        None => format!("{text}.00"),
        Some((_, places)) if places.len() < 2 => format!("{text}0"),
        Some(_) => text,
    }
}

/// A count in millions, exactly.
fn millions(tokens: i128) -> String {
    let sign = if tokens < 0 { "-" } else { "" };
    let count = tokens.unsigned_abs();
    let million = PRICED_TOKENS.unsigned_abs();
    let (whole, rest) =
        (count.checked_div(million).unwrap_or_default(), count.checked_rem(million).unwrap_or_default());
    format!("{sign}{whole}.{rest:06}")
}

/// Without commas, so that the simplest tools can cut rows into columns.
fn description(provider: &str, model: &str, charge: &Charge, line: &MoneyLine<'_>) -> String {
    let what = match charge.priced {
        None => "tokens of all kinds".to_owned(),
        Some(Priced::Kind(kind)) => meter_words(kind).to_owned(),
        Some(Priced::Unit(unit)) => unit.as_str().replace('_', " "),
    };
    let corrected = line.value(&LineDimension::Corrects);
    // Usage without a price book: whatever gave it a price, or took it away, was recorded by itself.
    let is_settled = charge.count > 0
        && charge.cost == Usd::ZERO
        && corrected.is_empty()
        && line.value(&LineDimension::PriceVersion).is_empty();
    let unpriced = match charge.unpriced.signum() {
        0 if charge.is_rest => " (its cost is in the row before)",
        0 if is_settled => " (priced or corrected since)",
        0 => "",
        1 => " (no price is known: the cost of 0 is none)",
        _ => " (no longer without a price)",
    };
    let of = match charge.count {
        _ if corrected.is_empty() => String::new(),
        // Nothing was used or taken away.
        0 if charge.cost != Usd::ZERO => format!(" (another price for {corrected})"),
        _ => format!(" (correcting {corrected})"),
    };
    format!("{model} by {provider}: {what}{of}{unpriced}")
}

impl Charge {
    /// The unit, if it is not for tokens.
    fn unit(&self) -> Option<Unit> {
        match self.priced? {
            Priced::Unit(unit) => Some(unit),
            Priced::Kind(_) => None,
        }
    }
}
