//! Samples as compact integers: 32 bytes each and about 100 for each task, whatever their names.

use std::collections::HashMap;

use tollgate_domain::money::Usd;
use tollgate_domain::phase::Phase;
use tollgate_domain::tier::{Complexity, Importance};
use tollgate_domain::time::Timestamp;

use super::error::CalibrateError;
use super::sample::{Outcome, Sample};

/// Groups of tasks for the errors of what is fitted: half of them are left out at a time.
pub(super) const FOLDS: u8 = 32;

/// Tiers of one kind.
pub(super) const TIERS: usize = 4;

/// The places of usage outside of phases, and of a value that is not known.
const NO_PHASE: u32 = u32::MAX;
const UNKNOWN: u64 = u64::MAX;

/// Units of money of a sample, 10⁻¹² USD, in units of 10⁻¹⁸ USD.
const PICO: u128 = 1_000_000;

/// What is measured of a phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Measure {
    Tokens,
    LatencyMs,
    /// In 10⁻¹² USD, rounded up.
    Cost,
}

/// The samples of a history, in any order.
#[derive(Debug, Default)]
pub struct History {
    records: Vec<Record>,
    tasks: Vec<Task>,
    /// By 128 bits of the hash of the name.
    numbers: HashMap<u128, u32>,
    phases: Vec<Phase>,
    /// Whether records are sorted and added up.
    sealed: bool,
    remarks: Vec<String>,
}

#[derive(Clone, Copy, Debug)]
struct Record {
    task: u32,
    phase: u32,
    tokens: u64,
    latency_ms: u64,
    cost: u64,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Task {
    pub(super) complexity: Complexity,
    pub(super) importance: Importance,
    pub(super) outcome: Outcome,
    pub(super) at: Timestamp,
    /// Its group: by its name, so that no order of samples changes it.
    pub(super) fold: u8,
}

impl History {
    /// Adds what a reader has to know of where the samples come from: a sentence, the first of all notes.
    pub fn remark(&mut self, sentence: String) {
        self.remarks.push(sentence);
    }

    pub(super) fn remarks(&self) -> &[String] {
        &self.remarks
    }
}

impl Task {
    /// Complexity × importance as one number.
    pub(super) fn class(&self) -> usize {
        self.complexity as usize * TIERS + self.importance as usize
    }
}

/// What a phase of a task took, after all its samples were added up.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taken {
    /// Its place in [`History::phases`]; `None`: outside of phases.
    pub(super) phase: Option<usize>,
    pub(super) tokens: u64,
    pub(super) latency_ms: Option<u64>,
    cost: Option<u64>,
}

impl Taken {
    pub(super) const fn value(&self, measure: Measure) -> Option<u64> {
        match measure {
            Measure::Tokens => Some(self.tokens),
            Measure::LatencyMs => self.latency_ms,
            Measure::Cost => self.cost,
        }
    }
}

/// An amount that was counted in 10⁻¹² USD.
pub(super) fn usd(pico: u64) -> Usd {
    Usd::from_units(i128::from(pico) * PICO.cast_signed())
}

