//! Everything that was decided about prices, folded from the events of the subject `price`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::listed::{Listed, ModelName};
use super::percent::Percent;
use crate::event::{PriceChanged, PriceEvent, PriceSourceChecked, WaitReason};
use crate::position::Sequence;
use crate::time::Timestamp;

/// How many rejected versions of an entry are remembered: an older one may be proposed again.
const MAX_REJECTED: usize = 32;

/// A price that came into force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriceChange {
    /// Its rates, in the form of the price book.
    pub rates: String,
    /// From when on.
    pub from: Timestamp,
    /// The source.
    pub source: String,
    /// Its version.
    pub version: String,
    /// Whether enough sources agreed on it.
    pub verified: bool,
    /// The version before it.
    pub old_version: Option<String>,
    /// The largest change at a usage point, in percent.
    pub percent: Option<Percent>,
    /// Who approved it.
    pub approved_by: Option<String>,
    /// What they said about it.
    pub reason: Option<String>,
    /// When it was decided.
    pub recorded_at: Timestamp,
    /// The record of the log that has it: among decisions of one time, the later one counts.
    #[serde(default)]
    pub sequence: Sequence,
}

/// A price that waits for a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriceProposal {
    /// Its rates, in the form of the price book.
    pub rates: String,
    /// The source.
    pub source: String,
    /// Its version.
    pub version: String,
    /// Whether enough sources agreed on it.
    pub verified: bool,
    /// The version in force when it was proposed.
    pub old_version: Option<String>,
    /// The largest change at a usage point, in percent.
    pub percent: Option<Percent>,
    /// Why it waits.
    pub waits: Vec<WaitReason>,
    /// Since when.
    pub since: Timestamp,
}

/// A price that a person rejected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriceRejection {
    /// Its version.
    pub version: String,
    /// What was proposed; `None`: something else waited already when it was rejected.
    pub proposal: Option<PriceProposal>,
    /// Who rejected it.
    pub by: String,
    /// Why.
    pub reason: Option<String>,
    /// When.
    pub at: Timestamp,
}

/// What was decided about one entry.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryHistory {
    /// What came into force, in the order of the decisions.
    pub changes: Vec<PriceChange>,
    /// What waits: the latest proposal.
    pub waiting: Option<PriceProposal>,
    /// What was rejected, the latest last.
    pub rejected: Vec<PriceRejection>,
    /// What the sources say if they do not agree.
    pub disputed: Vec<String>,
    /// When they last said something else about that.
    pub disputed_at: Option<Timestamp>,
}

/// What was last known about a source.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceHistory {
    /// When it was last asked.
    pub checked_at: Timestamp,
    /// What went wrong then.
    pub problem: Option<String>,
    /// When its list could last be used.
    pub used_at: Option<Timestamp>,
    /// How many models that list had.
    pub models: u64,
    /// The SHA-256 of its text.
    pub checksum: String,
    /// When that text was fetched.
    pub fetched_at: Option<Timestamp>,
}

/// Everything that was decided about prices.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriceHistory {
    /// By entry of the price book.
    pub entries: BTreeMap<String, EntryHistory>,
    /// By id of the source.
    pub sources: BTreeMap<String, SourceHistory>,
    /// When a server last began to update the prices by itself.
    pub update_begun: Option<Timestamp>,
}

impl EntryHistory {
    /// Which model of which provider it is about: as the last price says that came into force, else the one that waits
    /// or was rejected.
    #[must_use]
    pub fn model(&self, entry: &str) -> ModelName {
        let changed = self.changes.last().map(|change| &change.rates);
        let waiting = self.waiting.as_ref().map(|waiting| &waiting.rates);
        let rejected = self.rejected.last().and_then(|rejected| Some(&rejected.proposal.as_ref()?.rates));
        let rates = changed.or(waiting).or(rejected);
        let listed = rates.and_then(|rates| Listed::read(entry, rates).ok());
        listed.map_or_else(|| ModelName::of_entry(entry, None), |listed| listed.model)
    }

