//! What an update of the prices would change, and what of it has to wait for a person.

use std::collections::BTreeSet;

use super::change::{billed, largest};
use super::compare::{Agreement, Opinion, Trust, judge};
use super::history::{EntryHistory, PriceHistory};
use super::known::{Known, Subject};
use super::listed::{Listed, ModelName};
use super::percent::Percent;
use super::points::{PointCosts, moments_of_a_week};
use super::quote::PriceEntry;
use super::source_list::{SourceList, opinions};
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
    let lists = known.with_providers(lists);
    let models: BTreeSet<&ModelName> = lists.iter().flat_map(|list| list.listed.keys()).collect();
    let (mut plan, mut taken) = (UpdatePlan::default(), BTreeSet::new());
    for model in models {
        let opinions = opinions(&lists, model);
        let Some(judged) = judge(&opinions, &moments) else { continue };
        let subject = known.subject(model, &lists, &taken);
        if let Some(subject) = &subject {
            taken.insert(subject.entry.clone());
            plan.note_disputes(history, subject, &judged);
        }
        let Some(subject) = subject.filter(|subject| subject.current.is_some() || rules.new_models) else {
            plan.left_out = plan.left_out.saturating_add(1);
            continue;
        };
        let one = Update { book, subject: &subject, opinions: &opinions, judged: &judged, moments: &moments };
        match one.planned(&lists, rules) {
            Some(update) => plan.updates.push(PriceUpdate { names: known.others(&subject), ..update }),
            None => plan.unchanged = plan.unchanged.saturating_add(1),
        }
    }
    plan.updates.sort_by(|one, other| one.entry.cmp(&other.entry));
    plan
}

impl UpdatePlan {
    /// Notes what is new about what sources say of a model: under one of its names, and no more under the others.
    fn note_disputes(&mut self, history: &PriceHistory, subject: &Subject<'_>, judged: &Agreement<'_>) {
        let entry = subject.entry.as_str();
        let others =
            subject.names.iter().filter(|name| **name != entry).map(|name| (*name, &[] as &[String]));
        for (name, said) in others.chain([(entry, judged.disputed.as_slice())]) {
            let before = history.entries.get(name).map(|history| history.disputed.as_slice());
            if before.unwrap_or_default() != said {
                self.disputes.push(Dispute { entry: name.to_owned(), said: said.to_vec() });
            }
        }
    }
}

/// One entry, with what is known and said about it.
struct Update<'a> {
    book: &'a PriceBook,
    subject: &'a Subject<'a>,
    opinions: &'a [Opinion<'a>],
    judged: &'a Agreement<'a>,
    moments: &'a [Timestamp],
}

impl Update<'_> {
    /// The change; `None`: the price in force says the same, or a person rejected this one.
    fn planned(&self, lists: &[SourceList], rules: UpdateRules) -> Option<PriceUpdate> {
        let Subject { entry, current, told, .. } = self.subject;
        let current = *current;
        let best = &self.judged.best;
        let new = &best.listed.price;
        if current.is_some_and(|current| !self.differs(current, new)) {
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
        if self.is_set_by_hand() {
            waits.push(WaitReason::SetByHand);
        }
        let mut waiting = told.iter().filter(|(name, _)| *name == entry.as_str());
        let known = waiting
            .any(|(_, history)| history.waiting.as_ref().is_some_and(|waiting| waiting.version == version));
        Some(PriceUpdate {
            entry: entry.clone(),
            names: Vec::new(),
            rates: listed.rates,
            source: best.source.to_owned(),
            version,
            verified: self.judged.is_verified(),
            agreeing: (self.judged.agreeing, self.judged.known),
            old_version: current.map(|current| self.book.version_of(current).to_owned()),
            old_costs: current.map(|current| PointCosts::of(current, self.moments)),
            new_costs: PointCosts::of(new, self.moments),
            percent: self.changed(),
            known,
            waits,
        })
    }

    /// Whether a person set the price in force: then only a person replaces it.
    fn is_set_by_hand(&self) -> bool {
        let Subject { current, told, .. } = self.subject;
        let version = current.and_then(|current| current.version.as_deref());
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

    /// How much what calls are billed changes, also by a rate that only one of the prices names.
    fn changed(&self) -> Option<Percent> {
        let before = PriceEntry::new(&self.subject.entry, self.subject.current);
        billed(&before, &self.judged.best.listed.as_entry(), self.moments)
    }

    fn waits(&self, lists: &[SourceList], rules: UpdateRules) -> Vec<WaitReason> {
        let (best, costs) = (&self.judged.best, PointCosts::of(&self.judged.best.listed.price, self.moments));
        let current = self.subject.current.map(|current| (current, PointCosts::of(current, self.moments)));
        let mut waits = Vec::new();
        if self.changed().is_some_and(|percent| percent > MAX_CHANGE) {
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
