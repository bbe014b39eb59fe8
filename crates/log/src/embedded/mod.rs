//! The embedded log: append-only segment files on one machine, durable before they are acknowledged.
//!
//! An append computes hashes without a lock, is admitted and encoded under one, and then waits. One thread
//! writes and syncs: what is appended meanwhile forms the next group. Recovery cuts a torn tail and nothing
//! else.

mod backup;
mod format;
mod frame;
mod frontier;
mod group;
mod in_order;
mod ledger;
mod open;
mod open_error;
mod prepare;
mod reader;
mod recovery;
mod reindex;
mod sealed;
mod segment;
mod snapshot;
mod teller;
mod verify;
mod witness;
mod writer;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::sync::oneshot;
use tollgate_domain::position::{Epoch, Position, Sequence};

pub use backup::{Backup, BackupError, backup, restore};
pub use ledger::Loss;
pub use open::accept_loss;
pub use open_error::OpenError;
pub use reader::SegmentReader;
pub use sealed::archive::{ArchiveError, Moved, Target, archive};
pub use sealed::pack::{PackError, Packed};
pub use snapshot::Snapshot;
pub use verify::{Anchor, CheckEvent, Verification, verify};

use crate::admission::{self, Checked};
use crate::contract::{
    AppendError, AppendOutcome, Batch, BoxFuture, DedupScope, Durability, EventLog, EventName, Found,
    InOrder, Partitions, ReadError, Receipt, RecordReader,
};
use crate::key::Key;
use ledger::{DirLock, LedgerFile};
use reader::Source;
use sealed::pack::pack_sealed;
use sealed::packer::Packer;
use tollgate_clock::{Clock, SystemClock};
use tollgate_files::disk::{Disk, RealDisk};
use writer::Hub;

/// How to open an embedded log.
#[derive(Clone)]
pub struct Options {
    /// `fsync`, or `page_cache` for data that may be lost in a power cut.
    pub durability: Durability,
    /// Where the time of an append comes from.
    pub clock: Arc<dyn Clock>,
    /// Where bytes are written.
    pub disk: Arc<dyn Disk>,
    /// Size of the first segment in bytes; each further one is twice as large, up to the largest size.
    pub first_segment_bytes: u64,
    /// Largest size of a segment, in bytes.
    pub max_segment_bytes: u64,
    /// Left in the lock file for others that find the directory taken: an address, a process id.
    pub lock_note: String,
    /// Whether a log that ends before what something else in its directory remembers goes on without the lost
    /// records, under a new epoch. A log last written with class `page_cache` always does so.
    pub accept_loss: bool,
    /// Whether segments that are full are packed in the background.
    pub pack: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            durability: Durability::Fsync,
            clock: Arc::new(SystemClock),
            disk: Arc::new(RealDisk),
            first_segment_bytes: 1 << 20,
            max_segment_bytes: 64 << 20,
            lock_note: format!("process {}", std::process::id()),
            accept_loss: false,
            pack: false,
        }
    }
}

/// The log of a data directory, held by this process.
pub struct EmbeddedLog {
    dir: PathBuf,
    epoch: Epoch,
    durability: Durability,
    clock: Arc<dyn Clock>,
    hub: Arc<Hub>,
    writer: Option<JoinHandle<()>>,
    packer: Option<Packer>,
    disk: Arc<dyn Disk>,
    cut_bytes: u64,
    may_lose: bool,
    losses: Vec<Loss>,
    /// Which of its older segments have changed or are missing.
    incomplete: Option<String>,
    _lock: DirLock,
}

impl EmbeddedLog {
    /// Opens the log of a data directory, creating it if there is none.
    ///
    /// # Errors
    ///
    /// [`OpenError`]; a directory that cannot be opened is left unchanged.
    pub fn open_or_create(dir: &Path, options: Options) -> Result<Self, OpenError> {
        if LedgerFile::read(dir)?.is_none() {
            ledger::create_dirs(dir)?;
        }
        Self::open_locked(dir, options, true)
    }

    /// Opens the existing log of a data directory.
    ///
    /// # Errors
    ///
    /// [`OpenError::NoLedger`] if there is none, and those of [`Self::open_or_create`].
    pub fn open(dir: &Path, options: Options) -> Result<Self, OpenError> {
        if LedgerFile::read(dir)?.is_none() {
            return Err(OpenError::NoLedger { dir: dir.display().to_string() });
        }
        Self::open_locked(dir, options, false)
    }

