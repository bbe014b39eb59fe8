//! Backup while a writer runs, and restore as a separate log.

use std::fs::{self, File};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tollgate_domain::position::Sequence;
use uuid::Uuid;

use super::OpenError;
use super::format::KNOWN;
use super::frontier::{self, Frontier, FrontierFile};
use super::ledger::{self, LedgerFile};
use super::sealed::place;
use super::verify;
use super::witness::{self, Witness};
use crate::contract::Durability;
use tollgate_files::{make_private_dirs, private_file, replace, sync_dir};

pub(super) const MANIFEST: &str = "backup.json";

/// What a backup holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backup {
    /// Format of the data directory.
    pub format: u32,
    /// The epoch of the log it was made from.
    pub epoch: Uuid,
    /// When that log was created.
    pub created_at: String,
    /// Epochs that the log had before.
    pub earlier_epochs: Vec<Uuid>,
    /// The last record in it.
    pub last: Sequence,
    /// The segment that holds the last record, and where that record ends.
    segment: u64,
    end: u64,
    lasts: Vec<Sequence>,
    /// Every file with its size and BLAKE3.
    pub files: Vec<BackupFile>,
}

/// One file of a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupFile {
    /// Its name in the backup.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// Its BLAKE3, as hex.
    pub blake3: String,
}

/// Why a backup or restore failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BackupError {
    /// The log cannot be read.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The operating system returned an error.
    #[error("{action} {path}: {message}")]
    Io {
        /// What was attempted.
        action: &'static str,
        /// The file or directory.
        path: String,
        /// The system's message.
        message: String,
    },
    /// The target is not empty.
    #[error("writing to {path}: it exists and is not empty; choose another directory")]
    NotEmpty {
        /// The target.
        path: String,
    },
    /// The log ends before what something else in its directory remembers.
    #[error(
        "backing up {dir}: its log is known up to record {last}, but {witness} remembers record {remembers}; nothing was copied. \
         Open the ledger once, with `tollgate --data {dir} log tail`: it finds the rest, or says what is lost"
    )]
    Behind {
        /// The data directory.
        dir: String,
        /// The last record that the log's frontier knows.
        last: Sequence,
        /// What remembers more.
        witness: String,
        /// The record that it remembers.
        remembers: Sequence,
    },
    /// The copy is not the whole log.
    #[error(
        "backing up {dir}: the copy is not whole: {what}. What stands in {to} is no backup and is never restored; keep the backups of \
         before, and look at the log itself with `tollgate --data {dir} log verify`"
    )]
    Incomplete {
        /// The data directory.
        dir: String,
        /// Where the copy is.
        to: String,
        /// What is missing or damaged in it.
        what: String,
    },
    /// The backup differs from what was written.
    #[error("restoring from {path}: {what}; nothing was restored")]
    Damaged {
        /// The file.
        path: String,
        /// What is wrong with it.
        what: String,
    },
}

/// Copies a log up to its durable frontier, even while a writer appends to it, and reads the copy from its
/// first record to its last. The views are left out: they are folds of the log and are rebuilt.
///
/// # Errors
///
/// [`BackupError`]; an unfinished target is left for inspection, without its manifest, so it can never be
/// restored.
pub fn backup(dir: &Path, to: &Path) -> Result<Backup, BackupError> {
    let Some(file) = LedgerFile::read(dir)? else {
        return Err(OpenError::NoLedger { dir: dir.display().to_string() }.into());
    };
    let log_dir = ledger::log_dir(dir);
    // Read before the frontier: whatever runs concurrently is never ahead of it.
    let witness = witness::furthest(dir, file.epoch);
    let found = frontier::read(&log_dir).map_err(|error| failed("reading", &log_dir, &error))?;
    let Some((_, _, frontier)) = found else {
        let what = "the log has no durable frontier; open it once".to_owned();
        return Err(OpenError::NotADataDirectory { dir: dir.display().to_string(), what }.into());
    };
    if let Some(Witness { name, remembers }) = witness.filter(|it| it.remembers > frontier.last) {
        let dir = dir.display().to_string();
        return Err(BackupError::Behind { dir, last: frontier.last, witness: name, remembers });
    }
    make_empty(to)?;
    let mut files = Vec::new();
    let ordinals = place::ordinals(&log_dir).map_err(|error| failed("listing", &log_dir, &error))?;
    for ordinal in ordinals.into_iter().filter(|&ordinal| ordinal <= frontier.segment) {
        let (segment, source) =
            place::open(&log_dir, ordinal).map_err(|(path, error)| failed("opening", &path, &error))?;
        let (opened, is_packed) = segment.raw();
        let length = if ordinal == frontier.segment { frontier.end } else { u64::MAX };
        // A packed one that is archived is part of the backup, under the name that it has in a log.
        let name = format!("{ordinal:010}.{}", if is_packed { "packed" } else { "segment" });
        let copied =
            copy(opened, &to.join(&name), length).map_err(|error| failed("copying", &source, &error))?;
        files.push(BackupFile { name, bytes: copied.0, blake3: copied.1 });
    }
    let copied = verify::of_segments(to, frontier.clone(), &file, &[], &|_| Ok(()));
    if let Some(what) = copied.difference {
        let (dir, to) = (dir.display().to_string(), to.display().to_string());
        return Err(BackupError::Incomplete { dir, to, what });
    }
    let backup = Backup {
        format: file.format,
        epoch: file.epoch,
        created_at: file.created_at,
        earlier_epochs: file.earlier_epochs,
        last: frontier.last,
        segment: frontier.segment,
        end: frontier.end,
        lasts: frontier.lasts.to_vec(),
        files,
    };
    let manifest = to.join(MANIFEST);
    let text = serde_json::to_string_pretty(&backup).expect("plain fields always serialize");
    replace(&manifest, text.as_bytes()).map_err(|error| failed("writing", &manifest, &error))?;
    Ok(backup)
}

