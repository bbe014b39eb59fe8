//! given | then tables for exports, and the sums of their rows.

use std::collections::BTreeMap;

use proptest::prelude::*;
use tollgate_domain::money::Usd;
use tollgate_domain::price::PricedKind;
use tollgate_domain::units::Unit;
use tollgate_domain::zone::{Calendar, Grain, Zone};

use super::*;
use crate::reports::{Cell, CellKey, ReportRow, Reports, Span, key_from};
use crate::testing::{Stored, events, folded, story};

fn lines(events: &[Stored], by: Option<Grain>, zone: &str, dimensions: &[LineDimension]) -> MoneyLines {
    let zone: Zone = zone.parse().expect("a zone");
    let rows = folded(&Reports, events);
    let mut calendar = by.map(|by| Calendar::new(zone.clone(), by));
    let mut lines = MoneyLines::by(dimensions.to_vec());
    let scan = Span::default().quarter_cells();
    for (key, row) in rows.range(key_from(scan.rows, scan.from)..key_from(scan.rows, scan.to)) {
        let ReportRow::Cell(cell) = row else { panic!("a cell has a cell's key: {row:?}") };
        lines.add(calendar.as_mut(), &zone, &CellKey::read(key).expect("a key"), cell);
    }
    lines
}

/// 0.001 USD for a token of input, 0.0001 from a cache, 0.005 of output.
fn rates() -> KindRates {
    let rate = |text: &str| Some(text.parse::<Usd>().expect("an amount"));
    KindRates {
        provider: Some("anthropic".to_owned()),
        rates: [
            (PricedKind::Input, rate("0.001")),
            (PricedKind::CachedInput, rate("0.0001")),
            (PricedKind::CacheWrite, None),
            (PricedKind::CacheWrite1h, None),
            (PricedKind::Output, rate("0.005")),
            (PricedKind::Reasoning, rate("0.005")),
        ],
        units: [
            (Unit::OutputImages, "0.04"),
            (Unit::InputAudioMs, "0.006"),
            (Unit::InputAudioTokens, "0.01"),
        ]
        .map(|(unit, text)| (unit, text.parse().expect("an amount")))
        .to_vec(),
    }
}

fn options(zone: &str) -> FocusOptions {
    FocusOptions {
        zone: zone.parse().expect("a zone"),
        billing_account: "acme".to_owned(),
        tags: vec![LineDimension::Labels, LineDimension::Importance],
    }
}

fn focus(events: &[Stored], zone: &str, rates: Option<&KindRates>) -> Vec<FocusRow> {
    let dimensions: Vec<LineDimension> = FOCUS_DIMENSIONS.into_iter().chain(options(zone).tags).collect();
    let lines = lines(events, Some(Grain::Day), zone, &dimensions);
    lines.iter().flat_map(|line| focus_rows(&line, rates, &options(zone))).collect()
}

fn named<'a>(row: &'a FocusRow, column: &str) -> &'a str {
    let at = FOCUS_COLUMNS.iter().position(|name| *name == column).expect("a column");
    &row[at]
}

