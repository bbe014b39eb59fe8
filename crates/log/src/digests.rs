//! Digests of what a log contains for each task, so that two logs can be compared without their bytes: of
//! events by producer, id and content, in their order, each original once. Records, sequences and times are
//! not part of them.

use std::collections::BTreeMap;
use std::fmt;

use tollgate_domain::position::Sequence;

use crate::contract::{DedupScope, EventLog, Partitions, ReadError};
use crate::index::{IdIndex, Occurrence};
use crate::record::{EventFrame, StoredRecord};

/// The digests of a log's tasks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Digests {
    tasks: BTreeMap<(String, String), TaskDigest>,
    events: u64,
}

/// What a log contains for one task.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TaskDigest {
    /// The number of its events, counting originals only.
    pub events: u64,
    /// BLAKE3 of the digest before the last event (32 zeros before the first) and that event's producer, id and content
    /// hash, each with its length in front.
    pub digest: [u8; 32],
}

/// A task on which two logs disagree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Its tenant.
    pub tenant: String,
    /// The task.
    pub task: String,
    /// What the first log has; `None` if nothing.
    pub one: Option<TaskDigest>,
    /// What the second log has; `None` if nothing.
    pub other: Option<TaskDigest>,
}

impl Digests {
    /// The digest of a task.
    #[must_use]
    pub fn task(&self, tenant: &str, task: &str) -> Option<TaskDigest> {
        self.tasks.get(&(tenant.to_owned(), task.to_owned())).copied()
    }

    /// The number of tasks.
    #[must_use]
    pub fn tasks(&self) -> usize {
        self.tasks.len()
    }

    /// The number of events, counting originals only.
    #[must_use]
    pub const fn events(&self) -> u64 {
        self.events
    }

    /// One digest over all tasks, ordered by tenant and task.
    #[must_use]
    pub fn overall(&self) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new();
        for ((tenant, task), digest) in &self.tasks {
            for text in [tenant, task] {
                hasher.update(&(text.len() as u64).to_le_bytes());
                hasher.update(text.as_bytes());
            }
            hasher.update(&digest.events.to_le_bytes());
            hasher.update(&digest.digest);
        }
        hasher.finalize().into()
    }

    /// The first task of this log on which the other one disagrees. Tasks that only the other one has are
    /// ignored.
    #[must_use]
    pub fn first_not_in(&self, other: &Self) -> Option<Difference> {
        let differs = self.tasks.iter().find(|(name, digest)| other.tasks.get(name) != Some(digest));
        differs.map(|(name, digest)| Difference {
            tenant: name.0.clone(),
            task: name.1.clone(),
            one: Some(*digest),
            other: other.tasks.get(name).copied(),
        })
    }

    /// Adds the originals of a record.
    pub(crate) fn add(&mut self, stored: &StoredRecord, originals: Option<&[bool]>) {
        let tenant = stored.record.tenant();
        let mut last: Option<(String, TaskDigest)> = None;
        for (nth, event) in stored.record.events().enumerate() {
            if originals.is_some_and(|originals| !originals[nth]) {
                continue;
            }
            // Events of a task are mostly adjacent: its digest is looked up once per run.
            if last.as_ref().is_none_or(|(task, _)| task != event.task) {
                self.put(tenant, last.take());
                let known = self.task(tenant, event.task).unwrap_or(TaskDigest::START);
                last = Some((event.task.to_owned(), known));
            }
            if let Some((_, digest)) = &mut last {
                digest.add(&event);
                self.events += 1;
            }
        }
        self.put(tenant, last);
    }

    fn put(&mut self, tenant: &str, digest: Option<(String, TaskDigest)>) {
        if let Some((task, digest)) = digest {
            self.tasks.insert((tenant.to_owned(), task), digest);
        }
    }
}

impl TaskDigest {
    const START: Self = Self { events: 0, digest: [0; 32] };

    fn add(&mut self, event: &EventFrame<'_>) {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.digest);
        for text in [event.producer, event.id] {
            hasher.update(&(text.len() as u64).to_le_bytes());
            hasher.update(text.as_bytes());
        }
        hasher.update(&event.content_hash.0);
        *self = Self { events: self.events + 1, digest: hasher.finalize().into() };
    }
}

