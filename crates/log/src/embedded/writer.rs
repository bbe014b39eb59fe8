//! The one thread that writes and syncs: takes the group that formed while the last sync ran.

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
use super::segment::{self, Heads, SEGMENT_HEADER, SegmentHeader};
use crate::contract::{AppendError, Durability};
use crate::disk::{Disk, sync_dir};
use crate::record::partition_of;

/// What the writer and the log's handle hold together.
pub(super) struct Hub {
    pub(super) shared: Mutex<Shared>,
    /// Wakes the writer.
    pub(super) work: Condvar,
    /// How far readers may read.
    pub(super) frontier: watch::Sender<Frontier>,
}

impl Hub {
    pub(super) fn lock(&self) -> MutexGuard<'_, Shared> {
        // The state is consistent between statements that can panic, so a poisoned lock is used on.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The writer's own: files and the durable state.
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
    pub(super) max_segment_bytes: u64,
}

/// How a write failed.
enum Failure {
    /// The disk is full. What was not written is taken back; appends may succeed later.
    Full,
    /// Nobody knows what is durable: the writer stops for good. A failed sync is never tried again.
    Fatal(String),
}

impl Writer {
    /// Writes groups until the log is closed and everything is durable, or a failure stops it.
    pub(super) fn run(mut self) {
        loop {
            let Some(group) = self.next_group() else { return };
            let result = self.write(&group);
            let goes_on = self.report(group, result);
            if !goes_on {
                return;
            }
            self.prepare_ahead();
        }
    }

    fn next_group(&self) -> Option<Group> {
        let mut shared = self.hub.lock();
        while shared.building.ends.is_empty() {
            if shared.closing {
                shared.index.settle();
                return None;
            }
            shared = self.hub.work.wait(shared).unwrap_or_else(PoisonError::into_inner);
        }
        let empty = shared.recycled.take().unwrap_or_default();
        let group = std::mem::replace(&mut shared.building, empty);
        shared.in_flight_bytes = group.bytes.len();
        Some(group)
    }

    /// Writes and syncs a group, in more than one segment if it must. What is durable is in `self.heads` afterwards,
    /// also when a part of it failed.
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
            synced.map_err(|error| {
                Failure::Fatal(format!("sync of segment {} failed: {error}", active.ordinal))
            })?;
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

    /// A write that failed for want of space left a part of the group behind. It is wiped, so that no frame of it can
    /// be taken for one that is written there later.
    fn write_failed(&mut self, length: usize, error: &io::Error) -> Failure {
        let active = &self.active;
        if !is_full(error) {
            return Failure::Fatal(format!("write to segment {} failed: {error}", active.ordinal));
        }
        let wipe = || {
            let size = active.file.metadata()?.len();
            if size > active.capacity.min(active.end + length as u64) || size <= active.end {
                // Prepared space, or nothing written: zeros over what is there.
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

    /// Goes on in the next segment: the one prepared ahead, or where there is none yet a new one that grows. It has room
    /// for a frame of this size at least.
    fn roll(&mut self, frame_bytes: u64) -> Result<(), Failure> {
        let ordinal = self.active.ordinal + 1;
        let path = segment::path(&self.log_dir, ordinal);
        let ready = self.preparation.take_if(|preparation| preparation.is_finished());
        let prepared = ready.map(|preparation| (preparation.bytes(), preparation.take(&path)));
        let (capacity, file) = match prepared {
            Some((capacity, Ok(file))) => (capacity, Ok(file)),
            Some((capacity, Err(error))) => {
                tracing::warn!(%error, "could not prepare a segment ahead, going on without");
                (capacity, self.disk.create(&path))
            }
            None => (self.next_capacity(), self.disk.create(&path)),
        };
        let capacity = capacity.max(SEGMENT_HEADER as u64 + frame_bytes);
        let header = SegmentHeader { epoch: self.epoch, ordinal, capacity, before: self.heads.clone() };
        let begun = file.and_then(|file| {
            let begun = self
                .disk
                .write_all_at(&file, &header.to_bytes(), 0)
                .and_then(|()| self.disk.sync_data(&file))
                .and_then(|()| sync_dir(&self.log_dir));
            if begun.is_err() {
                // Nothing in it is acknowledged; the name must be free for the next try.
                let _ = std::fs::remove_file(&path);
            }
            begun.map(|()| file)
        });
        match begun {
            Ok(file) => {
                self.active = ActiveSegment { file, ordinal, capacity, end: SEGMENT_HEADER as u64 };
                Ok(())
            }
            Err(error) if is_full(&error) => Err(Failure::Full),
            Err(error) => Err(Failure::Fatal(format!("beginning segment {ordinal} failed: {error}"))),
        }
    }

    /// Publishes what is durable and tells who waited. Returns whether the writer goes on.
    fn report(&mut self, mut group: Group, result: Result<(), Failure>) -> bool {
        let frontier = Frontier::new(&self.heads, self.active.ordinal, self.active.end);
        if let Err(error) = self.frontier_file.write(&frontier) {
            // Readers in other processes see less than there is; nothing is lost.
            tracing::warn!(%error, "could not publish the durable frontier");
        }
        let mut shared = self.hub.lock();
        let served = shared.make_durable(self.heads.last);
        shared.in_flight_bytes = 0;
        group.clear();
        shared.recycled = Some(group);
        let (refused, error) = match result {
            Ok(()) => (Vec::new(), None),
            Err(Failure::Full) => {
                let path = self.log_dir.display().to_string();
                tracing::error!(path, "the disk is full, appends are refused until there is space");
                (shared.take_back(&self.heads), Some(AppendError::DiskFull { path }))
            }
            Err(Failure::Fatal(reason)) => {
                tracing::error!(reason, "the log's writer stops for good");
                shared.stopped = Some(reason.clone());
                // Of records that were not acknowledged nobody knows whether the disk has them.
                (shared.take_back(&self.heads), Some(AppendError::Unknown { reason }))
            }
        };
        let assigned = shared.assigned;
        shared.index.tend(assigned, self.heads.last);
        let goes_on = shared.stopped.is_none();
        drop(shared);
        self.hub.frontier.send_replace(frontier);
        for waiter in served {
            // Whoever stopped waiting is not told.
            let _ = waiter.send(Ok(()));
        }
        if let Some(error) = error {
            for waiter in refused {
                let _ = waiter.send(Err(error.clone()));
            }
        }
        goes_on
    }

    /// Begins to prepare the next segment once a quarter of this one is used: a short-lived process makes none.
    fn prepare_ahead(&mut self) {
        if self.preparation.is_none() && self.active.end > self.active.capacity / 4 {
            match Preparation::start(Arc::clone(&self.disk), &self.log_dir, self.next_capacity()) {
                Ok(preparation) => self.preparation = Some(preparation),
                Err(error) => tracing::warn!(%error, "could not start preparing a segment"),
            }
        }
    }

    /// Segments double up to their largest size: a small ledger stays small.
    fn next_capacity(&self) -> u64 {
        self.active.capacity.saturating_mul(2).min(self.max_segment_bytes)
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
    )
}

/// Makes the first segment of a new log, with its space prepared.
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
