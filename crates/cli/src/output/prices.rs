//! Prices as tables. People compare them by the million tokens.

use std::fmt::Write;

use tollgate_domain::money::Usd;
use tollgate_domain::price::PricedKind;
use tollgate_domain::printable::printable;
use tollgate_domain::units::UnitSums;
use tollgate_wire::api::{PriceList, PriceQuote, PriceRow, PriceTier};

use super::{counted, grouped_u64, table, time};

/// Entries of a price book, one a line.
pub(crate) fn price_list(list: &PriceList) -> String {
    if list.prices.is_empty() {
        return format!("no entry matches, in prices {} from {}\n", list.price_version, list.source);
    }
    let rows = list.prices.iter().map(|row| {
        let price = |kind: &str| row.usd_per_token.get(kind).map(|usd| per_million(usd)).unwrap_or_default();
        vec![
            row.entry.clone(),
            row.provider.clone().unwrap_or_else(|| "unknown".to_owned()),
            price("input_uncached"),
            price("cached_input"),
            price("cache_write"),
            price("output"),
            row.changed_by.clone().unwrap_or_else(|| "book".to_owned()),
            row.decided_as
                .iter()
                .map(|name| decided_as(name))
                .chain([remarks(row)])
                .filter(|text| !text.is_empty())
                .collect::<Vec<_>>()
                .join("; "),
        ]
    });
    let header = ["entry", "provider", "input", "cached", "cache write", "output", "price of", ""];
    let mut text = format!("price book {} from {}", list.price_version, list.source);
    if list.prices.iter().any(|row| row.changed_by.is_some()) {
        text.push_str(", and what was decided since (`tollgate prices history`)");
    }
    text.push_str("; USD per million tokens\n\n");
    text.push_str(&table(&header, &[2, 3, 4, 5], rows.collect()));
    if let Some(next) = &list.next {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "more entries after {next}: use --after {next}");
    }
    text
}

/// Whose price it is, if it was decided under another name.
fn decided_as(name: &str) -> String {
    format!("its price was decided as that of {name}: the same model under another name")
}

/// What else there is to know of an entry.
fn remarks(row: &PriceRow) -> String {
    if !row.priced {
        return "no price: its usage is unpriced".to_owned();
    }
    let mut remarks = Vec::new();
    if !row.other_prices_above.is_empty() {
        let sizes: Vec<String> = row.other_prices_above.iter().map(|size| grouped_u64(*size)).collect();
        remarks.push(format!("other prices above {} input tokens", sizes.join(", ")));
    }
    if row.off_peak {
        remarks.push("other prices at certain hours".to_owned());
    }
    if !row.service_tiers.is_empty() {
        remarks.push(format!("tiers {}", row.service_tiers.join(", ")));
    }
    if !row.usd_per_unit.is_empty() {
        let prices = row.usd_per_unit.iter().map(|(unit, usd)| format!("{unit} {usd} USD{}", per(unit)));
        remarks.push(prices.collect::<Vec<_>>().join(", "));
    }
    remarks.join("; ")
}

