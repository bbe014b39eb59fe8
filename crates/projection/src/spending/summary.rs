//! What usage adds up to, by groups and periods.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tollgate_domain::budget::{Dimension, Dimensions};
use tollgate_domain::time::Timestamp;
use tollgate_domain::zone::{Calendar, Grain, Period, Zone};

use super::table::{CellValues, SESSION, Table, read_name, read_time};
use super::tally::Piece;
use super::{SpendingRow, SpentAsk, UsageSums};

/// Which sums to make.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Grouping {
    /// Which usage.
    pub ask: SpentAsk,
    /// What its groups share.
    pub by: Vec<Dimension>,
    /// The periods, if any, and the zone in which they begin.
    pub periods: Option<(Grain, Zone)>,
    /// Only groups after this one.
    pub after: Option<GroupKey>,
    /// The most groups.
    pub limit: usize,
}

/// What the usage of a group shares. Groups sort by period, then by their values; what usage does not say
/// comes first.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct GroupKey {
    /// The period.
    pub period: Option<Period>,
    /// The values, one for each dimension.
    pub values: Vec<Option<String>>,
}

/// UsageSums by group. Those of several partitions can be merged: a group that is among the first of all is among
/// the first of each part that has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// The first groups after the wanted one.
    #[serde(with = "crate::pairs")]
    pub groups: BTreeMap<GroupKey, UsageSums>,
    /// Of all groups, on whichever page they are.
    pub total: UsageSums,
    /// Whether there are more groups.
    pub more: bool,
}

/// A summary under construction.
#[derive(Debug)]
pub struct Summing<'a> {
    grouping: &'a Grouping,
    calendar: Option<Calendar>,
    /// Whether keys of cells begin with a task.
    of_tasks: bool,
    made: Summary,
}

/// Rows that are part of a summary.
#[derive(Debug)]
pub struct Cells(Piece);

impl Summary {
    /// Adds the groups of other partitions, for the same question.
    pub fn merge(&mut self, other: Self, limit: usize) {
        self.more |= other.more;
        self.total.add(&other.total);
        for (key, sums) in other.groups {
            self.groups.entry(key).or_default().add(&sums);
        }
        self.cut(limit);
    }

    fn cut(&mut self, limit: usize) {
        while self.groups.len() > limit {
            self.groups.pop_last();
            self.more = true;
        }
    }
}

impl<'a> Summing<'a> {
    /// Nothing yet, and what has to be read for it.
    ///
    /// What is asked by task or session is in the cells of tasks: all of them, unless the scope names one. Days
    /// in UTC have cells of their own.
    #[must_use]
    pub fn of(tenant: &str, grouping: &'a Grouping) -> (Self, Vec<Cells>) {
        let in_tasks = |dimension: &Dimension| match dimension {
            Dimension::Task | Dimension::Session => true,
            Dimension::Label(key) => key == SESSION,
            Dimension::Phase
            | Dimension::Component
            | Dimension::Team
            | Dimension::User
            | Dimension::TaskType
            | Dimension::Tier
            | Dimension::Provider
            | Dimension::Model => false,
        };
        let scope = &grouping.ask.scope;
        let by_task =
            grouping.by.iter().any(in_tasks) || scope.iter().any(|(dimension, _)| in_tasks(dimension));
        let one = scope.get(&Dimension::Task).is_some();
        let (from, to) = grouping.ask.seconds();
        let whole = |table: Table| Piece {
            prefix: table.of(tenant),
            from,
            to,
            task: String::new(),
            unlabelled: false,
        };
        let in_days = match &grouping.periods {
            None => true,
            Some((Grain::Hour, _)) => false,
            Some((Grain::Day | Grain::Week | Grain::Month, zone)) => *zone == Zone::utc(),
        };
        let cells = match (by_task, one) {
            (true, false) => vec![whole(Table::Tasks)],
            (false, _) if !in_days => vec![whole(Table::Quarters)],
            (_, _) => grouping.ask.pieces(tenant),
        };
        let calendar = grouping.periods.clone().map(|(grain, zone)| Calendar::new(zone, grain));
        let made = Summary::default();
        let cells = cells.into_iter().filter(|cells| cells.from < cells.to).map(Cells).collect();
        (Self { grouping, calendar, of_tasks: by_task && !one, made }, cells)
    }

    /// Adds a row; `false`: the row, and all after it, are no longer part of what has to be read.
    pub fn add(&mut self, cells: &Cells, key: &[u8], row: &SpendingRow) -> bool {
        let Cells(cells) = cells;
        let Some(rest) = key.strip_prefix(&*cells.prefix) else { return true };
        let (task, rest) = match read_name(rest).filter(|_| self.of_tasks) {
            Some((task, rest)) => (task, rest),
            None => (&*cells.task, rest),
        };
        if read_time(rest).is_none_or(|(at, _)| at >= cells.to) {
            return self.of_tasks;
        }
        for (at, values, sums) in row.cells(rest) {
            let Some(values) = CellValues::read(values).filter(|_| (cells.from..cells.to).contains(&at))
            else {
                continue;
            };
            let usage = values.of_task(task);
            if self.grouping.ask.scope.contains(&usage) {
                self.add_usage(at, &usage, sums);
            }
        }
        true
    }

    fn add_usage(&mut self, at: i64, usage: &Dimensions<'_>, row: &UsageSums) {
        self.made.total.add(row);
        let at = Timestamp::from_micros(at.saturating_mul(1_000_000)).unwrap_or_default();
        let period = self.calendar.as_mut().map(|calendar| calendar.period_of(at));
        let values = self.grouping.by.iter().map(|dimension| usage.get(dimension).map(str::to_owned));
        let key = GroupKey { period, values: values.collect() };
        if self.grouping.after.as_ref().is_some_and(|after| key <= *after) {
            return;
        }
        let groups = &mut self.made.groups;
        // A group that is cut never comes back: those before it stay.
        if groups.len() >= self.grouping.limit && groups.last_key_value().is_some_and(|(last, _)| key > *last)
        {
            self.made.more = true;
            return;
        }
        groups.entry(key).or_default().add(row);
        self.made.cut(self.grouping.limit);
    }

    /// What it adds up to.
    #[must_use]
    pub fn summary(self) -> Summary {
        self.made
    }
}

impl Cells {
    /// What the keys of its rows begin with.
    #[must_use]
    pub fn prefix(&self) -> &[u8] {
        &self.0.prefix
    }

    /// The key after which its rows begin; `None`: with the first.
    #[must_use]
    pub fn after(&self, of: &Summing<'_>) -> Option<Vec<u8>> {
        (!of.of_tasks).then(|| self.0.after())
    }
}
