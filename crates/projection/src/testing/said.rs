//! Parses what the steps of a story say about usage, corrections and overrides.

use std::collections::BTreeMap;

use tollgate_domain::event::{EventBody, OverrideGranted, OverrideScope, UsageRepriced};
use tollgate_domain::time::Timestamp;
use tollgate_domain::tokens::{TokenCounts, TokenSums};
use tollgate_domain::units::{Unit, UnitCounts, UnitSums};
use tollgate_domain::usage::{AdjustedUsage, Cost, NamedExecution, UsageAdjusted, UsageRecorded};

/// What a step says about usage.
#[derive(Default)]
pub(super) struct Said {
    tokens: TokenSums,
    units: UnitSums,
    estimated: bool,
    cost: Cost,
    was: Cost,
    model: Option<String>,
    provider: Option<String>,
    service_tier: Option<String>,
    corrects: Option<Timestamp>,
    component: Option<String>,
    labels: BTreeMap<String, String>,
}

impl Said {
    pub(super) fn read(words: &[&str]) -> Self {
        let mut said = Self::default();
        for word in words {
            match word.split_once('=') {
                Some(("in", count)) => said.tokens.input_uncached = count.parse().unwrap(),
                Some(("cached", count)) => said.tokens.cached_input = count.parse().unwrap(),
                Some(("write", count)) => said.tokens.cache_write = count.parse().unwrap(),
                Some(("out", count)) => said.tokens.output = count.parse().unwrap(),
                Some(("think", count)) => said.tokens.reasoning = count.parse().unwrap(),
                Some(("usd", amount)) => said.cost = priced(amount),
                Some(("was", amount)) => said.was = priced(amount),
                Some(("model", name)) => said.model = Some(name.to_owned()),
                Some(("provider", name)) => said.provider = Some(name.to_owned()),
                Some(("tier", name)) => said.service_tier = Some(name.to_owned()),
                Some(("component", name)) => said.component = Some(name.to_owned()),
                Some((label, value)) if label.starts_with("label.") => {
                    said.labels.insert(label["label.".len()..].to_owned(), value.to_owned());
                }
                Some(("of", time)) => said.corrects = Some(time.parse().unwrap()),
                Some((unit, count)) if Unit::from_word(unit).is_some() => {
                    let pair = (Unit::from_word(unit).unwrap(), count.parse().unwrap());
                    said.units.add(&UnitSums::from_pairs([pair]));
                }
                None if *word == "est" => said.estimated = true,
                _ => panic!("unknown word: {word}"),
            }
        }
        said
    }
}

fn counts(sums: &UnitSums) -> UnitCounts {
    UnitCounts::from_pairs(sums.iter().map(|(unit, count)| (unit, u64::try_from(count).unwrap())))
}

fn priced(usd: &str) -> Cost {
    Cost::Priced { usd: usd.parse().unwrap(), price_version: "p1".to_owned() }
}

pub(super) fn used(place: &str, said: &Said) -> UsageRecorded {
    let count = |sum: i128| u64::try_from(sum).unwrap();
    UsageRecorded {
        context: None,
        counts_as: None,
        execution: named(place),
        provider: said.provider.clone(),
        model: said.model.clone(),
        component: said.component.clone(),
        request_id: None,
        service_tier: said.service_tier.clone(),
        allocation: None,
        labels: said.labels.clone(),
        tokens: TokenCounts {
            input_uncached: count(said.tokens.input_uncached),
            cached_input: count(said.tokens.cached_input),
            cache_write: count(said.tokens.cache_write),
            output: count(said.tokens.output),
            reasoning: count(said.tokens.reasoning),
            cache_write_1h: 0,
        },
        units: counts(&said.units),
        estimated: said.estimated,
        cost: said.cost.clone(),
    }
}

pub(super) fn adjusted(place: &str, said: &Said) -> UsageAdjusted {
    let resolved = (place != "?").then(|| {
        Box::new(AdjustedUsage {
            counts_as: None,
            execution: named(place),
            provider: said.provider.clone(),
            model: said.model.clone(),
            component: said.component.clone(),
            allocation: None,
            labels: said.labels.clone(),
            service_tier: said.service_tier.clone(),
            occurred_at: said.corrects,
            cost: said.cost.clone(),
            excess: TokenCounts::default(),
            excess_units: UnitSums::default(),
            unpriced: None,
        })
    });
    UsageAdjusted {
        adjusts: "e".to_owned(),
        adjusts_producer: "agent".to_owned(),
        tokens: said.tokens,
        units: said.units.clone(),
        reason: "counted twice".to_owned(),
        author: Some("ada".to_owned()),
        resolved,
    }
}

/// Usage of a day, `of`, that `was` costed otherwise.
pub(super) fn repriced(place: &str, said: &Said) -> UsageRepriced {
    UsageRepriced {
        counts_as: None,
        adjusts: "e".to_owned(),
        adjusts_producer: "agent".to_owned(),
        used_at: said.corrects.unwrap(),
        execution: named(place),
        provider: said.provider.clone(),
        model: said.model.clone(),
        component: said.component.clone(),
        labels: said.labels.clone(),
        allocation: None,
        old: said.was.clone(),
        new: said.cost.clone(),
        tokens: u64::try_from(said.tokens.total()).unwrap(),
        units: counts(&said.units),
        unpriced: None,
        by: "ada".to_owned(),
        reason: None,
    }
}

pub(super) fn granted(scope: OverrideScope) -> EventBody {
    EventBody::from(OverrideGranted {
        scope,
        approver: "ada".to_owned(),
        reason: "the importer is worth it".to_owned(),
    })
}

pub(super) fn named(place: &str) -> Option<NamedExecution> {
    if place == "-" || place == "?" {
        return None;
    }
    let (phase, attempt) = place.split_once('/').map_or((place, None), |(phase, n)| (phase, Some(n)));
    Some(NamedExecution { phase: phase.parse().unwrap(), attempt: attempt.map(|n| n.parse().unwrap()) })
}
