//! Where sums are kept: the keys of rows.

use std::collections::BTreeMap;

use tollgate_domain::budget::{AlsoNamed, Dimensions, is_counted_label};

use crate::text::{read_text, write_text};

/// The label that usage of a session has.
pub(super) const SESSION: &str = "session";

/// Tables of the view. Keys begin with the table and the tenant, those of cells go on with their time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Table {
    /// Cells by UTC day: all values of usage but its task and session. A row for each day, and, as in the other
    /// tables, one for each cell that has no room in it.
    Days,
    /// The same by quarter of an hour: a row for each quarter.
    Quarters,
    /// Cells of a task by quarter of an hour: a row for each UTC day.
    Tasks,
    /// Cells of a session that usage names by its label, in the same way. Usage without the label is in those of its
    /// task only.
    Sessions,
    /// One row for each allocation.
    Allocations,
    /// One row for each quarter of an hour of which usage was recorded after it.
    Late,
}

/// The values that the usage of a cell has in common. Empty text: not stated.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct CellValues<'a> {
    phase: &'a str,
    component: &'a str,
    provider: &'a str,
    model: &'a str,
    also_provider: &'a str,
    also_model: &'a str,
    labels: BTreeMap<String, String>,
}

impl Table {
    const fn byte(self) -> u8 {
        match self {
            Self::Days => b'd',
            Self::Quarters => b'q',
            Self::Tasks => b't',
            Self::Sessions => b's',
            Self::Allocations => b'a',
            Self::Late => b'l',
        }
    }

    /// Whether the row of a key has the cells by quarter of an hour of a whole day.
    pub(super) fn is_by_day(key: &[u8]) -> bool {
        [Self::Tasks, Self::Sessions].iter().any(|table| key.first() == Some(&table.byte()))
    }

    /// What all its keys of a tenant begin with.
    #[must_use]
    pub fn of(self, tenant: &str) -> Vec<u8> {
        let mut key = Vec::new();
        self.write_of(tenant, &mut key);
        key
    }

    /// Like [`Self::of`], but writes into a reusable buffer.
    pub(super) fn write_of(self, tenant: &str, key: &mut Vec<u8>) {
        key.clear();
        key.push(self.byte());
        key.extend_from_slice(tenant.as_bytes());
        // No tenant contains a zero byte.
        key.push(0);
    }

    /// What all its keys of a task, a session or an allocation begin with.
    #[must_use]
    pub fn named(self, tenant: &str, name: &str) -> Vec<u8> {
        let mut key = Vec::new();
        self.write_named(tenant, name, &mut key);
        key
    }

    /// Like [`Self::named`], but writes into a reusable buffer.
    pub(super) fn write_named(self, tenant: &str, name: &str, key: &mut Vec<u8>) {
        self.write_of(tenant, key);
        write_text(name, key);
    }
}

/// Appends the time of a cell: times in order.
pub(super) fn write_time(at: i64, key: &mut Vec<u8>) {
    // With the sign bit flipped, times before 1970 sort before the others.
    key.extend_from_slice(&(at.cast_unsigned() ^ (1 << 63)).to_be_bytes());
}

/// The time of a cell and its values, from what follows the beginning of its key.
pub(super) fn read_time(rest: &[u8]) -> Option<(i64, &[u8])> {
    let (time, values) = rest.split_first_chunk()?;
    Some(((u64::from_be_bytes(*time) ^ (1 << 63)).cast_signed(), values))
}

/// The task or session in a key, and what follows it, from what follows the tenant.
pub(super) fn read_name(rest: &[u8]) -> Option<(&str, &[u8])> {
    read_text(rest)
}

/// Appends the values of usage. What no scope can name is left out; of sessions, only their own cells know.
pub(super) fn write_values(usage: &Dimensions<'_>, with_session: bool, key: &mut Vec<u8>) {
    let AlsoNamed { provider, model } = usage.also;
    for text in [usage.phase, usage.component, usage.provider, usage.model, provider, model] {
        write_text(text.unwrap_or_default(), key);
    }
    for (name, value) in usage.labels {
        if is_counted_label(name, value) && (with_session || name != SESSION) {
            write_text(name, key);
            write_text(value, key);
        }
    }
}

impl<'a> CellValues<'a> {
    /// Reads the values in a key.
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let (phase, rest) = read_text(bytes)?;
        let (component, rest) = read_text(rest)?;
        let (provider, rest) = read_text(rest)?;
        let (model, rest) = read_text(rest)?;
        let (also_provider, rest) = read_text(rest)?;
        let (also_model, mut rest) = read_text(rest)?;
        let mut labels = BTreeMap::new();
        while !rest.is_empty() {
            let (name, tail) = read_text(rest)?;
            let (value, tail) = read_text(tail)?;
            labels.insert(name.to_owned(), value.to_owned());
            rest = tail;
        }
        Some(Self { phase, component, provider, model, also_provider, also_model, labels })
    }

    /// As the values of usage of a task.
    pub(super) fn of_task<'b>(&'b self, task: &'b str) -> Dimensions<'b> {
        fn given(text: &str) -> Option<&str> {
            (!text.is_empty()).then_some(text)
        }
        Dimensions {
            task,
            phase: given(self.phase),
            component: given(self.component),
            provider: given(self.provider),
            model: given(self.model),
            labels: &self.labels,
            also: AlsoNamed { provider: given(self.also_provider), model: given(self.also_model) },
        }
    }
}
