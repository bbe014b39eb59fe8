//! From cells to lines: sums of usage by period and chosen dimensions.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tollgate_domain::time::Timestamp;
use tollgate_domain::zone::{Calendar, Period, Zone};

use super::LineDimension;
use crate::reports::{Cell, CellKey};

/// Sums of usage that shares a period and the values of some dimensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MoneyLine<'a> {
    /// Its period; `None`: the whole time range.
    pub period: Option<&'a Period>,
    /// The dimensions that lines are told apart by, each with its value.
    values: (&'a [LineDimension], &'a [String]),
    /// The sums.
    pub sums: &'a Cell,
}

/// Lines under construction: cells are added one by one, from any number of views.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MoneyLines {
    dimensions: Vec<LineDimension>,
    #[serde(with = "crate::pairs")]
    lines: BTreeMap<(Option<Period>, Vec<String>), Cell>,
}

impl MoneyLines {
    /// Lines that are told apart by these dimensions, in this order.
    #[must_use]
    pub const fn by(dimensions: Vec<LineDimension>) -> Self {
        Self { dimensions, lines: BTreeMap::new() }
    }

    /// How many lines there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Adds a cell. Without a calendar, lines have no periods; days of corrected usage are those of the zone.
    pub fn add(&mut self, calendar: Option<&mut Calendar>, zone: &Zone, key: &CellKey<'_>, cell: &Cell) {
        let period = calendar.map(|calendar| calendar.period_of(moment(key.from)));
        let values = self.dimensions.iter().map(|dimension| dimension.of_cell(key, zone)).collect();
        self.lines.entry((period, values)).or_default().add(cell);
    }

    /// Adds the lines of other cells, which are told apart by the same dimensions.
    pub fn merge(&mut self, other: Self) {
        if self.dimensions.is_empty() {
            self.dimensions = other.dimensions;
        }
        for (key, cell) in other.lines {
            self.lines.entry(key).or_default().add(&cell);
        }
    }

    /// Takes the first lines out, up to this number of them.
    #[must_use]
    pub fn take_first(&mut self, most: usize) -> Self {
        let mut first = Self::by(self.dimensions.clone());
        while first.len() < most
            && let Some((key, cell)) = self.lines.pop_first()
        {
            first.lines.insert(key, cell);
        }
        first
    }

    /// The lines in order of their periods, then of their values.
    pub fn iter(&self) -> impl Iterator<Item = MoneyLine<'_>> {
        self.lines.iter().map(|((period, values), sums)| MoneyLine {
            period: period.as_ref(),
            values: (&self.dimensions, values),
            sums,
        })
    }

    /// The sum of all lines.
    #[must_use]
    pub fn total(&self) -> Cell {
        let mut total = Cell::default();
        self.lines.values().for_each(|cell| total.add(cell));
        total
    }
}

impl<'a> MoneyLine<'a> {
    /// The value of a dimension; empty if it was not stated, or if lines are not told apart by it.
    #[must_use]
    pub fn value(&self, dimension: &LineDimension) -> &'a str {
        self.values().find(|(of, _)| *of == dimension).map_or("", |(_, value)| value)
    }

    /// The dimensions with their values.
    pub fn values(&self) -> impl Iterator<Item = (&'a LineDimension, &'a str)> + use<'a> {
        let (dimensions, values) = self.values;
        dimensions.iter().zip(values.iter().map(String::as_str))
    }
}

fn moment(second: i64) -> Timestamp {
    Timestamp::from_micros(second.saturating_mul(1_000_000)).unwrap_or_default()
}
