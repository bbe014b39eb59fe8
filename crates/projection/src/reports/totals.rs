//! From cells to the totals of the ledger, overall and in groups.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use tollgate_domain::time::Timestamp;
use tollgate_domain::zone::{Calendar, Grain, Period};
use tollgate_wire::api::{ChosenGroups, DatedAhead, Group, LedgerReport, ReportPeriod, Totals};

use super::cell::{Cell, CellKey, QuarterKey};
use crate::report::{narrow, token_totals, unit_totals};

/// The number of latest periods that are listed: earlier ones share one row.
const LISTED_PERIODS: usize = 1000;

/// The number of periods listed for usage dated in the future, earliest first: later ones share one row.
/// Wrong clocks crowd out nothing.
const LISTED_AHEAD: usize = 100;

/// Totals under construction: cells are added one by one, from any number of views.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerTotals {
    all: Cell,
    #[serde(with = "crate::pairs")]
    by_period: BTreeMap<Period, Cell>,
    /// What was dated in the future, kept separate from the rest.
    #[serde(with = "crate::pairs")]
    ahead: BTreeMap<Period, Cell>,
    by_model: BTreeMap<String, Cell>,
    by_provider: BTreeMap<String, Cell>,
    by_producer: BTreeMap<String, Cell>,
    by_phase: BTreeMap<String, Cell>,
    by_complexity: BTreeMap<String, Cell>,
    by_importance: BTreeMap<String, Cell>,
    /// By what was asked for besides.
    #[serde(default)]
    by_chosen: BTreeMap<String, Cell>,
    /// What was cut off, by dimension.
    #[serde(default)]
    rest: BTreeMap<Listing, Rest>,
}

/// What totals are grouped by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Listing {
    /// Periods before those that are listed.
    Earlier,
    /// Periods dated in the future, after those that are listed.
    Ahead,
    Model,
    Provider,
    Producer,
    Phase,
    Complexity,
    Importance,
    Chosen,
}

/// Groups that are not listed, combined.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Rest {
    /// How many; an upper bound if there are several parts, as a group may be in the rest of each.
    groups: u64,
    cell: Cell,
}

/// The groups of each dimension that are to be listed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed(BTreeMap<Listing, BTreeSet<String>>);

impl LedgerTotals {
    /// Adds the usage of a quarter of an hour: to the periods only.
    pub fn add_quarter(&mut self, calendar: &mut Calendar, key: &QuarterKey<'_>, cell: &Cell) {
        let at = Timestamp::from_micros(key.from.saturating_mul(1_000_000)).unwrap_or_default();
        let periods = if key.ahead { &mut self.ahead } else { &mut self.by_period };
        periods.entry(calendar.period_of(at)).or_default().add(cell);
    }

