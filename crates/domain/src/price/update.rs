//! What an update of the prices would change, and what of it has to wait for a person.

use std::collections::{BTreeMap, BTreeSet};

use super::change::largest;
use super::compare::{Agreement, Opinion, Trust, judge};
use super::history::{EntryHistory, PriceHistory};
use super::listed::{Listed, ModelName};
use super::names::rank;
use super::percent::Percent;
use super::points::{PointCosts, moments_of_a_week};
use super::{ModelPrice, PriceBook, PriceEntry};
use crate::event::WaitReason;
use crate::time::Timestamp;
use crate::words::words;

/// Who is named as the source of a price that a person set.
pub const BY_HAND: &str = "manual";

/// A change by more than so many percent at any usage point waits for a person.
const MAX_CHANGE: Percent = 50;

/// A list that lost more than so many of a hundred models since it was last used is not used.
const MAX_SHRINK_OF_100: u64 = 10;

words!(
    /// What happens to a price on which too few sources agree.
    Unverified {
        /// That of a source that may be believed on its own comes into force, and is marked as unverified.
        Apply = "apply",
        /// It waits for a person.
        Wait = "wait"
    }
);

/// What an update may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UpdateRules {
    /// What happens to unverified prices.
    pub unverified: Unverified,
    /// Whether models that the book has no price for are added.
    pub new_models: bool,
}

/// The list of one source.
#[derive(Clone, Debug)]
pub struct SourceList {
    /// The id of the source.
    pub source: String,
    /// How far it is believed.
    pub trust: Trust,
    /// It was read from a page made for people: its prices always wait.
    pub scraped: bool,
    /// Its prices.
    pub listed: BTreeMap<ModelName, Vec<Listed>>,
}

/// A change of one entry that an update would make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceUpdate {
    /// The entry of the price book.
    pub entry: String,
    /// Other entries of the same model, which it prices too.
    pub names: Vec<String>,
    /// The new rates.
    pub rates: String,
    /// The source they are from.
    pub source: String,
    /// The version of the new price.
    pub version: String,
    /// Whether enough sources agree on it.
    pub verified: bool,
    /// How many sources agree with it, and how many know the model.
    pub agreeing: (usize, usize),
    /// The version in force; `None`: the entry has no price.
    pub old_version: Option<String>,
    /// What it costs now, if anything.
    pub old_costs: Option<PointCosts>,
    /// What it would cost.
    pub new_costs: PointCosts,
    /// The largest change, in percent; `None`: there is nothing to compare.
    pub percent: Option<Percent>,
    /// Why it waits for a person; empty: it does not.
    pub waits: Vec<WaitReason>,
    /// Whether the same price waits already: there is nothing new to record.
    pub known: bool,
}

/// Sources that do not agree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dispute {
    /// The entry of the price book.
    pub entry: String,
    /// What each source says; empty: they agree again.
    pub said: Vec<String>,
}

/// What an update would do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UpdatePlan {
    /// The changes, by entry.
    pub updates: Vec<PriceUpdate>,
    /// Entries on which sources do not agree, or agree again.
    pub disputes: Vec<Dispute>,
    /// How many entries stay as they are.
    pub unchanged: usize,
    /// How many models were left out because the book has no price for them.
    pub left_out: usize,
}

/// Whether a list lost so many models since it was last used that it is not used: half a file looks like that.
#[must_use]
pub const fn has_shrunk(before: u64, now: u64) -> bool {
    now.saturating_mul(100) < before.saturating_mul(100_u64.saturating_sub(MAX_SHRINK_OF_100))
}

/// What an update by these lists would change of the prices in force at a time.
#[must_use]
pub fn plan(
    book: &PriceBook,
    history: &PriceHistory,
    lists: &[SourceList],
    rules: UpdateRules,
    now: Timestamp,
) -> UpdatePlan {
    let moments = moments_of_a_week(now);
    let known = Known::of(book, history, now);
    let models: BTreeSet<&ModelName> = lists.iter().flat_map(|list| list.listed.keys()).collect();
    let mut plan = UpdatePlan::default();
    for model in models {
        let names = known.names(model);
        let Some(entry) = known.entry(model).or_else(|| first_entry(lists, model)) else { continue };
        let opinions = opinions(lists, model);
        let Some(judged) = judge(&opinions, &moments) else { continue };
        plan.note_disputes(history, entry, names, &judged);
        let current = known.price(model);
        if current.is_none() && !rules.new_models {
            plan.left_out = plan.left_out.saturating_add(1);
            continue;
        }
        let one = Update { book, current, opinions: &opinions, judged: &judged, moments: &moments };
        let told: Vec<(&str, &EntryHistory)> =
            names.iter().filter_map(|name| Some((*name, history.entries.get(*name)?))).collect();
        match one.planned(entry, lists, rules, &told) {
            Some(update) => plan.updates.push(PriceUpdate { names: known.others(model, entry), ..update }),
            None => plan.unchanged = plan.unchanged.saturating_add(1),
        }
    }
    plan.updates.sort_by(|one, other| one.entry.cmp(&other.entry));
    plan
}

