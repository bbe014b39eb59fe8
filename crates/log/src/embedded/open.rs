//! Opening the log of a data directory: it is locked, recovered, compared with what remembers it, and its id
//! index brought up to the tail.

use std::io;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};

use tokio::sync::watch;
use tollgate_clock::Stopwatch;
use tollgate_domain::position::{Epoch, Sequence};
use tollgate_domain::time::Timestamp;

use super::frontier::{Frontier, FrontierFile};
use super::group::Shared;
use super::ledger::{self, DirLock, LedgerFile};
use super::reader::{SegmentReader, Source};
use super::sealed::pack::clear;
use super::sealed::packer::Packer;
use super::witness::{self, Witness};
use super::writer::{self, Hub, Writer};
use super::{EmbeddedLog, OpenError, Options, prepare, recovery};
use crate::contract::{Durability, Partitions};
use crate::index::{self, IdIndex};

impl EmbeddedLog {
    /// Opens it; with `create`, even if there is none yet.
    pub(super) fn open_locked(dir: &Path, options: Options, create: bool) -> Result<Self, OpenError> {
        if options.durability == Durability::Replicated {
            return Err(OpenError::Durability { dir: dir.display().to_string(), asked: options.durability });
        }
        let lock = DirLock::take(dir, &options.lock_note)?;
        let io_error = |error: io::Error| OpenError::io(dir, &error);
        let log_dir = ledger::log_dir(dir);
        let mut ledger = read_or_create(dir, create, options.clock.now())?;
        prepare::clear(&log_dir).and_then(|()| clear(&log_dir)).map_err(io_error)?;
        let may_lose = options.accept_loss || ledger.page_cache;
        let recovered = recovery::recover(&log_dir, &ledger, may_lose)?;
        compare_with_witnesses(dir, &mut ledger, recovered.heads.last, may_lose, options.clock.now())?;
        note_durability(dir, &mut ledger, options.durability)?;
        let epoch = ledger.epoch();
        let active = match recovered.active {
            Some(active) => active,
            None => writer::first_segment(&*options.disk, &log_dir, epoch.id, options.first_segment_bytes)
                .map_err(io_error)?,
        };
        let heads = recovered.heads;
        let incomplete = recovery::incomplete(&log_dir, active.ordinal, &ledger);
        let frontier = Frontier::new(&heads, active.ordinal, active.end);
        let frontier_file = FrontierFile::open(&log_dir, epoch.id, options.durability).map_err(io_error)?;
        frontier_file.write(&frontier).map_err(io_error)?;
        let frontier = watch::Sender::new(frontier);
        let index = open_index(dir, epoch, &frontier)
            .map_err(|error| not_whole(dir, incomplete.as_deref(), error))?;
        if let Some(reason) = &incomplete {
            tracing::error!(reason, "the log is not whole");
        }
        let hub =
            Arc::new(Hub { shared: Mutex::new(Shared::new(index, &heads)), work: Condvar::new(), frontier });
        let packer = options.pack.then(|| Packer::start(Arc::clone(&options.disk), dir, active.ordinal));
        let packer = packer.transpose().map_err(io_error)?;
        let disk = Arc::clone(&options.disk);
        let writer = Writer {
            hub: Arc::clone(&hub),
            disk: options.disk,
            log_dir,
            epoch: epoch.id,
            durability: options.durability,
            frontier_file,
            begun: Stopwatch::start(),
            begun_at: active.end,
            active,
            heads,
            preparation: None,
            packing: packer.as_ref().map(Packer::work),
            max_segment_bytes: options.max_segment_bytes,
        };
        let thread = std::thread::Builder::new().name("tollgate-log".to_owned()).spawn(move || writer.run());
        Ok(Self {
            dir: dir.to_owned(),
            epoch,
            durability: options.durability,
            clock: options.clock,
            hub,
            writer: Some(thread.map_err(io_error)?),
            packer,
            disk,
            cut_bytes: recovered.cut_bytes,
            may_lose,
            losses: ledger.losses,
            incomplete,
            _lock: lock,
        })
    }
}

/// The ledger file of the directory; with `create`, a new one if there is none.
fn read_or_create(dir: &Path, create: bool, now: Timestamp) -> Result<LedgerFile, OpenError> {
    let ledger = match LedgerFile::read(dir)? {
        Some(ledger) => ledger,
        None if create => {
            let ledger = LedgerFile::new(now);
            ledger.write(dir)?;
            ledger
        }
        None => return Err(OpenError::NoLedger { dir: dir.display().to_string() }),
    };
    if !ledger::log_dir(dir).exists() {
        return Err(OpenError::LogIsGone { dir: dir.display().to_string() });
    }
    Ok(ledger)
}

