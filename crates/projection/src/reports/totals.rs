//! From cells to the totals of the ledger, in all and in groups.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tollgate_domain::time::Day;
use tollgate_wire::api::{Group, LedgerReport, Totals};

use super::cell::{Cell, CellKey};
use crate::report::{narrow, token_totals};

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
}

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
    }

    /// The report, for so many tasks, true as of a position.
    #[must_use]
    pub fn report(&self, tasks: u64, degraded_tasks: u64, as_of: String) -> LedgerReport {
        let days = self.by_day.iter().map(|(day, cell)| Group { key: day.to_string(), totals: totals(cell) });
        LedgerReport {
            as_of,
            tasks,
            totals: totals(&self.all),
            by_day: days.collect(),
            by_model: largest_first(&self.by_model),
            by_provider: largest_first(&self.by_provider),
            by_producer: largest_first(&self.by_producer),
            by_phase: largest_first(&self.by_phase),
            by_complexity: largest_first(&self.by_complexity),
            by_importance: largest_first(&self.by_importance),
            degraded_tasks,
        }
    }
}

fn largest_first(groups: &BTreeMap<String, Cell>) -> Vec<Group> {
    let mut list: Vec<(&String, &Cell)> = groups.iter().collect();
    list.sort_by_key(|(name, cell)| (std::cmp::Reverse(cell.tokens.total()), (*name).clone()));
    list.into_iter().map(|(name, cell)| Group { key: name.clone(), totals: totals(cell) }).collect()
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
