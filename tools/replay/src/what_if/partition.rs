//! One partition of history under all candidates. A task lives in one partition, so that partitions are worked by
//! themselves: in any order, by any thread.

use std::collections::HashMap;

use foldhash::fast::FixedState;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tollgate_domain::event::{EventBody, LedgerEvent};
use tollgate_domain::ids::LEDGER_TENANT;
use tollgate_domain::position::{PartitionId, Sequence};
use tollgate_log::record::{EventFrame, StoredRecord};
use tollgate_projection::fold::write_task_key;
use tollgate_projection::reports::Blocks;
use tollgate_projection::savings::Configs;

use super::candidate::Rules;
use super::compared::Compared;
use super::money::{MoneyLog, MoneyRules};
use super::settled::Settled;
use super::task::{OpenTask, Unopened};
use crate::checkpoint::Saved;
use crate::concluded::ConcludedPhases;
use crate::digest::Digest;
use crate::error::ReplayError;
use crate::estimates::Estimates;
use crate::shelf::{Kept, Shelf};
use crate::walk::{Scratch, recorded};

/// What a thread knows of the candidates.
pub(super) struct Setting<'a> {
    pub(super) rules: Vec<Rules>,
    pub(super) money: MoneyRules<'a>,
    pub(super) unopened: Unopened,
}

/// What is known of a partition up to a sequence.
#[derive(Serialize, Deserialize)]
pub(super) struct PartitionState {
    /// The last record that was worked.
    pub(super) done: Sequence,
    /// How many were.
    pub(super) records: u64,
    pub(super) digest: Digest,
    /// The tasks by tenant and id, in `entries`.
    places: HashMap<Box<[u8]>, u32, FixedState>,
    entries: Vec<Entry>,
    /// Closed tasks.
    shelf: Shelf,
    pub(super) compared: Vec<Compared>,
    /// What policies are judged by.
    pub(super) money: MoneyLog,
    /// Those that the ledger had in force, and whom they let the gate block.
    pub(super) configs: Configs,
    pub(super) counts: Counts,
    pub(super) estimates: Estimates,
    pub(super) concluded: ConcludedPhases,
}

/// What was met that is no decision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Counts {
    /// Events, each counted once.
    pub(super) events: u64,
    /// Events that were there already, or whose id another event had taken.
    pub(super) repeated: u64,
    /// Events that could not be read.
    pub(super) unreadable: u64,
    /// What was said of usage after its task was closed.
    pub(super) late: u64,
}

/// A task.
#[derive(Debug, Serialize, Deserialize)]
enum Entry {
    Open(Box<OpenTask>),
    /// Where what is kept of it is.
    Settled(Kept),
    /// An event of it cannot be read: what follows cannot be judged, as it waits in a view.
    Unreadable,
}

impl PartitionState {
    pub(super) fn new(setting: &Setting<'_>, shelf: Shelf) -> Self {
        Self {
            done: Sequence::ZERO,
            records: 0,
            digest: Digest::default(),
            places: HashMap::default(),
            entries: Vec::new(),
            shelf,
            compared: vec![Compared::default(); setting.rules.len()],
            money: MoneyLog::default(),
            configs: Configs::new(),
            counts: Counts::default(),
            estimates: Estimates::default(),
            concluded: ConcludedPhases::default(),
        }
    }

    /// Takes the next record. `originals`: which of its events are counted; `None`: all of them.
    pub(super) fn take(
        &mut self,
        stored: &StoredRecord,
        originals: Option<&[bool]>,
        setting: &Setting<'_>,
        scratch: &mut Scratch,
    ) -> Result<(), ReplayError> {
        let mut last: Option<(&str, u32)> = None;
        for (place, frame) in stored.record.events().enumerate() {
            if originals.is_some_and(|originals| originals.get(place) == Some(&false)) {
                self.counts.repeated = self.counts.repeated.saturating_add(1);
                continue;
            }
            self.counts.events = self.counts.events.saturating_add(1);
            self.digest.add(&stored.record, &frame);
            self.take_event(stored, &frame, setting, scratch, &mut last)?;
        }
        self.done = stored.sequence;
        self.records = self.records.saturating_add(1);
        Ok(())
    }