/// One line per case: `steps | zone | the rows`, each row as the fields named in `COLUMNS`, separated by `;`.
#[test]
fn a_row_is_a_kind_of_tokens_where_the_prices_prove_it() {
    const COLUMNS: [&str; 5] =
        ["x_TokenKind", "ConsumedQuantity", "ListUnitPrice", "BilledCost", "x_UsageDay"];
    for line in "
                                                   | UTC           |
        use - model=m in=2 out=1 usd=0.007         | UTC           | input_uncached 2.0 1000.00 0.002 2026-11-21; output 1.0 5000.00 0.005 2026-11-21
        use - model=m in=2 cached=5 out=4 think=3 usd=0.0225 | UTC | input_uncached 2.0 1000.00 0.002 2026-11-21; cached_input 5.0 100.00 0.0005 2026-11-21; output 1.0 5000.00 0.005 2026-11-21; reasoning 3.0 5000.00 0.015 2026-11-21
        use - model=m in=2 out=1 usd=0.0071        | UTC           | tokens 3.0 - 0.0071 2026-11-21
        use - model=m write=2 usd=0.002            | UTC           | tokens 2.0 - 0.002 2026-11-21
        use - model=m in=2                         | UTC           | tokens 2.0 - 0.00 2026-11-21
        use - model=m in=2 usd=0.002, adjust - model=m in=-1 usd=-0.001 | UTC | input_uncached 1.0 1000.00 0.001 2026-11-21
        use - model=m in=2 usd=0.002, +16h, use - model=m in=3 usd=0.003 | UTC | input_uncached 2.0 1000.00 0.002 2026-11-21; input_uncached 3.0 1000.00 0.003 2026-11-22
        use - model=m in=2 usd=0.002, +14h, use - model=m in=3 usd=0.003 | Asia/Tokyo | input_uncached 2.0 1000.00 0.002 2026-11-21; input_uncached 3.0 1000.00 0.003 2026-11-22
        use - model=m in=1 usd=0.001, use - model=m in=1 | UTC     | tokens 1.0 - 0.00 2026-11-21; input_uncached 1.0 1000.00 0.001 2026-11-21
        use - model=m output_images=3 usd=0.12     | UTC           | output_images 3.0 0.04 0.12 2026-11-21
        use - model=m output_images=3              | UTC           | output_images 3.0 - 0.00 2026-11-21
        use - model=m output_images=3 pages=1 usd=0.2 | UTC        | output_images 3.0 - 0.20 2026-11-21; pages 1.0 - 0.00 2026-11-21
        use - model=m in=2 output_images=1 input_audio_ms=1500 usd=0.051 | UTC | input_uncached 2.0 1000.00 0.002 2026-11-21; output_images 1.0 0.04 0.04 2026-11-21; input_audio_ms 1.500 0.006 0.009 2026-11-21
        use - model=m in=9 input_audio_tokens=4 usd=0.045 | UTC    | input_uncached 5.0 1000.00 0.005 2026-11-21; input_audio_tokens 4.0 0.01 0.04 2026-11-21
        use - model=m in=9 input_audio_tokens=4 usd=0.1 | UTC      | tokens 9.0 - 0.10 2026-11-21
        use - model=m in=9 output_images=2 usd=0.1 | UTC           | tokens 9.0 - 0.10 2026-11-21; output_images 2.0 - 0.00 2026-11-21
        use - model=m output_images=3 usd=0.12, adjust - model=m output_images=-1 usd=-0.04 | UTC | output_images 2.0 0.04 0.08 2026-11-21
        use - model=m in=1 usd=0.001, use - model=m tier=flex in=1 usd=0.0005 | UTC | input_uncached 1.0 1000.00 0.001 2026-11-21; tokens 1.0 - 0.0005 2026-11-21
    ".lines().map(str::trim).filter(|line| !line.is_empty()) {
        let [given, zone, then]: [&str; 3] =
            line.split('|').map(str::trim).collect::<Vec<_>>().try_into().expect("3 columns");
        let shown = focus(&story(given).events, zone, Some(&rates())).iter().map(|row| {
            let field = |column: &&str| if named(row, column).is_empty() { "-" } else { named(row, column) }.to_owned();
            COLUMNS.iter().map(field).collect::<Vec<_>>().join(" ")
        }).collect::<Vec<_>>().join("; ");
        assert_eq!(shown, then, "{line}");
    }
}

#[test]
fn a_correction_of_an_earlier_month_is_one_and_of_this_month_is_not() {
    let given = "use - model=m in=9 usd=0.009, \
                 adjust - model=m in=-1 usd=-0.001 of=2026-10-31T23:59:59Z, \
                 adjust - model=m in=-2 usd=-0.002 of=2026-11-01T00:00:00Z";
    let found = |zone: &str| {
        let row = |row: &FocusRow| {
            ["ChargeClass", "BilledCost", "x_CorrectedDay"].map(|name| named(row, name)).join(" ")
        };
        focus(&story(given).events, zone, Some(&rates())).iter().map(row).collect::<Vec<_>>()
    };
    assert_eq!(found("UTC"), [" 0.009 ", "Correction -0.001 2026-10-31", " -0.002 2026-11-01"]);
    assert_eq!(found("Asia/Tokyo"), [" 0.009 ", " -0.003 2026-11-01"], "that was November there");
}

#[test]
fn periods_are_times_in_utc() {
    for (zone, expected) in [
        ("UTC", "2026-11-21T00:00:00Z 2026-11-22T00:00:00Z 2026-11-01T00:00:00Z 2026-12-01T00:00:00Z"),
        (
            "Europe/Berlin",
            "2026-11-20T23:00:00Z 2026-11-21T23:00:00Z 2026-10-31T23:00:00Z 2026-11-30T23:00:00Z",
        ),
    ] {
        let rows = focus(&story("use - model=m in=1").events, zone, None);
        let columns = ["ChargePeriodStart", "ChargePeriodEnd", "BillingPeriodStart", "BillingPeriodEnd"];
        assert_eq!(columns.map(|column| named(&rows[0], column)).join(" "), expected, "{zone}");
    }
}

