//! UsageSums of scopes and windows, from the cells that contain them.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use tollgate_domain::budget::{Dimension, Scope, Spent};
use tollgate_domain::time::Timestamp;

use super::SpendingRow;
use super::fold::DAY_S;
use super::table::{CellValues, SESSION, Table, read_time, write_time};

/// Which usage to add up: that of a scope, in a time range.
///
/// Usage is kept by quarters of an hour: those that begin in the range count. Hours, days, weeks and months of
/// every zone begin with a quarter, so their sums are exact.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SpentAsk {
    /// Which usage.
    pub scope: Scope,
    /// The beginning of the time range, inclusive; `None`: from the first usage on.
    pub from: Option<Timestamp>,
    /// The end of the time range, exclusive; `None`: up to the last usage.
    pub to: Option<Timestamp>,
}

/// Cells of one beginning of keys, in one time range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) prefix: Vec<u8>,
    pub(super) from: i64,
    pub(super) to: i64,
    /// The task of all its cells; empty: they are of many.
    pub(super) task: String,
    /// Whether usage with a label `session` is left out: it is in cells of its own.
    pub(super) unlabelled: bool,
}

/// Rows whose cells are to be added up.
#[derive(Debug)]
pub struct Scan {
    cells: Piece,
    /// The asks that it is for.
    asks: Vec<usize>,
    /// Those that count cells with these values: the same come again every quarter of an hour.
    matching: HashMap<Vec<u8>, Vec<usize>>,
}

/// UsageSums under construction.
#[derive(Debug)]
pub struct Tally<'a> {
    asks: &'a [SpentAsk],
    sums: Vec<Spent>,
}

impl SpentAsk {
    /// Its time range in seconds since 1970: the quarters of an hour that begin in it.
    pub(super) fn seconds(&self) -> (i64, i64) {
        let second = |at: Timestamp| {
            at.micros().div_euclid(1_000_000).saturating_add(i64::from(at.micros().rem_euclid(1_000_000) > 0))
        };
        (self.from.map_or(i64::MIN, second), self.to.map_or(i64::MAX, second))
    }

    /// The cells that contain its usage, each exactly once.
    pub(super) fn pieces(&self, tenant: &str) -> Vec<Piece> {
        let (from, to) = self.seconds();
        let whole = |table: Table, name: &str, task: &str, unlabelled| Piece {
            prefix: table.named(tenant, name),
            from,
            to,
            task: task.to_owned(),
            unlabelled,
        };
        if let Some(task) = self.scope.get(&Dimension::Task) {
            return vec![whole(Table::Tasks, task, task, false)];
        }
        if let Some(session) = self.scope.get(&Dimension::Session) {
            let labelled = whole(Table::Sessions, session, "", false);
            return vec![labelled, whole(Table::Tasks, session, session, true)];
        }
        if let Some(session) = self.scope.get(&Dimension::Label(SESSION.to_owned())) {
            return vec![whole(Table::Sessions, session, "", false)];
        }
        // An open end has no partial day.
        let up = |since: i64| since.saturating_add(since.saturating_neg().rem_euclid(DAY_S));
        let down = |until: i64| until.saturating_sub(until.rem_euclid(DAY_S));
        let first = if self.from.is_some() { up(from) } else { from };
        let last = if self.to.is_some() { down(to) } else { to };
        let of = |table: Table, from: i64, to: i64| Piece {
            prefix: table.of(tenant),
            from,
            to,
            task: String::new(),
            unlabelled: false,
        };
        if first >= last {
            return vec![of(Table::Quarters, from, to)];
        }
        vec![of(Table::Quarters, from, first), of(Table::Days, first, last), of(Table::Quarters, last, to)]
    }
}

impl Piece {
    /// The key after which its rows begin.
    pub(super) fn after(&self) -> Vec<u8> {
        let mut key = self.prefix.clone();
        let of_day = self.from.saturating_sub(self.from.rem_euclid(DAY_S));
        let from = if Table::is_by_day(&key) { of_day } else { self.from };
        write_time(from.saturating_sub(1), &mut key);
        key
    }
}

impl<'a> Tally<'a> {
    /// Nothing yet, and what has to be read for it.
    #[must_use]
    pub fn of(tenant: &str, asks: &'a [SpentAsk]) -> (Self, Vec<Scan>) {
        let mut scans: Vec<Scan> = Vec::new();
        for (nth, ask) in asks.iter().enumerate() {
            for cells in ask.pieces(tenant).into_iter().filter(|cells| cells.from < cells.to) {
                match scans.iter_mut().find(|scan| scan.cells == cells) {
                    Some(scan) => scan.asks.push(nth),
                    None => scans.push(Scan { cells, asks: vec![nth], matching: HashMap::new() }),
                }
            }
        }
        (Self { asks, sums: vec![Spent::default(); asks.len()] }, scans)
    }

    /// Adds a row of a scan; `false`: the row, and all after it, are no longer part of it.
    pub fn add(&mut self, scan: &mut Scan, key: &[u8], row: &SpendingRow) -> bool {
        let Some(rest) = key.strip_prefix(&*scan.cells.prefix) else { return true };
        if read_time(rest).is_some_and(|(at, _)| at >= scan.cells.to) {
            return false;
        }
        for (at, values, sums) in row.cells(rest) {
            if !(scan.cells.from..scan.cells.to).contains(&at) {
                continue;
            }
            if !scan.matching.contains_key(values) {
                let matching = self.matching(scan, values);
                scan.matching.insert(values.to_vec(), matching);
            }
            for &nth in scan.matching.get(values).into_iter().flatten() {
                if let Some(sum) = self.sums.get_mut(nth) {
                    sum.add(&sums.spent);
                }
            }
        }
        true
    }

    fn matching(&self, scan: &Scan, values: &[u8]) -> Vec<usize> {
        let Some(cell) = CellValues::read(values) else { return Vec::new() };
        let usage = cell.of_task(&scan.cells.task);
        if scan.cells.unlabelled && usage.labels.contains_key(SESSION) {
            return Vec::new();
        }
        let counts = |nth: &usize| self.asks.get(*nth).is_some_and(|ask| ask.scope.contains(&usage));
        scan.asks.iter().copied().filter(counts).collect()
    }

    /// The sums, one for each ask.
    #[must_use]
    pub fn sums(self) -> Vec<Spent> {
        self.sums
    }
}

impl Scan {
    /// What the keys of its rows begin with.
    #[must_use]
    pub fn prefix(&self) -> &[u8] {
        &self.cells.prefix
    }

    /// The key after which its rows begin.
    #[must_use]
    pub fn after(&self) -> Vec<u8> {
        self.cells.after()
    }
}
