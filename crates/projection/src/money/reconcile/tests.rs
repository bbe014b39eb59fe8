//! given | then tables for the comparison of bills.

use std::collections::BTreeMap;

use tollgate_domain::price::PricedKind;
use tollgate_domain::zone::{Calendar, Grain, Zone};

use super::*;
use crate::money::MoneyLines;
use crate::reports::{CellKey, ReportRow, Reports, Span, key_from};
use crate::testing::{folded, story};

/// Compares the usage of a story, which begins at 2026-11-21T08:30 in UTC, with lines of a bill:
/// `day model amount tokens`, the day as that of November.
fn compare(given: &str, bill: &str) -> (Vec<BillComparisonRow>, ComparedAmounts) {
    let rows: BTreeMap<Vec<u8>, ReportRow> = folded(&Reports, &story(given).events);
    let mut calendar = Calendar::new(Zone::utc(), Grain::Day);
    let mut lines = MoneyLines::by(RECONCILED_BY.to_vec());
    let scan = Span::default().quarter_cells();
    for (key, row) in rows.range(key_from(scan.rows, scan.from)..key_from(scan.rows, scan.to)) {
        let ReportRow::Cell(cell) = row else { panic!("a cell has a cell's key: {row:?}") };
        lines.add(Some(&mut calendar), &Zone::utc(), &CellKey::read(key).expect("a key"), cell);
    }
    let mut all = Reconciliation::default();
    lines.iter().for_each(|line| all.usage(&line, &line.value(&LineDimension::Model).to_lowercase()));
    (20..=24).for_each(|day| all.cover(format!("2026-11-{day}").parse().expect("a day")));
    for line in bill.split(',').map(str::trim).filter(|line| !line.is_empty()) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let day = format!("2026-11-{}", words[0]).parse().expect("a day");
        let tokens = words.get(3).map(|tokens| tokens.parse().expect("a number"));
        let line =
            BillLine { model: words[1].to_owned(), tokens, amount: words[2].parse().expect("an amount") };
        all.bill(day, &line, &line.model.to_lowercase());
    }
    all.compare(|model| {
        let rate = "0.001".parse().ok().filter(|_| model == "m");
        Some(KindRates { provider: None, rates: [(PricedKind::Input, rate); 6], units: Vec::new() })
    })
}