/// One line per case: `steps | the rows`, each as component, phase, tags, and what is said of it.
#[test]
fn labels_are_tags_and_only_what_had_no_price_is_said_to_have_one_since() {
    for line in r#"
        use SPEC/1 model=m in=1 usd=0.5 component=c label.team=a | c SPEC {"team":"a"} m by unknown: tokens of all kinds
        open, use - model=m in=1 usd=0.5 label.user=u label.team=a | - - {"team":"a","tollgate/importance":"medium","user":"u"} m by unknown: tokens of all kinds
        use - model=m in=2 usd=1, adjust - model=m in=-1 usd=-0.5 of=2026-11-20T08:00:00Z | - - - m by unknown: tokens of all kinds; - - - m by unknown: tokens of all kinds (correcting 2026-11-20)
        use - model=m in=2 | - - - m by unknown: tokens of all kinds (no price is known: the cost of 0 is none)
        use - model=m in=2, adjust - model=m in=-1 of=2026-11-21T08:00:00Z | - - - m by unknown: tokens of all kinds (no price is known: the cost of 0 is none); - - - m by unknown: tokens of all kinds (correcting 2026-11-21)
        use - model=m in=2, adjust - model=m in=-2 of=2026-11-21T08:00:00Z | - - - m by unknown: tokens of all kinds (priced or corrected since); - - - m by unknown: tokens of all kinds (correcting 2026-11-21)
        use - model=m in=2, +24h, reprice - model=m in=2 usd=1 of=2026-11-21T08:00:00Z | - - - m by unknown: tokens of all kinds (priced or corrected since); - - - m by unknown: tokens of all kinds (another price for 2026-11-21)
        use - model=m in=2 tier=flex, reprice - model=m in=2 usd=1 of=2026-11-21T08:00:00Z | - - - m by unknown: tokens of all kinds (no longer without a price); - - - m by unknown: tokens of all kinds (another price for 2026-11-21); - - - m by unknown: tokens of all kinds (no price is known: the cost of 0 is none)
    "#.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (given, then) = line.split_once(" | ").expect("2 columns");
        let shown = focus(&story(given).events, "UTC", None).iter().map(|row| {
            let columns = ["x_Component", "x_Phase", "Tags", "ChargeDescription"].map(|column| named(row, column));
            columns.map(|field| if field.is_empty() { "-" } else { field }).join(" ")
        }).collect::<Vec<_>>().join("; ");
        assert_eq!(shown, then, "{line}");
    }
}

/// What FOCUS 1.2 says about its mandatory columns, and those of the others that are here: which are never null,
/// numbers, times, and what is allowed. From the tables of the specification,
/// <https://focus.finops.org/focus-specification/v1-2/>.
#[test]
fn rows_keep_the_rules_of_the_specification() {
    let given = "use - model=m in=2 out=1 usd=0.007, use - model=m write=2 usd=0.002, use - in=3, \
                 open, start SPEC, use SPEC model=m tier=flex provider=p in=1 usd=0.5, \
                 adjust - model=m in=-1 usd=-0.001 of=2026-10-31T23:59:59Z";
    let rows = focus(&story(given).events, "UTC", Some(&rates()));
    assert!(rows.len() >= 4, "{rows:?}");
    for row in &rows {
        let field = |column: &str| named(row, column);
        for column in FOCUS_COLUMNS {
            let may_be_null = ["ChargeClass", "InvoiceId", "ListUnitPrice", "RegionId", "RegionName", "Tags"];
            let is_null = field(column).is_empty();
            assert!(
                !is_null || may_be_null.contains(&column) || column.starts_with("x_"),
                "{column}: {row:?}"
            );
        }
        for column in [
            "BilledCost",
            "EffectiveCost",
            "ListCost",
            "ContractedCost",
            "PricingQuantity",
            "ConsumedQuantity",
        ] {
            assert!(
                field(column).parse::<Usd>().is_ok() && !field(column).starts_with('+'),
                "{column}: {row:?}"
            );
        }
        for (start, end) in
            [("BillingPeriodStart", "BillingPeriodEnd"), ("ChargePeriodStart", "ChargePeriodEnd")]
        {
            let time = |column: &str| {
                assert!(field(column).len() == 20 && field(column).ends_with('Z'), "{column}: {row:?}");
                field(column).parse::<tollgate_domain::time::Timestamp>().expect("a time")
            };
            assert!(time(start) < time(end), "{row:?}");
        }
        for (column, allowed) in [
            ("ChargeCategory", &["Usage"][..]),
            ("ChargeClass", &["", "Correction"][..]),
            ("ChargeFrequency", &["Usage-Based"][..]),
            ("PricingCategory", &["Standard"][..]),
            ("ServiceCategory", &["AI and Machine Learning"][..]),
            ("ServiceSubcategory", &["Generative AI"][..]),
            ("BillingCurrency", &["USD"][..]),
        ] {
            assert!(allowed.contains(&field(column)), "{column}: {row:?}");
        }
        if let Ok(price) = field("ListUnitPrice").parse::<Usd>() {
            let tokens: i128 = field("ConsumedQuantity").trim_end_matches(".0").parse().expect("a number");
            let quantity: Usd = field("PricingQuantity").parse().expect("a number");
            assert_eq!(
                (quantity.units(), field("PricingUnit")),
                (tokens * 1_000_000_000_000, "1000000 Tokens")
            );
            let cost: Usd = field("ListCost").parse().expect("an amount");
            assert_eq!(price.checked_times(tokens), cost.checked_times(1_000_000), "{row:?}");
            assert!(price > Usd::ZERO);
        }
        for column in ["Tags", "SkuPriceDetails"] {
            let object: Result<BTreeMap<String, String>, _> = serde_json::from_str(field(column));
            assert!(field(column).is_empty() || object.is_ok(), "{column}: {row:?}");
        }
    }
    let names = FOCUS_COLUMNS.map(|column| (column.starts_with("x_"), column));
    assert!(names.is_sorted(), "in the order of names, those of FOCUS first");
}

