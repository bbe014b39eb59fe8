//! What is billed besides plain tokens.

use super::*;
use crate::units::{Unit, UnitCounts, UnitSums};

const BOOK: &str = r#"{
    "painter": {"litellm_provider": "openai", "mode": "image_generation", "output_cost_per_image": 0.04},
    "sizes": {"mode": "image_generation", "output_cost_per_image": 0.04, "output_cost_per_image_premium_image": 0.08},
    "whisper": {"mode": "audio_transcription", "input_cost_per_second": 0.0001, "output_cost_per_second": 0.0},
    "speaker": {"mode": "audio_speech", "input_cost_per_character": 0.000015},
    "reader": {"mode": "ocr", "ocr_cost_per_page": 0.001, "annotation_cost_per_page": 0.003},
    "ranker": {"mode": "rerank", "input_cost_per_query": 0.002, "input_cost_per_token": 0.0, "output_cost_per_token": 0.0},
    "finder": {"input_cost_per_token": 0.000001, "output_cost_per_token": 0.000001, "input_cost_per_request": 0.005},
    "listener": {"input_cost_per_token": 0.0000025, "output_cost_per_token": 0.00001, "input_cost_per_audio_token": 0.0001,
        "output_cost_per_audio_token": 0.0002, "input_cost_per_token_flex": 0.000001, "output_cost_per_token_flex": 0.00001},
    "viewer": {"input_cost_per_token": 0.000001, "output_cost_per_token": 0.000001, "input_cost_per_video_per_second": 0.002,
        "input_cost_per_video_per_second_above_128k_tokens": 0.004, "input_cost_per_second": 0.001},
    "ranged": {"tiered_pricing": [{"range": [0, 1000], "input_cost_per_token": 0.000001, "input_cost_per_image": 0.01}],
        "input_cost_per_image": 0.02},
    "bad": {"input_cost_per_token": 0.000001, "output_cost_per_image": -1, "input_cost_per_image": 25, "ocr_cost_per_page": 0.01},
    "given-away": {"output_cost_per_image": 0.0, "price_confirmed": true},
    "nothing": {"output_cost_per_image_1024": 0.04, "mode": "image_generation"}
}"#;

fn book() -> (PriceBook, Notes) {
    PriceBook::from_litellm(BOOK, "units").unwrap()
}

fn counts(text: &str) -> UnitCounts {
    text.replace(' ', ",").parse().unwrap()
}

/// `model tier | input output | units | cost`.
#[test]
fn a_call_costs_what_all_of_it_costs() {
    let (book, _) = book();
    let table = "
        painter    -    | 0 0     | output_images=3                | 0.12
        painter    -    | 0 0     |                                | unpriced
        painter    -    | 10 0    | output_images=3                | unpriced
        painter    -    | 0 0     | output_images=3 pages=1        | unpriced
        painter    flex | 0 0     | output_images=3                | unpriced
        sizes      -    | 0 0     | output_images=1                | unpriced
        whisper    -    | 0 0     | input_ms=12500                 | 0.00125
        whisper    -    | 0 0     | input_audio_ms=12500           | 0.00125
        whisper    -    | 0 0     | output_ms=1                    | unpriced
        speaker    -    | 0 0     | input_characters=1000          | 0.015
        reader     -    | 0 0     | pages=10 annotated_pages=2     | 0.016
        ranker     -    | 0 0     | queries=1                      | 0.002
        ranker     -    | 500 0   | queries=1                      | 0.002
        ranker     -    | 500 0   |                                | unpriced
        finder     -    | 100 0   | input_audio_tokens=40          | unpriced
        finder     -    | 1000 0  |                                | 0.006
        finder     -    | 1000 0  | requests=3                     | 0.016
        finder     -    | 0 0     |                                | 0
        listener   -    | 100 50  |                                | 0.00075
        listener   -    | 100 50  | input_audio_tokens=40          | 0.00465
        listener   -    | 100 50  | output_audio_tokens=50         | 0.01025
        listener   -    | 100 50  | input_image_tokens=40          | 0.00075
        listener   flex | 100 0   |                                | 0.0001
        listener   flex | 100 0   | input_audio_tokens=40          | unpriced
        viewer     -    | 100 0   | input_video_ms=1000            | unpriced
        viewer     -    | 100 0   | input_audio_ms=1000            | 0.0011
        ranged     -    | 100 0   | input_images=1                 | unpriced
        ranged     -    | 100 0   |                                | 0.0001
        bad        -    | 100 0   |                                | 0.0001
        bad        -    | 100 0   | pages=1                        | 0.0101
        bad        -    | 100 0   | output_images=1                | unpriced
        bad        -    | 100 0   | input_images=1                 | unpriced
        given-away -    | 0 0     | output_images=1                | 0
        nothing    -    | 0 0     | output_images=1                | unpriced
        nobody     -    | 0 0     | output_images=1                | unpriced
    ";
    for line in table.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let [of, tokens, units, expected] =
            line.split('|').map(str::trim).collect::<Vec<_>>().try_into().unwrap();
        let (model, tier) = of.split_once(' ').unwrap();
        let tier = Some(tier.trim()).filter(|tier| *tier != "-");
        let (input, output) = tokens.split_once(' ').unwrap();
        let tokens = TokenCounts {
            input_uncached: input.parse().unwrap(),
            output: output.trim().parse().unwrap(),
            ..TokenCounts::default()
        };
        let units = counts(units);
        let used = Used { tokens: &tokens, units: &units };
        let call = Call { service_tier: tier, ..call("", model) };
        let got = match book.cost(call, used) {
            Cost::Priced { usd, .. } => usd.to_string(),
            Cost::Unpriced => "unpriced".to_owned(),
        };
        assert_eq!(got, expected, "{line}");
        if let Ok(quote) = book.quote(call, used) {
            let quoted = quote.usd.map_or_else(|| "unpriced".to_owned(), |usd| usd.to_string());
            assert_eq!(quoted, expected, "the quote of {line}");
        }
    }
}

