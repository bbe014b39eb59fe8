//! Corrections of usage: found, limited to what is left of the usage, and priced against it.

use std::collections::HashMap;

use tollgate_domain::budget::MAX_VALUE_BYTES;
use tollgate_domain::event::{EventBody, UsageEvent};
use tollgate_domain::gate::grouped;
use tollgate_domain::ids::{EventId, InvalidId, ProducerId};
use tollgate_domain::money::Usd;
use tollgate_domain::position::PartitionId;
use tollgate_domain::price::Call;
use tollgate_domain::time::Timestamp;
use tollgate_domain::tokens::{TokenCounts, TokenSums};
use tollgate_domain::units::UnitSums;
use tollgate_domain::usage::{
    AdjustedUsage, Corrected, Cost, Unpriced, UnpricedPart, UsageAdjusted, UsageRecorded, UsageRepriced,
    Used, UsedChange, UsedCounts,
};
use tollgate_log::contract::EventName;
use tollgate_projector::Wait;
use tollgate_projector::queries::OneTask;
use tollgate_wire::{DecodedEvent, Submitted};

use super::Writer;
use crate::ledger::ask::VIEW_WAIT;
use crate::ledger::own::{name_of, repricing_id};
use crate::ledger::{OWN_PRODUCER, Settings};
use crate::problem::{Answer, INTERNAL, of_query, of_read};

/// What a request says about one task, for its corrections: usage that came with them, and what was already
/// corrected.
pub(super) struct Corrections<'a> {
    events: &'a [(usize, &'a Submitted)],
    /// What is known after earlier events of the request, by producer and id of the usage.
    before: HashMap<(String, String), Before>,
}

impl<'a> Corrections<'a> {
    /// From the events of one task in a request.
    pub(super) fn of(events: &'a [(usize, &'a Submitted)]) -> Self {
        Self { events, before: HashMap::new() }
    }

    /// Usage that is in the request itself, before or after its correction.
    fn usage(&self, producer: &str, id: &str) -> Option<(&'a UsageRecorded, Option<Timestamp>)> {
        let of = |submitted: &&'a Submitted| {
            submitted.event.producer.as_str() == producer && submitted.event.id.as_str() == id
        };
        let mut found = self.events.iter().map(|(_, submitted)| *submitted).filter(of);
        found.find_map(|submitted| {
            let EventBody::Usage(UsageEvent::UsageRecorded(usage)) = &submitted.event.body else {
                return None;
            };
            Some((usage, submitted.event.occurred_at))
        })
    }
}

impl Writer {
    /// Completes a correction with the usage that it names. Returns what its producer should know.
    pub(super) async fn correct(
        &self,
        settings: &Settings,
        submitted: &Submitted,
        adjusted: &mut UsageAdjusted,
        corrections: &mut Corrections<'_>,
    ) -> Answer<Vec<String>> {
        let (usage, producer) = (adjusted.adjusts.clone(), adjusted.adjusts_producer.clone());
        let Some((original, at)) = self.corrected_usage(settings, submitted, adjusted, corrections).await?
        else {
            return Ok(unknown(adjusted, &usage, &producer));
        };
        // A correction that is already in the log is answered as a duplicate; it does not count as an earlier
        // one of itself.
        let known = self.ask.find(vec![name_of(submitted)]).await?.iter().any(Option::is_some);
        let name = (producer, usage);
        let mut before = match corrections.before.get(&name) {
            Some(before) => before.clone(),
            None => self.earlier(submitted, &name).await?,
        };
        let left = before.corrected.left(&original);
        let change = UsedChange { tokens: adjusted.tokens, units: adjusted.units.clone() };
        let (_, (excess, excess_units)) = Used::from(&left).changed(&change);
        let (part, cost) = {
            let unpriced = before.corrected.unpriced(&original);
            let cost = match unpriced.is_nothing() {
                true => correction_cost(settings, (&original, at), &left, &change, &before),
                // Something of it has no price: nothing is given back that was not charged.
                false => Cost::Unpriced,
            };
            (unpriced_part(unpriced, &cost, &change, (excess, &excess_units)), cost)
        };
        let mut warnings = Vec::new();
        if !cost.is_known() && (original.cost.is_known() || part.before.is_nothing()) {
            warnings.push(format!(
                "the correction of usage `{}` cannot be priced: what it counts changes, its cost does not",
                name.1
            ));
        }
        let found = resolved(original, at, (cost, part), (excess, excess_units));
        adjusted.resolved = Some(Box::new(found));
        if adjusted.excess() > 0 {
            warnings.push(format!(
                "removes {} of usage `{}` of producer `{}`; only what was left was removed, and an alert was raised",
                beyond_tokens(excess, &left.tokens),
                name.1,
                name.0
            ));
        }
        warnings.extend(beyond(adjusted, &name));
        if known {
            return Ok(Vec::new());
        }
        before.corrected.adjusted(adjusted);
        corrections.before.insert(name, before);
        Ok(warnings)
    }

