//! Rows of the reports view and their keys.

use serde::{Deserialize, Serialize};
use tollgate_domain::money::Usd;
use tollgate_domain::tier::{Complexity, Importance};
use tollgate_domain::time::Day;
use tollgate_domain::tokens::TokenSums;

use super::access::ReportAccess;
use super::class::{Sums, TaskSums};
use super::configs::Blocks;
use super::in_force::LastSettings;

/// The key of the number of tasks.
pub const TASK_COUNT_KEY: &[u8] = b"n";

/// Prefix of the keys of cells.
pub const CELLS: &[u8] = b"c";

const TASK: u8 = b't';
const CELL: u8 = b'c';

/// What the reports view keeps under a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReportRow {
    /// How many tasks have at least one event.
    TaskCount(u64),
    /// What a task used, and its tiers.
    Task(Box<TaskSums>),
    /// Sums of usage that has all of a [`CellKey`] in common.
    Cell(Cell),
    /// What tasks of a class used in a phase, or in all.
    Class(Sums),
    /// Someone read a report.
    Access(Box<ReportAccess>),
    /// The log has a config.
    Config(Blocks),
    /// The settings that came into force last.
    LastSettings(Box<LastSettings>),
}

/// Sums of usage.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cell {
    /// Usage events.
    pub usage_events: u64,
    /// Tokens, corrections included.
    pub tokens: TokenSums,
    /// Tokens that were estimated from text lengths.
    pub estimated_tokens: i128,
    /// What it cost, as far as prices were known.
    pub cost: Usd,
    /// Tokens for which no price was known.
    pub unpriced_tokens: i128,
}

impl Cell {
    /// Takes another one's sums in.
    pub fn add(&mut self, other: &Self) {
        self.usage_events = self.usage_events.saturating_add(other.usage_events);
        self.tokens.add(&other.tokens);
        self.estimated_tokens = self.estimated_tokens.saturating_add(other.estimated_tokens);
        self.cost = self.cost.saturating_add(other.cost);
        self.unpriced_tokens = self.unpriced_tokens.saturating_add(other.unpriced_tokens);
    }
}

/// What the usage of a cell has in common. Empty texts: not said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CellKey<'a> {
    /// The day it happened, in UTC.
    pub day: Day,
    /// Owner of the tasks.
    pub tenant: &'a str,
    /// Who appended it.
    pub producer: &'a str,
    /// Who served the model.
    pub provider: &'a str,
    /// Which model.
    pub model: &'a str,
    /// Which phase; empty for unphased usage.
    pub phase: &'a str,
    /// The tiers of the task when the usage was recorded; `None` for an implicit task.
    pub tiers: Option<(Complexity, Importance)>,
}

impl<'a> CellKey<'a> {
    /// Its bytes: days in order, texts with their lengths before them.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let texts = [self.tenant, self.producer, self.provider, self.model, self.phase];
        let mut bytes = vec![CELL];
        // With the sign bit flipped, days before 1970 sort before the others.
        bytes.extend_from_slice(&(self.day.0.cast_unsigned() ^ 0x8000_0000).to_be_bytes());
        let (complexity, importance) = self.tiers.map_or((u8::MAX, u8::MAX), |(c, i)| (c as u8, i as u8));
        bytes.extend_from_slice(&[complexity, importance]);
        for text in texts {
            // Texts of an event are at most 2,000 bytes.
            let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
            bytes.extend_from_slice(&length.to_be_bytes());
            bytes.extend_from_slice(text.as_bytes());
        }
        bytes
    }

    /// Reads the bytes of a key; `None` for keys of other rows.
    #[must_use]
    pub fn read(bytes: &'a [u8]) -> Option<Self> {
        let (&kind, rest) = bytes.split_first()?;
        let (day, rest) = rest.split_first_chunk::<4>()?;
        let (&[complexity, importance], mut rest) = rest.split_first_chunk::<2>()?;
        let mut text = || {
            let (length, tail) = rest.split_first_chunk::<2>()?;
            let (text, tail) = tail.split_at_checked(u16::from_be_bytes(*length).into())?;
            rest = tail;
            std::str::from_utf8(text).ok()
        };
        let (tenant, producer, provider, model, phase) = (text()?, text()?, text()?, text()?, text()?);
        let complexity = Complexity::ALL.get(usize::from(complexity)).copied();
        let importance = Importance::ALL.get(usize::from(importance)).copied();
        let day = Day((u32::from_be_bytes(*day) ^ 0x8000_0000).cast_signed());
        let tiers = complexity.zip(importance);
        (kind == CELL).then_some(Self { day, tenant, producer, provider, model, phase, tiers })
    }
}

/// Whether a key is a cell's.
#[must_use]
pub fn is_cell(key: &[u8]) -> bool {
    key.first() == Some(&CELL)
}

/// The prefix of the keys of a tenant's tasks.
#[must_use]
pub fn tasks_of(tenant: &str) -> Vec<u8> {
    task_sums_key(tenant, "")
}

/// The key of what a task used.
#[must_use]
pub fn task_sums_key(tenant: &str, task: &str) -> Vec<u8> {
    let mut key = vec![TASK];
    key.extend_from_slice(tenant.as_bytes());
    key.push(0);
    key.extend_from_slice(task.as_bytes());
    key
}