    /// Folds an event about this entry; `at` and `sequence` are when and in which record it was recorded.
    pub fn apply(&mut self, at: Timestamp, sequence: Sequence, event: &PriceEvent) {
        match event {
            PriceEvent::PriceChanged(changed) => {
                if self.waiting.as_ref().is_some_and(|waiting| waiting.version == changed.price_version) {
                    self.waiting = None;
                }
                self.changes.push(change(at, sequence, changed));
            }
            PriceEvent::PriceProposed(proposed) => {
                self.waiting = Some(PriceProposal {
                    rates: proposed.rates.clone(),
                    source: proposed.source.clone(),
                    version: proposed.price_version.clone(),
                    verified: proposed.verified,
                    old_version: proposed.old_version.clone(),
                    percent: proposed.percent,
                    waits: proposed.waits.clone(),
                    since: at,
                });
            }
            PriceEvent::PriceDecided(decided) => {
                let proposal = self.waiting.take_if(|waiting| waiting.version == decided.price_version);
                self.rejected.retain(|rejected| rejected.version != decided.price_version);
                if !decided.approved {
                    let excess = self.rejected.len().saturating_add(1).saturating_sub(MAX_REJECTED);
                    self.rejected.drain(..excess.min(self.rejected.len()));
                    self.rejected.push(PriceRejection {
                        version: decided.price_version.clone(),
                        proposal,
                        by: decided.by.clone(),
                        reason: decided.reason.clone(),
                        at,
                    });
                }
            }
            PriceEvent::PriceDisputed(disputed) => {
                self.disputed.clone_from(&disputed.said);
                self.disputed_at = Some(at);
            }
            PriceEvent::PriceSourceChecked(_) | PriceEvent::PriceUpdateBegun(_) => {}
        }
    }
}

fn change(at: Timestamp, sequence: Sequence, changed: &PriceChanged) -> PriceChange {
    PriceChange {
        rates: changed.rates.clone(),
        from: changed.from,
        source: changed.source.clone(),
        version: changed.price_version.clone(),
        verified: changed.verified,
        old_version: changed.old_version.clone(),
        percent: changed.percent,
        approved_by: changed.approved_by.clone(),
        reason: changed.reason.clone(),
        recorded_at: at,
        sequence,
    }
}

impl SourceHistory {
    /// Folds a check of this source, recorded at a time. What was known before a failure stays known.
    pub fn apply(&mut self, at: Timestamp, checked: &PriceSourceChecked) {
        self.checked_at = at;
        self.problem.clone_from(&checked.problem);
        if checked.problem.is_none() {
            self.used_at = Some(at);
            self.models = checked.models;
            self.checksum.clone_from(&checked.checksum);
            self.fetched_at = checked.fetched_at;
        }
    }
}

impl PriceEvent {
    /// The entry that it is about; `None`: it is about a source, or about all prices.
    #[must_use]
    pub fn entry(&self) -> Option<&str> {
        match self {
            Self::PriceChanged(event) => Some(&event.entry),
            Self::PriceProposed(event) => Some(&event.entry),
            Self::PriceDecided(event) => Some(&event.entry),
            Self::PriceDisputed(event) => Some(&event.entry),
            Self::PriceSourceChecked(_) | Self::PriceUpdateBegun(_) => None,
        }
    }
}

impl PriceHistory {
    /// Folds an event recorded at a time, in a record of the ledger's own partition.
    pub fn apply(&mut self, at: Timestamp, sequence: Sequence, event: &PriceEvent) {
        if let PriceEvent::PriceSourceChecked(checked) = event {
            self.sources.entry(checked.source.clone()).or_default().apply(at, checked);
        } else if let PriceEvent::PriceUpdateBegun(_) = event {
            self.update_begun = Some(at);
        } else if let Some(entry) = event.entry() {
            self.entries.entry(entry.to_owned()).or_default().apply(at, sequence, event);
        }
    }

    /// The same as it was known at a time.
    #[must_use]
    pub fn as_known_on(&self, time: Timestamp) -> Self {
        let mut known = self.clone();
        for entry in known.entries.values_mut() {
            entry.changes.retain(|change| change.recorded_at <= time);
            entry.waiting = entry.waiting.take().filter(|waiting| waiting.since <= time);
            // What was rejected since waited then.
            let later = entry.rejected.extract_if(.., |rejected| rejected.at > time);
            let proposals: Vec<PriceProposal> = later.filter_map(|rejected| rejected.proposal).collect();
            let waited = proposals.into_iter().filter(|proposal| proposal.since <= time);
            entry.waiting = entry.waiting.take().into_iter().chain(waited).max_by_key(|one| one.since);
            if entry.disputed_at.is_some_and(|at| at > time) {
                entry.disputed.clear();
            }
        }
        known
    }