impl UpdatePlan {
    /// Notes what is new about what sources say of a model: under one of its names, and no more under the others.
    fn note_disputes(&mut self, history: &PriceHistory, entry: &str, names: &[&str], judged: &Agreement<'_>) {
        let others = names.iter().filter(|name| **name != entry).map(|name| (*name, &[] as &[String]));
        for (name, said) in others.chain([(entry, judged.disputed.as_slice())]) {
            let before = history.entries.get(name).map(|history| history.disputed.as_slice());
            if before.unwrap_or_default() != said {
                self.disputes.push(Dispute { entry: name.to_owned(), said: said.to_vec() });
            }
        }
    }
}

/// What is known of the models of a book: one price each, under one name or several.
struct Known<'a> {
    book: &'a PriceBook,
    history: &'a PriceHistory,
    now: Timestamp,
    /// Their names, the own one first: those that have a price, and those about which something was decided.
    names: BTreeMap<ModelName, Vec<&'a str>>,
}

impl<'a> Known<'a> {
    fn of(book: &'a PriceBook, history: &'a PriceHistory, now: Timestamp) -> Self {
        let mut names: BTreeMap<ModelName, Vec<&str>> = BTreeMap::new();
        let priced: BTreeMap<&str, PriceEntry<'_>> =
            book.entries(now).filter(PriceEntry::is_priced).map(|entry| (entry.name, entry)).collect();
        for entry in priced.values() {
            names.entry(entry.model()).or_default().push(entry.name);
        }
        for (entry, history) in
            history.entries.iter().filter(|(entry, _)| !priced.contains_key(entry.as_str()))
        {
            names.entry(history.model(entry)).or_default().push(entry);
        }
        for (model, names) in &mut names {
            names.sort_by_key(|name| rank(name, model));
        }
        Self { book, history, now, names }
    }

    fn names(&self, model: &ModelName) -> &[&'a str] {
        self.names.get(model).map_or(&[], Vec::as_slice)
    }

    fn price_of(&self, name: &str) -> Option<&'a ModelPrice> {
        self.book.at(self.now).get(name).and_then(|(_, price)| price)
    }

    /// Its price in force.
    fn price(&self, model: &ModelName) -> Option<&'a ModelPrice> {
        self.names(model).iter().find_map(|name| self.price_of(name))
    }

    /// Under which of its names an update changes a model: the one under which a price waits, so that there is one
    /// that waits, else the one under which its price was decided, else its own.
    fn entry(&self, model: &ModelName) -> Option<&'a str> {
        let names = self.names(model);
        let waits =
            |name: &str| self.history.entries.get(name).is_some_and(|history| history.waiting.is_some());
        let decided = self.price(model).and_then(|price| price.decided_as.as_deref());
        let find = |wanted: &dyn Fn(&str) -> bool| names.iter().copied().find(|name| wanted(name));
        find(&waits).or_else(|| find(&|name| Some(name) == decided)).or_else(|| names.first().copied())
    }

    /// Its other names that have a price.
    fn others(&self, model: &ModelName, entry: &str) -> Vec<String> {
        let others = self.names(model).iter().filter(|name| **name != entry && self.price_of(name).is_some());
        others.map(|name| (*name).to_owned()).collect()
    }
}

/// The name that the most trusted list has for a model.
fn first_entry<'a>(lists: &'a [SourceList], model: &ModelName) -> Option<&'a str> {
    let mut found: Option<(Trust, &str)> = None;
    for list in lists {
        let name = list.listed.get(model).and_then(|listed| listed.first());
        if let Some(listed) = name
            && found.is_none_or(|(trust, _)| list.trust > trust)
        {
            found = Some((list.trust, &listed.entry));
        }
    }
    found.map(|(_, name)| name)
}

/// What each list says about a model: under its own name, if the list has several.
fn opinions<'a>(lists: &'a [SourceList], model: &ModelName) -> Vec<Opinion<'a>> {
    let said = lists.iter().filter_map(|list| {
        let listed = list.listed.get(model)?.iter().min_by_key(|listed| rank(&listed.entry, model))?;
        Some(Opinion { source: &list.source, trust: list.trust, listed })
    });
    said.collect()
}

