//! What usage cost, by period and chosen dimensions: asked of the view `reports`.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use tollgate_domain::price::name_of_provider;
use tollgate_domain::time::Day;
use tollgate_domain::zone::{Calendar, Grain, Zone, database_version};
use tollgate_projection::money::{LineDimension, MoneyLines};
use tollgate_projection::reports::{BillDay, ReportRow, Reports, Span, bill_of_key, bills_of};

use super::reports::each_cell_of;
use crate::query::Query;
use crate::rows::RowError;
use crate::seen::Seen;

/// Lines of usage and money.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LinesOf {
    /// The length of the periods; `None`: the time range is one.
    pub by: Option<Grain>,
    /// The time zone in which periods begin.
    pub zone: Zone,
    /// The time range.
    pub span: Span,
    /// What lines are told apart by.
    pub dimensions: Vec<LineDimension>,
    /// Only what was recorded by the end of this UTC day.
    #[serde(default)]
    pub known_on: Option<Day>,
    /// Only usage with all of these values.
    pub only: Vec<(LineDimension, String)>,
    /// The most lines to make: with more of them, the answer is [cut](LinesFound::is_cut).
    pub most: usize,
}

/// Partial lines: those of several partitions are added.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinesFound {
    /// The lines.
    pub lines: MoneyLines,
    /// The number of tasks with unreadable events.
    pub degraded: u64,
    /// The versions of the time zone database with which the periods were computed.
    pub zone_databases: BTreeSet<String>,
    /// Whether there are more lines than were asked for: then these are not all, and their sums are not right.
    pub is_cut: bool,
}

impl Query<Reports> for LinesOf {
    const VERB: &'static str = "lines";
    const OVER_MANY: bool = true;
    type Answer = LinesFound;

    fn answer(&self, view: &Seen<'_, Reports>) -> Result<LinesFound, RowError> {
        let mut found = LinesFound {
            lines: MoneyLines::by(self.dimensions.clone()),
            degraded: view.degraded_tasks(),
            zone_databases: BTreeSet::from([database_version().to_owned()]),
            is_cut: false,
        };
        // Cells by day are those of UTC, and hours are finer than them.
        let by_day = match self.by {
            None => true,
            Some(Grain::Hour) => false,
            Some(Grain::Day | Grain::Week | Grain::Month) => self.zone == Zone::utc(),
        };
        let scans = if by_day { self.span.cells() } else { vec![self.span.quarter_cells()] };
        let mut calendar = self.by.map(|by| Calendar::new(self.zone.clone(), by));
        each_cell_of(view, &scans, |key, cell| {
            if self.known_on.is_some_and(|day| key.recorded_on() > day) {
                return;
            }
            let is =
                |(dimension, value): &(LineDimension, String)| dimension.of_cell(key, &self.zone) == *value;
            if !found.is_cut && self.only.iter().all(is) {
                found.lines.add(calendar.as_mut(), &self.zone, key, cell);
                found.is_cut = found.lines.len() > self.most;
            }
        })?;
        Ok(found)
    }
}

/// A provider's bills of some days.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BillsOf {
    /// Who was billed.
    pub tenant: String,
    /// Who billed, by any of the provider's names.
    pub provider: String,
    /// The first day.
    pub from: Day,
    /// The first day after them.
    pub to: Day,
    /// Only bills that were recorded by the end of this UTC day.
    #[serde(default)]
    pub known_on: Option<Day>,
}

impl Query<Reports> for BillsOf {
    const VERB: &'static str = "bills";
    const OVER_MANY: bool = true;
    /// By account and day.
    type Answer = Vec<(String, Day, BillDay)>;

    fn answer(&self, view: &Seen<'_, Reports>) -> Result<Self::Answer, RowError> {
        let (prefix, wanted) = (bills_of(&self.tenant), name_of_provider(&self.provider));
        let mut found: BTreeMap<(String, Day), BillDay> = BTreeMap::new();
        for row in view.scan(&prefix, None) {
            let (key, row) = row?;
            let Some((provider, account, day)) = bill_of_key(&prefix, &key) else { continue };
            if name_of_provider(provider) != wanted {
                continue;
            }
            if let ReportRow::Bill(bill) = &*row
                && (self.from..self.to).contains(&day)
                && self.known_on.is_none_or(|known_on| bill.imported_at.day() <= known_on)
            {
                // The last one counts.
                let of = (account.to_owned(), day);
                if found.get(&of).is_none_or(|earlier| earlier.sequence < bill.sequence) {
                    found.insert(of, (**bill).clone());
                }
            }
        }
        Ok(found.into_iter().map(|((account, day), bill)| (account, day, bill)).collect())
    }
}

impl LinesFound {
    /// Adds the lines of other partitions.
    pub fn merge(&mut self, other: Self) {
        self.lines.merge(other.lines);
        self.is_cut |= other.is_cut;
        self.degraded += other.degraded;
        self.zone_databases.extend(other.zone_databases);
    }
}
