//! What was decided about prices, as a table: people compare them by the million tokens.

use std::fmt::Write;

use tollgate_domain::price::PricedKind;
use tollgate_wire::api::{PriceAmounts, PriceDecisions, PriceEntryHistory, PriceWaiting};

use super::prices::{per, per_million};
use super::{table, time};

/// What was decided about prices: what came into force, what was rejected and what waits, in the order of these times.
pub(crate) fn price_history(decided: &PriceDecisions) -> String {
    if decided.entries.is_empty() {
        return "nothing was decided about such a price\n".to_owned();
    }
    let rows = decided.entries.iter().flat_map(rows_of).collect();
    let header =
        ["entry", "version", "", "from", "decided", "USD per million tokens", "change", "source", ""];
    let mut text = table(&header, &[6], rows);
    if let Some(next) = &decided.next {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "more entries after {next}: use --after {next}");
    }
    text
}

fn rows_of(entry: &PriceEntryHistory) -> Vec<Vec<String>> {
    let of = |cells: [String; 8]| {
        let mut row = vec![entry.entry.clone()];
        row.extend(cells);
        row
    };
    let mut rows: Vec<(&str, Vec<String>)> = Vec::new();
    for change in &entry.changes {
        let said = [
            change.verified.then(|| "verified".to_owned()),
            change.approved_by.as_ref().map(|by| format!("by {by}")),
            change.reason.clone(),
        ];
        let row = [
            change.price_version.clone(),
            "in force".to_owned(),
            time(&change.from),
            time(&change.recorded_at),
            amounts(change.old.as_ref(), &change.new, change.old_version.as_ref()),
            percent(change.percent),
            change.source.clone(),
            said.into_iter().flatten().collect::<Vec<_>>().join(", "),
        ];
        rows.push((&change.recorded_at, of(row)));
    }
    for rejected in &entry.rejected {
        let proposed = rejected.proposed.as_ref();
        let said = [Some(format!("by {}", rejected.by)), rejected.reason.clone()];
        let waited = proposed.map(|proposed| format!("waited for: {}", proposed.waits.join(", ")));
        let row = [
            rejected.price_version.clone(),
            "rejected".to_owned(),
            String::new(),
            time(&rejected.at),
            proposed.map(proposal).unwrap_or_default(),
            percent(proposed.and_then(|proposed| proposed.percent)),
            proposed.map(|proposed| proposed.source.clone()).unwrap_or_default(),
            said.into_iter().chain([waited]).flatten().collect::<Vec<_>>().join(", "),
        ];
        rows.push((&rejected.at, of(row)));
    }
    // Times of the ledger sort as they are written.
    rows.sort_by_key(|(at, _)| *at);
    let mut rows: Vec<Vec<String>> = rows.into_iter().map(|(_, row)| row).collect();
    if let Some(waiting) = &entry.waiting {
        rows.push(of([
            waiting.price_version.clone(),
            "waits".to_owned(),
            String::new(),
            format!("since {}", time(&waiting.since)),
            proposal(waiting),
            percent(waiting.percent),
            waiting.source.clone(),
            waiting.waits.join(", "),
        ]));
    }
    if !entry.disputed.is_empty() {
        let [version, from, decided, usd, change, source] = [const { String::new() }; 6];
        let said = entry.disputed.join(" | ");
        rows.push(of([version, "disputed".to_owned(), from, decided, usd, change, source, said]));
    }
    rows
}

fn proposal(waiting: &PriceWaiting) -> String {
    amounts(waiting.old.as_ref(), &waiting.new, waiting.old_version.as_ref())
}

fn percent(percent: Option<u32>) -> String {
    match percent {
        None => String::new(),
        Some(u32::MAX) => "from 0".to_owned(),
        Some(percent) => format!("{percent} %"),
    }
}