/// One entry, with what is known about it.
struct Update<'a> {
    book: &'a PriceBook,
    current: Option<&'a ModelPrice>,
    opinions: &'a [Opinion<'a>],
    judged: &'a Agreement<'a>,
    moments: &'a [Timestamp],
}

impl Update<'_> {
    /// The change; `None`: the price in force says the same, or a person rejected this one.
    fn planned(
        &self,
        entry: &str,
        lists: &[SourceList],
        rules: UpdateRules,
        told: &[(&str, &EntryHistory)],
    ) -> Option<PriceUpdate> {
        let best = &self.judged.best;
        let new = &best.listed.price;
        if self.current.is_some_and(|current| !self.differs(current, new)) {
            return None;
        }
        // Under the name of the entry that it changes. Who rejected it may have done so under another one.
        let under = |entry: &str| Listed { entry: entry.to_owned(), ..best.listed.clone() };
        let is_rejected = |(name, history): &(&str, &EntryHistory)| {
            !history.rejected.is_empty() && {
                let version = under(name).version(best.source);
                history.rejected.iter().any(|rejected| rejected.version == version)
            }
        };
        if told.iter().any(is_rejected) {
            return None;
        }
        let listed = under(entry);
        let version = listed.version(best.source);
        let mut waits = self.waits(lists, rules);
        if self.is_set_by_hand(told) {
            waits.push(WaitReason::SetByHand);
        }
        let mut waiting = told.iter().filter(|(name, _)| *name == entry);
        let known = waiting
            .any(|(_, history)| history.waiting.as_ref().is_some_and(|waiting| waiting.version == version));
        Some(PriceUpdate {
            entry: entry.to_owned(),
            names: Vec::new(),
            rates: listed.rates,
            source: best.source.to_owned(),
            version,
            verified: self.judged.is_verified(),
            agreeing: (self.judged.agreeing, self.judged.known),
            old_version: self.current.map(|current| self.book.version_of(current).to_owned()),
            old_costs: self.current.map(|current| PointCosts::of(current, self.moments)),
            new_costs: PointCosts::of(new, self.moments),
            percent: self.current.and_then(|current| largest(current, new, self.moments)),
            known,
            waits,
        })
    }

    /// Whether a person set the price in force: then only a person replaces it.
    fn is_set_by_hand(&self, told: &[(&str, &EntryHistory)]) -> bool {
        let version = self.current.and_then(|current| current.version.as_deref());
        let changes = told.iter().flat_map(|(_, history)| &history.changes);
        let mut in_force = changes.filter(|change| Some(change.version.as_str()) == version);
        in_force.any(|change| change.source == BY_HAND)
    }

    /// Whether two prices say different things about anything that both say something about.
    fn differs(&self, current: &ModelPrice, new: &ModelPrice) -> bool {
        // Where nothing of both can be compared, any difference is one.
        largest(current, new, self.moments).map_or_else(|| !current.costs_like(new), |percent| percent > 0)
            || new.service_tiers.iter().any(|(tier, schedule)| {
                current.service_tiers.get(tier).is_some_and(|theirs| theirs != schedule)
            })
    }

    fn waits(&self, lists: &[SourceList], rules: UpdateRules) -> Vec<WaitReason> {
        let (best, costs) = (&self.judged.best, PointCosts::of(&self.judged.best.listed.price, self.moments));
        let current = self.current.map(|current| (current, PointCosts::of(current, self.moments)));
        let mut waits = Vec::new();
        let changed = self.current.and_then(|current| largest(current, &best.listed.price, self.moments));
        if changed.is_some_and(|percent| percent > MAX_CHANGE) {
            waits.push(WaitReason::LargeChange);
        }
        let others = self.opinions.iter().map(|opinion| opinion.listed.costs(self.moments));
        let others = others.chain(current.iter().map(|(_, costs)| costs.clone()));
        if others.into_iter().any(|theirs| costs.free_where(&theirs).is_some()) {
            waits.push(WaitReason::Free);
        }
        if current.as_ref().is_some_and(|(current, theirs)| {
            theirs.unsaid_by(&costs).is_some()
                || current.given.has_more_than(&best.listed.price.given)
                || current
                    .service_tiers
                    .keys()
                    .any(|tier| !best.listed.price.service_tiers.contains_key(tier))
        }) {
            waits.push(WaitReason::RateMissing);
        }
        let believed = best.trust >= Trust::ALONE && rules.unverified == Unverified::Apply;
        if !self.judged.is_verified() && !believed {
            waits.push(WaitReason::Unverified);
        }
        if lists.iter().any(|list| list.scraped && list.source == best.source) {
            waits.push(WaitReason::Scraped);
        }
        waits
    }
}
