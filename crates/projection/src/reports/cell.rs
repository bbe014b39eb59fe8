//! Rows of the reports view and their keys.

use serde::{Deserialize, Serialize};
use tollgate_domain::money::Usd;
use tollgate_domain::position::Sequence;
use tollgate_domain::price::{EntryHistory, SourceHistory};
use tollgate_domain::tier::{Complexity, Importance};
use tollgate_domain::time::Timestamp;
use tollgate_domain::tokens::TokenSums;
use tollgate_domain::usage::UnitTally;

use super::access::ReportAccess;
use super::bills::BillDay;
use super::class::{Sums, TaskSums};
use super::configs::Blocks;
use super::in_force::LastSettings;

/// The key of the number of tasks.
pub const TASK_COUNT_KEY: &[u8] = b"n";

/// Prefix of the keys of cells by UTC day.
pub const DAY_CELLS: &[u8] = b"c";
/// Prefix of the keys of the same usage in finer cells: by the [quarter of an hour](tollgate_domain::zone::quarter).
pub const QUARTER_CELLS: &[u8] = b"q";
/// Prefix of the keys of the same usage by quarter of an hour and tenant alone.
pub const QUARTERS: &[u8] = b"p";

const TASK: u8 = b't';

/// Seconds of a day in UTC.
pub(super) const DAY_S: i64 = 86_400;

/// What the reports view keeps under a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReportRow {
    /// How many tasks have at least one event.
    TaskCount(u64),
    /// What a task used, and its tiers.
    Task(Box<TaskSums>),
    /// Sums of usage that shares all of a [`CellKey`] or of a [`QuarterKey`].
    Cell(Cell),
    /// What tasks of a class used in a phase, or in total.
    Class(Sums),
    /// Someone read a report.
    Access(Box<ReportAccess>),
    /// The log has a config.
    Config(Blocks),
    /// A day of a provider's bill.
    Bill(Box<BillDay>),
    /// The settings that came into force last.
    LastSettings(Box<LastSettings>),
    /// What was decided about the price of an entry.
    Price(Box<EntryHistory>),
    /// What is known about a source of prices.
    PriceSource(Box<SourceHistory>),
    /// The record of the last event about prices, and when a server last began to update them by itself.
    PriceMark(Sequence, Option<Timestamp>),
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
    /// What it cost, as far as prices are known.
    pub cost: Usd,
    /// The part of the cost that was added for what had no price when it was recorded.
    pub newly_priced: Usd,
    /// Tokens for which no price was known.
    pub unpriced_tokens: i128,
    /// What else was used.
    pub units: UnitTally,
}

impl Cell {
    /// Adds the sums of another.
    pub fn add(&mut self, other: &Self) {
        self.usage_events = self.usage_events.saturating_add(other.usage_events);
        self.tokens.add(&other.tokens);
        self.estimated_tokens = self.estimated_tokens.saturating_add(other.estimated_tokens);
        self.cost = self.cost.saturating_add(other.cost);
        self.newly_priced = self.newly_priced.saturating_add(other.newly_priced);
        self.unpriced_tokens = self.unpriced_tokens.saturating_add(other.unpriced_tokens);
        self.units.add(&other.units);
    }
}

/// What the usage of a cell has in common. Empty text: not stated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CellKey<'a> {
    /// The beginning of its time, in seconds since 1970.
    pub from: i64,
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
    /// The provider's tier that served it.
    pub service_tier: &'a str,
    /// The price book that it was costed with; empty for unpriced usage.
    pub price_version: &'a str,
    /// Of corrections: the beginning of the [`quarter`] of the usage that they correct. `None` for usage, and
    /// for corrections of usage whose time is not known.
    pub corrects: Option<i64>,
}

