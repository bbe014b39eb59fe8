//! Bills on screen.

use std::collections::BTreeMap;
use std::fmt::Write;

use tollgate_domain::printable::printable;
use tollgate_domain::units::in_words;
use tollgate_wire::api::{BillComparison, BillResponse, ComparedAmounts};

use super::{counted, grouped, grouped_u64, table};

/// What was recorded of a bill.
pub(crate) fn bill_recorded(provider: &str, bill: &BillResponse) -> String {
    let days = counted(bill.recorded_days, "day");
    let known = match bill.known_days {
        0 => String::new(),
        known => format!(", {} recorded before", counted(known, "day")),
    };
    if bill.repeated {
        return format!(
            "{provider}: recorded before under this key, nothing changed; {} to {}, {} USD\n",
            bill.from, bill.to, bill.amount_usd
        );
    }
    format!("{provider}: {days} recorded{known}; {} to {}, {} USD\n", bill.from, bill.to, bill.amount_usd)
}

/// Bills beside the ledger, with what differences come from.
pub(crate) fn bill_comparison(comparison: &BillComparison) -> String {
    let title = format!("day, {}", comparison.time_zone);
    let header = [
        title.as_str(),
        "model",
        "billed",
        "ledger",
        "difference",
        "%",
        "tokens billed",
        "ledger",
        "unexplained",
    ];
    let row = |day: &str, model: &str, amounts: &ComparedAmounts| {
        let tokens = amounts.billed_tokens.map_or_else(|| "-".to_owned(), grouped_u64);
        vec![
            day.to_owned(),
            model.to_owned(),
            amounts.billed_usd.clone(),
            amounts.ledger_usd.clone(),
            amounts.difference_usd.clone(),
            amounts.difference_percent.clone().unwrap_or_else(|| "-".to_owned()),
            tokens,
            grouped(amounts.ledger_tokens),
            amounts.unexplained_usd.clone(),
        ]
    };
    let mut rows: Vec<Vec<String>> =
        comparison.rows.iter().map(|it| row(&it.day, &it.model, &it.amounts)).collect();
    rows.push(row("total", "", &comparison.total));
    let mut text = table(&header, &[2, 3, 4, 5, 6, 7, 8], rows);
    let named: BTreeMap<&str, &[String]> =
        comparison.rows.iter().map(|row| (row.model.as_str(), row.names.as_slice())).collect();
    for (model, names) in named.into_iter().filter(|(_, names)| !names.is_empty()) {
        // Writing to a String cannot fail, here and below.
        let _ = writeln!(text, "{}: also named {}", printable(model), printable(&names.join(", ")));
    }
    for row in &comparison.rows {
        for part in &row.explained {
            let _ = writeln!(text, "{} {}: {} USD: {}", row.day, row.model, part.amount_usd, part.note);
        }
        if row.amounts.unpriced_tokens != 0 {
            let tokens = grouped(row.amounts.unpriced_tokens);
            let _ = writeln!(text, "{} {}: {tokens} tokens in the ledger have no price", row.day, row.model);
        }
        if !row.amounts.unpriced_units.is_empty() {
            let units = in_words(&row.amounts.unpriced_units);
            let _ = writeln!(text, "{} {}: {units} in the ledger have no price", row.day, row.model);
        }
    }
    if comparison.days_without_bill > 0 {
        let days = counted(comparison.days_without_bill, "day");
        let _ = writeln!(text, "{days} without a bill: not compared");
    }
    if let Some(day) = &comparison.known_on {
        let _ = writeln!(text, "as known on {day}: what was recorded later is left out");
    }
    text
}
