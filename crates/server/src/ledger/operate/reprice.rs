//! Usage is priced again: what had no price, or one that was corrected since.

use std::collections::BTreeMap;

use tollgate_domain::budget::{AlsoNamed, Dimension, Dimensions, MAX_VALUE_BYTES};
use tollgate_domain::event::{EventBody, UsageEvent, UsageRepriced};
use tollgate_domain::ids::{TaskId, TenantId};
use tollgate_domain::money::Usd;
use tollgate_domain::position::{PartitionId, Sequence};
use tollgate_domain::price::{Call, provider_of_books};
use tollgate_domain::time::Timestamp;
use tollgate_domain::usage::{Corrected, Cost, UsageRecorded, Used};
use tollgate_log::contract::{AppendOutcome, Batch, NewEvent, Partitions};
use tollgate_wire::api::{RepriceDay, RepriceReport, RepriceRequest};
use tollgate_wire::decode_stored;

use super::Operations;
use crate::asked::time;
use crate::ledger::Settings;
use crate::ledger::own::{new_event, own, repricing_id};
use crate::problem::{Answer, CONTENDED, INTERNAL, INVALID, of_append, of_field, of_read};

/// The most events in one record.
const MAX_BATCH_EVENTS: usize = 200;

/// One usage of the ledger: tenant, task, producer and id.
type Name = (String, String, String, String);

/// What the log says about one usage.
#[derive(Default)]
struct Known {
    /// The usage, and when it happened; `None`: only corrections of it were seen yet.
    usage: Option<(UsageRecorded, Timestamp)>,
    /// What corrections and earlier repricings left.
    corrected: Corrected,
    /// What corrections and earlier repricings cost.
    added: Usd,
    /// How often it was priced again.
    times: u64,
    /// The version of the last repricing.
    repriced: Option<String>,
}

impl Operations {
    /// Prices the usage of a model again that happened from a time on, at the prices that are in force for
    /// its time by now. What changes is recorded as adjustments; a dry run only says what would be.
    ///
    /// # Errors
    ///
    /// The problem to answer with: an invalid request, or a log that cannot be read or appended to.
    pub async fn reprice(&self, request: &RepriceRequest) -> Answer<RepriceReport> {
        let from = time("from", &request.from)?;
        let to = request.to.as_deref().map(|text| time("to", text)).transpose()?;
        if let (Some(to), Some(text)) = (to, &request.to)
            && to <= from
        {
            return Err(INVALID.of_field("to", text, &format!("must be after from, which is {from}")));
        }
        if request.by.trim().is_empty() {
            return Err(INVALID.of_field("by", &request.by, "must say who asks for it"));
        }
        let within = |at: Timestamp| at >= from && to.is_none_or(|to| at < to);
        let settings = self.ask.settings();
        let known = self.usage_of(&Wanted::new(&settings, request)).await?;
        let mut report = RepriceReport { dry_run: request.dry_run, ..RepriceReport::default() };
        let mut days: BTreeMap<(String, String), RepriceDay> = BTreeMap::new();
        let (mut found, mut difference) = (Vec::new(), Usd::ZERO);
        for (name, known) in known {
            let Some((usage, at)) = known.usage.as_ref().filter(|(_, at)| within(*at)) else { continue };
            report.usage_events = report.usage_events.saturating_add(1);
            let repriced = match repriced(&settings, request, &name, &known, usage, *at) {
                Repriced::Same => continue,
                Repriced::Unpriced => {
                    report.still_unpriced = report.still_unpriced.saturating_add(1);
                    continue;
                }
                Repriced::Differs(repriced) => repriced,
            };
            difference = difference.saturating_add(repriced.difference());
            count(&mut days, &repriced);
            found.push((name, known.times, *repriced));
        }
        report.adjustments = u64::try_from(found.len()).unwrap_or(u64::MAX);
        report.difference_usd = difference.to_string();
        report.days = days.into_values().collect();
        if !request.dry_run {
            self.append_repriced(found).await?;
        }
        Ok(report)
    }

    /// What the log has about the usage of a model: one pass over all of it.
    async fn usage_of(&self, wanted: &Wanted<'_>) -> Answer<BTreeMap<Name, Known>> {
        let mut reader = self
            .log
            .read_unchained(Partitions::ALL, Sequence::ZERO)
            .await
            .map_err(|error| of_read(&error))?;
        let mut known: BTreeMap<Name, Known> = BTreeMap::new();
        loop {
            let records = reader.try_next().await.map_err(|error| of_read(&error))?;
            if records.is_empty() {
                return Ok(known);
            }
            for stored in &records {
                let recorded_at = stored.record.recorded_at();
                for frame in stored.record.events() {
                    // What cannot be read is told by the views that fold it.
                    let Ok(decoded) = decode_stored(frame.payload) else { continue };
                    let EventBody::Usage(event) = decoded.body else { continue };
                    let name = |producer: &str, id: &str| {
                        let (tenant, task) = (stored.record.tenant().to_owned(), frame.task.to_owned());
                        (tenant, task, producer.to_owned(), id.to_owned())
                    };
                    let at = decoded.occurred_at.unwrap_or(recorded_at);
                    let own = (frame.producer, frame.id);
                    note(&mut known, wanted, event, at, own, name);
                }
            }
        }
    }