    /// The usage that a correction names, from the log or the same request, and when it happened.
    async fn corrected_usage(
        &self,
        settings: &Settings,
        submitted: &Submitted,
        adjusted: &UsageAdjusted,
        corrections: &Corrections<'_>,
    ) -> Answer<Option<(UsageRecorded, Timestamp)>> {
        let (Ok(producer), Ok(id)) =
            (ProducerId::new(&*adjusted.adjusts_producer), EventId::new(&*adjusted.adjusts))
        else {
            return Ok(None);
        };
        let (tenant, task) = (submitted.event.tenant.clone(), submitted.event.task.clone());
        match self.ask.recorded(EventName { tenant, task, producer, id }).await? {
            Some((
                _,
                DecodedEvent {
                    body: EventBody::Usage(UsageEvent::UsageRecorded(usage)), occurred_at, ..
                },
            )) => Ok(Some((usage, occurred_at.unwrap_or_else(|| self.ask.now())))),
            Some(_) => Ok(None),
            None => {
                let found = corrections.usage(&adjusted.adjusts_producer, &adjusted.adjusts);
                let Some((usage, at)) = found else { return Ok(None) };
                let (mut usage, at) = (usage.clone(), at.unwrap_or_else(|| self.ask.now()));
                self.counted_as(&submitted.event.tenant, &mut usage).await?;
                price(settings, &mut usage, at);
                Ok(Some((usage, at)))
            }
        }
    }

    /// What earlier corrections and repricings in the log say about a usage.
    async fn earlier(&self, submitted: &Submitted, name: &(String, String)) -> Answer<Before> {
        let (tenant, task) = (submitted.event.tenant.as_str(), submitted.event.task.as_str());
        let partition = PartitionId::of(tenant, task);
        let tail = self.log.tail().await.map_err(|error| of_read(&error))?;
        let tail = tail.only(partition);
        let wait = Wait { at_least: Some(&tail), up_to: VIEW_WAIT };
        let question = OneTask { tenant: tenant.to_owned(), task: task.to_owned() };
        let asked = self.ask.status().ask(partition, wait, &question).await;
        let row = asked.map_err(|error| of_query(&error))?.answer.row;
        let corrected: Corrected = row.and_then(|row| row.corrections.get(name).cloned()).unwrap_or_default();
        let mut before = Before { corrected, repriced: None };
        // A task does not remember which of its calls were priced again; the log does.
        while let Some((_, event)) = self.ask.recorded(before.next_repricing(submitted, name)?).await? {
            let EventBody::Usage(UsageEvent::UsageRepriced(repriced)) = event.body else { break };
            before.note(&repriced);
        }
        Ok(before)
    }
}

