//! What tasks of a class (complexity × importance) use, so that a task can be compared with similar ones.
//!
//! A phase of a task counts once it has ended, with all its attempts and with later usage; a task counts once
//! it is completed. Running ones would make the others look expensive.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tollgate_domain::breach::Utilization;
use tollgate_domain::tier::{Complexity, Importance};

use super::ReportRow;
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

/// What a class used, by phase.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassSums {
    /// Completed tasks as a whole.
    pub whole: Sums,
    /// Phases that ended.
    pub phases: BTreeMap<String, Sums>,
}

impl ClassSums {
    /// Adds the row under a key of the class.
    pub fn add_row(&mut self, class: &Class<'_>, key: &[u8], sums: Sums) {
        let Some(Ok(phase)) = key.strip_prefix(class.prefix().as_slice()).map(std::str::from_utf8) else {
            return;
        };
        self.of(phase).add(sums);
    }

    /// Adds what other partitions have for the class.
    pub fn merge(&mut self, other: &Self) {
        self.whole.add(other.whole);
        for (phase, sums) in &other.phases {
            self.of(phase).add(*sums);
        }
    }

    /// Subtracts a task that is to be compared with the others.
    pub fn leave_out(&mut self, task: &TaskSums) {
        if task.closed {
            self.whole.without(Sums { tasks: 1, tokens: task.tokens });
        }
        for (phase, used) in task.phases.iter().filter(|(_, used)| used.ended) {
            self.of(phase).without(Sums { tasks: 1, tokens: used.tokens });
        }
    }

    fn of(&mut self, phase: &str) -> &mut Sums {
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
}

/// What a task adds to the sums of its class: by phase, empty for the task as a whole.
pub(super) type Added = Vec<(String, Sums)>;

impl TaskSums {
    /// The task was opened: what it did so far belongs to the class of its tiers.
    pub(super) fn opened(&mut self, tiers: Option<(Complexity, Importance)>) -> Added {
        self.tiers = tiers;
        let ended = self.phases.iter().filter(|(_, used)| used.ended);
        ended.map(|(phase, used)| (phase.clone(), Sums { tasks: 1, tokens: used.tokens })).collect()
    }

    /// Tokens were used, or subtracted.
    pub(super) fn used(&mut self, phase: Option<&str>, tokens: i128) -> Added {
        self.tokens = self.tokens.saturating_add(tokens);
        let mut added = Vec::new();
        let more = Sums { tasks: 0, tokens };
        if self.closed {
            added.push((String::new(), more));
        }
        if let Some(phase) = phase {
            let used = self.phases.entry(phase.to_owned()).or_default();
            used.tokens = used.tokens.saturating_add(tokens);
            if used.ended {
                added.push((phase.to_owned(), more));
            }
        }
        added
    }

    /// An attempt of a phase ended.
    pub(super) fn ended(&mut self, phase: &str) -> Added {
        let used = self.phases.entry(phase.to_owned()).or_default();
        if used.ended {
            return Vec::new();
        }
        used.ended = true;
        vec![(phase.to_owned(), Sums { tasks: 1, tokens: used.tokens })]
    }

    /// The task was completed.
    pub(super) fn completed(&mut self) -> Added {
        self.closed = true;
        vec![(String::new(), Sums { tasks: 1, tokens: self.tokens })]
    }
}

/// Adds what a task added to its class.
pub(super) fn add<R: Rows<ReportRow>>(rows: &mut R, class: &Class<'_>, added: Added) -> Result<(), R::Error> {
    for (phase, more) in added {
        if let ReportRow::Class(sums) =
            rows.change(&class.key(&phase), || ReportRow::Class(Sums::default()))?
        {
            sums.add(more);
        }
    }
    Ok(())
}
