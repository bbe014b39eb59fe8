//! Events about prices: samples for golden vectors, and arbitrary ones.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use tollgate_domain::event::{
    Event, EventBody, PriceChanged, PriceDecided, PriceDisputed, PriceProposed, PriceSourceChecked,
    PriceUpdateBegun, UsageRepriced, WaitReason,
};
use tollgate_domain::money::Usd;
use tollgate_domain::units::{Unit, UnitCounts, UnitSums};
use tollgate_domain::usage::{Cost, NamedExecution, Unpriced};

use crate::samples::{own_event, phase};
use crate::strategies::{any_text, optional, text, time};

const RATES: &str =
    r#"{"input_cost_per_token": 1.25e-06, "litellm_provider": "openai", "output_cost_per_token": 1e-05}"#;

/// The vectors of kinds about prices.
pub(crate) fn events() -> Vec<(&'static str, Event)> {
    vec![
        ("price_changed", own_event("_ledger", changed().into())),
        ("price_changed_by_hand", own_event("_ledger", by_hand().into())),
        ("price_proposed", own_event("_ledger", proposed().into())),
        ("price_decided", own_event("_ledger", decided().into())),
        ("price_source_checked", own_event("_ledger", checked().into())),
        ("price_source_checked_failed", own_event("_ledger", failed().into())),
        ("price_disputed", own_event("_ledger", disputed().into())),
        ("price_update_begun", own_event("_ledger", begun().into())),
        ("price_update_begun_first", own_event("_ledger", PriceUpdateBegun { after: None }.into())),
        ("usage_repriced", own_event("T-2", repriced().into())),
        ("usage_repriced_unpriced", own_event("T-2", first_priced().into())),
        ("usage_repriced_units", own_event("T-2", repriced_images().into())),
        ("usage_repriced_in_part", own_event("T-2", repriced_in_part().into())),
    ]
}

fn changed() -> PriceChanged {
    PriceChanged {
        entry: "gpt-5".to_owned(),
        rates: RATES.to_owned(),
        from: "2026-11-21T08:30:00Z".parse().expect("a time"),
        source: "litellm".to_owned(),
        price_version: "litellm@0123456789ab".to_owned(),
        verified: true,
        old_version: Some("shipped@0123456789ab".to_owned()),
        percent: Some(12),
        approved_by: None,
        reason: None,
    }
}

fn by_hand() -> PriceChanged {
    PriceChanged {
        source: "manual".to_owned(),
        price_version: "manual@0123456789ab".to_owned(),
        verified: false,
        old_version: None,
        percent: None,
        approved_by: Some("grace".to_owned()),
        reason: Some("our contract".to_owned()),
        ..changed()
    }
}

pub(crate) fn proposed() -> PriceProposed {
    PriceProposed {
        entry: "gpt-5".to_owned(),
        rates: RATES.to_owned(),
        source: "litellm".to_owned(),
        price_version: "litellm@0123456789ab".to_owned(),
        verified: false,
        old_version: Some("shipped@0123456789ab".to_owned()),
        percent: Some(900),
        waits: vec![WaitReason::LargeChange, WaitReason::Unverified],
    }
}

fn decided() -> PriceDecided {
    PriceDecided {
        entry: "gpt-5".to_owned(),
        price_version: "litellm@0123456789ab".to_owned(),
        approved: true,
        by: "grace".to_owned(),
        reason: Some("as announced".to_owned()),
    }
}

fn checked() -> PriceSourceChecked {
    PriceSourceChecked {
        source: "litellm".to_owned(),
        problem: None,
        models: 2_987,
        checksum: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".to_owned(),
        fetched_at: Some("2026-11-21T08:00:00Z".parse().expect("a time")),
    }
}

fn failed() -> PriceSourceChecked {
    let problem = Some("answered 500".to_owned());
    PriceSourceChecked { problem, models: 0, checksum: String::new(), fetched_at: None, ..checked() }
}

fn disputed() -> PriceDisputed {
    let said = ["litellm: 100 k in 0.125 USD", "genai: 100 k in 0.25 USD"].map(str::to_owned).to_vec();
    PriceDisputed { entry: "gpt-5".to_owned(), said }
}

fn begun() -> PriceUpdateBegun {
    PriceUpdateBegun { after: Some("2026-11-20T08:30:00Z".parse().expect("a time")) }
}