    fn take_event<'r>(
        &mut self,
        stored: &'r StoredRecord,
        frame: &EventFrame<'r>,
        setting: &Setting<'_>,
        scratch: &mut Scratch,
        last: &mut Option<(&'r str, u32)>,
    ) -> Result<(), ReplayError> {
        let Scratch { key, decoder } = scratch;
        let Ok(decoded) = decoder.decode(frame.payload) else {
            self.counts.unreadable = self.counts.unreadable.saturating_add(1);
            if stored.record.tenant() != LEDGER_TENANT {
                self.set_aside(stored.record.tenant(), frame.task, key);
            }
            return Ok(());
        };
        let event = recorded(stored, frame, decoded);
        if let EventBody::Budget(decided) = event.body {
            self.money.decide(event.tenant, decided, &setting.money);
        }
        if let EventBody::Ledger(LedgerEvent::ConfigLoaded(loaded)) = event.body {
            self.configs.insert(loaded.config_hash.clone(), Blocks::of(&loaded.canonical));
        }
        if !event.concerns_task() {
            return Ok(());
        }
        let at = match *last {
            Some((task, at)) if task == frame.task => at,
            _ => {
                write_task_key(stored.record.tenant(), frame.task, key);
                match self.places.get(key.as_slice()).copied() {
                    Some(at) => at,
                    None => {
                        let task = OpenTask::new(&event, &setting.rules, setting.unopened);
                        self.enter(key, Entry::Open(Box::new(task)))
                    }
                }
            }
        };
        *last = Some((frame.task, at));
        self.estimates.take(&event);
        self.concluded.take(&event);
        self.money.take(&event, at, &setting.money);
        let Some(entry) = self.entries.get_mut(at as usize) else { return Ok(()) };
        match entry {
            Entry::Open(task) => {
                if task.take(&event, &setting.rules, setting.unopened, &mut self.compared)
                    && let Entry::Open(task) = std::mem::replace(entry, Entry::Unreadable)
                {
                    *entry = Entry::Settled(self.shelf.put(&task.settle())?);
                }
            }
            Entry::Settled(kept) => {
                let is_usage = matches!(event.body, EventBody::Usage(_));
                self.counts.late = self.counts.late.saturating_add(u64::from(is_usage));
                let mut task: Settled = self.shelf.get(*kept)?;
                if task.take(&event) {
                    *kept = self.shelf.put(&task)?;
                }
            }
            Entry::Unreadable => {}
        }
        Ok(())
    }

    /// From here on the task cannot be judged.
    fn set_aside(&mut self, tenant: &str, task: &str, key: &mut Vec<u8>) {
        write_task_key(tenant, task, key);
        let known = self.places.get(key.as_slice()).copied();
        match known.and_then(|at| self.entries.get_mut(at as usize)) {
            Some(entry) => *entry = Entry::Unreadable,
            None => {
                self.enter(key, Entry::Unreadable);
            }
        }
    }

    fn enter(&mut self, key: &[u8], entry: Entry) -> u32 {
        // A log of more than four thousand million tasks in one partition does not fit the memory for it.
        let at = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
        self.places.insert(key.into(), at);
        self.entries.push(entry);
        at
    }

    /// The tasks, by tenant and id, those that are still open as they stand now.
    pub(super) fn into_tasks(self, partition: PartitionId) -> Result<Tasks, ReplayError> {
        let Self { places, entries, mut shelf, .. } = self;
        let mut kept = Vec::with_capacity(entries.len());
        for entry in entries {
            kept.push(match entry {
                Entry::Open(task) => Some(shelf.put(&task.settle())?),
                Entry::Settled(kept) => Some(kept),
                Entry::Unreadable => None,
            });
        }
        let mut names: Vec<(Box<[u8]>, u32)> = places.into_iter().collect();
        names.sort_unstable();
        Ok(Tasks { partition: partition.number(), names, kept, shelf })
    }
}

/// The tasks of a partition whose history has ended. They can be gone through more than once.
pub(super) struct Tasks {
    pub(super) partition: u8,
    /// By tenant and id, each with its place.
    pub(super) names: Vec<(Box<[u8]>, u32)>,
    /// By place; `None`: an event could not be read.
    kept: Vec<Option<Kept>>,
    shelf: Shelf,
}

impl Tasks {
    /// Each task with its place, by tenant and id, or what it begins with. `None`: it cannot be judged.
    pub(super) fn each<T: DeserializeOwned>(
        &mut self,
        mut see: impl FnMut(&[u8], u32, Option<T>),
    ) -> Result<(), ReplayError> {
        for (key, at) in &self.names {
            let kept = self.kept.get(*at as usize).copied().flatten();
            see(key, *at, kept.map(|kept| self.shelf.get(kept)).transpose()?);
        }
        Ok(())
    }
}

impl Saved for PartitionState {
    fn shelf(&mut self) -> &mut Shelf {
        &mut self.shelf
    }
}
