//! What is kept of a task once its outcome is settled, and how later events change that.

use serde::{Deserialize, Serialize};
use tollgate_domain::breach::Utilization;
use tollgate_domain::event::{EventBody, GateEvent, Mark, RecordedEvent, TaskEvent, TaskOutcome, UsageEvent};
use tollgate_domain::gate::Verdict;
use tollgate_domain::metadata::Enforcement;
use tollgate_domain::money::Usd;
use tollgate_domain::task::TaskStage;
use tollgate_domain::time::Timestamp;
use tollgate_domain::units::UnitSums;
use tollgate_domain::usage::Unpriced;

use tollgate_projection::savings::{SavedTask, SavedUse};

use super::anomaly::Class;
use super::crossing::{Crossing, Live};
use super::following::SettledProgress;
use super::pool::Asking;
use super::thresholds::{Passed, add_usage};

/// A task whose outcome is settled: a fraction of a kilobyte, out of memory. It begins with the fields of
/// [`Beginning`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Settled {
    /// Whether it is the follow-up of a block: no planned work.
    pub(super) is_remediation: bool,
    pub(super) stage: TaskStage,
    pub(super) class: Option<Class>,
    pub(super) is_opened: bool,
    pub(super) enforcement: Enforcement,
    pub(super) mark: Option<Mark>,
    pub(super) used: Used,
    pub(super) live: Live,
    /// Whether the live gate stopped it for good: it blocked it, nobody let it pass, and it neither went on nor was
    /// completed. What it would have gone on to use never happened.
    pub(super) stopped_live: bool,
    /// What the live gate's blocks were worth follows from; `None`: no planned work that was opened.
    pub(super) saved: Option<Box<SavedTask>>,
    pub(super) under: Vec<SettledUnder>,
}

/// What a [`Settled`] begins with, in the same order, so that it can be read without the rest: what is usual in a class
/// follows from it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Beginning {
    pub(super) is_remediation: bool,
    pub(super) stage: TaskStage,
    pub(super) class: Option<Class>,
}

/// A settled task under one candidate.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct SettledUnder {
    /// The limit of all phases together.
    pub(super) limit_tokens: Option<u64>,
    /// The same with what progress added to it.
    pub(super) total_tokens: u64,
    /// The task's tokens at the decision that was made last; nothing if none was.
    pub(super) asked_tokens: u128,
    pub(super) unknown_phase: bool,
    pub(super) worst: Option<Verdict>,
    pub(super) first: Option<Box<Crossing>>,
    /// Where it was above thresholds for the first time.
    pub(super) passed: Box<[Passed]>,
    /// What following progress changed; `None`: the candidate's budgets do not.
    pub(super) progress: Option<Box<SettledProgress>>,
    /// What it asked of a pool; `None`: there is none, or it has no limits.
    pub(super) pool: Option<Box<Asking>>,
}

/// Tokens and money, corrections included.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Used {
    pub(super) tokens: i128,
    /// As far as prices are known.
    pub(super) cost: Usd,
    pub(super) unpriced_tokens: i128,
    /// What else has no price.
    pub(super) unpriced_units: UnitSums,
}

impl Settled {
    /// Takes an event that comes after the task closed: late usage and corrections count, and a mark says what the task
    /// was. Nothing else changes how it ended. Returns whether this does.
    pub(super) fn take(&mut self, event: &RecordedEvent<'_>) -> bool {
        match event.body {
            EventBody::Usage(said) => {
                let at = event.occurred_at.believed(event.recorded_at);
                self.used.take(said, at, None);
                for under in &mut self.under {
                    let asked = under.pool.iter_mut().flat_map(|asking| asking.crossings_mut());
                    for crossing in under.first.as_deref_mut().into_iter().chain(asked) {
                        crossing.after.take(said, at, Some(crossing.at));
                    }
                }
                add_usage(self.under.iter_mut().flat_map(|under| &mut under.passed), said, at);
                true
            }
            EventBody::Task(TaskEvent::TaskMarked(marked)) => {
                self.mark = Some(marked.mark);
                true
            }
            // About a task that is closed a gate may still be asked.
            EventBody::Gate(GateEvent::GateDecided(decided)) => {
                let Some(saved) = &mut self.saved else { return false };
                saved.decided(decided);
                true
            }
            EventBody::Task(_)
            | EventBody::Ledger(_)
            | EventBody::Alert(_)
            | EventBody::Inbox(_)
            | EventBody::Price(_)
            | EventBody::Budget(_)
            | EventBody::Bill(_)
            | EventBody::Key(_)
            | EventBody::Report(_) => false,
        }
    }

    /// Whether it was above a limit that no decision saw: it was not blocked and not completed, and by its tokens it
    /// stands worse against its limit than when the gate was asked last. How bad that is, is its breach status.
    pub(super) fn is_over(&self, under: &SettledUnder) -> bool {
        let is_blocked = under.worst == Some(Verdict::Block);
        if is_blocked || self.stage == TaskStage::Closed(TaskOutcome::Completed) {
            return false;
        }
        let status = |used: u128| Utilization::new(used, under.total_tokens).breach();
        status(self.tokens()) > status(under.asked_tokens)
    }