    /// The epoch of the log in a data directory, read without locking it; `None` if there is none.
    ///
    /// # Errors
    ///
    /// [`OpenError`] if its `ledger.json` cannot be read.
    pub fn epoch_of(dir: &Path) -> Result<Option<Epoch>, OpenError> {
        Ok(LedgerFile::read(dir)?.map(|ledger| ledger.epoch()))
    }

    /// The data directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Bytes of a torn tail that were cut when the log was opened. They were never acknowledged.
    #[must_use]
    pub const fn cut_bytes(&self) -> u64 {
        self.cut_bytes
    }

    /// Whether its end may have been lost before it was opened, which must not stop anyone.
    #[must_use]
    pub const fn may_lose(&self) -> bool {
        self.may_lose
    }

    /// The losses of this log that were accepted.
    #[must_use]
    pub fn losses(&self) -> &[Loss] {
        &self.losses
    }

    /// The last durable sequence.
    #[must_use]
    pub fn durable(&self) -> Sequence {
        writer::durable(&self.hub)
    }

    /// Why the writer has stopped for good, if it has: reads still work, appends do not.
    #[must_use]
    pub fn stopped(&self) -> Option<String> {
        self.hub.lock().stopped.clone()
    }

    /// A reader that accesses files in the calling thread.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if the segments cannot be listed or the position cannot be found.
    pub fn reader(&self, partitions: Partitions, after: Sequence) -> Result<SegmentReader, ReadError> {
        SegmentReader::open(
            &ledger::log_dir(&self.dir),
            Source::Live(self.hub.frontier.subscribe()),
            partitions,
            after,
        )
    }

    /// Packs the segments that are full, except the last one of them: what they hold is read as before and takes
    /// less room on the disk. Appends and reads go on. A version that knows no packed segments refuses the directory
    /// afterwards.
    ///
    /// # Errors
    ///
    /// [`PackError`]; the segment that it names stays as it was, those before it are packed.
    pub fn pack(&self) -> Result<Packed, PackError> {
        pack_sealed(&*self.disk, &self.dir, self.hub.frontier.borrow().segment, &|| true)
    }

    /// Closes the log, after everything appended has become durable.
    pub fn close(mut self) {
        self.shut_down();
    }

    fn shut_down(&mut self) {
        // Before the writer ends: it waits for one block at most.
        drop(self.packer.take());
        self.hub.lock().closing = true;
        self.hub.work.notify_one();
        if let Some(writer) = self.writer.take()
            && writer.join().is_err()
        {
            tracing::error!("the log's writer panicked");
        }
    }

    /// Admits a batch and hands it to the writer: everything that happens without waiting for the disk. With
    /// `behind`, only if nothing has been rolled back since that batch.
    fn submit(&self, batch: Batch, behind: Option<&Submitted>) -> Result<Submitted, AppendError> {
        let checked = Checked::new(batch)?;
        let keys = checked.all_keys();
        let runs = self.hub.lock().index.runs();
        let in_runs = |runs: &crate::index::RunSet| {
            runs.get_all(&keys)
                .map_err(|error| reindex::begin(&self.hub, &self.dir, self.epoch, &error.to_string()))
        };
        let mut older = in_runs(&runs)?;
        let mut shared = self.hub.lock();
        shared.check_open()?;
        if let Some(error) = shared.index.damaged().map(str::to_owned) {
            drop(shared);
            return Err(reindex::begin(&self.hub, &self.dir, self.epoch, &error));
        }
        let taken_back = shared.taken_back;
        if behind.is_some_and(|before| before.taken_back != taken_back) {
            return Err(AppendError::Unknown { reason: "a batch before it was refused".to_owned() });
        }
        let current = shared.index.runs();
        if !Arc::ptr_eq(&runs, &current) {
            // A table became a run in between: what it held can now only be found there.
            older = match current.get_all(&keys) {
                Ok(older) => older,
                Err(error) => {
                    drop(shared);
                    return Err(reindex::begin(&self.hub, &self.dir, self.epoch, &error.to_string()));
                }
            };
        }
        let next = shared.assigned.next();
        let mut admitted = admission::admit(&checked, next, &mut shared.index, &older)?;
        if admitted.has_new() {
            shared.build(&checked, &mut admitted, self.clock.now());
            self.hub.work.notify_one();
        }
        let mut position = Position::start(self.epoch.id);
        for outcome in &admitted.outcomes {
            if let AppendOutcome::Appended(sequence) | AppendOutcome::Duplicate(sequence) = outcome {
                position.advance(checked.batch.partition, *sequence);
            }
        }
        let wait = shared.wait_for(position.highest());
        drop(shared);
        let receipt = Receipt { outcomes: admitted.outcomes, position, durability: self.durability };
        Ok(Submitted { receipt, wait, taken_back })
    }
}

