//! Usage and its corrections.

use proptest::collection::btree_map;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use tollgate_domain::money::Usd;
use tollgate_domain::tokens::{MAX_TOKENS_PER_EVENT, TokenCounts, TokenSums};
use tollgate_domain::units::{Unit, UnitCounts, UnitSums};
use tollgate_domain::usage::{
    AdjustedUsage, Cost, CountsAs, Unpriced, UnpricedPart, UsageAdjusted, UsageRecorded,
};

use super::{any_text, execution, id, optional, phase, text, time};

fn cost() -> impl Strategy<Value = Cost> {
    let priced = (any::<i128>(), any_text());
    prop_oneof![
        Just(Cost::Unpriced),
        priced.prop_map(|(units, price_version)| Cost::Priced { usd: Usd::from_units(units), price_version }),
    ]
}

/// The same, or what another system had booked.
fn cost_of_usage() -> impl Strategy<Value = Cost> {
    prop_oneof![3 => cost(), 1 => (0..i128::MAX).prop_map(|units| Cost::of_booked(Usd::from_units(units)))]
}

pub(super) fn usage() -> impl Strategy<Value = UsageRecorded> {
    let count = || prop_oneof![Just(0), 0..=MAX_TOKENS_PER_EVENT];
    let tokens = (count(), count(), count(), count(), count(), count()).prop_map(|counts| TokenCounts {
        input_uncached: counts.0,
        cached_input: counts.1,
        cache_write: counts.2,
        output: counts.3,
        reasoning: counts.4.min(counts.3),
        cache_write_1h: counts.5.min(counts.2),
    });
    let texts = (optional(), optional(), optional(), optional(), optional(), option::of(id()));
    let labels = btree_map(text(), text(), 0..4);
    let counted = (option::of(id()), counts_as());
    (execution(), texts, labels, (tokens, units()), any::<bool>(), cost_of_usage(), counted).prop_map(
        |(execution, texts, labels, (tokens, units), estimated, cost, (context, counts_as))| UsageRecorded {
            context,
            counts_as,
            execution,
            provider: texts.0,
            model: texts.1,
            component: texts.2,
            request_id: texts.3,
            service_tier: texts.4,
            allocation: texts.5,
            labels,
            tokens,
            units,
            estimated,
            cost,
        },
    )
}

fn counts_as() -> BoxedStrategy<Option<Box<CountsAs>>> {
    let names = [optional(), optional(), optional(), optional(), optional()];
    let found = (optional(), option::of(phase()), names, btree_map(text(), text(), 0..3), any::<bool>());
    let found = found.prop_map(|(allocation, phase, names, labels, unmade)| {
        let [component, provider, model, priced_provider, priced_model] = names;
        let allocation = allocation.unwrap_or_default();
        Box::new(CountsAs {
            allocation,
            phase,
            component,
            provider,
            model,
            labels,
            priced_provider,
            priced_model,
            unmade,
        })
    });
    option::of(found).boxed()
}

/// Units that are counted beside tokens, mostly none.
fn unit() -> impl Strategy<Value = Unit> {
    let beside: Vec<Unit> = Unit::all().filter(|unit| unit.part_of().is_none()).collect();
    select(beside)
}

pub(crate) fn units() -> BoxedStrategy<UnitCounts> {
    let some = btree_map(unit(), 1..=MAX_TOKENS_PER_EVENT, 1..4).prop_map(UnitCounts::from_pairs);
    prop_oneof![3 => Just(UnitCounts::default()), 1 => some].boxed()
}

pub(crate) fn unit_sums() -> BoxedStrategy<UnitSums> {
    let most = i128::from(MAX_TOKENS_PER_EVENT);
    let some = btree_map(unit(), -most..=most, 1..4).prop_map(UnitSums::from_pairs);
    prop_oneof![3 => Just(UnitSums::default()), 1 => some].boxed()
}

pub(crate) fn unpriced() -> BoxedStrategy<Unpriced> {
    let most = i128::from(MAX_TOKENS_PER_EVENT);
    (-most..=most, unit_sums()).prop_map(|(tokens, units)| Unpriced { tokens, units }).boxed()
}

pub(super) fn adjusted() -> impl Strategy<Value = UsageAdjusted> {
    let most = i128::from(MAX_TOKENS_PER_EVENT);
    let change = move || prop_oneof![Just(0), -most..=most];
    let tokens = (change(), change(), change(), change(), change()).prop_map(|changes| TokenSums {
        input_uncached: changes.0,
        cached_input: changes.1,
        cache_write: changes.2,
        output: changes.3,
        reasoning: changes.4,
    });
    let excess =
        (0..=MAX_TOKENS_PER_EVENT).prop_map(|output| TokenCounts { output, ..TokenCounts::default() });
    let texts = (optional(), optional(), optional(), option::of(id()), optional());
    let times = option::of(time());
    let part = option::of((unpriced(), unpriced()))
        .prop_map(|part| part.map(|(before, after)| UnpricedPart { before, after }));
    let found = (execution(), counts_as());
    let resolved =
        (found, texts, btree_map(text(), text(), 0..3), times, cost(), (excess, unit_sums(), part)).prop_map(
            |((execution, counts_as), texts, labels, occurred_at, cost, (excess, excess_units, unpriced))| {
                AdjustedUsage {
                    counts_as,
                    execution,
                    provider: texts.0,
                    model: texts.1,
                    component: texts.2,
                    allocation: texts.3,
                    service_tier: texts.4,
                    occurred_at,
                    labels,
                    cost,
                    excess,
                    excess_units,
                    unpriced,
                }
            },
        );
    (id(), id(), (tokens, unit_sums()), text(), optional(), option::of(resolved)).prop_map(
        |(adjusts, adjusts_producer, (tokens, units), reason, author, resolved)| UsageAdjusted {
            adjusts,
            adjusts_producer,
            tokens,
            units,
            reason,
            author,
            resolved: resolved.map(Box::new),
        },
    )
}