/// One line per case: `steps | bill | rows as day model difference [reason=amount …] rest`.
#[test]
fn a_difference_is_explained_as_far_as_it_is_known() {
    for line in "
                                                       |                    |
        use - model=m in=5 usd=0.005                   | 21 m 0.005 5       | 21 m 0 rest=0
        use - model=m in=5 usd=0.005                   | 21 m 0.005, 21 m 0.001 | 21 m 0.001 rest=0.001
        use - model=m in=5 usd=0.005                   | 21 m 0.006 5       | 21 m 0.001 rate=0.001 rest=0
        use - model=m in=5 usd=0.005                   | 21 m 0.006 6       | 21 m 0.001 rest=0.001
        use - model=m in=5 usd=0.005                   |                    | 21 m -0.005 not_billed=-0.005 rest=0
                                                       | 21 x 0.5 9         | 21 x 0.5 not_in_ledger=0.5 rest=0
        use - model=m in=5                             | 21 m 0.005 5       | 21 m 0.005 unpriced=0.005 rest=0
        use - model=x in=5                             | 21 x 0.005 5       | 21 x 0.005 unpriced=0.005 rest=0
        use - model=m in=5                             | 21 m 0.006 5       | 21 m 0.006 unpriced=0.005 rate=0.001 rest=0
        use - model=x output_images=3                  | 21 x 0.12          | 21 x 0.12 unpriced=0.12 rest=0
        use - model=x output_images=3 usd=0.1          | 21 x 0.12          | 21 x 0.02 rest=0.02
        use - model=x in=5                             | 21 x 0.005 6       | 21 x 0.005 rest=0.005
        use - model=m in=5 usd=0.005, +16h, use - model=m in=2 usd=0.002 | 21 m 0.007 7, 22 m 0 0 | 21 m 0.002 neighbouring_day=0.002 rest=0; 22 m -0.002 neighbouring_day=-0.002 rest=0
        use - model=m in=5 usd=0.005, +16h, use - model=m in=2 usd=0.002 | 21 m 0.007 5, 22 m 0 2 | 21 m 0.002 rate=0.002 rest=0; 22 m -0.002 rate=-0.002 rest=0
        use - model=m in=5 usd=0.005, +16h, use - model=m in=2 usd=0.002 | 21 m 0.006, 22 m 0.0005 | 21 m 0.001 neighbouring_day=0.001 rest=0; 22 m -0.0015 neighbouring_day=-0.001 rest=-0.0005
        use - model=m in=5 usd=0.005, +24h, adjust - model=m in=-1 usd=-0.001 of=2026-11-21T08:30:00Z | 21 m 0.004 4 | 21 m -0.001 correction=-0.001 rest=0; 22 m 0.001 correction=0.001 rest=0
        use - model=m in=5 usd=0.005, +240h, adjust - model=m in=-1 usd=-0.001 of=2026-11-21T08:30:00Z | 21 m 0.004 4 | 21 m -0.001 correction=-0.001 rest=0
        use - model=m in=5 usd=0.005, adjust - model=m in=-1 usd=-0.001 of=2026-11-21T08:30:00Z | 21 m 0.004 4 | 21 m 0 rest=0
        use - model=m in=5 usd=0.005, +24h, adjust - model=m in=-1 usd=-0.001 of=2026-11-21T08:30:00Z | 21 m 0.005 5, 22 m -0.001 | 21 m 0 rest=0; 22 m 0 rest=0
        use - model=m in=5                             | 21 m 0 5           | 21 m 0 rest=0
        use - model=m in=5, +24h, reprice - model=m in=5 usd=0.005 of=2026-11-21T08:30:00Z | 21 m 0.005 5 | 21 m 0.005 correction=0.005 rest=0; 22 m -0.005 correction=-0.005 rest=0
        use - model=m in=5, use - model=m in=5, +24h, reprice - model=m in=5 usd=0.005 of=2026-11-21T08:30:00Z | 21 m 0.01 10 | 21 m 0.01 correction=0.005 unpriced=0.005 rest=0; 22 m -0.005 correction=-0.005 rest=0
        use - model=m in=5, +1h, reprice - model=m in=5 usd=0.005 of=2026-11-21T08:30:00Z | 21 m 0.006 5 | 21 m 0.001 rate=0.001 rest=0
        use - model=m in=5 usd=0.005, +24h, reprice - model=m in=5 usd=0.004 was=0.005 of=2026-11-21T08:30:00Z | 21 m 0.004 5 | 21 m -0.001 correction=-0.001 rest=0; 22 m 0.001 correction=0.001 rest=0
        use - model=m in=5, +24h, adjust - model=m in=-2 of=2026-11-21T08:30:00Z | 21 m 0.003 3 | 21 m 0.003 unpriced=0.003 rest=0; 22 m 0 rest=0
        use - model=m in=5, +24h, adjust - model=m in=2 of=2026-11-21T08:30:00Z | 21 m 0.007 7 | 21 m 0.007 unpriced=0.007 rest=0; 22 m 0 rest=0
        use - model=x output_images=3, +24h, reprice - model=x output_images=3 usd=0.12 of=2026-11-21T08:30:00Z | 21 x 0.12 | 21 x 0.12 correction=0.12 rest=0; 22 x -0.12 correction=-0.12 rest=0
        use - model=x output_images=3, use - model=x output_images=2 usd=0.08, +24h, reprice - model=x output_images=3 usd=0.12 of=2026-11-21T08:30:00Z, adjust - model=x output_images=1 usd=0.04 of=2026-11-21T08:30:00Z | 21 x 0.24 | 21 x 0.16 correction=0.16 rest=0; 22 x -0.16 correction=-0.16 rest=0
        use - model=m in=5, +24h, use - model=m in=7, reprice - model=m in=5 usd=0.005 of=2026-11-21T08:30:00Z, adjust - model=m in=1 usd=0.001 of=2026-11-21T08:30:00Z | 21 m 0.006 6, 22 m 0.007 7 | 21 m 0.006 correction=0.006 rest=0; 22 m 0.001 correction=-0.006 unpriced=0.007 rest=0
        +240h, use - model=m in=5 usd=0.005            | 21 m 0.004 4       | 21 m 0.004 not_in_ledger=0.004 rest=0
    ".lines().map(str::trim).filter(|line| !line.is_empty()) {
        let [given, bill, then]: [&str; 3] =
            line.split('|').map(str::trim).collect::<Vec<_>>().try_into().expect("3 columns");
        let (rows, total) = compare(given, bill);
        let mut sum = Usd::ZERO;
        let shown = rows.iter().map(|row| {
            let parts: String = row.explained.iter().map(|part| format!("{}={} ", part.reason, part.amount_usd)).collect();
            let amounts = &row.amounts;
            let all = row.explained.iter().map(|part| &part.amount_usd).chain([&amounts.unexplained_usd]);
            let all = all.fold(Usd::ZERO, |sum, part| sum.saturating_add(part.parse().expect("an amount")));
            assert_eq!(all.to_string(), amounts.difference_usd, "the parts are the whole: {line}");
            sum = sum.saturating_add(all);
            format!("{} {} {} {parts}rest={}", &row.day[8..], row.model, amounts.difference_usd, amounts.unexplained_usd)
        }).collect::<Vec<_>>().join("; ");
        assert_eq!(shown, then, "{line}");
        assert_eq!(total.difference_usd, sum.to_string(), "{line}");
    }
}

