//! What tasks of a class (complexity × importance) use, so that a task can be compared with similar ones.
//!
//! A phase of a task counts once it has ended, with all its attempts and with later usage; a task counts once
//! it is completed. Running ones would make the others look expensive.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tollgate_domain::breach::Utilization;
use tollgate_domain::tier::{Complexity, Importance};
use tollgate_domain::time::Timestamp;

use super::ReportRow;
use super::spread::{Spread, Took};
use crate::fold::Rows;

const CLASS: u8 = b'k';

/// A class: tenant and tiers. Tasks of different tenants are not compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Class<'a> {
    /// Owner of the tasks.
    pub tenant: &'a str,
    /// Scope tier.
    pub complexity: Complexity,
    /// Importance tier, as it was when the limits were fixed.
    pub importance: Importance,
}

impl Class<'_> {
    /// The prefix of the keys of its sums.
    #[must_use]
    pub fn prefix(&self) -> Vec<u8> {
        let mut key = vec![CLASS];
        key.extend_from_slice(self.tenant.as_bytes());
        key.extend_from_slice(&[0, self.complexity as u8, self.importance as u8]);
        key
    }

    /// The key of the sums of a phase; empty for whole tasks.
    fn key(&self, phase: &str) -> Vec<u8> {
        let mut key = self.prefix();
        key.extend_from_slice(phase.as_bytes());
        key
    }
}

/// What a number of tasks used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sums {
    /// How many tasks.
    pub tasks: u64,
    /// Their tokens.
    pub tokens: i128,
}

impl Sums {
    /// Adds the sums of others.
    pub fn add(&mut self, other: Self) {
        self.tasks = self.tasks.saturating_add(other.tasks);
        self.tokens = self.tokens.saturating_add(other.tokens);
    }

    fn without(&mut self, own: Self) {
        self.tasks = self.tasks.saturating_sub(own.tasks);
        self.tokens = self.tokens.saturating_sub(own.tokens);
    }

    /// Their average, truncated to a whole token; `None` if there are no tasks.
    #[must_use]
    pub fn average(&self) -> Option<u128> {
        self.tokens().checked_div(self.tasks.into())
    }

    /// Tokens compared with the average: exact, although the average itself is rarely whole. `None` if there
    /// are no tasks.
    #[must_use]
    pub fn compared(&self, tokens: u128) -> Option<Utilization> {
        (self.tasks > 0).then(|| Utilization::new(tokens.saturating_mul(self.tasks.into()), self.tokens()))
    }

    fn tokens(&self) -> u128 {
        u128::try_from(self.tokens).unwrap_or_default()
    }
}

/// What tasks of a class used in a phase, or in total.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassUse {
    /// Their sums.
    pub sums: Sums,
    /// What each took of a phase; nothing of whole tasks.
    pub spread: Spread,
}

/// What a class used, by phase.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassSums {
    /// Completed tasks as a whole.
    pub whole: ClassUse,
    /// Phases that ended.
    pub phases: BTreeMap<String, ClassUse>,
}

impl ClassUse {
    fn add(&mut self, other: &Self) {
        self.sums.add(other.sums);
        self.spread.merge(&other.spread);
    }

    fn take(&mut self, added: &Added) {
        self.sums.add(added.more);
        if added.before != added.now {
            added.before.into_iter().for_each(|took| self.spread.take_back(took));
            added.now.into_iter().for_each(|took| self.spread.note(took));
        }
    }
}

impl ClassSums {
    /// Adds the row under a key of the class.
    pub fn add_row(&mut self, class: &Class<'_>, key: &[u8], sums: &ClassUse) {
        let Some(Ok(phase)) = key.strip_prefix(class.prefix().as_slice()).map(std::str::from_utf8) else {
            return;
        };
        self.of(phase).add(sums);
    }

    /// Adds what other partitions have for the class.
    pub fn merge(&mut self, other: &Self) {
        self.whole.add(&other.whole);
        for (phase, sums) in &other.phases {
            self.of(phase).add(sums);
        }
    }

    /// Subtracts a task that is to be compared with the others.
    pub fn leave_out(&mut self, task: &TaskSums) {
        if task.closed {
            self.whole.sums.without(Sums { tasks: 1, tokens: task.tokens });
        }
        for (phase, used) in task.phases.iter().filter(|(_, used)| used.ended) {
            let of_phase = self.of(phase);
            of_phase.sums.without(Sums { tasks: 1, tokens: used.tokens });
            used.took().into_iter().for_each(|took| of_phase.spread.take_back(took));
        }
    }

