//! The id index as it grows: what an event costs when few ids are known, and when many are.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tollgate_clock::{Stopwatch, SystemClock};
use tollgate_domain::ids::{EventId, ProducerId, TaskId, TenantId};
use tollgate_domain::position::{PartitionId, Sequence};
use tollgate_log::contract::{Batch, EventLog, NewEvent, Partitions};
use tollgate_log::index::{IdIndex, Occurrence};
use tollgate_log::key::ContentHash;
use tollgate_log::memory::MemoryLog;
use tollgate_log::record::StoredRecord;

use crate::place::Place;
use crate::stats::Samples;
use crate::work::{mix, text, ulid};

/// Events per record.
const BATCH: u64 = 64;

/// Records generated at a time. It is also the number of tasks: a chunk has one record of each.
const CHUNK_RECORDS: u64 = 1_000;

/// Events generated at a time.
const CHUNK: u64 = BATCH * CHUNK_RECORDS;

/// Indexes within a record, from the second chunk on, of events that repeat one from an earlier chunk, at any
/// distance: about 5 %.
const REPEATING: [u64; 3] = [15, 35, 55];

/// New ids per chunk, from the second on.
const CHUNK_IDS: u64 = (BATCH - REPEATING.len() as u64) * CHUNK_RECORDS;

/// Ids in the small and in the large index, and how many more are timed, in chunks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    pub(crate) small: u64,
    pub(crate) large: u64,
    pub(crate) timed: u64,
}

impl Sizes {
    /// Approximately this many ids.
    pub(crate) const fn about(small: u64, large: u64, timed: u64) -> Self {
        Self {
            small: small.div_ceil(CHUNK_IDS),
            large: large.div_ceil(CHUNK_IDS),
            timed: timed.div_ceil(CHUNK_IDS),
        }
    }
}

/// The large index, which is kept over the rounds and grows by what is timed in each.
pub(crate) struct Large(Growing);

impl Large {
    pub(crate) fn grow(dir: &Path, sizes: Sizes) -> Self {
        let mut growing = Growing::start(dir);
        growing.grow(sizes.large);
        Self(growing)
    }

    /// Waits for the index's background work, so that its directory can be removed.
    pub(crate) fn close(mut self) {
        self.0.index.settle();
    }
}

/// One round: the same number of events into a small index and into the large one.
pub(crate) fn round(
    place: &Place,
    round: usize,
    sizes: Sizes,
    Large(large): &mut Large,
    figures: &mut Samples,
    ratios: &mut Samples,
) {
    let dir = place.fresh("ids");
    let mut small = Growing::start(dir.path());
    small.grow(sizes.small);
    let [of_small, of_large] = if round.is_multiple_of(2) {
        let of_small = small.timed(sizes.timed);
        [of_small, large.timed(sizes.timed)]
    } else {
        let of_large = large.timed(sizes.timed);
        [small.timed(sizes.timed), of_large]
    };
    small.index.settle();
    drop(small);
    place.clear(dir);
    let per_event = |took: Duration| took.as_secs_f64() * 1e9 / (sizes.timed * CHUNK) as f64;
    figures.add("dedup_small_nanoseconds_per_event", per_event(of_small));
    figures.add("dedup_large_nanoseconds_per_event", per_event(of_large));
    figures.add("dedup_small_million_ids", (sizes.small * CHUNK_IDS) as f64 / 1e6);
    figures.add("dedup_large_million_ids", (sizes.large * CHUNK_IDS) as f64 / 1e6);
    figures.add("dedup_large_runs", large.index.run_sizes().len() as f64);
    ratios.add("dedup_large_vs_small", per_event(of_large) / per_event(of_small));
}

/// An index and the events that were added to it.
struct Growing {
    index: IdIndex,
    chunks: u64,
    sequence: Sequence,
}

impl Growing {
    fn start(dir: &Path) -> Self {
        // It belongs to no log, so it has no epoch.
        let index = IdIndex::open(&dir.join("ids"), Default::default(), Sequence::ZERO);
        Self { index: index.expect("an id index"), chunks: 0, sequence: Sequence::ZERO }
    }

    fn grow(&mut self, chunks: u64) {
        for _ in 0..chunks {
            let records = self.next_chunk();
            self.add(&records);
        }
    }

    /// Adds chunks that were generated beforehand. Merging of runs goes on in parallel, in a thread of the
    /// index, and is not waited for, neither here nor in a log.
    fn timed(&mut self, chunks: u64) -> Duration {
        let records: Vec<StoredRecord> = (0..chunks).flat_map(|_| self.next_chunk()).collect();
        let took = Stopwatch::start();
        self.add(&records);
        took.elapsed()
    }

    fn add(&mut self, records: &[StoredRecord]) {
        for stored in records {
            let occurrences = self.index.take(stored).expect("the index can be read");
            let repeating =
                occurrences.iter().filter(|occurrence| **occurrence != Occurrence::Original).count();
            let expected = if stored.sequence.0 > CHUNK_RECORDS { REPEATING.len() } else { 0 };
            assert_eq!(repeating, expected, "record {} is told apart", stored.sequence);
            self.index.tend(stored.sequence, stored.sequence);
        }
    }

    fn next_chunk(&mut self) -> Vec<StoredRecord> {
        let mut records = chunk(self.chunks);
        self.chunks += 1;
        for stored in &mut records {
            self.sequence = self.sequence.next();
            stored.sequence = self.sequence;
        }
        records
    }
}

/// The records of a chunk, as a log would return them apart from their sequences.
fn chunk(chunk: u64) -> Vec<StoredRecord> {
    let log = MemoryLog::new(Arc::new(SystemClock));
    let tenant = TenantId::default_tenant();
    let producer = ProducerId::new("bench").expect("a producer");
    for record in 0..CHUNK_RECORDS {
        let task = TaskId::new(format!("task-{record}")).expect("a task id");
        let partition = PartitionId::of(tenant.as_str(), task.as_str());
        let event = |place| NewEvent {
            task: task.clone(),
            producer: producer.clone(),
            id: id(chunk, record, place),
            content_hash: ContentHash([0; 16]),
            payload: vec![0],
        };
        let events = (0..BATCH).map(event).collect();
        let batch = Batch { tenant: tenant.clone(), partition, events, decision: None, recorded_at: None };
        pollster::block_on(log.append(batch)).expect("an append");
    }
    let read = async {
        let mut reader = log.read_from(Partitions::ALL, Sequence::ZERO).await?;
        reader.try_next().await
    };
    let records = pollster::block_on(read).expect("what was appended");
    assert_eq!(records.len() as u64, CHUNK_RECORDS, "a log in memory gives all of its records at once");
    records
}

/// The id of the event at an index of a chunk's record. A repeated event has the id of its neighbour in an
/// earlier chunk.
fn id(chunk: u64, record: u64, place: u64) -> EventId {
    let number = |chunk: u64, place: u64| (chunk * CHUNK_RECORDS + record) * BATCH + place;
    let own = number(chunk, place);
    let number =
        if chunk > 0 && REPEATING.contains(&place) { number(mix(own) % chunk, place - 1) } else { own };
    let id = ulid((u128::from(mix(number)) << 64) | u128::from(number));
    EventId::new(text(&id)).expect("an event id")
}