    /// What it adds to what the live gate's blocks were worth: with what is known of it by now.
    pub(super) fn saved(&self) -> Option<SavedTask> {
        let used = SavedUse {
            tokens: self.used.tokens,
            cost: self.used.cost,
            unpriced_tokens: self.used.unpriced_tokens,
            unpriced_units: self.used.unpriced_units.clone(),
        };
        let mut saved = self.saved.as_deref()?.clone();
        (saved.mark, saved.used) = (self.mark, used);
        Some(saved)
    }

    /// Its tokens; corrections never take away more than was used.
    fn tokens(&self) -> u128 {
        u128::try_from(self.used.tokens).unwrap_or_default()
    }

    /// How many of its tokens are beyond its limit.
    pub(super) fn beyond(&self, under: &SettledUnder) -> u128 {
        self.tokens().saturating_sub(under.total_tokens.into())
    }

    /// Whether it was completed, and nobody said that it should have been stopped.
    pub(super) fn finished_well(&self) -> bool {
        self.stage == TaskStage::Closed(TaskOutcome::Completed) && self.mark != Some(Mark::Runaway)
    }

    /// Whether nothing but the record is kept of it: a gate never blocks it. The follow-up of a block is not meant.
    pub(super) fn is_only_tracked(&self) -> bool {
        !self.is_remediation && self.enforcement == Enforcement::Off
    }

    /// Whether a gate can block it, if it has limits.
    pub(super) fn can_be_blocked(&self) -> bool {
        !self.is_remediation && self.enforcement == Enforcement::On
    }

    /// Whether it is known that stopping it would have been wrong.
    pub(super) fn is_good(&self) -> bool {
        self.mark == Some(Mark::Legitimate) || self.finished_well()
    }
}

impl Used {
    /// Adds what an event says about usage. With `since`, only if the usage is from then on: usage that was only
    /// reported later is not.
    pub(super) fn take(&mut self, said: &UsageEvent, at: Timestamp, since: Option<Timestamp>) {
        let counts = |used_at: Timestamp| since.is_none_or(|since| used_at >= since);
        match said {
            UsageEvent::UsageRecorded(usage) if counts(at) => {
                self.add(usage.tokens.total().into(), usage.cost.usd(), &usage.unpriced());
            }
            UsageEvent::UsageAdjusted(adjusted) => {
                // Usage that was not found is from no known time: it is in the totals only.
                let found = adjusted.resolved.as_ref();
                if since.is_none() || found.and_then(|found| found.occurred_at).is_some_and(counts) {
                    let usd = found.map(|found| found.cost.usd()).unwrap_or_default();
                    self.add(adjusted.counted().tokens.total(), usd, &adjusted.unpriced());
                }
            }
            UsageEvent::UsageRepriced(repriced) if counts(repriced.used_at) => {
                self.add(0, repriced.difference(), &repriced.newly_priced().negated());
            }
            UsageEvent::UsageRecorded(_)
            | UsageEvent::UsageRepriced(_)
            | UsageEvent::WaitRecorded(_)
            | UsageEvent::SignalRecorded(_)
            | UsageEvent::PhaseExplained(_) => {}
        }
    }

    fn add(&mut self, tokens: i128, usd: Usd, unpriced: &Unpriced) {
        self.tokens = self.tokens.saturating_add(tokens);
        self.cost = self.cost.saturating_add(usd);
        self.unpriced_tokens = self.unpriced_tokens.saturating_add(unpriced.tokens);
        self.unpriced_units.add(&unpriced.units);
    }

    /// Whether something of it has no price.
    pub(super) fn is_unpriced(&self) -> bool {
        self.unpriced_tokens != 0 || !self.unpriced_units.is_empty()
    }

    /// Adds another sum.
    pub(super) fn merge(&mut self, other: &Self) {
        self.tokens = self.tokens.saturating_add(other.tokens);
        self.cost = self.cost.saturating_add(other.cost);
        self.unpriced_tokens = self.unpriced_tokens.saturating_add(other.unpriced_tokens);
        self.unpriced_units.add(&other.unpriced_units);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shelf::Shelf;

    #[test]
    fn what_it_begins_with_is_read_without_the_rest() {
        let beginning = Beginning {
            is_remediation: true,
            stage: TaskStage::Closed(TaskOutcome::Cancelled),
            class: Some(Class::example()),
        };
        let Beginning { is_remediation, stage, class } = beginning.clone();
        let task = Settled {
            is_remediation,
            stage,
            class,
            is_opened: true,
            enforcement: Enforcement::On,
            mark: Some(Mark::Runaway),
            used: Used { tokens: 77, ..Used::default() },
            live: Live::default(),
            stopped_live: true,
            saved: None,
            under: Vec::new(),
        };
        let mut shelf = Shelf::default();
        shelf.put(&task).unwrap();
        let kept = shelf.put(&task).unwrap();
        assert_eq!(shelf.get::<Beginning>(kept).unwrap(), beginning);
    }
}