impl<'a> CellKey<'a> {
    /// Its bytes under a prefix: times in order, texts preceded by their lengths.
    #[must_use]
    pub fn to_bytes(&self, rows: &[u8]) -> Vec<u8> {
        let texts = [
            self.tenant,
            self.producer,
            self.provider,
            self.model,
            self.phase,
            self.service_tier,
            self.price_version,
        ];
        let mut bytes = key_from(rows, self.from);
        let (complexity, importance) = self.tiers.map_or((u8::MAX, u8::MAX), |(c, i)| (c as u8, i as u8));
        bytes.extend_from_slice(&[complexity, importance]);
        for text in texts {
            // Texts of an event are at most 2,000 bytes.
            let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
            bytes.extend_from_slice(&length.to_be_bytes());
            bytes.extend_from_slice(text.as_bytes());
        }
        bytes.push(u8::from(self.corrects.is_some()));
        bytes.extend(self.corrects.iter().flat_map(|corrects| corrects.to_be_bytes()));
        bytes
    }

    /// Reads the bytes of a key; `None` for keys of other rows.
    #[must_use]
    pub fn read(bytes: &'a [u8]) -> Option<Self> {
        let (from, rest) = read_from(bytes, &[DAY_CELLS, QUARTER_CELLS])?;
        let (&[complexity, importance], mut rest) = rest.split_first_chunk::<2>()?;
        let mut text = || {
            let (length, tail) = rest.split_first_chunk::<2>()?;
            let (text, tail) = tail.split_at_checked(u16::from_be_bytes(*length).into())?;
            rest = tail;
            std::str::from_utf8(text).ok()
        };
        let (tenant, producer, provider, model, phase) = (text()?, text()?, text()?, text()?, text()?);
        let (service_tier, price_version) = (text()?, text()?);
        let corrects = match rest {
            [0] => None,
            [1, rest @ ..] => Some(i64::from_be_bytes(rest.try_into().ok()?)),
            _ => return None,
        };
        let complexity = Complexity::ALL.get(usize::from(complexity)).copied();
        let importance = Importance::ALL.get(usize::from(importance)).copied();
        let tiers = complexity.zip(importance);
        Some(Self {
            from,
            tenant,
            producer,
            provider,
            model,
            phase,
            tiers,
            service_tier,
            price_version,
            corrects,
        })
    }
}

/// A quarter of an hour of a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct QuarterKey<'a> {
    /// Where it begins, in seconds since 1970.
    pub from: i64,
    /// Whether this is the part that was dated in the future by a wrong clock.
    pub ahead: bool,
    /// Owner of the tasks.
    pub tenant: &'a str,
}

impl<'a> QuarterKey<'a> {
    /// Its bytes: times in order.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = key_from(QUARTERS, self.from);
        bytes.push(u8::from(self.ahead));
        bytes.extend_from_slice(self.tenant.as_bytes());
        bytes
    }

    /// Reads the bytes of a key; `None` for keys of other rows.
    #[must_use]
    pub fn read(bytes: &'a [u8]) -> Option<Self> {
        let (from, rest) = read_from(bytes, &[QUARTERS])?;
        let (&ahead, tenant) = rest.split_first()?;
        Some(Self { from, ahead: ahead == 1, tenant: std::str::from_utf8(tenant).ok()? })
    }
}

/// The key before those of a time and after those of earlier ones.
#[must_use]
pub fn key_from(rows: &[u8], from: i64) -> Vec<u8> {
    let mut bytes = rows.to_vec();
    // With the sign bit flipped, times before 1970 sort before the others.
    bytes.extend_from_slice(&(from.cast_unsigned() ^ (1 << 63)).to_be_bytes());
    bytes
}

/// The time in a row's key, and what follows.
fn read_from<'a>(bytes: &'a [u8], rows: &[&[u8]]) -> Option<(i64, &'a [u8])> {
    let rest = rows.iter().find_map(|prefix| bytes.strip_prefix(*prefix))?;
    let (from, rest) = rest.split_first_chunk()?;
    Some(((u64::from_be_bytes(*from) ^ (1 << 63)).cast_signed(), rest))
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