impl History {
    /// Adds a sample.
    ///
    /// # Errors
    ///
    /// [`CalibrateError::Contradiction`] if its task had another tier or outcome before; nothing is added then.
    pub fn push(&mut self, sample: &Sample) -> Result<(), CalibrateError> {
        let name = format!("{}/{}", sample.tenant, sample.task);
        let hash = blake3::hash(name.as_bytes());
        let mut key = [0; 16];
        key.copy_from_slice(&hash.as_bytes()[..16]);
        let key = u128::from_le_bytes(key);
        let fresh = Task {
            complexity: sample.complexity,
            importance: sample.importance,
            outcome: sample.outcome,
            at: sample.at,
            fold: (key % u128::from(FOLDS)) as u8,
        };
        let task = match self.numbers.get(&key) {
            Some(&number) => {
                // Numbers are places in `tasks`, which only grows.
                let known = &mut self.tasks[number as usize];
                agree(&name, "complexity", known.complexity.as_str(), fresh.complexity.as_str())?;
                agree(&name, "importance", known.importance.as_str(), fresh.importance.as_str())?;
                agree(&name, "outcome", known.outcome.as_str(), fresh.outcome.as_str())?;
                known.at = known.at.min(fresh.at);
                number
            }
            None => {
                let number = self.tasks.len() as u64;
                let limit = u64::from(u32::MAX);
                let number =
                    u32::try_from(number).map_err(|_| CalibrateError::TooMany { what: "tasks", limit })?;
                self.tasks.push(fresh);
                self.numbers.insert(key, number);
                number
            }
        };
        let phase = sample.phase.as_ref().map_or(NO_PHASE, |phase| self.number_of(phase));
        // What costs more than 18 million USD, or less than nothing after corrections, is not a percentile's
        // business.
        let pico = |cost: Usd| {
            u64::try_from(cost.units().max(0).unsigned_abs().div_ceil(PICO))
                .ok()
                .filter(|pico| *pico < UNKNOWN)
        };
        self.records.push(Record {
            task,
            phase,
            tokens: sample.tokens.min(UNKNOWN - 1),
            latency_ms: sample.latency_ms.map_or(UNKNOWN, |ms| ms.min(UNKNOWN - 1)),
            cost: sample.cost.and_then(pico).unwrap_or(UNKNOWN),
        });
        self.sealed = false;
        Ok(())
    }

    /// Adds samples.
    ///
    /// # Errors
    ///
    /// As [`Self::push`]; the samples before the one that is refused are added.
    pub fn extend(&mut self, samples: impl IntoIterator<Item = Sample>) -> Result<(), CalibrateError> {
        samples.into_iter().try_for_each(|sample| self.push(&sample))
    }

    /// How many samples there are; samples of the same phase of a task count as one once they are added up.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Phases are few, so that looking at each is as quick as hashing.
    fn number_of(&mut self, phase: &Phase) -> u32 {
        let known = self.phases.iter().position(|known| known == phase);
        let number = known.unwrap_or_else(|| {
            self.phases.push(phase.clone());
            self.phases.len() - 1
        });
        number as u32
    }

    /// Sorts the samples by task and phase, and adds up those of the same.
    pub(super) fn seal(&mut self) {
        if self.sealed {
            return;
        }
        self.records.sort_unstable_by_key(|record| (record.task, record.phase));
        let plus = |one: u64, other: u64| match (one, other) {
            (UNKNOWN, _) | (_, UNKNOWN) => UNKNOWN,
            _ => one.saturating_add(other).min(UNKNOWN - 1),
        };
        self.records.dedup_by(|next, kept| {
            let same = (next.task, next.phase) == (kept.task, kept.phase);
            if same {
                kept.tokens = plus(kept.tokens, next.tokens);
                kept.latency_ms = plus(kept.latency_ms, next.latency_ms);
                kept.cost = plus(kept.cost, next.cost);
            }
            same
        });
        self.sealed = true;
    }

    pub(super) fn phases(&self) -> &[Phase] {
        &self.phases
    }

    pub(super) fn tasks(&self) -> &[Task] {
        &self.tasks
    }

    /// Each task with what its phases took. In no particular order of tasks: only for sums, counts and sorted values.
    pub(super) fn by_task(&self) -> impl Iterator<Item = (&Task, impl Iterator<Item = Taken> + Clone)> {
        debug_assert!(self.sealed, "samples are added up before they are read");
        self.records.chunk_by(|one, other| one.task == other.task).filter_map(|records| {
            let task = self.tasks.get(records.first()?.task as usize)?;
            Some((task, records.iter().map(taken)))
        })
    }
}

fn taken(record: &Record) -> Taken {
    let known = |value: u64| (value != UNKNOWN).then_some(value);
    Taken {
        phase: (record.phase != NO_PHASE).then_some(record.phase as usize),
        tokens: record.tokens,
        latency_ms: known(record.latency_ms),
        cost: known(record.cost),
    }
}

fn agree(task: &str, what: &'static str, known: &str, given: &str) -> Result<(), CalibrateError> {
    if known == given {
        return Ok(());
    }
    let (first, second) = if known < given { (known, given) } else { (given, known) };
    let (first, second) = (first.to_owned(), second.to_owned());
    Err(CalibrateError::Contradiction { task: task.to_owned(), what, first, second })
}