/// What is said of a correction of usage that the task does not have.
fn unknown(adjusted: &UsageAdjusted, usage: &str, producer: &str) -> Vec<String> {
    let counts = match (adjusted.outstanding().is_some(), adjusted.counted().is_nothing()) {
        (true, true) => "nothing is taken away until that is recorded, and an alert was raised",
        (true, false) => {
            "what it adds counts in the task's totals only; nothing is taken away until that usage is recorded, and an \
             alert was raised"
        }
        (false, _) => "counted in the task's totals only",
    };
    vec![format!("adjusts usage `{usage}` of producer `{producer}`, which this task does not have: {counts}")]
}

/// The usage that a correction names, with what follows from it.
fn resolved(
    original: UsageRecorded,
    at: Timestamp,
    (cost, part): (Cost, UnpricedPart),
    (excess, excess_units): (TokenCounts, UnitSums),
) -> AdjustedUsage {
    let UsageRecorded {
        execution,
        provider,
        model,
        component,
        allocation,
        counts_as,
        service_tier,
        mut labels,
        ..
    } = original;
    // No scope can name longer ones, and a correction must have room for the rest.
    labels.retain(|_, value| value.len() <= MAX_VALUE_BYTES);
    AdjustedUsage {
        execution,
        provider,
        model,
        component,
        allocation,
        counts_as,
        labels,
        service_tier,
        occurred_at: Some(at),
        cost,
        excess,
        excess_units,
        unpriced: Some(part),
    }
}

/// What is known of a usage before one of its corrections.
#[derive(Clone)]
struct Before {
    corrected: Corrected,
    /// How often it was priced again, what that added, and with which prices; `None`: never.
    repriced: Option<(u64, Usd, String)>,
}

impl Before {
    fn note(&mut self, repriced: &UsageRepriced) {
        if self.corrected.unpriced.is_none() {
            self.corrected.repriced();
        }
        let (times, added, _) = self.repriced.take().unwrap_or_default();
        let version = match &repriced.new {
            Cost::Priced { price_version, .. } => price_version.clone(),
            Cost::Unpriced => String::new(),
        };
        let added = added.saturating_add(repriced.difference());
        self.repriced = Some((times.saturating_add(1), added, version));
    }

    /// The event that prices it again after those that are known.
    fn next_repricing(
        &self,
        submitted: &Submitted,
        (producer, usage): &(String, String),
    ) -> Answer<EventName> {
        let internal = |error: InvalidId| INTERNAL.with(error.to_string());
        let times = self.repriced.as_ref().map_or(0, |(times, ..)| *times);
        Ok(EventName {
            tenant: submitted.event.tenant.clone(),
            task: submitted.event.task.clone(),
            producer: ProducerId::new(OWN_PRODUCER).map_err(internal)?,
            id: EventId::new(repricing_id(producer, usage, times)).map_err(internal)?,
        })
    }

    /// What it costs by now, with its corrections, and the version of the prices.
    fn cost(&self, original: &UsageRecorded) -> Cost {
        let sum = |usd: Usd| usd.saturating_add(self.corrected.cost);
        match (&original.cost, &self.repriced) {
            (cost, Some((_, added, version))) => {
                Cost::Priced { usd: sum(cost.usd().saturating_add(*added)), price_version: version.clone() }
            }
            (Cost::Priced { usd, price_version }, None) => {
                Cost::Priced { usd: sum(*usd), price_version: price_version.clone() }
            }
            (Cost::Unpriced, None) => Cost::Unpriced,
        }
    }
}

/// What of a usage has no price, before and after a correction. One with a cost changes nothing of that.
fn unpriced_part(
    before: Unpriced,
    cost: &Cost,
    change: &UsedChange,
    (excess, excess_units): (TokenCounts, &UnitSums),
) -> UnpricedPart {
    let mut counted = change.clone();
    counted.add(&UsedChange { tokens: TokenSums::from(excess), units: excess_units.clone() });
    let after = if cost.is_known() { before.clone() } else { before.corrected(&counted) };
    UnpricedPart { before, after }
}

