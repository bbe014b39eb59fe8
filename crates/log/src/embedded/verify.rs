//! Recomputes everything the log states about itself, and compares it with what others remember of it.

use std::path::Path;
use std::thread;

use tollgate_domain::position::{PARTITIONS, PartitionId, Sequence};

use super::OpenError;
use super::frontier::{self, Frontier};
use super::ledger::{self, LedgerFile};
use super::reader::{SegmentReader, Source, open_segment};
use super::sealed::place;
use super::segment::{Heads, SegmentHeader};
use crate::contract::{Partitions, ReadError};
use crate::key::{ChainHash, RecordHash};
use crate::record::{EventFrame, StoredRecord};

/// Fewer records are not worth a thread.
const SMALLEST_SHARE: usize = 16;

/// What something outside the log remembers of a record: a view's checkpoint, a backup, an exported report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anchor {
    /// What remembers it.
    pub source: String,
    /// The record's partition.
    pub partition: PartitionId,
    /// The record.
    pub sequence: Sequence,
    /// The chain of the partition after that record.
    pub chain: ChainHash,
}

/// Checks one event of a record; what is wrong with it, in a sentence. It is asked by several threads at a time.
pub type CheckEvent<'a> = dyn Fn(&EventFrame<'_>) -> Result<(), String> + Sync + 'a;

/// What a verification found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verification {
    /// Records read.
    pub records: u64,
    /// Events in them.
    pub events: u64,
    /// Segments read.
    pub segments: usize,
    /// The last record.
    pub last: Sequence,
    /// The chain of each partition after the last record.
    pub chains: [ChainHash; PARTITIONS],
    /// The first difference, if any: nothing after it was checked.
    pub difference: Option<String>,
    /// What could not be proven, in sentences.
    pub unproven: Vec<String>,
    /// Anchors that match.
    pub anchors_matched: usize,
    /// Messages among the records that no server of this ledger wrote: the first
    /// [`MAX_FOREIGN`](crate::verify::MAX_FOREIGN) of them.
    pub foreign: Vec<(Sequence, String)>,
}

impl Verification {
    /// Whether there is no difference.
    #[must_use]
    pub const fn passed(&self) -> bool {
        self.difference.is_none()
    }
}

/// Verifies the log of a data directory up to its durable frontier, even while a writer appends to it: CRCs,
/// sequences, segment headers, the chain of every partition, the given anchors, and each event with a check
/// from the caller (the log does not know what an event means).
///
/// # Errors
///
/// [`OpenError`] if there is no log to verify. Damage is not an error but a [`Verification::difference`].
pub fn verify(
    dir: &Path,
    anchors: &[Anchor],
    check_event: &CheckEvent<'_>,
) -> Result<Verification, OpenError> {
    let Some(ledger) = LedgerFile::read(dir)? else {
        return Err(OpenError::NoLedger { dir: dir.display().to_string() });
    };
    let log_dir = ledger::log_dir(dir);
    let found = frontier::read(&log_dir).map_err(|error| OpenError::io(&log_dir, &error))?;
    let Some((epoch, _, frontier)) = found.filter(|(epoch, ..)| ledger.knows(*epoch)) else {
        let what =
            "the log has no durable frontier; open it once (for example with `tollgate log tail`)".to_owned();
        return Err(OpenError::NotADataDirectory { dir: dir.display().to_string(), what });
    };
    debug_assert!(ledger.knows(epoch));
    Ok(of_segments(&log_dir, frontier, &ledger, anchors, check_event))
}

/// Verifies segments up to a frontier, in any directory.
pub(super) fn of_segments(
    log_dir: &Path,
    frontier: Frontier,
    ledger: &LedgerFile,
    anchors: &[Anchor],
    check_event: &CheckEvent<'_>,
) -> Verification {
    let mut result = Verification {
        records: 0,
        events: 0,
        segments: 0,
        last: Sequence::ZERO,
        chains: [ChainHash::START; PARTITIONS],
        difference: None,
        unproven: unproven(anchors, frontier.last),
        anchors_matched: 0,
        foreign: Vec::new(),
    };
    let last = frontier.segment;
    let read = || {
        result.segments = segments(log_dir, last)?;
        let reader = SegmentReader::open(log_dir, Source::Fixed(frontier), Partitions::ALL, Sequence::ZERO);
        let mut reader = reader.map_err(|error| error.to_string())?;
        let heads = walk(&mut reader, &mut result, ledger, anchors, check_event)?;
        // Segments that hold no record yet.
        for ordinal in reader.header().ordinal + 1..=last {
            let segment = open_segment(log_dir, ordinal).map_err(|error| error.to_string())?;
            check_header(&segment.header, &heads, ledger)?;
        }
        Ok(())
    };
    result.difference = read().err();
    result
}

