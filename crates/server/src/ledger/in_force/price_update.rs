//! An update of the prices: what the sources say, compared with what is in force, and recorded.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use tollgate_domain::event::{
    EventBody, PriceChanged, PriceDisputed, PriceEvent, PriceProposed, PriceSourceChecked,
};
use tollgate_domain::price::{
    ModelName, PointCosts, PriceHistory, PriceUpdate, SourceHistory, UpdatePlan, plan,
};
use tollgate_domain::time::Timestamp;
use tollgate_price_sources::{Checked, Gather, Gathered, PriceSources, SourceConfig};
use tollgate_wire::api::{
    PriceDifference, PriceSourceList, PriceSourceState, PriceUpdateReport, PriceUpdateRequest,
};

use super::InForce;
use crate::problem::{Answer, INVALID, PRICE_SOURCES};

/// The directory beside the file of sources in which fetched lists are kept.
const CACHE: &str = "prices";

impl InForce {
    /// Compares the prices in force with those of all sources, and records what comes into force, what waits
    /// for a person, and on what the sources do not agree. A dry run records nothing.
    ///
    /// # Errors
    ///
    /// The problem to answer with: no sources are named, or the log does not accept what was decided.
    pub async fn update_prices(&self, request: &PriceUpdateRequest) -> Answer<PriceUpdateReport> {
        let _turn = self.updating.lock().await;
        let (config, dir) = self.sources()?;
        let unknown =
            request.accept_shrink.iter().find(|id| !config.sources.iter().any(|source| source.id == **id));
        if let Some(id) = unknown {
            return Err(INVALID.of_field("accept_shrink", id, "must be the id of a source"));
        }
        self.learn_settings().await;
        let (settings, now) = (self.ask.settings(), self.ask.now());
        let cache = dir.join(CACHE);
        let gather = Gather {
            refresh: request.refresh,
            accept_shrunk: request.accept_shrink.iter().cloned().collect(),
            models: models(&settings.prices, now),
            ..Gather::new(&cache, &settings.price_history, now)
        };
        let gathered = gather.run(&config).await;
        let plan = plan(&settings.prices, &settings.price_history, &gathered.lists, config.rules, now);
        if !request.dry_run {
            let known = &settings.price_history.sources;
            self.record_prices(events_of(&config, known, &gathered, &plan, now)).await?;
        }
        Ok(report(&config, &gathered, &plan, request.dry_run, now))
    }

    /// The sources that are named, with what is known about them.
    ///
    /// # Errors
    ///
    /// The problem to answer with: their file is invalid.
    pub fn price_sources(&self) -> Answer<PriceSourceList> {
        source_list(self.price_sources.as_deref(), &self.ask.settings().price_history)
    }

    /// The file of sources, read now: a change of it needs no restart. With its directory.
    pub(super) fn sources(&self) -> Answer<(PriceSources, &Path)> {
        sources_in(self.price_sources.as_deref())
    }
}

/// The sources that a file names, of which nothing is known: without a ledger.
///
/// # Errors
///
/// The problem to answer with: the file is invalid.
pub fn named_sources(file: &Path) -> Answer<PriceSourceList> {
    source_list(Some(file), &PriceHistory::default())
}

fn source_list(file: Option<&Path>, history: &PriceHistory) -> Answer<PriceSourceList> {
    let config = match file.filter(|file| file.exists()) {
        Some(file) => sources_in(Some(file))?.0,
        None => PriceSources::default(),
    };
    let (named, known) = (&config.sources, &history.sources);
    let ids: BTreeSet<&String> = named.iter().map(|source| &source.id).chain(known.keys()).collect();
    let sources = ids.into_iter().map(|id| {
        let mut state = described(named.iter().find(|source| source.id == *id), id);
        if let Some(known) = known.get(id) {
            state.checked_at = Some(known.checked_at.to_string());
            state.problem.clone_from(&known.problem);
            state.models = known.models;
            state.fetched_at = known.fetched_at.map(|at| at.to_string());
            state.checksum = Some(known.checksum.clone()).filter(|checksum| !checksum.is_empty());
        }
        state
    });
    Ok(PriceSourceList {
        sources: sources.collect(),
        update_every_s: config.update_every_s,
        update_begun_at: history.update_begun.map(|at| at.to_string()),
    })
}

fn sources_in(file: Option<&Path>) -> Answer<(PriceSources, &Path)> {
    let example = "name the sources of prices in it: see docs/guides/prices.md";
    let Some(file) = file else {
        return Err(
            PRICE_SOURCES.with(format!("no sources of prices are named: --price-sources FILE; {example}"))
        );
    };
    let shown = file.display();
    let text = tollgate_files::read_settings(file)
        .map_err(|error| PRICE_SOURCES.with(format!("reading {shown}: {error}; {example}")))?;
    let dir = file.parent().unwrap_or(Path::new("."));
    let config = PriceSources::from_yaml(&text, dir)
        .map_err(|error| PRICE_SOURCES.with(format!("{shown}: {error}")))?;
    Ok((config, dir))
}

/// The models of a book: lists that name models by patterns are asked about them.
fn models(book: &tollgate_domain::price::PriceBook, now: Timestamp) -> BTreeSet<ModelName> {
    book.entries(now).map(|entry| ModelName::of_entry(entry.name, entry.provider())).collect()
}