/// One line per case: `steps | bill | rows as day model names difference rest`.
#[test]
fn names_of_one_model_are_one_row() {
    for line in "
        use - model=m in=5 usd=0.005           | 21 M 0.005 5               | 21 m M,m 0 rest=0
        use - model=m in=5 usd=0.005           | 21 m-2026-08-07 0.005 5    | 21 m m,m-2026-08-07 0 rest=0
        use - model=m-2026-08-07 in=5 usd=0.005 | 21 m 0.006 5              | 21 m-2026-08-07 m,m-2026-08-07 0.001 rest=0
        use - model=m in=5 usd=0.005           | 21 m 0.002 2, 21 m-2026-08-07 0.003 3 | 21 m m,m-2026-08-07 0 rest=0
        use - model=m in=5 usd=0.005, use - model=m-20260807 in=2 usd=0.002 | 21 m 0.005 5, 21 m-20260807 0.003 2 | 21 m m 0 rest=0; 21 m-20260807 m-20260807 0.001 rest=0
        use - model=m-20260807 in=5 usd=0.005, use - model=m-20260901 in=2 usd=0.002 | 21 m 0.007 7 | 21 m m,m-20260807,m-20260901 0 rest=0
        use - model=m-20260807 in=5 usd=0.005, use - model=m-20260901 in=2 usd=0.002 |  | 21 m-20260807 m-20260807 -0.005 rest=0; 21 m-20260901 m-20260901 -0.002 rest=0
    ".lines().map(str::trim).filter(|line| !line.is_empty()) {
        let [given, bill, then]: [&str; 3] =
            line.split('|').map(str::trim).collect::<Vec<_>>().try_into().expect("3 columns");
        let (rows, _) = compare(given, bill);
        let shown = rows.iter().map(|row| {
            let mut names: Vec<&str> = row.names.iter().map(String::as_str).chain([row.model.as_str()]).collect();
            names.sort_unstable();
            let BillComparisonRow { day, model, amounts, .. } = row;
            format!("{} {model} {} {} rest={}", &day[8..], names.join(","), amounts.difference_usd, amounts.unexplained_usd)
        }).collect::<Vec<_>>().join("; ");
        assert_eq!(shown, then, "{line}");
    }
}

#[test]
fn percents_are_exact() {
    let usd = |text: &str| text.parse::<Usd>().expect("an amount");
    for (part, whole, expected) in [
        ("1", "3", Some("33.33")),
        ("-1", "3", Some("-33.33")),
        ("1", "-4", Some("25.00")),
        ("0", "3", Some("0.00")),
        ("0.00001", "3", Some("0.00")),
        ("1", "0", None),
    ] {
        assert_eq!(percent(usd(part), usd(whole)).as_deref(), expected, "{part} of {whole}");
    }
}