#[test]
fn texts_are_quoted_and_left_as_they_are() {
    let csv = |given: &str| {
        let rows = focus(&story(given).events, "UTC", Some(&rates()));
        String::from_utf8(focus_csv(rows.iter(), true)).expect("text")
    };
    insta::assert_snapshot!("focus", csv("use SPEC model=m\"n\" in=2 out=1 usd=0.007, use - model=-m in=2"));
    assert_eq!(csv(""), format!("{}\r\n", FOCUS_COLUMNS.join(",")));
}

#[test]
fn an_export_has_the_dimensions_that_were_asked_for() {
    let events = story(
        "use - model=b in=2 usd=0.002 provider=p, +24h, open, start SPEC, use SPEC model=a out=1, use SPEC model==x in=1",
    )
    .events;
    let shown = |by, dimensions: &[LineDimension]| {
        let lines = lines(&events, by, "UTC", dimensions);
        export_csv(lines.iter(), Some(dimensions))
    };
    insta::assert_snapshot!(
        "export_by_day_and_model",
        shown(Some(Grain::Day), &[LineDimension::Model, LineDimension::Phase])
    );
    insta::assert_snapshot!("export_of_the_whole", shown(None, &[]));
}

proptest! {
    // Each case folds about 80 events.
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever rows are divided by: their costs and tokens are the ledger's, to the last digit.
    #[test]
    fn rows_add_up_to_the_ledger(events in events(), known in any::<bool>(), zone in 0..2_usize) {
        let zone = ["UTC", "Europe/Berlin"][zone];
        let whole = lines(&events, None, zone, &[]).total();
        let rows = focus(&events, zone, known.then(rates).as_ref());
        let sum = |column: &str| {
            rows.iter().map(|row| named(row, column).trim_end_matches(".0").parse::<i128>().unwrap()).sum::<i128>()
        };
        for column in ["BilledCost", "EffectiveCost", "ListCost", "ContractedCost"] {
            let costs = rows.iter().map(|row| named(row, column).parse::<Usd>().unwrap());
            prop_assert_eq!(costs.fold(Usd::ZERO, Usd::saturating_add), whole.cost);
        }
        let consumed = |unit: &str| {
            let rows = rows.iter().filter(|row| named(row, "ConsumedUnit") == unit);
            rows.map(|row| named(row, "ConsumedQuantity").trim_end_matches(".0").parse::<i128>().unwrap()).sum::<i128>()
        };
        prop_assert_eq!(consumed("Tokens"), whole.tokens.total());
        prop_assert_eq!(consumed("Images"), whole.units.used.get(Unit::OutputImages));
        prop_assert_eq!(sum("x_OutputTokens"), whole.tokens.output);
        prop_assert_eq!(sum("x_ReasoningTokens"), whole.tokens.reasoning);
        prop_assert_eq!(sum("x_CachedInputTokens"), whole.tokens.cached_input);
        prop_assert_eq!(sum("x_TollgateUnpricedTokens"), whole.unpriced_tokens);
        for dimension in LineDimension::named() {
            let exported = lines(&events, Some(Grain::Hour), zone, std::slice::from_ref(&dimension));
            prop_assert_eq!(exported.total(), whole.clone(), "{}", dimension);
        }
        // Lines from other processes arrive as JSON, and in parts.
        let mut parts = MoneyLines::default();
        let (one, other): (Vec<_>, Vec<_>) = events.iter().cloned().partition(|event| event.task.ends_with('1'));
        for part in [one, other] {
            let json = serde_json::to_string(&lines(&part, Some(Grain::Day), zone, &FOCUS_DIMENSIONS)).unwrap();
            parts.merge(serde_json::from_str(&json).unwrap());
        }
        prop_assert_eq!(parts, lines(&events, Some(Grain::Day), zone, &FOCUS_DIMENSIONS));
    }
}

#[test]
fn a_cell_without_tokens_is_no_row() {
    assert!(rates().divide(&Cell::default()).is_none());
}