/// What is recorded of an update.
fn events_of(
    config: &PriceSources,
    known: &BTreeMap<String, SourceHistory>,
    gathered: &Gathered,
    plan: &UpdatePlan,
    now: Timestamp,
) -> Vec<PriceEvent> {
    // Nothing is wrong any more with a source that nobody names: its alert ends.
    let is_named = |id: &String| config.sources.iter().any(|source| source.id == *id);
    let gone = known.iter().filter(|(id, history)| history.problem.is_some() && !is_named(id));
    let gone = gone.map(|(id, history)| {
        PriceEvent::from(PriceSourceChecked {
            source: id.clone(),
            problem: None,
            models: history.models,
            checksum: history.checksum.clone(),
            fetched_at: history.fetched_at,
        })
    });
    let asked = gathered.checked.iter().filter(|checked| checked.asked);
    let checked = asked.map(|checked| {
        PriceEvent::from(PriceSourceChecked {
            source: checked.source.clone(),
            problem: checked.problem.clone(),
            models: checked.models,
            checksum: checked.checksum.clone(),
            fetched_at: checked.fetched_at,
        })
    });
    let disputed = plan.disputes.iter().map(|dispute| {
        PriceEvent::from(PriceDisputed { entry: dispute.entry.clone(), said: dispute.said.clone() })
    });
    let changes = plan.updates.iter().filter(|update| update.waits.is_empty() || !update.known);
    let changes = changes.map(|update| {
        if update.waits.is_empty() { changed(update, now).into() } else { proposed(update).into() }
    });
    gone.chain(checked).chain(disputed).chain(changes).collect()
}

fn changed(update: &PriceUpdate, now: Timestamp) -> PriceChanged {
    PriceChanged {
        entry: update.entry.clone(),
        rates: update.rates.clone(),
        from: now,
        source: update.source.clone(),
        price_version: update.version.clone(),
        verified: update.verified,
        old_version: update.old_version.clone(),
        percent: update.percent,
        approved_by: None,
        reason: None,
    }
}

fn proposed(update: &PriceUpdate) -> PriceProposed {
    PriceProposed {
        entry: update.entry.clone(),
        rates: update.rates.clone(),
        source: update.source.clone(),
        price_version: update.version.clone(),
        verified: update.verified,
        old_version: update.old_version.clone(),
        percent: update.percent,
        waits: update.waits.clone(),
    }
}

fn report(
    config: &PriceSources,
    gathered: &Gathered,
    plan: &UpdatePlan,
    dry_run: bool,
    now: Timestamp,
) -> PriceUpdateReport {
    let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    let state = |checked: &Checked| {
        let named = config.sources.iter().find(|source| source.id == checked.source);
        PriceSourceState {
            checked_at: checked.asked.then(|| now.to_string()),
            problem: checked.problem.clone(),
            note: checked.note.clone(),
            models: checked.models,
            fetched_at: checked.fetched_at.map(|at| at.to_string()),
            checksum: Some(checked.checksum.clone()).filter(|checksum| !checksum.is_empty()),
            ..described(named, &checked.source)
        }
    };
    let (waiting, applied): (Vec<&PriceUpdate>, _) =
        plan.updates.iter().partition(|update| !update.waits.is_empty());
    PriceUpdateReport {
        dry_run,
        sources: gathered.checked.iter().map(state).collect(),
        applied: applied.into_iter().map(difference).collect(),
        waiting: waiting.into_iter().map(difference).collect(),
        disputed: plan.disputes.iter().map(|one| (one.entry.clone(), one.said.clone())).collect(),
        unchanged: count(plan.unchanged),
        left_out: count(plan.left_out),
    }
}

fn described(named: Option<&SourceConfig>, id: &str) -> PriceSourceState {
    PriceSourceState {
        source: id.to_owned(),
        kind: named.map(|source| source.kind.as_str().to_owned()),
        trust_thousandths: named.map(|source| source.trust.thousandths()),
        ..PriceSourceState::default()
    }
}

fn difference(update: &PriceUpdate) -> PriceDifference {
    let costs = |costs: &PointCosts| costs.first().map(|usd| usd.map(|usd| usd.to_string())).to_vec();
    let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    PriceDifference {
        entry: update.entry.clone(),
        names: update.names.clone(),
        source: update.source.clone(),
        price_version: update.version.clone(),
        verified: update.verified,
        agreeing: count(update.agreeing.0),
        known: count(update.agreeing.1),
        old_version: update.old_version.clone(),
        percent: update.percent,
        old_costs: update.old_costs.as_ref().map(costs).unwrap_or_default(),
        new_costs: costs(&update.new_costs),
        waits: update.waits.iter().map(|wait| wait.as_str().to_owned()).collect(),
        known_before: update.known,
    }
}

impl InForce {
    /// Records events about prices and puts what they decide in force here at once; other servers see them
    /// within seconds.
    pub(super) async fn record_prices(&self, events: Vec<PriceEvent>) -> Answer<String> {
        let position = self.append_prices(events.into_iter().map(EventBody::from).collect()).await?;
        self.learn_settings().await;
        Ok(position)
    }
}