#[test]
fn a_unit_that_cannot_be_priced_leaves_the_rest_of_its_entry() {
    let (book, notes) = book();
    let left_out: Vec<String> = notes.left_out.iter().map(ToString::to_string).collect();
    assert_eq!(
        left_out,
        [
            "price of `bad`: input_cost_per_image `25`: is more than 10 USD for one; a price book takes it as it is \
             with `\"price_confirmed\": true` in the entry; its calls that report input_images stay unpriced",
            "price of `bad`: output_cost_per_image `-1`: must not be negative; its calls that report output_images stay unpriced",
        ]
    );
    let others: Vec<&str> = notes.other_units.iter().map(|other| other.model.as_str()).collect();
    assert_eq!((others, book.len()), (vec!["nothing", "sizes"], 11));
}

#[test]
fn a_correction_of_units_gives_back_what_they_cost() {
    let (book, _) = book();
    let none = TokenCounts::default();
    for (model, before, change, usd) in [
        ("painter", "output_images=3", vec![(Unit::OutputImages, -1)], Some("-0.04")),
        ("painter", "output_images=3", vec![(Unit::OutputImages, -3)], Some("-0.12")),
        ("painter", "output_images=3", vec![(Unit::OutputImages, -5)], Some("-0.12")),
        ("painter", "output_images=3", vec![(Unit::Pages, 1)], None),
        ("whisper", "input_ms=1500", vec![(Unit::InputMs, 500)], Some("0.00005")),
    ] {
        let units = counts(before);
        let change = UsedChange { units: UnitSums::from_pairs(change), ..UsedChange::default() };
        let used = Used { tokens: &none, units: &units };
        let got = match book.adjustment_cost(call("", model), used, &change) {
            Cost::Priced { usd, .. } => Some(usd.to_string()),
            Cost::Unpriced => None,
        };
        assert_eq!(got.as_deref(), usd, "{model} {before} {change:?}");
    }
    let back = UsedChange { units: UnitSums::from_pairs([(Unit::OutputImages, 2)]), ..UsedChange::default() };
    let nothing = Used { tokens: &none, units: &UnitCounts::NONE };
    let Cost::Priced { usd, .. } = book.adjustment_cost(call("", "painter"), nothing, &back) else {
        panic!("nothing was left, and it costs nothing");
    };
    assert_eq!(usd.to_string(), "0.08");
    let tokens = TokenCounts { input_uncached: 1000, ..TokenCounts::default() };
    let all = UsedChange {
        tokens: TokenSums { input_uncached: -1000, ..TokenSums::default() },
        ..UsedChange::default()
    };
    let Cost::Priced { usd, .. } = book.adjustment_cost(call("", "finder"), (&tokens).into(), &all) else {
        panic!("priced");
    };
    assert_eq!(usd.to_string(), "-0.006", "the price of the request comes back with it");
}

#[test]
fn what_units_without_a_price_cost_at_most_is_that_of_their_family_or_of_the_book() {
    let (book, _) = book();
    let units = |unit, count| UnitSums::from_pairs([(unit, count)]);
    for (model, units, usd) in [
        ("painter-2", units(Unit::OutputImages, 2), "0.08"),
        ("unheard", units(Unit::OutputImages, 2), "0.08"),
        ("unheard", units(Unit::InputMs, 1500), "0.0015"),
        ("unheard", units(Unit::InputAudioMs, 1500), "0.0015"),
        ("unheard", units(Unit::OutputImages, -2), "0"),
    ] {
        let most = book.unit_exposure(model, &units, call("", "").at);
        assert_eq!(most.to_string(), usd, "{model} {units}");
    }
    let mut both = units(Unit::OutputImages, 2);
    both.add(&units(Unit::OutputPixels, 1));
    for units in [units(Unit::OutputPixels, 1), both] {
        assert_eq!(book.unit_exposure("painter-2", &units, call("", "").at), Usd::MAX, "{units}");
    }
}