    fn of(&mut self, phase: &str) -> &mut ClassUse {
        if phase.is_empty() {
            return &mut self.whole;
        }
        self.phases.entry(phase.to_owned()).or_default()
    }
}

/// What the reports view keeps of a task.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskSums {
    /// Its tiers, once it was opened.
    pub tiers: Option<(Complexity, Importance)>,
    /// All its tokens.
    pub tokens: i128,
    /// Whether it was completed.
    pub closed: bool,
    /// Its phases by name.
    pub phases: BTreeMap<String, PhaseSums>,
}

/// What a phase of a task used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhaseSums {
    /// Tokens over all its attempts.
    pub tokens: i128,
    /// Whether an attempt has ended.
    pub ended: bool,
    /// Milliseconds of the attempts that ended, as far as they are plausible.
    pub latency_ms: u64,
    /// When the attempt that runs started.
    pub started_at: Option<Timestamp>,
}

impl PhaseSums {
    /// What it took, once an attempt has ended and usage was reported of it.
    #[must_use]
    pub fn took(&self) -> Option<Took> {
        let tokens = u64::try_from(self.tokens.max(0)).unwrap_or(u64::MAX);
        (self.ended && tokens > 0).then_some(Took { tokens, latency_ms: self.latency_ms })
    }
}

/// What a task adds to its class in a phase, or as a whole.
#[derive(Clone, Debug, Default)]
pub(super) struct Added {
    /// Empty for the task as a whole.
    phase: String,
    more: Sums,
    /// What the class has of the task's phase so far.
    before: Option<Took>,
    /// What it has from now on.
    now: Option<Took>,
}

impl TaskSums {
    /// The task was opened: what it did so far belongs to the class of its tiers.
    pub(super) fn opened(&mut self, tiers: Option<(Complexity, Importance)>) -> Vec<Added> {
        self.tiers = tiers;
        let ended = self.phases.iter().filter(|(_, used)| used.ended);
        ended
            .map(|(phase, used)| Added {
                phase: phase.clone(),
                more: Sums { tasks: 1, tokens: used.tokens },
                before: None,
                now: used.took(),
            })
            .collect()
    }

    /// Tokens were used, or subtracted.
    pub(super) fn used(&mut self, phase: Option<&str>, tokens: i128) -> Vec<Added> {
        self.tokens = self.tokens.saturating_add(tokens);
        let mut added = Vec::new();
        let more = Sums { tasks: 0, tokens };
        if self.closed {
            added.push(Added { more, ..Added::default() });
        }
        if let Some(phase) = phase {
            let used = self.phases.entry(phase.to_owned()).or_default();
            let before = used.took();
            used.tokens = used.tokens.saturating_add(tokens);
            if used.ended {
                added.push(Added { phase: phase.to_owned(), more, before, now: used.took() });
            }
        }
        added
    }

    /// An attempt of a phase started.
    pub(super) fn started(&mut self, phase: &str, at: Timestamp) {
        self.phases.entry(phase.to_owned()).or_default().started_at = Some(at);
    }

    /// An attempt of a phase ended.
    pub(super) fn ended(&mut self, phase: &str, at: Timestamp) -> Vec<Added> {
        let used = self.phases.entry(phase.to_owned()).or_default();
        let (before, is_first) = (used.took(), !used.ended);
        let took = used.started_at.take().and_then(|start| at.latency_since(start).ok());
        used.latency_ms = used.latency_ms.saturating_add(took.unwrap_or_default());
        used.ended = true;
        let more = if is_first { Sums { tasks: 1, tokens: used.tokens } } else { Sums::default() };
        vec![Added { phase: phase.to_owned(), more, before, now: used.took() }]
    }

    /// The task was completed.
    pub(super) fn completed(&mut self) -> Vec<Added> {
        self.closed = true;
        vec![Added { more: Sums { tasks: 1, tokens: self.tokens }, ..Added::default() }]
    }
}

/// Adds what a task added to its class.
pub(super) fn add<R: Rows<ReportRow>>(
    rows: &mut R,
    class: &Class<'_>,
    added: &[Added],
) -> Result<(), R::Error> {
    for more in added {
        if let ReportRow::Class(sums) =
            rows.change(&class.key(&more.phase), || ReportRow::Class(Box::default()))?
        {
            sums.take(more);
        }
    }
    Ok(())
}