    async fn append_repriced(&self, found: Vec<(Name, u64, UsageRepriced)>) -> Answer<()> {
        let mut batches: BTreeMap<(String, PartitionId), Vec<NewEvent>> = BTreeMap::new();
        for ((tenant, task, ..), times, repriced) in found {
            let partition = PartitionId::of(&tenant, &task);
            let id = repricing_id(&repriced.adjusts_producer, &repriced.adjusts, times);
            let body = EventBody::from(repriced);
            let names = TenantId::new(tenant.as_str()).and_then(|tenant| Ok((tenant, TaskId::new(task)?)));
            let (owner, task) = names.map_err(|error| INTERNAL.with(error.to_string()))?;
            let submitted =
                own(&owner, &task, &id, None, body.clone()).map_err(|error| INTERNAL.with(error))?;
            let event = new_event(&submitted, &body).map_err(|error| of_field(&error))?;
            batches.entry((tenant, partition)).or_default().push(event);
        }
        let mut overtaken = 0_usize;
        for ((tenant, partition), events) in batches {
            let tenant = TenantId::new(tenant).map_err(|error| INTERNAL.with(error.to_string()))?;
            for events in events.chunks(MAX_BATCH_EVENTS) {
                let events = events.to_vec();
                let batch =
                    Batch { tenant: tenant.clone(), partition, events, decision: None, recorded_at: None };
                let receipt = self.log.append(batch).await.map_err(|error| of_append(&error))?;
                // Somebody else did it meanwhile: each usage is priced again once.
                let others =
                    receipt.outcomes.iter().filter(|it| !matches!(it, AppendOutcome::Appended { .. }));
                overtaken = overtaken.saturating_add(others.count());
            }
        }
        if overtaken > 0 {
            return Err(CONTENDED.with(format!(
                "pricing usage again: somebody else did so for {overtaken} of the events at the same time; ask again"
            )));
        }
        Ok(())
    }
}

/// Which usage is priced again: that of a model by any of its names, as policies select it.
struct Wanted<'a> {
    settings: &'a Settings,
    model: &'a str,
    /// The provider as it was named, and as price books spell it.
    provider: Option<(&'a str, Option<String>)>,
}

impl<'a> Wanted<'a> {
    fn new(settings: &'a Settings, request: &'a RepriceRequest) -> Self {
        let provider = request.provider.as_deref().map(|named| (named, provider_of_books(named)));
        Self { settings, model: &request.model, provider }
    }

    fn has(&self, counts: &Dimensions<'_>) -> bool {
        counts.has(&Dimension::Model, self.model)
            && self.provider.as_ref().is_none_or(|(named, of_books)| {
                let mut names = std::iter::once(*named).chain(of_books.as_deref());
                names.any(|name| counts.has(&Dimension::Provider, name))
            })
    }

    /// Whether it is such usage by the names that it was recorded with, or by those that the prices in force know it
    /// by: an entry may have come into force since.
    fn is_of(&self, usage: &UsageRecorded, at: Timestamp) -> bool {
        let counts = usage.dimensions("");
        self.has(&counts) || {
            let call = self.settings.config.prices.apply(Call::of(usage, at));
            let priced = self.settings.prices.priced_as(call);
            let name = |name| Some(name).filter(|name: &&str| !name.is_empty());
            let also = AlsoNamed { provider: name(&priced.provider), model: name(&priced.model) };
            self.has(&Dimensions { also, ..counts })
        }
    }
}