/// A batch in flight to the disk.
struct Submitted {
    receipt: Receipt,
    wait: Option<oneshot::Receiver<Result<(), AppendError>>>,
    /// How often records had been rolled back when it was admitted.
    taken_back: u64,
}

impl Drop for EmbeddedLog {
    fn drop(&mut self) {
        self.shut_down();
    }
}

impl EventLog for EmbeddedLog {
    fn epoch(&self) -> Epoch {
        self.epoch
    }

    fn durability(&self) -> Durability {
        self.durability
    }

    fn dedup(&self) -> DedupScope {
        DedupScope::Life
    }

    fn failed(&self) -> Option<String> {
        self.stopped()
    }

    fn degraded(&self) -> Option<String> {
        let (refusing, indexing) = {
            let shared = self.hub.lock();
            (shared.refusing.clone(), shared.indexing.clone())
        };
        let not_packed = || self.packer.as_ref().and_then(Packer::failed);
        if let Some(reason) = indexing.or_else(|| self.incomplete.clone()).or_else(not_packed) {
            return Some(reason);
        }
        let refusing = refusing?;
        Some(format!(
            "appends are refused: {refusing}; they are taken again once that is mended, without a restart"
        ))
    }

    fn append(&self, batch: Batch) -> BoxFuture<'_, Result<Receipt, AppendError>> {
        Box::pin(async move {
            let Submitted { receipt, wait, .. } = self.submit(batch, None)?;
            durable(wait).await?;
            Ok(receipt)
        })
    }

    fn append_in_order(&self, batches: Vec<Batch>) -> BoxFuture<'_, InOrder> {
        Box::pin(in_order::append(self, batches))
    }

    fn find(&self, names: Vec<EventName>) -> BoxFuture<'_, Result<Vec<Option<Found>>, ReadError>> {
        Box::pin(async move {
            let keys: Vec<Key> = names.iter().map(Key::of_event).collect();
            let (found, wait) = {
                let mut shared = self.hub.lock();
                let found: io::Result<Vec<_>> = keys.iter().map(|key| shared.index.get(key)).collect();
                let found = found.map_err(|error| ReadError::Io {
                    path: ledger::ids_dir(&self.dir).display().to_string(),
                    message: error.to_string(),
                })?;
                let last = found.iter().flatten().map(|found| found.sequence).max().unwrap_or_default();
                (found, shared.wait_for(last))
            };
            // An answer that names a record is given only once the record is durable.
            match durable(wait).await {
                Ok(()) => Ok(found),
                Err(_) => Err(ReadError::Closed),
            }
        })
    }

    fn tail(&self) -> BoxFuture<'_, Result<Position, ReadError>> {
        let position = self.hub.frontier.borrow().position(self.epoch.id);
        Box::pin(async move { Ok(position) })
    }

    fn read_from(
        &self,
        partitions: Partitions,
        after: Sequence,
    ) -> BoxFuture<'_, Result<Box<dyn RecordReader>, ReadError>> {
        Box::pin(async move {
            let reader = self.reader(partitions, after)?;
            Ok(Box::new(reader) as Box<dyn RecordReader>)
        })
    }
}

async fn durable(wait: Option<oneshot::Receiver<Result<(), AppendError>>>) -> Result<(), AppendError> {
    let Some(wait) = wait else { return Ok(()) };
    let gone = || AppendError::Unknown { reason: "the log's writer went away".to_owned() };
    wait.await.unwrap_or_else(|_| Err(gone()))
}