/// Why the ids cannot be read again, if a segment is missing or damaged.
fn not_whole(dir: &Path, incomplete: Option<&str>, error: OpenError) -> OpenError {
    match (error, incomplete) {
        (OpenError::Damaged(cause), Some(what)) => OpenError::NotWhole {
            dir: dir.display().to_string(),
            // The advice that follows is for a log that stays in use.
            what: what.trim_end_matches(recovery::RESTORE).trim_end_matches("; ").to_owned(),
            cause: cause.to_string(),
        },
        (error, _) => error,
    }
}

/// What was found is on the disk now: from here on the durability class of this process counts.
fn note_durability(dir: &Path, ledger: &mut LedgerFile, class: Durability) -> Result<(), OpenError> {
    let page_cache = class == Durability::PageCache;
    if ledger.page_cache == page_cache {
        return Ok(());
    }
    ledger.page_cache = page_cache;
    ledger.write(dir)
}

/// Turns a closed log into one of its own, because it ends before what an outside witness remembers.
///
/// # Errors
///
/// [`OpenError`].
pub fn accept_loss(dir: &Path, witness: String, options: &Options) -> Result<(), OpenError> {
    let _lock = DirLock::take(dir, &options.lock_note)?;
    let Some(mut ledger) = LedgerFile::read(dir)? else {
        return Err(OpenError::NoLedger { dir: dir.display().to_string() });
    };
    let log_dir = ledger::log_dir(dir);
    let kept = recovery::acknowledged(&log_dir, &ledger).map_err(|error| OpenError::io(&log_dir, &error))?;
    ledger.accept(options.clock.now(), kept, witness);
    ledger.write(dir)
}

/// Refuses a log that ends before what something else in its directory remembers, or accepts the loss.
fn compare_with_witnesses(
    dir: &Path,
    ledger: &mut LedgerFile,
    last: Sequence,
    accept: bool,
    now: Timestamp,
) -> Result<(), OpenError> {
    let log_dir = ledger::log_dir(dir);
    let acknowledged =
        recovery::acknowledged(&log_dir, ledger).map_err(|error| OpenError::io(&log_dir, &error))?;
    let frontier = Witness { name: "its frontier".to_owned(), remembers: acknowledged };
    let furthest = witness::furthest(dir, ledger.epoch).into_iter().chain([frontier]);
    let Some(witness) = furthest.max_by_key(|witness| witness.remembers) else { return Ok(()) };
    if witness.remembers <= last {
        return Ok(());
    }
    if !accept {
        let Witness { name, remembers } = witness;
        return Err(OpenError::Regressed { last, acknowledged: remembers, witness: name });
    }
    ledger.accept(now, last, format!("{} remembers record {}", witness.name, witness.remembers));
    ledger.write(dir)
}

/// Opens the id index and brings it up to the tail.
pub(super) fn open_index(
    dir: &Path,
    epoch: Epoch,
    frontier: &watch::Sender<Frontier>,
) -> Result<IdIndex, OpenError> {
    let ids_dir = ledger::ids_dir(dir);
    let tail = frontier.borrow().last;
    let open = || IdIndex::open(&ids_dir, epoch.id, tail).map_err(|error| OpenError::io(&ids_dir, &error));
    let mut index = open()?;
    let source = Source::Live(frontier.subscribe());
    let mut reader = SegmentReader::open(&ledger::log_dir(dir), source, Partitions::ALL, index.checkpoint())
        .map_err(OpenError::Damaged)?;
    loop {
        let records = reader.read_available().map_err(OpenError::Damaged)?;
        let Some(last) = records.last().map(|stored| stored.sequence) else { return Ok(index) };
        let taken = records.iter().try_for_each(|stored| index.take(stored).map(drop));
        if let Err(error) = taken {
            index.settle();
            let dropped = index::drop_damaged(&ids_dir).map_err(|error| OpenError::io(&ids_dir, &error))?;
            if dropped == 0 {
                return Err(OpenError::io(&ids_dir, &error));
            }
            return open_index(dir, epoch, frontier);
        }
        index.tend(last, last);
    }
}