/// What a call costs, and why.
pub(crate) fn price_quote(quote: &PriceQuote) -> String {
    let mut text = String::new();
    let asked = match &quote.provider {
        Some(provider) => format!("{} of {provider}", quote.model),
        None => quote.model.clone(),
    };
    let _ = writeln!(text, "{asked} at {}, prices {}", time(&quote.at), quote.price_version);
    if let Some(entry) = &quote.entry {
        let compared = entry.compared_on.as_ref();
        let compared =
            compared.map(|day| format!(", compared with its sources on {day}")).unwrap_or_default();
        let _ = writeln!(text, "  entry {}{compared}", entry.entry);
        if let Some(name) = &entry.decided_as {
            let _ = writeln!(text, "  {}", decided_as(name));
        }
        let remarks = remarks(entry);
        if !remarks.is_empty() {
            let _ = writeln!(text, "  it has {remarks}");
        }
        let tier = quote.service_tier.as_deref().unwrap_or("standard");
        let above = quote.prices_above.map(|size| format!(", above {} input tokens", grouped_u64(size)));
        let hours = if quote.off_peak { ", at this hour" } else { "" };
        let _ = writeln!(text, "  prices of the {tier} tier{}{hours}", above.unwrap_or_default());
    }
    if !quote.lines.is_empty() {
        let asked = quote.lines.iter().any(|line| line.tokens > 0);
        let rows = quote.lines.iter().filter(|line| !asked || line.tokens > 0).map(|line| {
            let price = line.usd_per_token.as_deref().map_or_else(|| "not known".to_owned(), per_million);
            let amount = line.cost_usd.clone().unwrap_or_else(|| "not known".to_owned());
            let mut row = vec![line.kind.to_string(), price];
            if asked {
                row.extend([grouped_u64(line.tokens), amount]);
            }
            row
        });
        let header = ["kind", "USD per million", "tokens", "USD"];
        let columns = if asked { 4 } else { 2 };
        let _ = write!(text, "\n{}", table(&header[..columns], &[1, 2, 3], rows.collect()));
    }
    // Who asks what a call costs has its prices above.
    let asked = !quote.units.is_empty() || quote.lines.iter().any(|line| line.tokens > 0);
    if !asked && !quote.tiers.is_empty() {
        let _ = write!(text, "\n{}", tiers(&quote.tiers));
    }
    for line in &quote.units {
        let price = line
            .usd_per_unit
            .as_ref()
            .map_or_else(|| "not known".to_owned(), |usd| format!("{usd} USD{}", per(line.unit.as_str())));
        let amount =
            line.cost_usd.as_ref().map_or_else(|| "not known".to_owned(), |usd| format!("{usd} USD"));
        let _ = writeln!(text, "{}: {amount}, at {price}", line.unit.counted(line.count.into()));
    }
    let tokens: u64 = quote.lines.iter().map(|line| line.tokens).sum();
    if let (true, Some(cost)) = (tokens > 0 || !quote.units.is_empty(), &quote.cost_usd) {
        let units = UnitSums::from_pairs(quote.units.iter().map(|line| (line.unit, line.count.into())));
        let used = match (tokens, units.is_empty()) {
            (tokens, true) => counted(tokens, "token"),
            (0, false) => units.to_string(),
            (tokens, false) => format!("{} and {units}", counted(tokens, "token")),
        };
        let _ = writeln!(text, "cost: {cost} USD for {used}");
    }
    if let Some(why) = &quote.unpriced_because {
        let _ = writeln!(text, "unpriced: {why}");
    }
    text
}

/// Prices of large requests and of service tiers, of the kinds of which any has one.
fn tiers(tiers: &[PriceTier]) -> String {
    let price = |tier: &PriceTier, kind: &str| tier.usd_per_token.get(kind).map(|usd| per_million(usd));
    let kinds = PricedKind::NAMES.iter().copied();
    let kinds: Vec<&str> =
        kinds.filter(|kind| tiers.iter().any(|tier| price(tier, kind).is_some())).collect();
    let rows = tiers.iter().map(|tier| {
        let prices = kinds.iter().map(|kind| price(tier, kind).unwrap_or_else(|| "not known".to_owned()));
        std::iter::once(of_tier(tier)).chain(prices).collect()
    });
    let header: Vec<&str> =
        std::iter::once("other prices, USD per million").chain(kinds.iter().copied()).collect();
    let numbers: Vec<usize> = (1..header.len()).collect();
    table(&header, &numbers, rows.collect())
}

/// To what the prices of a tier apply.
pub(super) fn of_tier(tier: &PriceTier) -> String {
    let above = tier.above_input.map(|above| format!("above {} input tokens", grouped_u64(above)));
    let service_tier = tier.service_tier.as_ref().map(|word| format!("service tier {}", printable(word)));
    service_tier.into_iter().chain(above).collect::<Vec<_>>().join(" ")
}

/// What the price of a unit is for, if not for one.
pub(super) fn per(unit: &str) -> &'static str {
    if unit.ends_with("_ms") { " a second" } else { "" }
}

pub(super) fn per_million(usd_per_token: &str) -> String {
    let million = usd_per_token.parse::<Usd>().ok().and_then(|usd| usd.checked_times(1_000_000));
    million.map_or_else(|| usd_per_token.to_owned(), |usd| usd.to_string())
}