    /// Adds a cell: to everything but the periods.
    pub fn add(&mut self, key: &CellKey<'_>, cell: &Cell) {
        self.all.add(cell);
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

    /// Adds a cell to a group of what was asked for besides.
    pub fn add_chosen(&mut self, group: String, cell: &Cell) {
        self.by_chosen.entry(group).or_default().add(cell);
    }

    /// Adds the totals of other cells.
    pub fn merge(&mut self, other: &Self) {
        self.all.add(&other.all);
        for (periods, others) in [(&mut self.by_period, &other.by_period), (&mut self.ahead, &other.ahead)] {
            for (period, cell) in others {
                periods.entry(period.clone()).or_default().add(cell);
            }
        }
        for (groups, others) in [
            (&mut self.by_model, &other.by_model),
            (&mut self.by_provider, &other.by_provider),
            (&mut self.by_producer, &other.by_producer),
            (&mut self.by_phase, &other.by_phase),
            (&mut self.by_complexity, &other.by_complexity),
            (&mut self.by_importance, &other.by_importance),
            (&mut self.by_chosen, &other.by_chosen),
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

    /// Whether any named groups were cut off.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.rest.keys().any(|dimension| !matches!(dimension, Listing::Earlier | Listing::Ahead))
    }

    /// The groups with the most tokens, up to this number per dimension.
    #[must_use]
    pub fn largest(&self, most: usize) -> Listed {
        let of = |groups: &BTreeMap<String, Cell>| {
            largest_first(groups).into_iter().take(most).map(|(name, _)| name.clone()).collect()
        };
        Listed(self.named().into_iter().map(|(dimension, groups)| (dimension, of(groups))).collect())
    }

    /// Lists only the latest periods, and the earliest of those dated in the future. Call it again after
    /// merging several parts: what is left then is listed in each of them.
    pub fn list_periods(&mut self) {
        let Self { by_period, ahead, rest, .. } = self;
        let earlier = by_period.len().saturating_sub(LISTED_PERIODS);
        let first = by_period.keys().nth(earlier).filter(|_| earlier > 0).cloned();
        for (_, cell) in (0..earlier).map_while(|_| by_period.pop_first()) {
            rest.entry(Listing::Earlier).or_default().take(&cell);
        }
        while let Some(entry) = ahead.first_entry().filter(|entry| first.as_ref() > Some(entry.key())) {
            rest.entry(Listing::Earlier).or_default().cell.add(&entry.remove());
        }
        while ahead.len() > LISTED_AHEAD {
            let Some((_, cell)) = ahead.pop_last() else { break };
            rest.entry(Listing::Ahead).or_default().take(&cell);
        }
    }

    /// Lists only these groups; the others are combined into one rest per dimension.
    pub fn list(&mut self, listed: &Listed) {
        let rest = &mut self.rest;
        for (dimension, groups) in [
            (Listing::Model, &mut self.by_model),
            (Listing::Provider, &mut self.by_provider),
            (Listing::Producer, &mut self.by_producer),
            (Listing::Phase, &mut self.by_phase),
            (Listing::Complexity, &mut self.by_complexity),
            (Listing::Importance, &mut self.by_importance),
            (Listing::Chosen, &mut self.by_chosen),
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

    fn named(&self) -> [(Listing, &BTreeMap<String, Cell>); 7] {
        [
            (Listing::Model, &self.by_model),
            (Listing::Provider, &self.by_provider),
            (Listing::Producer, &self.by_producer),
            (Listing::Phase, &self.by_phase),
            (Listing::Complexity, &self.by_complexity),
            (Listing::Importance, &self.by_importance),
            (Listing::Chosen, &self.by_chosen),
        ]
    }

    /// The periods in order: the rest of earlier ones, the listed ones, each including what was dated ahead
    /// into it, and the rest of what was dated further ahead.
    fn periods(&self) -> Vec<Group> {
        let mut cells: BTreeMap<&Period, (Cell, Option<&Cell>)> =
            self.by_period.iter().map(|(period, cell)| (period, (cell.clone(), None))).collect();
        for (period, ahead) in &self.ahead {
            let (cell, of_it) = cells.entry(period).or_default();
            cell.add(ahead);
            *of_it = Some(ahead);
        }
        let listed =
            cells.into_iter().map(|(period, (cell, ahead))| dated(group(&period.name, &cell), ahead));
        let further = self.rest.get(&Listing::Ahead).map(|rest| &rest.cell);
        let further = self.rest_of(Listing::Ahead, "(ahead)").map(|group| dated(group, further));
        self.rest_of(Listing::Earlier, "(earlier)").into_iter().chain(listed).chain(further).collect()
    }

    /// The report, for this number of tasks, as of a position; `chosen` is what was asked for besides.
    #[must_use]
    pub fn report(
        &self,
        period: ReportPeriod,
        chosen: Option<String>,
        tasks: u64,
        degraded_tasks: u64,
        as_of: String,
    ) -> LedgerReport {
        let by = Grain::from_word(&period.by).unwrap_or_default();
        let periods = |grain| if grain == by { self.periods() } else { Vec::new() };
        let groups = |dimension, groups: &BTreeMap<String, Cell>| {
            let named = largest_first(groups).into_iter().map(|(name, cell)| group(name, cell));
            named.chain(self.rest_of(dimension, "(others)")).collect()
        };
        LedgerReport {
            as_of,
            period,
            tasks,
            totals: totals(&self.all),
            by_hour: periods(Grain::Hour),
            by_day: periods(Grain::Day),
            by_week: periods(Grain::Week),
            by_month: periods(Grain::Month),
            by_model: groups(Listing::Model, &self.by_model),
            by_provider: groups(Listing::Provider, &self.by_provider),
            by_producer: groups(Listing::Producer, &self.by_producer),
            by_phase: groups(Listing::Phase, &self.by_phase),
            by_complexity: groups(Listing::Complexity, &self.by_complexity),
            by_importance: groups(Listing::Importance, &self.by_importance),
            chosen: chosen.map(|dimension| ChosenGroups {
                dimension,
                groups: groups(Listing::Chosen, &self.by_chosen),
            }),
            degraded_tasks,
            price_warnings: Vec::new(),
        }
    }

    fn rest_of(&self, dimension: Listing, key: &str) -> Option<Group> {
        let rest = self.rest.get(&dimension)?;
        Some(Group { rest_of: Some(rest.groups), ..group(key, &rest.cell) })
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
    Group { key: key.to_owned(), rest_of: None, totals: totals(cell), ahead: None }
}

/// A group with a note about what was dated into it from the future.
fn dated(group: Group, ahead: Option<&Cell>) -> Group {
    let ahead = ahead.map(|cell| {
        let (events, tokens) = (cell.usage_events, narrow(cell.tokens.total()));
        let of = match events {
            0 => "of corrections".to_owned(),
            1 => "of 1 usage event".to_owned(),
            _ => format!("of {events} usage events"),
        };
        let note = format!(
            "{tokens} tokens {of} are dated more than 5 minutes ahead of the ledger's clock: a producer's clock is wrong, and so is \
             the period they are counted in"
        );
        DatedAhead { usage_events: events, tokens, note }
    });
    Group { ahead, ..group }
}

/// The sums of a cell, as answers have them.
#[must_use]
pub fn totals(cell: &Cell) -> Totals {
    Totals {
        usage_events: cell.usage_events,
        tokens: token_totals(&cell.tokens),
        estimated_tokens: narrow(cell.estimated_tokens),
        cost_usd: cell.cost.to_string(),
        unpriced_tokens: narrow(cell.unpriced_tokens),
        units: unit_totals(&cell.units.used),
        unpriced_units: unit_totals(&cell.units.unpriced),
    }
}
