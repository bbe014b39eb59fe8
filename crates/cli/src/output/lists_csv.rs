//! Prices, bills and alerts as CSV (RFC 4180): numbers as the API gives them, prices by the million tokens.

use std::collections::BTreeMap;

use tollgate_domain::money::Usd;
use tollgate_domain::price::PricedKind;
use tollgate_domain::units::in_pairs;
use tollgate_projection::report::csv_text;
use tollgate_wire::api::{
    AlertList, BillComparison, BillReason, PriceAmounts, PriceDecisions, PriceList, PriceWaiting,
};

use super::money_csv::{lines, maybe};
use super::prices::per_million;

/// A row per entry of a price book.
pub(crate) fn prices_csv(list: &PriceList) -> String {
    let header = [
        &["entry", "provider", "mode", "priced"],
        PricedKind::NAMES,
        &[
            "units",
            "other_prices_above",
            "service_tiers",
            "off_peak",
            "compared_on",
            "changed_by",
            "price_version",
        ],
    ];
    let rows = list.prices.iter().map(|price| {
        let mut row = vec![
            csv_text(&price.entry),
            maybe(&price.provider),
            maybe(&price.mode),
            price.priced.to_string(),
        ];
        row.extend(tokens(&price.usd_per_token));
        let above: Vec<String> = price.other_prices_above.iter().map(u64::to_string).collect();
        row.extend([
            units(&price.usd_per_unit),
            above.join(" "),
            csv_text(&price.service_tiers.join(" ")),
            price.off_peak.to_string(),
            maybe(&price.compared_on),
            maybe(&price.changed_by),
            csv_text(&list.price_version),
        ]);
        row
    });
    lines(&header.concat(), rows)
}

/// A row per price that came into force, was rejected or waits.
pub(crate) fn price_history_csv(decided: &PriceDecisions) -> String {
    let names =
        |when: &str| PricedKind::NAMES.iter().map(|kind| format!("{when}_{kind}")).collect::<Vec<_>>();
    let (old, new) = (names("old"), names("new"));
    let mut header = vec![
        "entry",
        "state",
        "price_version",
        "old_version",
        "from",
        "waits_since",
        "decided_at",
        "source",
        "verified",
        "percent",
        "by",
        "reason",
        "waits",
    ];
    header.extend(old.iter().map(String::as_str).chain(["old_units"]));
    header.extend(new.iter().map(String::as_str).chain(["new_units"]));
    let rows = decided.entries.iter().flat_map(|entry| {
        let changes = entry.changes.iter().map(|change| {
            let mut row = vec![
                csv_text(&entry.entry),
                "in_force".to_owned(),
                csv_text(&change.price_version),
                maybe(&change.old_version),
                change.from.clone(),
                String::new(),
                change.recorded_at.clone(),
                csv_text(&change.source),
                change.verified.to_string(),
                percent(change.percent),
                maybe(&change.approved_by),
                maybe(&change.reason),
                String::new(),
            ];
            row.extend(amounts(change.old.as_ref()));
            row.extend(amounts(Some(&change.new)));
            row
        });
        let rejected = entry.rejected.iter().map(|rejected| {
            let (by, reason) = (csv_text(&rejected.by), maybe(&rejected.reason));
            let decision = ["rejected", &rejected.at, &by, &reason];
            proposal(&entry.entry, &rejected.price_version, rejected.proposed.as_ref(), decision)
        });
        let waiting = entry.waiting.iter().map(|waiting| {
            proposal(&entry.entry, &waiting.price_version, Some(waiting), ["waiting", "", "", ""])
        });
        changes.chain(rejected).chain(waiting).collect::<Vec<_>>()
    });
    lines(&header, rows)
}

/// What was proposed; the decision is its state, when, by whom and why.
fn proposal(
    entry: &str,
    version: &str,
    proposed: Option<&PriceWaiting>,
    [state, at, by, reason]: [&str; 4],
) -> Vec<String> {
    let of = |field: fn(&PriceWaiting) -> String| proposed.map(field).unwrap_or_default();
    let mut row = vec![
        csv_text(entry),
        state.to_owned(),
        csv_text(version),
        of(|proposed| maybe(&proposed.old_version)),
        String::new(),
        of(|proposed| proposed.since.clone()),
        at.to_owned(),
        of(|proposed| csv_text(&proposed.source)),
        of(|proposed| proposed.verified.to_string()),
        of(|proposed| percent(proposed.percent)),
        by.to_owned(),
        reason.to_owned(),
        of(|proposed| proposed.waits.join(" ")),
    ];
    row.extend(amounts(proposed.and_then(|proposed| proposed.old.as_ref())));
    row.extend(amounts(proposed.map(|proposed| &proposed.new)));
    row
}

