//! The one thread that writes and syncs: it takes the group that formed while the last sync ran.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tollgate_domain::position::Sequence;
use uuid::Uuid;

use super::frame::{self, FRAME_HEADER};
use super::frontier::{Frontier, FrontierFile};
use super::group::{Group, Shared};
use super::prepare::Preparation;
use super::recovery::ActiveSegment;
use super::sealed::packer::Work;
use super::segment::{self, Heads, SEGMENT_HEADER, SegmentHeader};
use super::teller::{Answers, Teller};
use crate::contract::{AppendError, Durability};
use crate::record::partition_of;
use tollgate_clock::Stopwatch;
use tollgate_files::disk::{Disk, NO_DESCRIPTORS};
use tollgate_files::sync_dir;

/// Throughput in bytes per second above which no segment is prepared ahead. Groups are then so large that the
/// metadata of a growing file costs little, while writing zeros ahead would take half of the bandwidth.
const FAST_BYTES_PER_SECOND: u128 = 64 << 20;

/// What the writer and the log's handle share.
pub(super) struct Hub {
    pub(super) shared: Mutex<Shared>,
    /// Wakes the writer.
    pub(super) work: Condvar,
    /// How far readers may read.
    pub(super) frontier: watch::Sender<Frontier>,
}

impl Hub {
    pub(super) fn lock(&self) -> MutexGuard<'_, Shared> {
        // The state is consistent between statements that can panic, so a poisoned lock can still be used.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The writer's own state: files and what is durable.
pub(super) struct Writer {
    pub(super) hub: Arc<Hub>,
    pub(super) disk: Arc<dyn Disk>,
    pub(super) log_dir: PathBuf,
    pub(super) epoch: Uuid,
    pub(super) durability: Durability,
    pub(super) frontier_file: FrontierFile,
    pub(super) active: ActiveSegment,
    pub(super) heads: Heads,
    pub(super) preparation: Option<Preparation>,
    /// Told of each segment that is full, if they are packed.
    pub(super) packing: Option<Arc<Work>>,
    pub(super) max_segment_bytes: u64,
    /// When this process began to write to the active segment, and where.
    pub(super) begun: Stopwatch,
    pub(super) begun_at: u64,
}

/// If the writer panics, which it must not, no one waits for it forever.
struct StopOnPanic(Arc<Hub>);

impl Drop for StopOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let mut shared = self.0.lock();
            shared.stopped =
                Some("it panicked, which is a bug: please report it with its message".to_owned());
            // Dropping a waiter signals that the outcome is unknown.
            shared.forget_waiters();
        }
    }
}

/// What remains to be done after a group.
struct Finished {
    answers: Answers,
    stopped: bool,
    next: Option<Group>,
}

/// How a write failed.
enum Failure {
    /// The disk is full. What was not written is rolled back; appends may succeed later.
    Full,
    /// The next segment cannot be started for another reason. The consequences are the same.
    NotNow(String),
    /// It is unknown what is durable: the writer stops for good. A failed sync is never retried.
    Fatal(String),
}

impl Writer {
    /// Writes groups until the log is closed and everything is durable, or a failure stops it.
    pub(super) fn run(mut self) {
        let _stop = StopOnPanic(Arc::clone(&self.hub));
        let teller = Teller::start();
        while let Some(mut group) = self.wait_for_group() {
            loop {
                let result = self.write(&group);
                let done = self.finish(group, result);
                // The next group's write begins before the waiters of this one are notified: waking them
                // takes as long as a small write.
                teller.tell(done.answers);
                if done.stopped {
                    return;
                }
                self.prepare_ahead();
                let Some(next) = done.next else { break };
                group = next;
            }
        }
    }