/// Folds an event into what is known about the usage that it is, or names.
fn note(
    known: &mut BTreeMap<Name, Known>,
    wanted: &Wanted<'_>,
    event: UsageEvent,
    at: Timestamp,
    (producer, id): (&str, &str),
    name: impl Fn(&str, &str) -> Name,
) {
    // What adjusts usage comes after it, and may not know all names by which that is wanted.
    let of = |known: &BTreeMap<Name, Known>, name: Name, counts: &Dimensions<'_>| {
        (known.contains_key(&name) || wanted.has(counts)).then_some(name)
    };
    match event {
        UsageEvent::UsageRecorded(usage) => {
            if wanted.is_of(&usage, at) {
                // An id counts once, also where a log has a late duplicate of it.
                known.entry(name(producer, id)).or_default().usage.get_or_insert((usage, at));
            }
        }
        UsageEvent::UsageAdjusted(adjusted) => {
            let Some(resolved) = &adjusted.resolved else { return };
            let name = name(&adjusted.adjusts_producer, &adjusted.adjusts);
            if let Some(name) = of(known, name, &resolved.dimensions("")) {
                let of = known.entry(name).or_default();
                of.corrected.adjusted(&adjusted);
                of.added = of.added.saturating_add(resolved.cost.usd());
            }
        }
        UsageEvent::UsageRepriced(repriced) => {
            let name = name(&repriced.adjusts_producer, &repriced.adjusts);
            if let Some(name) = of(known, name, &repriced.dimensions("")) {
                let of = known.entry(name).or_default();
                of.added = of.added.saturating_add(repriced.difference());
                of.times = of.times.saturating_add(1);
                of.corrected.repriced();
                if let Cost::Priced { price_version, .. } = repriced.new {
                    of.repriced = Some(price_version);
                }
            }
        }
        UsageEvent::WaitRecorded(_) | UsageEvent::SignalRecorded(_) | UsageEvent::PhaseExplained(_) => {}
    }
}

/// What pricing a usage again comes to.
enum Repriced {
    /// What it cost.
    Same,
    /// Still no price.
    Unpriced,
    /// Something else.
    Differs(Box<UsageRepriced>),
}

fn repriced(
    settings: &Settings,
    request: &RepriceRequest,
    (_, _, producer, id): &Name,
    known: &Known,
    usage: &UsageRecorded,
    at: Timestamp,
) -> Repriced {
    if usage.cost.booked().is_some() {
        return Repriced::Same;
    }
    let left = known.corrected.left(usage);
    let call = settings.config.prices.apply(Call::of(usage, at));
    let new = settings.prices.cost(call, &left);
    // A call of which nothing is left was none, whatever its prices are.
    let new = if Used::from(&left).is_nothing() {
        Cost::Priced { usd: Usd::ZERO, price_version: settings.prices.version().to_owned() }
    } else {
        new
    };
    if !new.is_known() {
        return Repriced::Unpriced;
    }
    let version = match &usage.cost {
        Cost::Priced { price_version, .. } => Some(price_version.clone()),
        Cost::Unpriced => None,
    };
    // Usage that had no price, and was priced again, has had one since.
    let old = match known.repriced.clone().or(version) {
        Some(price_version) => {
            let usd = usage.cost.usd().saturating_add(known.added);
            Cost::Priced { usd, price_version }
        }
        None => Cost::Unpriced,
    };
    let unpriced = known.corrected.unpriced(usage);
    let is_over = Used::from(&left).is_nothing() && !old.is_known();
    if (old.is_known() && old.usd() == new.usd() && unpriced.is_nothing()) || is_over {
        return Repriced::Same;
    }
    let mut labels = usage.labels.clone();
    // No scope can name longer ones.
    labels.retain(|_, value| value.len() <= MAX_VALUE_BYTES);
    let mut repriced = UsageRepriced {
        counts_as: usage.counts_as.clone(),
        adjusts: id.clone(),
        adjusts_producer: producer.clone(),
        used_at: at,
        execution: usage.execution.clone(),
        provider: usage.provider.clone(),
        model: usage.model.clone(),
        component: usage.component.clone(),
        labels,
        allocation: usage.allocation.clone(),
        old,
        new,
        tokens: left.tokens.total(),
        units: left.units,
        unpriced: None,
        by: request.by.clone(),
        reason: request.reason.clone().filter(|reason| !reason.is_empty()),
    };
    if repriced.newly_priced() != unpriced {
        repriced.unpriced = Some(unpriced);
    }
    Repriced::Differs(Box::new(repriced))
}

/// Adds a repricing to the day of its usage, under the model by which that counts.
fn count(days: &mut BTreeMap<(String, String), RepriceDay>, repriced: &UsageRepriced) {
    let day = repriced.used_at.day().to_string();
    let model = repriced.dimensions("").model.unwrap_or_default().to_owned();
    let row = days.entry((day.clone(), model.clone())).or_insert_with(|| RepriceDay {
        day,
        model,
        ..RepriceDay::default()
    });
    let add = |text: &mut String, usd: Usd| {
        *text = text.parse::<Usd>().unwrap_or_default().saturating_add(usd).to_string();
    };
    row.adjustments = row.adjustments.saturating_add(1);
    row.tokens = row.tokens.saturating_add(repriced.tokens);
    for (unit, count) in repriced.units.iter() {
        let sum = row.units.entry(unit.as_str().to_owned()).or_default();
        *sum = sum.saturating_add(count);
    }
    let newly = u64::try_from(repriced.newly_priced().tokens).unwrap_or_default();
    row.newly_priced_tokens = row.newly_priced_tokens.saturating_add(newly);
    add(&mut row.old_usd, repriced.old.usd());
    add(&mut row.new_usd, repriced.new.usd());
    add(&mut row.difference_usd, repriced.difference());
}