/// By kind, how many tokens more than there were a correction was to remove.
fn beyond_tokens(excess: TokenCounts, left: &TokenCounts) -> String {
    let kinds = [
        ("uncached input", excess.input_uncached, left.input_uncached),
        ("cached input", excess.cached_input, left.cached_input),
        ("cache writes", excess.cache_write, left.cache_write),
        ("output", excess.output, left.output),
        // A part of output: named if it is all.
        ("reasoning", if excess.total() == 0 { excess.reasoning } else { 0 }, left.reasoning),
    ];
    let over = kinds.into_iter().filter(|(_, excess, _)| *excess > 0);
    let each = over.map(|(kind, excess, left)| {
        format!("{} more tokens of {kind} than the {} left", grouped(excess.into()), grouped(left.into()))
    });
    each.collect::<Vec<_>>().join(" and ")
}

/// What a producer should know of units that were capped.
fn beyond(adjusted: &UsageAdjusted, (producer, usage): &(String, String)) -> Vec<String> {
    let excess = adjusted.resolved.as_deref().map(|found| &found.excess_units);
    let each = excess.into_iter().flat_map(UnitSums::iter);
    let (taken, added): (Vec<_>, Vec<_>) = each.partition(|(_, excess)| *excess > 0);
    let taken = UnitSums::from_pairs(taken);
    // Parts that go with their tokens are no mistake; more of them than there are tokens is one.
    let added = added.into_iter().filter(|(unit, _)| adjusted.units.get(*unit) > 0);
    let added = UnitSums::from_pairs(added).negated();
    let mut told = Vec::new();
    if !taken.is_empty() {
        told.push(format!(
            "removes {taken} more than there is left of usage `{usage}` of producer `{producer}`; capped at that"
        ));
    }
    if !added.is_empty() {
        told.push(format!(
            "adds {added} more than usage `{usage}` of producer `{producer}` has tokens that they are a part of; capped at those"
        ));
    }
    told
}

/// What a correction costs or gives back. One that removes all that is left gives back what was charged, whatever the
/// prices are by now. Any other is priced as the usage is: if the prices in force now give what is left of it another
/// cost than it has, the correction has none, so that it never gives back what was not charged.
fn correction_cost(
    settings: &Settings,
    (original, at): (&UsageRecorded, Timestamp),
    left: &UsedCounts,
    change: &UsedChange,
    before: &Before,
) -> Cost {
    let call = settings.config.prices.apply(Call::of(original, at));
    let left = Used::from(left);
    let Cost::Priced { usd, price_version } = before.cost(original) else { return Cost::Unpriced };
    let (after, _) = left.changed(change);
    if Used::from(&after).is_nothing()
        && let Some(usd) = Usd::ZERO.checked_sub(usd)
    {
        return Cost::Priced { usd, price_version };
    }
    let now = if left.is_nothing() { Usd::ZERO } else { settings.prices.cost(call, left).usd() };
    if now != usd || !settings.prices.cost(call, original.used()).is_known() {
        return Cost::Unpriced;
    }
    settings.prices.adjustment_cost(call, left, change)
}

/// Prices usage as of the time it happened.
pub(super) fn price(settings: &Settings, usage: &mut UsageRecorded, at: Timestamp) {
    if usage.cost.booked().is_none() {
        usage.cost = settings.prices.cost(settings.config.prices.apply(Call::of(usage, at)), usage.used());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_correction_takes_too_much_of_is_said_by_kind() {
        let left = TokenCounts { input_uncached: 10, output: 1_050, reasoning: 40, ..TokenCounts::default() };
        let over = |excess| beyond_tokens(excess, &left);
        let output = TokenCounts { output: 2_000, reasoning: 5, ..TokenCounts::default() };
        assert_eq!(over(output), "2,000 more tokens of output than the 1,050 left");
        let both = TokenCounts { input_uncached: 1, ..output };
        assert_eq!(
            over(both),
            "1 more tokens of uncached input than the 10 left and 2,000 more tokens of output than the 1,050 left"
        );
        let reasoning = TokenCounts { reasoning: 5, ..TokenCounts::default() };
        assert_eq!(over(reasoning), "5 more tokens of reasoning than the 40 left");
    }
}
