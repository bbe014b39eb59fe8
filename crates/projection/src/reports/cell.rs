//! Rows of the reports view and their keys.

use serde::{Deserialize, Serialize};
use tollgate_domain::money::Usd;
use tollgate_domain::position::Sequence;
use tollgate_domain::price::{EntryHistory, SourceHistory};
use tollgate_domain::tier::{Complexity, Importance};
use tollgate_domain::time::{Day, Timestamp};
use tollgate_domain::tokens::TokenSums;
use tollgate_domain::usage::UnitTally;

use super::access::ReportAccess;
use super::bills::BillDay;
use super::class::{ClassUse, TaskSums};
use super::configs::Blocks;
use super::early::EarlyCorrection;
use super::in_force::LastSettings;
use super::labels::Labels;
use crate::text::{read_text, write_text};

/// Prefix of the keys of numbers of tasks.
pub const TASK_COUNTS: &[u8] = b"n";

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
    /// How many tasks of a tenant had their first event recorded on a day.
    TaskCount(u64),
    /// What a task used, and its tiers.
    Task(Box<TaskSums>),
    /// Sums of usage that shares all of a [`CellKey`] or of a [`QuarterKey`].
    Cell(Cell),
    /// What tasks of a class used in a phase, or in total.
    Class(Box<ClassUse>),
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
    /// Corrections that wait for the usage that they name, oldest first.
    Early(Vec<EarlyCorrection>),
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CellKey<'a> {
    /// The beginning of its time, in seconds since 1970.
    pub from: i64,
    /// Owner of the tasks.
    pub tenant: &'a str,
    /// Who appended it.
    pub producer: &'a str,
    /// Which part of the producer made the calls.
    pub component: &'a str,
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
    /// The UTC day on which it was recorded, if that is not the day of its time.
    pub recorded: Option<Day>,
    /// Its labels.
    pub labels: Labels<'a>,
}

/// Room for most keys, in bytes: they grow otherwise.
const KEY_ROOM: usize = 192;

/// What follows the texts of a key: which of these it has.
const CORRECTS: u8 = 1;
const RECORDED: u8 = 2;
const LABELS: u8 = 4;

impl<'a> CellKey<'a> {
    /// Its bytes under a prefix: times in order, texts preceded by their lengths.
    #[must_use]
    pub fn to_bytes(&self, rows: &[u8]) -> Vec<u8> {
        let texts = [
            self.tenant,
            self.producer,
            self.component,
            self.provider,
            self.model,
            self.phase,
            self.service_tier,
            self.price_version,
        ];
        let mut bytes = Vec::with_capacity(KEY_ROOM);
        write_from(rows, self.from, &mut bytes);
        let (complexity, importance) = self.tiers.map_or((u8::MAX, u8::MAX), |(c, i)| (c as u8, i as u8));
        bytes.extend_from_slice(&[complexity, importance]);
        texts.iter().for_each(|text| write_text(text, &mut bytes));
        let is_labelled = self.labels.pairs().next().is_some();
        let has = |has: bool, bit: u8| if has { bit } else { 0 };
        bytes.push(
            has(self.corrects.is_some(), CORRECTS)
                | has(self.recorded.is_some(), RECORDED)
                | has(is_labelled, LABELS),
        );
        bytes.extend(self.corrects.iter().flat_map(|corrects| corrects.to_be_bytes()));
        bytes.extend(self.recorded.iter().flat_map(|day| day.0.to_be_bytes()));
        if is_labelled {
            self.labels.write(&mut bytes);
        }
        bytes
    }

    /// Reads the bytes of a key; `None` for keys of other rows.
    #[must_use]
    pub fn read(bytes: &'a [u8]) -> Option<Self> {
        let (from, rest) = read_from(bytes, &[DAY_CELLS, QUARTER_CELLS])?;
        let (&[complexity, importance], mut rest) = rest.split_first_chunk::<2>()?;
        let mut text = || {
            let (text, tail) = read_text(rest)?;
            rest = tail;
            Some(text)
        };
        let (tenant, producer, component) = (text()?, text()?, text()?);
        let (provider, model, phase) = (text()?, text()?, text()?);
        let (service_tier, price_version) = (text()?, text()?);
        let (&has, rest) = rest.split_first().filter(|(has, _)| **has <= CORRECTS | RECORDED | LABELS)?;
        let (corrects, rest) = if has & CORRECTS == 0 { (None, rest) } else { number(rest)? };
        let (recorded, rest) = read_recorded(has & RECORDED != 0, rest)?;
        let labels = match (has & LABELS != 0, rest) {
            (true, rest) => Labels::read(rest)?,
            (false, []) => Labels::NONE,
            (false, [_, ..]) => return None,
        };
        let complexity = Complexity::ALL.get(usize::from(complexity)).copied();
        let importance = Importance::ALL.get(usize::from(importance)).copied();
        let tiers = complexity.zip(importance);
        Some(Self {
            from,
            tenant,
            producer,
            component,
            provider,
            model,
            phase,
            tiers,
            service_tier,
            price_version,
            corrects,
            recorded,
            labels,
        })
    }