pub(crate) fn repriced() -> UsageRepriced {
    UsageRepriced {
        counts_as: None,
        adjusts: "u-7".to_owned(),
        adjusts_producer: "agent".to_owned(),
        used_at: "2026-10-30T08:30:00Z".parse().expect("a time"),
        execution: Some(NamedExecution { phase: phase("THINK"), attempt: Some(2) }),
        provider: Some("openai".to_owned()),
        model: Some("gpt-5".to_owned()),
        component: Some("planner".to_owned()),
        labels: std::collections::BTreeMap::from([("team".to_owned(), "search".to_owned())]),
        allocation: Some("run-7/plan".to_owned()),
        old: Cost::Priced {
            usd: "0.5".parse().expect("an amount"),
            price_version: "shipped@0123456789ab".to_owned(),
        },
        new: Cost::Priced {
            usd: "0.25".parse().expect("an amount"),
            price_version: "litellm@0123456789ab".to_owned(),
        },
        tokens: 200_000,
        units: UnitCounts::default(),
        unpriced: None,
        by: "grace".to_owned(),
        reason: Some("the list was wrong".to_owned()),
    }
}

fn repriced_images() -> UsageRepriced {
    let units = UnitCounts::from_pairs([(Unit::OutputImages, 3), (Unit::InputAudioMs, 12_500)]);
    UsageRepriced { tokens: 0, units, ..first_priced() }
}

fn repriced_in_part() -> UsageRepriced {
    let units = UnitSums::from_pairs([(Unit::Pages, 2)]);
    UsageRepriced { unpriced: Some(Unpriced { tokens: 500, units }), ..repriced() }
}

fn first_priced() -> UsageRepriced {
    UsageRepriced {
        old: Cost::Unpriced,
        execution: None,
        component: None,
        labels: std::collections::BTreeMap::new(),
        allocation: None,
        reason: None,
        ..repriced()
    }
}

/// Any event about prices.
pub(crate) fn own_body() -> BoxedStrategy<EventBody> {
    let who = (any_text(), any_text(), any_text(), any_text());
    let how = (any::<bool>(), optional(), option::of(any::<u32>()));
    let wait = select(WaitReason::NAMES).prop_map(|word| WaitReason::from_word(word).expect("a reason"));
    let price = (who, how).boxed();
    let changed = (price.clone(), time(), optional(), optional()).prop_map(
        |(
            ((entry, rates, source, price_version), (verified, old_version, percent)),
            from,
            approved_by,
            reason,
        )| {
            EventBody::from(PriceChanged {
                entry,
                rates,
                from,
                source,
                price_version,
                verified,
                old_version,
                percent,
                approved_by,
                reason,
            })
        },
    );
    let proposed = (price, vec(wait, 0..4)).prop_map(
        |(((entry, rates, source, price_version), (verified, old_version, percent)), waits)| {
            EventBody::from(PriceProposed {
                entry,
                rates,
                source,
                price_version,
                verified,
                old_version,
                percent,
                waits,
            })
        },
    );
    let decided = (any_text(), any_text(), any::<bool>(), text(), optional()).prop_map(
        |(entry, price_version, approved, by, reason)| {
            EventBody::from(PriceDecided { entry, price_version, approved, by, reason })
        },
    );
    let checked = (any_text(), optional(), any::<u64>(), any_text(), option::of(time())).prop_map(
        |(source, problem, models, checksum, fetched_at)| {
            EventBody::from(PriceSourceChecked { source, problem, models, checksum, fetched_at })
        },
    );
    let disputed = (any_text(), vec(any_text(), 0..4))
        .prop_map(|(entry, said)| EventBody::from(PriceDisputed { entry, said }));
    let begun = option::of(time()).prop_map(|after| EventBody::from(PriceUpdateBegun { after }));
    prop_oneof![changed, proposed, decided, checked, disputed, begun, any_repriced()].boxed()
}

fn any_repriced() -> impl Strategy<Value = EventBody> {
    let priced = || {
        (any::<i64>(), any_text()).prop_map(|(units, price_version)| Cost::Priced {
            usd: Usd::from_units(units.into()),
            price_version,
        })
    };
    let execution = option::of((crate::strategies::phase(), option::of(1_u32..9)))
        .prop_map(|named| named.map(|(phase, attempt)| NamedExecution { phase, attempt }));
    let of = (any_text(), any_text(), time(), execution, optional(), optional());
    let unpriced = option::of(crate::strategies::unpriced());
    let used = (any::<u64>(), crate::strategies::units(), unpriced);
    (of, option::of(priced()), priced(), used, any_text(), optional()).prop_map(
        |(
            (adjusts, adjusts_producer, used_at, execution, provider, model),
            old,
            new,
            (tokens, units, unpriced),
            by,
            reason,
        )| {
            EventBody::from(UsageRepriced {
                counts_as: None,
                adjusts,
                adjusts_producer,
                used_at,
                execution,
                provider,
                component: model.clone(),
                allocation: model.clone(),
                labels: std::collections::BTreeMap::new(),
                model,
                old: old.unwrap_or_default(),
                new,
                tokens,
                units,
                unpriced,
                by,
                reason,
            })
        },
    )
}