    /// Waits for the first group after a pause; `None` when the log is closed.
    fn wait_for_group(&self) -> Option<Group> {
        let mut shared = self.hub.lock();
        loop {
            if let Some(group) = shared.take_group() {
                return Some(group);
            }
            if shared.closing {
                let last = shared.assigned;
                if self.durability == Durability::Fsync {
                    shared.index.put_away(last);
                } else {
                    // A run would be on the disk before the records that it tells of.
                    shared.index.settle();
                }
                return None;
            }
            shared = self.hub.work.wait(shared).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Writes and syncs a group, across several segments if necessary. What is durable is in `self.heads`
    /// afterwards, even if part of the group failed.
    fn write(&mut self, group: &Group) -> Result<(), Failure> {
        let mut from = 0;
        let mut frames = &group.ends[..];
        while !frames.is_empty() {
            let room =
                usize::try_from(self.active.capacity.saturating_sub(self.active.end)).unwrap_or(usize::MAX);
            let fitting = frames.partition_point(|&end| end - from <= room);
            let Some(&to) = frames[..fitting].last() else {
                self.roll((frames[0] - from) as u64)?;
                continue;
            };
            self.write_frames(&group.bytes[from..to])?;
            frames = &frames[fitting..];
            from = to;
        }
        Ok(())
    }

    fn write_frames(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let active = &mut self.active;
        if let Err(error) = self.disk.write_all_at(&active.file, bytes, active.end) {
            return Err(self.write_failed(bytes.len(), &error));
        }
        if self.durability == Durability::Fsync {
            let synced = self.disk.sync_data(&active.file);
            synced.map_err(|error| sync_failed(active.ordinal, &error))?;
        }
        active.end += bytes.len() as u64;
        let mut at = 0;
        while let Ok(header) = frame::read_header(&bytes[at..]) {
            if let Some(partition) = partition_of(&bytes[at + FRAME_HEADER..]) {
                self.heads.advance(&header, partition);
            }
            at += header.frame_bytes();
            if at >= bytes.len() {
                break;
            }
        }
        Ok(())
    }

    /// A write that failed for lack of space left part of the group behind. It is wiped, so that no frame of
    /// it can be mistaken for one written there later.
    fn write_failed(&mut self, length: usize, error: &io::Error) -> Failure {
        let active = &self.active;
        if !is_full(error) {
            return Failure::Fatal(format!("write to segment {} failed: {error}", active.ordinal));
        }
        let wipe = || {
            let size = active.file.metadata()?.len();
            if size > active.capacity.min(active.end + length as u64) || size <= active.end {
                // In prepared space, or if nothing was written: zeros over what is there.
                let written = size.saturating_sub(active.end).min(length as u64);
                return self.disk.write_all_at(&active.file, &vec![0; written as usize], active.end);
            }
            active.file.set_len(active.end)
        };
        match wipe() {
            Ok(()) => Failure::Full,
            Err(error) => Failure::Fatal(format!("wiping segment {} failed: {error}", active.ordinal)),
        }
    }

    /// Continues in the next segment: the one prepared ahead, or otherwise a new one that grows. It has room
    /// for a frame of at least this size.
    fn roll(&mut self, frame_bytes: u64) -> Result<(), Failure> {
        let ordinal = self.active.ordinal + 1;
        let path = segment::path(&self.log_dir, ordinal);
        let ready = self.preparation.take_if(|preparation| preparation.is_finished());
        let prepared = ready.map(|preparation| (preparation.bytes(), preparation.take(&path)));
        let (capacity, file) = match prepared {
            Some((capacity, Ok(file))) => (capacity, Ok(file)),
            Some((capacity, Err(error))) => {
                // The refusal was already reported; there is nothing to add.
                if self.hub.lock().refusing.is_none() {
                    tracing::warn!(%error, "could not prepare a segment ahead, going on without");
                }
                (capacity, self.disk.create(&path))
            }
            None => (self.next_capacity(), self.disk.create(&path)),
        };
        let file = file.map_err(|error| Self::not_begun(ordinal, &error))?;
        let capacity = capacity.max(SEGMENT_HEADER as u64 + frame_bytes);
        let header = SegmentHeader { epoch: self.epoch, ordinal, capacity, before: self.heads.clone() };
        let begun = self
            .disk
            .write_all_at(&file, &header.to_bytes(), 0)
            .and_then(|()| self.disk.sync_data(&file))
            .and_then(|()| sync_dir(&self.log_dir));
        if let Err(error) = begun {
            // Nothing in it is acknowledged; the name must be free for the next try.
            if let Err(error) = std::fs::remove_file(&path) {
                return Err(Failure::Fatal(format!(
                    "removing segment {ordinal}, not begun, failed: {error}"
                )));
            }
            return Err(Self::not_begun(ordinal, &error));
        }
        if self.durability == Durability::PageCache {
            // So that a power cut takes records of the last segment at most.
            let synced = self.disk.sync_data(&self.active.file);
            synced.map_err(|error| sync_failed(self.active.ordinal, &error))?;
            self.hub.lock().synced = self.heads.last;
        }
        self.active = ActiveSegment { file, ordinal, capacity, end: SEGMENT_HEADER as u64 };
        (self.begun, self.begun_at) = (Stopwatch::start(), self.active.end);
        Ok(())
    }

    /// A segment that was not started holds nothing: appends may succeed later, whatever was missing. Only a
    /// device that fails is no longer trusted.
    fn not_begun(ordinal: u64, error: &io::Error) -> Failure {
        let reason = format!("beginning segment {ordinal} failed: {error}");
        if is_full(error) {
            Failure::Full
        } else if is_passing(error) {
            Failure::NotNow(reason)
        } else {
            Failure::Fatal(reason)
        }
    }

    /// Publishes what is durable, and takes the group that formed in the meantime.
    fn finish(&mut self, mut group: Group, result: Result<(), Failure>) -> Finished {
        let frontier = Frontier::new(&self.heads, self.active.ordinal, self.active.end);
        if let Err(error) = self.frontier_file.write(&frontier) {
            // Readers in other processes see less than there is, but nothing is lost.
            tracing::warn!(%error, "could not publish the durable frontier");
        }
        self.hub.frontier.send_replace(frontier);
        if let Some(packing) = &self.packing {
            packing.goes_on_in(self.active.ordinal);
        }
        group.clear();
        let mut shared = self.hub.lock();
        let mut answers = Answers { served: shared.make_durable(self.heads.last), refused: None };
        if self.durability == Durability::Fsync {
            shared.synced = self.heads.last;
        }
        shared.recycled = Some(group);
        match result {
            Ok(()) => {
                if shared.refusing.take().is_some() {
                    tracing::info!("appends are taken again");
                }
            }
            Err(Failure::Full) => {
                let path = self.log_dir.display().to_string();
                refusing(&mut shared, format!("the disk of {path} is full"));
                answers.refused = Some((shared.take_back(&self.heads), AppendError::DiskFull { path }));
            }
            Err(Failure::NotNow(reason)) => {
                refusing(&mut shared, reason.clone());
                answers.refused = Some((shared.take_back(&self.heads), AppendError::Unavailable { reason }));
            }
            Err(Failure::Fatal(reason)) => {
                tracing::error!(reason, "the log's writer stops for good");
                shared.stopped = Some(reason.clone());
                // It is unknown whether the disk has the records that were not acknowledged.
                answers.refused = Some((shared.take_back(&self.heads), AppendError::Unknown { reason }));
            }
        }
        let assigned = shared.assigned;
        shared.index.tend(assigned, self.heads.last);
        let stopped = shared.stopped.is_some();
        Finished { answers, stopped, next: shared.take_group() }
    }

    /// Starts preparing the next segment once a quarter of this one is used: a short-lived process prepares
    /// none.
    fn prepare_ahead(&mut self) {
        let rate =
            u128::from(self.active.end - self.begun_at) * 1000 / self.begun.elapsed().as_millis().max(1);
        let used = self.active.end > self.active.capacity / 4;
        if used && self.preparation.is_none() && rate < FAST_BYTES_PER_SECOND {
            match Preparation::start(Arc::clone(&self.disk), &self.log_dir, self.next_capacity()) {
                Ok(preparation) => self.preparation = Some(preparation),
                Err(error) => tracing::warn!(%error, "could not start preparing a segment"),
            }
        }
    }

    /// Segments double up to their largest size, so that a small ledger stays small.
    fn next_capacity(&self) -> u64 {
        self.active.capacity.saturating_mul(2).min(self.max_segment_bytes)
    }
}

/// Logs one line when refusals begin, not one for each append.
fn refusing(shared: &mut Shared, reason: String) {
    if shared.refusing.as_ref() != Some(&reason) {
        tracing::error!(
            reason,
            "appends are refused until that is mended; they are then taken without a restart"
        );
    }
    shared.refusing = Some(reason);
}

/// A failed sync stops the writer whatever the cause: it is unknown which of the pages are on the disk, and a
/// second sync would not tell. A write that fails for lack of space is different: those bytes are known not
/// to be there, and are wiped.
fn sync_failed(ordinal: u64, error: &io::Error) -> Failure {
    let cure = if is_full(error) {
        ": there is no space left, or the quota is used up; free some first"
    } else {
        ""
    };
    Failure::Fatal(format!("sync of segment {ordinal} failed: {error}{cure}"))
}

fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
    )
}