impl fmt::Display for TaskDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} events, {}", self.events, blake3::Hash::from(self.digest).to_hex())
    }
}

impl fmt::Debug for TaskDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let said = |digest: Option<TaskDigest>| digest.map_or("nothing".to_owned(), |it| it.to_string());
        write!(
            f,
            "task {} of tenant {}: {} in the one, {} in the other",
            self.task,
            self.tenant,
            said(self.one),
            said(self.other)
        )
    }
}

/// Reads a whole log and returns the digests of its tasks. If outcomes are final only within a window, the
/// ids of all events are in memory meanwhile: about 60 bytes each.
///
/// # Errors
///
/// [`ReadError`].
pub async fn digests(log: &dyn EventLog) -> Result<Digests, ReadError> {
    let mut digests = Digests::default();
    let mut originals = Originals::of(log);
    let mut reader = log.read_unchained(Partitions::ALL, Sequence::ZERO).await?;
    loop {
        let records = reader.try_next().await?;
        if records.is_empty() {
            return Ok(digests);
        }
        for stored in &records {
            digests.add(stored, originals.of_record(stored).as_deref());
        }
    }
}

/// Distinguishes originals from duplicates, where a log may hold an event more than once.
pub(crate) struct Originals(Option<IdIndex>);

impl Originals {
    pub(crate) fn of(log: &dyn EventLog) -> Self {
        Self((log.dedup() == DedupScope::Window).then(IdIndex::in_memory))
    }

    /// Which events of the next record are originals; `None` means all of them.
    pub(crate) fn of_record(&mut self, stored: &StoredRecord) -> Option<Vec<bool>> {
        let index = self.0.as_mut()?;
        let occurrences =
            index.take(stored).expect("an index in memory has no runs that could be unreadable");
        Some(occurrences.into_iter().map(|occurrence| occurrence == Occurrence::Original).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::conformance::{batch, event, other_task_of_the_same_partition};
    use crate::contract::NewEvent;
    use crate::memory::MemoryLog;
    use tollgate_clock::ManualClock;

    async fn digests_of(batches: Vec<Vec<NewEvent>>) -> Digests {
        let log = MemoryLog::new(Arc::new(ManualClock::default()));
        for events in batches {
            log.append(batch(events)).await.unwrap();
        }
        digests(&log).await.unwrap()
    }

    #[tokio::test]
    async fn digests_name_the_events_of_a_task_in_their_order_whatever_their_records() {
        let [a, b, c] = ["a", "b", "c"].map(|id| event("T-1", id, "x"));
        let other = event(&other_task_of_the_same_partition("T-1"), "a", "x");
        let together = digests_of(vec![vec![a.clone(), other.clone(), b.clone(), c.clone()]]).await;
        let apart = digests_of(vec![vec![a.clone()], vec![b.clone(), c.clone(), other.clone()]]).await;
        assert_eq!(together, apart);
        assert_eq!((together.events(), together.tasks(), together.overall()), (4, 2, apart.overall()));
        assert_eq!(together.first_not_in(&apart), None);
        for (what, different) in [
            ("order", vec![b.clone(), a.clone(), c.clone(), other.clone()]),
            ("one less", vec![a.clone(), b.clone(), other.clone()]),
            ("content", vec![a.clone(), b.clone(), event("T-1", "c", "y"), other.clone()]),
            ("id", vec![a.clone(), b.clone(), event("T-1", "d", "x"), other.clone()]),
        ] {
            let different = digests_of(vec![different]).await;
            assert_ne!(together.overall(), different.overall(), "{what}");
            let found = together.first_not_in(&different).unwrap();
            assert_eq!(found.task, "T-1", "{what}: {found}");
        }
        let more = digests_of(vec![vec![a, other, b, c], vec![event("T-9", "a", "x")]]).await;
        assert_eq!(together.first_not_in(&more), None, "what only the other one has is not looked at");
        assert_eq!(more.first_not_in(&together).unwrap().task, "T-9");
    }
}