/// A change from nothing is no percentage.
fn percent(percent: Option<u32>) -> String {
    percent.filter(|percent| *percent < u32::MAX).map(|percent| percent.to_string()).unwrap_or_default()
}

fn amounts(amounts: Option<&PriceAmounts>) -> Vec<String> {
    let none = PriceAmounts::default();
    let amounts = amounts.unwrap_or(&none);
    tokens(&amounts.usd_per_token).chain([units(&amounts.usd_per_unit)]).collect()
}

/// US dollars a million tokens of each kind.
fn tokens(usd_per_token: &BTreeMap<String, String>) -> impl Iterator<Item = String> {
    let of = |kind: &&str| usd_per_token.get(*kind).map(|usd| per_million(usd)).unwrap_or_default();
    PricedKind::NAMES.iter().map(of)
}

/// US dollars for one of each other unit: `output_images=0.04 pages=0.001`.
fn units(usd_per_unit: &BTreeMap<String, String>) -> String {
    let pairs: Vec<String> = usd_per_unit.iter().map(|(unit, usd)| format!("{unit}={usd}")).collect();
    csv_text(&pairs.join(" "))
}

/// A row per day and model, with a column for what differences come from: the parts and what is unexplained add up to
/// the difference.
pub(crate) fn bill_comparison_csv(comparison: &BillComparison) -> String {
    let header = [
        &[
            "day",
            "model",
            "billed_usd",
            "ledger_usd",
            "difference_usd",
            "difference_percent",
            "billed_tokens",
            "ledger_tokens",
            "unpriced_tokens",
            "unpriced_units",
        ],
        BillReason::NAMES,
        &["unexplained_usd", "time_zone", "known_on", "as_of", "names"],
    ];
    let rows = comparison.rows.iter().map(|row| {
        let amounts = &row.amounts;
        let mut fields = vec![
            row.day.clone(),
            csv_text(&row.model),
            amounts.billed_usd.clone(),
            amounts.ledger_usd.clone(),
            amounts.difference_usd.clone(),
            amounts.difference_percent.clone().unwrap_or_default(),
            amounts.billed_tokens.map(|tokens| tokens.to_string()).unwrap_or_default(),
            amounts.ledger_tokens.to_string(),
            amounts.unpriced_tokens.to_string(),
            csv_text(&in_pairs(&amounts.unpriced_units)),
        ];
        fields.extend(BillReason::NAMES.iter().map(|reason| {
            // Usage may have moved to both days beside it.
            let parts = row.explained.iter().filter(|part| part.reason.as_str() == *reason);
            let amounts = parts.filter_map(|part| part.amount_usd.parse::<Usd>().ok());
            let sum = amounts.reduce(Usd::saturating_add);
            sum.map(|sum| sum.to_string()).unwrap_or_default()
        }));
        fields.extend([
            amounts.unexplained_usd.clone(),
            csv_text(&comparison.time_zone),
            maybe(&comparison.known_on),
            csv_text(&comparison.as_of),
            csv_text(&row.names.join(" ")),
        ]);
        fields
    });
    lines(&header.concat(), rows)
}

/// A row per alert, the latest first.
pub(crate) fn alerts_csv(list: &AlertList) -> String {
    let header = [
        "id",
        "raised_at",
        "severity",
        "rule",
        "tenant",
        "task",
        "scope",
        "level",
        "generation",
        "state",
        "message",
        "acknowledged_by",
        "acknowledged_at",
        "note",
        "resolved_at",
        "resolution",
    ];
    let rows = list.alerts.iter().map(|alert| {
        vec![
            csv_text(&alert.id),
            alert.raised_at.clone(),
            alert.severity.to_string(),
            csv_text(&alert.rule),
            csv_text(&alert.tenant),
            csv_text(&alert.task),
            csv_text(&alert.scope),
            alert.level.to_string(),
            alert.generation.to_string(),
            alert.state.to_string(),
            csv_text(&alert.message),
            maybe(&alert.acknowledged_by),
            maybe(&alert.acknowledged_at),
            maybe(&alert.note),
            maybe(&alert.resolved_at),
            maybe(&alert.resolution),
        ]
    });
    lines(&header, rows)
}