    /// The UTC day on which it was recorded.
    #[must_use]
    pub fn recorded_on(&self) -> Day {
        self.recorded.unwrap_or_else(|| day_of(self.from))
    }
}

/// The UTC day of a time in seconds since 1970.
pub(super) fn day_of(second: i64) -> Day {
    Timestamp::from_micros(second.saturating_mul(1_000_000)).unwrap_or_default().day()
}

fn number(bytes: &[u8]) -> Option<(Option<i64>, &[u8])> {
    let (number, rest) = bytes.split_first_chunk()?;
    Some((Some(i64::from_be_bytes(*number)), rest))
}

/// The day on which something was recorded, if the key has one, and what follows.
fn read_recorded(has: bool, bytes: &[u8]) -> Option<(Option<Day>, &[u8])> {
    if !has {
        return Some((None, bytes));
    }
    let (day, rest) = bytes.split_first_chunk()?;
    Some((Some(Day(i32::from_be_bytes(*day))), rest))
}

/// A quarter of an hour of a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct QuarterKey<'a> {
    /// Where it begins, in seconds since 1970.
    pub from: i64,
    /// Whether this is the part that was dated in the future by a wrong clock.
    pub ahead: bool,
    /// The UTC day on which it was recorded, if that is not the day of its time.
    pub recorded: Option<Day>,
    /// Owner of the tasks.
    pub tenant: &'a str,
}

impl<'a> QuarterKey<'a> {
    /// Its bytes: times in order.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(KEY_ROOM);
        write_from(QUARTERS, self.from, &mut bytes);
        bytes.push(u8::from(self.ahead) | if self.recorded.is_some() { RECORDED } else { 0 });
        bytes.extend(self.recorded.iter().flat_map(|day| day.0.to_be_bytes()));
        bytes.extend_from_slice(self.tenant.as_bytes());
        bytes
    }

    /// Reads the bytes of a key; `None` for keys of other rows.
    #[must_use]
    pub fn read(bytes: &'a [u8]) -> Option<Self> {
        let (from, rest) = read_from(bytes, &[QUARTERS])?;
        let (&has, rest) = rest.split_first()?;
        let (recorded, tenant) = read_recorded(has & RECORDED != 0, rest)?;
        Some(Self { from, ahead: has & 1 == 1, recorded, tenant: std::str::from_utf8(tenant).ok()? })
    }

    /// The UTC day on which it was recorded.
    #[must_use]
    pub fn recorded_on(&self) -> Day {
        self.recorded.unwrap_or_else(|| day_of(self.from))
    }
}

/// The key of how many tasks of a tenant had their first event recorded on a day.
#[must_use]
pub(super) fn task_count_key(day: Day, tenant: &str) -> Vec<u8> {
    let mut key = TASK_COUNTS.to_vec();
    key.extend_from_slice(&day.0.to_be_bytes());
    key.extend_from_slice(tenant.as_bytes());
    key
}

/// The day and the tenant in such a key; `None` for keys of other rows.
#[must_use]
pub fn day_of_task_count(key: &[u8]) -> Option<(Day, &str)> {
    let (day, tenant) = key.strip_prefix(TASK_COUNTS)?.split_first_chunk()?;
    Some((Day(i32::from_be_bytes(*day)), std::str::from_utf8(tenant).ok()?))
}

/// The key before those of a time and after those of earlier ones.
#[must_use]
pub fn key_from(rows: &[u8], from: i64) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_from(rows, from, &mut bytes);
    bytes
}

/// Gives the bytes of a key another prefix of the same length, and another time.
pub(super) fn move_key(bytes: &mut [u8], rows: &[u8], from: i64) {
    if let Some((prefix, rest)) = bytes.split_at_mut_checked(rows.len())
        && let Some(time) = rest.first_chunk_mut()
    {
        prefix.copy_from_slice(rows);
        *time = in_order(from);
    }
}

fn write_from(rows: &[u8], from: i64, bytes: &mut Vec<u8>) {
    bytes.extend_from_slice(rows);
    bytes.extend_from_slice(&in_order(from));
}

/// With the sign bit flipped, times before 1970 sort before the others.
fn in_order(time: i64) -> [u8; 8] {
    (time.cast_unsigned() ^ (1 << 63)).to_be_bytes()
}

/// The time in a row's key, and what follows.
fn read_from<'a>(bytes: &'a [u8], rows: &[&[u8]]) -> Option<(i64, &'a [u8])> {
    let rest = rows.iter().find_map(|prefix| bytes.strip_prefix(*prefix))?;
    let (from, rest) = rest.split_first_chunk()?;
    Some(((u64::from_be_bytes(*from) ^ (1 << 63)).cast_signed(), rest))
}

/// The key of what a task used.
#[must_use]
pub fn task_sums_key(tenant: &str, task: &str) -> Vec<u8> {
    [&[TASK], tenant.as_bytes(), &[0], task.as_bytes()].concat()
}
