//! Queries on the view `spending`: what budgets and allocations have used.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tollgate_domain::budget::{Amount, Spent};
use tollgate_domain::position::Position;
use tollgate_domain::time::Timestamp;
use tollgate_projection::spending::{
    Asked, Spending, SpendingRow, SpentAsk, Table, Tally, UsageKind, UsageKinds,
};

use crate::query::Query;
use crate::rows::RowError;
use crate::seen::Seen;

/// What was spent in some scopes and windows, and used of some allocations, of one tenant. Its sums are kept, so
/// that [`SpentNow`] answers the next time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpentOf {
    /// Owner of the tasks.
    pub tenant: String,
    /// Scopes and windows.
    pub asks: Vec<SpentAsk>,
    /// Allocations.
    pub allocations: Vec<String>,
}

/// The same, from the sums that are kept: `None` if one of them is not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SpentNow(pub SpentOf);

/// [`SpentOf`], once: its sums are not kept, so that those of others are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpentOnce(pub SpentOf);

/// Sums that are kept, what was used of some allocations, and what was used of all others since a position: for who
/// knows the sums of that. `None`: not all of this is kept; [`SpentOf`] reads it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpentSince {
    /// Sums, and allocations whose use is not known yet.
    pub of: SpentOf,
    /// The position as of which the use of all others is known.
    pub since: Position,
}

/// What [`SpentSince`] finds, all as of one position.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SinceAnswer {
    /// The sums.
    pub sums: SpentAnswer,
    /// What was used since, by allocation, of those that were used at all.
    pub used: BTreeMap<String, Amount>,
}

/// Sums, all as of one position.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpentAnswer {
    /// What was spent, one for each ask.
    pub spent: Vec<Spent>,
    /// What was used, one for each allocation.
    pub used: Vec<Spent>,
}

/// The kinds of usage that a task had on a day, or else on the one before, the latest first. Of a task with very many
/// some may be missing: only so much is read that the view is not held up.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct UsageKindsOf {
    /// Owner of the task.
    pub tenant: String,
    /// The task.
    pub task: String,
    /// A moment of the last day.
    pub now: Timestamp,
    /// How many at most.
    pub most: usize,
}

impl Query<Spending> for UsageKindsOf {
    const VERB: &'static str = "usage_kinds";
    type Answer = Vec<UsageKind>;

    fn answer(&self, view: &Seen<'_, Spending>) -> Result<Self::Answer, RowError> {
        for day in [self.now, self.now.plus_millis(-24 * 60 * 60 * 1000)] {
            let mut kinds = UsageKinds::of_task(&self.tenant, &self.task, day);
            let (prefix, after) = (kinds.prefix().to_vec(), kinds.after());
            for row in view.scan(&prefix, Some(&after)) {
                let (key, row) = row?;
                if !kinds.add(&key, &row) {
                    break;
                }
            }
            if !kinds.is_empty() {
                return Ok(kinds.latest(self.most));
            }
        }
        Ok(Vec::new())
    }
}

impl Query<Spending> for SpentOf {
    const VERB: &'static str = "spent";
    const OVER_MANY: bool = true;
    type Answer = SpentAnswer;

    /// Decisions wait for it.
    fn is_own(&self) -> bool {
        true
    }

    fn begin(&self, live: &mut Asked, as_of: &Position) {
        live.begin_uses(as_of);
        for ask in &self.asks {
            live.begin(&self.tenant, ask, as_of);
        }
    }

    fn answer(&self, view: &Seen<'_, Spending>) -> Result<SpentAnswer, RowError> {
        let found = self.read(view)?;
        let as_of = view.position();
        view.live(|live| {
            for (ask, read) in self.asks.iter().zip(&found.spent) {
                live.fill(&self.tenant, ask, &as_of, read.clone());
            }
        });
        Ok(found)
    }
}

impl Query<Spending> for SpentOnce {
    const VERB: &'static str = "spent_once";
    const OVER_MANY: bool = true;
    type Answer = SpentAnswer;

    fn is_own(&self) -> bool {
        true
    }

    fn answer(&self, view: &Seen<'_, Spending>) -> Result<SpentAnswer, RowError> {
        self.0.read(view)
    }
}

impl Query<Spending> for SpentNow {
    const VERB: &'static str = "spent_now";
    type Answer = Option<SpentAnswer>;

    fn answer(&self, view: &Seen<'_, Spending>) -> Result<Option<SpentAnswer>, RowError> {
        let Self(query) = self;
        let as_of = view.position();
        let sums = view.live(|live| {
            live.begin_uses(&as_of);
            let sum = |ask: &SpentAsk| live.sum(&query.tenant, ask).cloned();
            query.asks.iter().map(sum).collect::<Option<Vec<Spent>>>()
        });
        match sums.flatten() {
            Some(spent) => Ok(Some(SpentAnswer { spent, used: query.used(view)? })),
            None => Ok(None),
        }
    }
}

impl Query<Spending> for SpentSince {
    const VERB: &'static str = "spent_since";
    type Answer = Option<SinceAnswer>;

    /// Decisions wait for it.
    fn is_own(&self) -> bool {
        true
    }

    fn answer(&self, view: &Seen<'_, Spending>) -> Result<Option<SinceAnswer>, RowError> {
        let Self { of, since } = self;
        let used = view.live(|live| live.uses().since(&of.tenant, since)).flatten();
        let sums = SpentNow(of.clone()).answer(view)?;
        Ok(sums.zip(used).map(|(sums, used)| SinceAnswer { sums, used }))
    }
}

impl SinceAnswer {
    /// Adds what other partitions say to the same question.
    pub fn merge(&mut self, other: &Self) {
        self.sums.merge(&other.sums);
        for (allocation, used) in &other.used {
            let sum = self.used.entry(allocation.clone()).or_default();
            *sum = sum.plus(*used);
        }
    }
}

impl SpentOf {
    fn read(&self, view: &Seen<'_, Spending>) -> Result<SpentAnswer, RowError> {
        let (mut tally, scans) = Tally::of(&self.tenant, &self.asks);
        for mut scan in scans {
            let (prefix, after) = (scan.prefix().to_vec(), scan.after());
            for row in view.scan(&prefix, Some(&after)) {
                let (key, row) = row?;
                if !tally.add(&mut scan, &key, &row) {
                    break;
                }
            }
        }
        Ok(SpentAnswer { spent: tally.sums(), used: self.used(view)? })
    }

    fn used(&self, view: &Seen<'_, Spending>) -> Result<Vec<Spent>, RowError> {
        let used = |allocation: &String| {
            let row = view.get(&Table::Allocations.named(&self.tenant, allocation))?;
            Ok(row.as_deref().and_then(SpendingRow::sums).map(|sums| sums.spent.clone()).unwrap_or_default())
        };
        self.allocations.iter().map(used).collect()
    }
}

impl SpentAnswer {
    /// Adds the sums of other partitions, for the same question.
    pub fn merge(&mut self, other: &Self) {
        for (sums, others) in [(&mut self.spent, &other.spent), (&mut self.used, &other.used)] {
            if sums.is_empty() {
                sums.clone_from(others);
            } else {
                sums.iter_mut().zip(others).for_each(|(sum, other)| sum.add(other));
            }
        }
    }
}