    /// The entries with a price that waits.
    pub fn waiting(&self) -> impl Iterator<Item = (&str, &PriceProposal)> {
        self.entries.iter().filter_map(|(entry, history)| Some((entry.as_str(), history.waiting.as_ref()?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{PriceDecided, PriceDisputed, PriceProposed};

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000).unwrap()
    }

    fn proposed(version: &str) -> PriceEvent {
        PriceEvent::from(PriceProposed {
            entry: "m".to_owned(),
            rates: "{}".to_owned(),
            source: "a".to_owned(),
            price_version: version.to_owned(),
            verified: false,
            old_version: None,
            percent: Some(60),
            waits: vec![WaitReason::LargeChange],
        })
    }

    fn decided(version: &str, approved: bool) -> PriceEvent {
        let (entry, by) = ("m".to_owned(), "ann".to_owned());
        PriceEvent::from(PriceDecided {
            entry,
            price_version: version.to_owned(),
            approved,
            by,
            reason: None,
        })
    }

    fn changed(version: &str) -> PriceEvent {
        PriceEvent::from(PriceChanged {
            entry: "m".to_owned(),
            rates: "{}".to_owned(),
            from: at(0),
            source: "a".to_owned(),
            price_version: version.to_owned(),
            verified: true,
            old_version: None,
            percent: None,
            approved_by: None,
            reason: None,
        })
    }

    /// Events → what waits, what was rejected, what came into force.
    #[test]
    fn a_decision_ends_what_waits_and_a_rejection_is_remembered() {
        type Case = (Vec<PriceEvent>, Option<&'static str>, Vec<&'static str>, Vec<&'static str>);
        let cases: Vec<Case> = vec![
            (vec![proposed("a@1")], Some("a@1"), vec![], vec![]),
            (vec![proposed("a@1"), proposed("a@2")], Some("a@2"), vec![], vec![]),
            (vec![proposed("a@1"), decided("a@1", false)], None, vec!["a@1"], vec![]),
            (vec![proposed("a@2"), decided("a@1", false)], Some("a@2"), vec!["a@1"], vec![]),
            (vec![proposed("a@1"), decided("a@1", true), changed("a@1")], None, vec![], vec!["a@1"]),
            (vec![decided("a@1", false), decided("a@1", true), changed("a@1")], None, vec![], vec!["a@1"]),
            (vec![proposed("a@1"), changed("b@1")], Some("a@1"), vec![], vec!["b@1"]),
        ];
        for (events, waiting, rejected, changes) in cases {
            let mut history = PriceHistory::default();
            for event in &events {
                history.apply(at(1), Sequence(1), event);
            }
            let entry = &history.entries["m"];
            assert_eq!(entry.waiting.as_ref().map(|waiting| waiting.version.as_str()), waiting, "{events:?}");
            let found: Vec<&str> = entry.rejected.iter().map(|rejected| rejected.version.as_str()).collect();
            assert_eq!(found, rejected, "{events:?}");
            let versions: Vec<&str> = entry.changes.iter().map(|change| change.version.as_str()).collect();
            assert_eq!(versions, changes, "{events:?}");
        }
    }

    #[test]
    fn a_source_that_fails_is_still_known_by_what_it_last_said() {
        let mut history = PriceHistory::default();
        let mut checked = PriceSourceChecked {
            source: "a".to_owned(),
            problem: None,
            models: 7,
            checksum: "c".to_owned(),
            fetched_at: Some(at(1)),
        };
        history.apply(at(1), Sequence(1), &checked.clone().into());
        (checked.problem, checked.models) = (Some("no answer".to_owned()), 0);
        history.apply(at(2), Sequence(2), &checked.into());
        let source = &history.sources["a"];
        assert_eq!((source.models, source.used_at, source.checked_at), (7, Some(at(1)), at(2)));
        assert_eq!(source.problem.as_deref(), Some("no answer"));
    }

    #[test]
    fn what_was_known_on_a_day_has_nothing_that_was_decided_later() {
        let mut history = PriceHistory::default();
        history.apply(at(1), Sequence(1), &changed("a@1"));
        history.apply(at(5), Sequence(5), &changed("a@2"));
        history.apply(
            at(6),
            Sequence(6),
            &PriceDisputed { entry: "m".to_owned(), said: vec!["a: 1".to_owned()] }.into(),
        );
        assert_eq!(history.as_known_on(at(4)).entries["m"].changes.len(), 1);
        history.apply(at(3), Sequence(3), &proposed("b@1"));
        history.apply(at(7), Sequence(7), &decided("b@1", false));
        let entry = |time| history.as_known_on(at(time)).entries["m"].clone();
        let waiting = [2, 3, 6, 7].map(|time| entry(time).waiting.map(|waiting| waiting.version));
        assert_eq!(waiting, [None, Some("b@1".to_owned()), Some("b@1".to_owned()), None]);
        assert_eq!([6, 7].map(|time| entry(time).rejected.len()), [0, 1]);
        let rejected = &history.entries["m"].rejected[0];
        assert_eq!((rejected.by.as_str(), rejected.at), ("ann", at(7)));
        assert_eq!(rejected.proposal.as_ref().map(|proposal| proposal.percent), Some(Some(60)));
        assert!(!history.entries["m"].disputed.is_empty());
        assert!(history.as_known_on(at(4)).entries["m"].disputed.is_empty());
    }
}
