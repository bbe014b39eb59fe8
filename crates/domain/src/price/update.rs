//! What an update of the prices would change, and what of it has to wait for a person.

use std::collections::{BTreeMap, BTreeSet};

use super::change::largest;
use super::compare::{Agreement, Opinion, Trust, judge};
use super::history::{EntryHistory, PriceHistory};
use super::listed::{Listed, ModelName};
use super::percent::Percent;
use super::points::{PointCosts, moments_of_a_week};
use super::{ModelPrice, PriceBook};
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
    let mut of_book: BTreeMap<ModelName, Vec<&str>> = BTreeMap::new();
    for entry in book.entries(now).filter(super::PriceEntry::is_priced) {
        of_book.entry(ModelName::of_entry(entry.name, entry.provider())).or_default().push(entry.name);
    }
    let models: BTreeSet<&ModelName> = lists.iter().flat_map(|list| list.listed.keys()).collect();
    let mut plan = UpdatePlan::default();
    for model in models {
        let own = of_book.get(model).map_or(&[] as &[&str], Vec::as_slice);
        let new = own.is_empty().then(|| first_entry(lists, model)).flatten();
        for entry in own.iter().copied().chain(new) {
            let opinions = opinions(lists, model, entry);
            let Some(judged) = judge(&opinions, &moments) else { continue };
            plan.note_dispute(history, entry, &judged);
            let current = book.at(now).get(entry).and_then(|(_, price)| price);
            if current.is_none() && !rules.new_models {
                plan.left_out = plan.left_out.saturating_add(1);
                continue;
            }
            let one = Update { book, current, opinions: &opinions, judged: &judged, moments: &moments };
            match one.planned(entry, lists, rules, history.entries.get(entry)) {
                Some(update) => plan.updates.push(update),
                None => plan.unchanged = plan.unchanged.saturating_add(1),
            }
        }
    }
    plan.updates.sort_by(|one, other| one.entry.cmp(&other.entry));
    plan
}

impl UpdatePlan {
    fn note_dispute(&mut self, history: &PriceHistory, entry: &str, judged: &Agreement<'_>) {
        let before =
            history.entries.get(entry).map(|history| history.disputed.as_slice()).unwrap_or_default();
        if before != judged.disputed.as_slice() {
            self.disputes.push(Dispute { entry: entry.to_owned(), said: judged.disputed.clone() });
        }
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

/// What each list says about a model: its entry of the same name, otherwise its first one of the model.
fn opinions<'a>(lists: &'a [SourceList], model: &ModelName, entry: &str) -> Vec<Opinion<'a>> {
    let said = lists.iter().filter_map(|list| {
        let listed = list.listed.get(model)?;
        let listed = listed.iter().find(|listed| listed.entry == entry).or(listed.first())?;
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
        history: Option<&EntryHistory>,
    ) -> Option<PriceUpdate> {
        let best = &self.judged.best;
        let new = &best.listed.price;
        if self.current.is_some_and(|current| !self.differs(current, new)) {
            return None;
        }
        // Under the name of the entry that it changes.
        let listed = Listed { entry: entry.to_owned(), ..best.listed.clone() };
        let version = listed.version(best.source);
        if history.is_some_and(|history| history.rejected.iter().any(|rejected| rejected.version == version))
        {
            return None;
        }
        let mut waits = self.waits(lists, rules);
        if self.is_set_by_hand(history) {
            waits.push(WaitReason::SetByHand);
        }
        let waiting = history.and_then(|history| history.waiting.as_ref());
        let known = waiting.is_some_and(|waiting| waiting.version == version);
        Some(PriceUpdate {
            entry: entry.to_owned(),
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
    fn is_set_by_hand(&self, history: Option<&EntryHistory>) -> bool {
        let version = self.current.and_then(|current| current.version.as_deref());
        let changes = history.into_iter().flat_map(|history| &history.changes);
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
