//! From cells to the totals of the ledger, in all and in groups.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use tollgate_domain::time::Day;
use tollgate_wire::api::{Group, LedgerReport, Totals};

use super::cell::{Cell, CellKey};
use crate::report::{narrow, token_totals};

/// Days that are listed, the latest: those before stand in one row.
const LISTED_DAYS: usize = 1000;

/// Totals in the making: cells are added one by one, of any number of views.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerTotals {
    all: Cell,
    by_day: BTreeMap<Day, Cell>,
    by_model: BTreeMap<String, Cell>,
    by_provider: BTreeMap<String, Cell>,
    by_producer: BTreeMap<String, Cell>,
    by_phase: BTreeMap<String, Cell>,
    by_complexity: BTreeMap<String, Cell>,
    by_importance: BTreeMap<String, Cell>,
    /// What was cut off, by dimension.
    #[serde(default)]
    rest: BTreeMap<Dimension, Rest>,
}

/// What totals are grouped by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Dimension {
    Day,
    Model,
    Provider,
    Producer,
    Phase,
    Complexity,
    Importance,
}

/// Groups that are not listed, together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Rest {
    /// How many; of several parts at most so many, as a group may be in the rest of each.
    groups: u64,
    cell: Cell,
}

/// The groups of each dimension that are to be listed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed(BTreeMap<Dimension, BTreeSet<String>>);

impl LedgerTotals {
    /// Takes a cell in.
    pub fn add(&mut self, key: &CellKey<'_>, cell: &Cell) {
        self.all.add(cell);
        self.by_day.entry(key.day).or_default().add(cell);
        let named = |text: &str, otherwise: &str| if text.is_empty() { otherwise } else { text }.to_owned();
        let (complexity, importance) = match key.tiers {
            Some((complexity, importance)) => (complexity.as_str(), importance.as_str()),
            None => ("implicit", "implicit"),
        };
        for (groups, name) in [
            (&mut self.by_model, named(key.model, "unknown")),
            (&mut self.by_provider, named(key.provider, "unknown")),
            (&mut self.by_producer, named(key.producer, "unknown")),
            (&mut self.by_phase, named(key.phase, "unphased")),
            (&mut self.by_complexity, complexity.to_owned()),
            (&mut self.by_importance, importance.to_owned()),
        ] {
            groups.entry(name).or_default().add(cell);
        }
    }

    /// Takes in the totals of other cells.
    pub fn merge(&mut self, other: &Self) {
        self.all.add(&other.all);
        for (day, cell) in &other.by_day {
            self.by_day.entry(*day).or_default().add(cell);
        }
        for (groups, others) in [
            (&mut self.by_model, &other.by_model),
            (&mut self.by_provider, &other.by_provider),
            (&mut self.by_producer, &other.by_producer),
            (&mut self.by_phase, &other.by_phase),
            (&mut self.by_complexity, &other.by_complexity),
            (&mut self.by_importance, &other.by_importance),
        ] {
            for (name, cell) in others {
                groups.entry(name.clone()).or_default().add(cell);
            }
        }
        for (dimension, rest) in &other.rest {
            let own = self.rest.entry(*dimension).or_default();
            own.groups = own.groups.saturating_add(rest.groups);
            own.cell.add(&rest.cell);
        }
    }

    /// Whether groups with names were cut off.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.rest.keys().any(|dimension| *dimension != Dimension::Day)
    }

    /// The groups with the most tokens, so many of each dimension.
    #[must_use]
    pub fn largest(&self, most: usize) -> Listed {
        let of = |groups: &BTreeMap<String, Cell>| {
            largest_first(groups).into_iter().take(most).map(|(name, _)| name.clone()).collect()
        };
        Listed(self.named().into_iter().map(|(dimension, groups)| (dimension, of(groups))).collect())
    }

    /// Lists only these groups, and the latest days; the others are summed up in one rest each.
    pub fn list(&mut self, listed: &Listed) {
        let Self { by_day, rest, .. } = self;
        let earlier = by_day.len().saturating_sub(LISTED_DAYS);
        for (_, cell) in (0..earlier).map_while(|_| by_day.pop_first()) {
            rest.entry(Dimension::Day).or_default().take(&cell);
        }
        for (dimension, groups) in [
            (Dimension::Model, &mut self.by_model),
            (Dimension::Provider, &mut self.by_provider),
            (Dimension::Producer, &mut self.by_producer),
            (Dimension::Phase, &mut self.by_phase),
            (Dimension::Complexity, &mut self.by_complexity),
            (Dimension::Importance, &mut self.by_importance),
        ] {
            let wanted = listed.0.get(&dimension);
            groups.retain(|name, cell| {
                let stays = wanted.is_some_and(|wanted| wanted.contains(name));
                if !stays {
                    rest.entry(dimension).or_default().take(cell);
                }
                stays
            });
        }
    }

    fn named(&self) -> [(Dimension, &BTreeMap<String, Cell>); 6] {
        [
            (Dimension::Model, &self.by_model),
            (Dimension::Provider, &self.by_provider),
            (Dimension::Producer, &self.by_producer),
            (Dimension::Phase, &self.by_phase),
            (Dimension::Complexity, &self.by_complexity),
            (Dimension::Importance, &self.by_importance),
        ]
    }

    /// The report, for so many tasks, true as of a position.
    #[must_use]
    pub fn report(&self, tasks: u64, degraded_tasks: u64, as_of: String) -> LedgerReport {
        let days = self.by_day.iter().map(|(day, cell)| group(&day.to_string(), cell));
        let groups = |dimension, groups: &BTreeMap<String, Cell>| {
            let named = largest_first(groups).into_iter().map(|(name, cell)| group(name, cell));
            named.chain(self.rest_of(dimension, "(others)")).collect()
        };
        LedgerReport {
            as_of,
            tasks,
            totals: totals(&self.all),
            by_day: self.rest_of(Dimension::Day, "(earlier)").into_iter().chain(days).collect(),
            by_model: groups(Dimension::Model, &self.by_model),
            by_provider: groups(Dimension::Provider, &self.by_provider),
            by_producer: groups(Dimension::Producer, &self.by_producer),
            by_phase: groups(Dimension::Phase, &self.by_phase),
            by_complexity: groups(Dimension::Complexity, &self.by_complexity),
            by_importance: groups(Dimension::Importance, &self.by_importance),
            degraded_tasks,
        }
    }

    fn rest_of(&self, dimension: Dimension, key: &str) -> Option<Group> {
        let rest = self.rest.get(&dimension)?;
        Some(Group { key: key.to_owned(), rest_of: Some(rest.groups), totals: totals(&rest.cell) })
    }
}

impl Rest {
    fn take(&mut self, cell: &Cell) {
        self.groups = self.groups.saturating_add(1);
        self.cell.add(cell);
    }
}

fn largest_first(groups: &BTreeMap<String, Cell>) -> Vec<(&String, &Cell)> {
    let mut list: Vec<(&String, &Cell)> = groups.iter().collect();
    list.sort_by_key(|(name, cell)| (std::cmp::Reverse(cell.tokens.total()), *name));
    list
}

fn group(key: &str, cell: &Cell) -> Group {
    Group { key: key.to_owned(), rest_of: None, totals: totals(cell) }
}

fn totals(cell: &Cell) -> Totals {
    Totals {
        usage_events: cell.usage_events,
        tokens: token_totals(&cell.tokens),
        estimated_tokens: narrow(cell.estimated_tokens),
        cost_usd: cell.cost.to_string(),
        unpriced_tokens: narrow(cell.unpriced_tokens),
    }
}