/// What no verification can prove.
fn unproven(anchors: &[Anchor], last: Sequence) -> Vec<String> {
    let mut unproven = Vec::new();
    let furthest = anchors.iter().map(|anchor| anchor.sequence).max().unwrap_or_default();
    if furthest < last {
        unproven.push(format!(
            "records {} to {last} are consistent with each other; nobody outside the log vouches for them",
            furthest.next()
        ));
    }
    unproven.push("that nothing was cut off at the end, unless an anchor reaches further".to_owned());
    unproven
}

/// The number of segments, none of which is missing.
fn segments(log_dir: &Path, last: u64) -> Result<usize, String> {
    let ordinals = place::ordinals(log_dir).map_err(|error| error.to_string())?;
    let mut count = 0;
    for ordinal in ordinals.into_iter().filter(|&ordinal| ordinal <= last) {
        count += 1;
        if count as u64 != ordinal {
            return Err(format!("segment {count} is missing"));
        }
    }
    Ok(count)
}

/// What a segment says of the log before it.
fn check_header(header: &SegmentHeader, heads: &Heads, ledger: &LedgerFile) -> Result<(), String> {
    if !ledger.knows(header.epoch) {
        return Err(format!("segment {} is of another log, {}", header.ordinal, header.epoch.simple()));
    }
    if header.before != *heads {
        let first = header.before.last.next();
        return Err(format!("the segment that begins at record {first} does not follow the one before it"));
    }
    Ok(())
}

fn walk(
    reader: &mut SegmentReader,
    result: &mut Verification,
    ledger: &LedgerFile,
    anchors: &[Anchor],
    check_event: &CheckEvent<'_>,
) -> Result<Heads, String> {
    let mut heads = Heads::start();
    let mut segment = 0;
    loop {
        let records = reader.read_available().map_err(|error: ReadError| error.to_string())?;
        if records.is_empty() {
            break;
        }
        // They are of one segment.
        if reader.header().ordinal != segment {
            segment = reader.header().ordinal;
            check_header(reader.header(), &heads, ledger)?;
        }
        for (stored, Checked { hash, events }) in records.iter().zip(checked(&records, check_event)) {
            let partition = stored.record.partition();
            let chain = heads.chains[partition.index()].then(hash);
            if chain != stored.chain {
                return Err(format!(
                    "record {} differs: the chain of partition {partition} breaks",
                    stored.sequence
                ));
            }
            heads.last = stored.sequence;
            heads.chains[partition.index()] = chain;
            heads.lasts[partition.index()] = stored.sequence;
            result.anchors_matched += check_anchors(anchors, partition, stored.sequence, chain)?;
            events?;
            result.records += 1;
            result.events += stored.record.len() as u64;
            result.last = stored.sequence;
            result.chains = heads.chains;
        }
    }
    match anchors.iter().find(|anchor| anchor.sequence > heads.lasts[anchor.partition.index()]) {
        Some(beyond) => Err(format!(
            "{} remembers record {} of partition {}, the log's last one is {}: its end is missing",
            beyond.source,
            beyond.sequence,
            beyond.partition,
            heads.lasts[beyond.partition.index()]
        )),
        None => Ok(heads),
    }
}

/// What a record says by itself.
struct Checked {
    hash: RecordHash,
    events: Result<(), String>,
}

/// Hashes records and checks their events, on all cores.
fn checked(records: &[StoredRecord], check_event: &CheckEvent<'_>) -> Vec<Checked> {
    let check = |stored: &StoredRecord| Checked {
        hash: RecordHash::of(stored.record.bytes()),
        events: stored.record.events().try_for_each(|event| {
            check_event(&event)
                .map_err(|what| format!("record {}: event `{}`: {what}", stored.sequence, event.id))
        }),
    };
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let share = records.len().div_ceil(cores).max(SMALLEST_SHARE);
    let (first, rest) = records.split_at(share.min(records.len()));
    thread::scope(|scope| {
        let threads: Vec<_> = rest
            .chunks(share)
            .map(|part| scope.spawn(move || part.iter().map(check).collect::<Vec<_>>()))
            .collect();
        let mut all: Vec<Checked> = first.iter().map(check).collect();
        for thread in threads {
            match thread.join() {
                Ok(part) => all.extend(part),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        all
    })
}

fn check_anchors(
    anchors: &[Anchor],
    partition: PartitionId,
    sequence: Sequence,
    chain: ChainHash,
) -> Result<usize, String> {
    let here = |anchor: &&Anchor| anchor.partition == partition && anchor.sequence == sequence;
    let mut matched = 0;
    for anchor in anchors.iter().filter(here) {
        if anchor.chain != chain {
            return Err(format!("record {sequence} differs from what {} remembers of it", anchor.source));
        }
        matched += 1;
    }
    Ok(matched)
}