/// Creates the first segment of a new log, with its space prepared.
pub(super) fn first_segment(
    disk: &dyn Disk,
    log_dir: &std::path::Path,
    epoch: Uuid,
    capacity: u64,
) -> io::Result<ActiveSegment> {
    let path = segment::path(log_dir, 1);
    let file = disk.create(&path)?;
    let header = SegmentHeader { epoch, ordinal: 1, capacity, before: Heads::start() };
    let mut bytes = header.to_bytes().to_vec();
    bytes.resize(usize::try_from(capacity).unwrap_or(usize::MAX), 0);
    let made =
        disk.write_all_at(&file, &bytes, 0).and_then(|()| file.sync_all()).and_then(|()| sync_dir(log_dir));
    if let Err(error) = made {
        let _ = std::fs::remove_file(&path);
        return Err(error);
    }
    Ok(ActiveSegment { file, ordinal: 1, capacity, end: SEGMENT_HEADER as u64 })
}

/// The durable sequence, for callers outside.
pub(super) fn durable(hub: &Hub) -> Sequence {
    hub.frontier.borrow().last
}

/// Whether an error is about something that a process or a directory lacks for now: descriptors, memory, a
/// permission.
fn is_passing(error: &io::Error) -> bool {
    use io::ErrorKind::{NotFound, OutOfMemory, PermissionDenied, ReadOnlyFilesystem};
    matches!(error.kind(), OutOfMemory | PermissionDenied | ReadOnlyFilesystem | NotFound)
        || error.raw_os_error().is_some_and(|code| NO_DESCRIPTORS.contains(&code))
}