/// What an entry costs, after what it cost, where that is another amount.
fn amounts(old: Option<&PriceAmounts>, new: &PriceAmounts, old_version: Option<&String>) -> String {
    let mut parts = Vec::new();
    let mut part = |name: &str, old: Option<String>, new: Option<String>| match (old, new) {
        (None, None) => {}
        (Some(old), Some(new)) if old == new => {}
        (None, Some(new)) => parts.push(format!("{name} {new}")),
        (Some(old), new) => parts.push(format!("{name} {old} > {}", new.unwrap_or_else(|| "-".to_owned()))),
    };
    let is_own = |amounts: Option<&PriceAmounts>, kind: &str| {
        amounts.is_some_and(|amounts| !amounts.without_own.iter().any(|without| without == kind))
    };
    let usd = |amounts: Option<&PriceAmounts>, kind: &str| {
        amounts.and_then(|amounts| amounts.usd_per_token.get(kind)).map(|usd| per_million(usd))
    };
    for kind in PricedKind::NAMES {
        let (before, after) = (usd(old, kind), usd(Some(new), kind));
        // What has no rate of its own costs what input or output does. Those two stand for nothing but themselves.
        let alike = PricedKind::from_word(kind).and_then(|kind| match kind {
            PricedKind::Input | PricedKind::Output => None,
            PricedKind::CachedInput | PricedKind::CacheWrite | PricedKind::CacheWrite1h => {
                Some(PricedKind::Input)
            }
            PricedKind::Reasoning => Some(PricedKind::Output),
        });
        let is_alike = alike.is_some_and(|alike| {
            (&before, &after) == (&usd(old, alike.as_str()), &usd(Some(new), alike.as_str()))
        });
        let alike = alike.filter(|_| !is_alike);
        match (alike, is_own(old, kind), is_own(Some(new), kind)) {
            _ if is_alike => {}
            // What it costs then follows from the price of the other kind, which is said.
            (Some(alike), true, false) if before.is_some() => part(kind, before, Some(format!("as {alike}"))),
            (Some(alike), false, true) if before.is_some() => part(kind, Some(format!("as {alike}")), after),
            (_, _, _) => part(kind, before, after),
        }
    }
    let unit = |amounts: Option<&PriceAmounts>, unit: &str| {
        let usd = amounts.and_then(|amounts| amounts.usd_per_unit.get(unit));
        usd.map(|usd| format!("{usd} USD{}", per(unit)))
    };
    let units = old.into_iter().chain([new]).flat_map(|amounts| amounts.usd_per_unit.keys());
    let units: std::collections::BTreeSet<&String> = units.collect();
    for name in units {
        part(name, unit(old, name), unit(Some(new), name));
    }
    match (old, old_version) {
        (Some(_), _) if parts.is_empty() => "the same for small requests: --format json has all".to_owned(),
        (None, Some(version)) => format!("{} (before: as in {version})", parts.join(", ")),
        _ => parts.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn costs(tokens: &[(&str, &str)], units: &[(&str, &str)]) -> PriceAmounts {
        let owned = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(name, usd)| ((*name).to_owned(), (*usd).to_owned())).collect()
        };
        PriceAmounts { usd_per_token: owned(tokens), usd_per_unit: owned(units), without_own: Vec::new() }
    }

    #[test]
    fn amounts_are_what_changed_and_what_was_before() {
        let two =
            costs(&[("input_uncached", "0.000002"), ("output", "0.00001"), ("reasoning", "0.00001")], &[]);
        let three =
            costs(&[("input_uncached", "0.000003"), ("output", "0.00001"), ("reasoning", "0.00002")], &[]);
        let cached = costs(&[("input_uncached", "0.000002"), ("cached_input", "0.000002")], &[]);
        let [same, dearer] = ["0.000002", "0.000003"].map(|usd| {
            costs(&[("input_uncached", usd), ("cached_input", usd), ("output", usd), ("reasoning", usd)], &[])
        });
        let images = costs(&[], &[("output_images", "0.04")]);
        // The list names no rate of cached input: it costs what other input does, which is nothing.
        let own = costs(&[("input_uncached", "0.00000025"), ("cached_input", "0.000000025")], &[]);
        let free = PriceAmounts {
            without_own: vec!["cached_input".to_owned()],
            ..costs(&[("input_uncached", "0"), ("cached_input", "0")], &[])
        };
        let version = "book@1".to_owned();
        for (old, new, version, expected) in [
            (None, &two, None, "input_uncached 2, output 10"),
            (Some(&two), &three, Some(&version), "input_uncached 2 > 3, reasoning 10 > 20"),
            (Some(&two), &two, Some(&version), "the same for small requests: --format json has all"),
            (Some(&two), &images, None, "input_uncached 2 > -, output 10 > -, output_images 0.04 USD"),
            (None, &same, None, "input_uncached 2, output 2"),
            (Some(&same), &dearer, None, "input_uncached 2 > 3, output 2 > 3"),
            (Some(&own), &free, None, "input_uncached 0.25 > 0, cached_input 0.025 > as input_uncached"),
            (Some(&free), &own, None, "input_uncached 0 > 0.25, cached_input as input_uncached > 0.025"),
            (None, &cached, Some(&version), "input_uncached 2 (before: as in book@1)"),
        ] {
            assert_eq!(amounts(old, new, version), expected);
        }
        assert_eq!([None, Some(50), Some(u32::MAX)].map(percent), ["", "50 %", "from 0"]);
    }
}