/// Creates a data directory from a backup, after checking every file of it. The restored log has a new epoch:
/// anything that remembers positions of the old log, which may have gone on after the backup, can tell that
/// this is a different log.
///
/// # Errors
///
/// [`BackupError`]; a target directory that exists must be empty.
pub fn restore(from: &Path, dir: &Path) -> Result<Backup, BackupError> {
    let manifest = from.join(MANIFEST);
    let text = fs::read_to_string(&manifest).map_err(|error| failed("reading", &manifest, &error))?;
    let damaged = |path: &Path, what: String| BackupError::Damaged { path: path.display().to_string(), what };
    let backup: Backup =
        serde_json::from_str(&text).map_err(|error| damaged(&manifest, format!("not readable: {error}")))?;
    if backup.format > KNOWN {
        let dir = from.display().to_string();
        return Err(OpenError::NewerFormat { dir, found: backup.format, known: KNOWN }.into());
    }
    for file in &backup.files {
        let path = from.join(&file.name);
        let (bytes, hash) = digest(&path).map_err(|error| failed("reading", &path, &error))?;
        if (bytes, &hash) != (file.bytes, &file.blake3) {
            return Err(damaged(&path, "it is not the file that was backed up".to_owned()));
        }
    }
    make_empty(dir)?;
    let log_dir = ledger::log_dir(dir);
    make_private_dirs(&log_dir).map_err(|error| failed("making", &log_dir, &error))?;
    for file in &backup.files {
        let source = from.join(&file.name);
        File::open(&source)
            .and_then(|source| copy(&source, &log_dir.join(&file.name), u64::MAX))
            .map_err(|error| failed("copying", &source, &error))?;
    }
    let mut earlier_epochs = backup.earlier_epochs.clone();
    earlier_epochs.push(backup.epoch);
    let ledger = LedgerFile {
        format: backup.format,
        epoch: Uuid::now_v7(),
        created_at: backup.created_at.clone(),
        earlier_epochs,
        page_cache: false,
        losses: Vec::new(),
    };
    write_frontier(&log_dir, &backup, ledger.epoch).map_err(|error| failed("writing", &log_dir, &error))?;
    sync_dir(&log_dir).map_err(|error| failed("syncing", &log_dir, &error))?;
    // Last: a directory without this file is not a ledger, so an interrupted restore is never mistaken for
    // one.
    ledger.write(dir)?;
    Ok(backup)
}

impl Backup {
    /// How far the log was durable when the backup was made.
    pub(super) fn frontier(&self) -> Frontier {
        let mut lasts = [Sequence::ZERO; tollgate_domain::position::PARTITIONS];
        for (last, theirs) in lasts.iter_mut().zip(&self.lasts) {
            *last = *theirs;
        }
        Frontier { last: self.last, segment: self.segment, end: self.end, lasts }
    }
}

fn write_frontier(log_dir: &Path, backup: &Backup, epoch: Uuid) -> io::Result<()> {
    FrontierFile::open(log_dir, epoch, Durability::Fsync)?.write(&backup.frontier())
}

fn make_empty(dir: &Path) -> Result<(), BackupError> {
    make_private_dirs(dir).map_err(|error| failed("making", dir, &error))?;
    let mut entries = fs::read_dir(dir).map_err(|error| failed("listing", dir, &error))?;
    if entries.next().is_some() {
        return Err(BackupError::NotEmpty { path: dir.display().to_string() });
    }
    Ok(())
}

/// Copies at most `limit` bytes and syncs the copy. Returns its size and hash.
fn copy(mut from: &File, to: &Path, limit: u64) -> io::Result<(u64, String)> {
    // Others may have read it to its end.
    from.rewind()?;
    let mut source = from.take(limit);
    let mut target = private_file().write(true).create_new(true).open(to)?;
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; 1 << 20];
    let mut copied = 0;
    loop {
        let read = source.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        hasher.update(&buffer[..read]);
        target.write_all(&buffer[..read])?;
        copied += read as u64;
    }
    target.sync_all()?;
    Ok((copied, hasher.finalize().to_hex().to_string()))
}

fn digest(path: &Path) -> io::Result<(u64, String)> {
    let mut hasher = blake3::Hasher::new();
    let bytes = io::copy(&mut File::open(path)?, &mut hasher)?;
    Ok((bytes, hasher.finalize().to_hex().to_string()))
}

fn failed(action: &'static str, path: &Path, error: &io::Error) -> BackupError {
    BackupError::Io { action, path: PathBuf::from(path).display().to_string(), message: error.to_string() }
}
