//! The data directory: its format, its epoch, and the lock that keeps a second writer out.

use std::fs::{self, File, TryLockError};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tollgate_domain::position::{Epoch, Sequence};
use tollgate_domain::time::Timestamp;
use uuid::Uuid;

use super::OpenError;
use super::format::{FORMAT, KNOWN};
use tollgate_files::{make_private_dirs, private_file, replace, sync_dir};

const LEDGER_FILE: &str = "ledger.json";
/// What an atomic write of `ledger.json` leaves behind when its process is killed.
const UNFINISHED_LEDGER_FILE: &str = "ledger.tmp";
/// The file in a data directory that contains its holder's note. The holder has locked both the file and the
/// directory.
const LOCK_FILE: &str = "lock";

/// The contents of `ledger.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct LedgerFile {
    /// Format of the data directory.
    pub(super) format: u32,
    /// Identity of the log.
    pub(super) epoch: Uuid,
    /// When the log was created.
    pub(super) created_at: String,
    /// Epochs it had before it was restored from backups, oldest first. Segments keep the one they began
    /// under.
    #[serde(default)]
    pub(super) earlier_epochs: Vec<Uuid>,
    /// Whether it was last written with class `page_cache`: its end may be lost in that case.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) page_cache: bool,
    /// Losses that were accepted, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) losses: Vec<Loss>,
}

/// The lost end of a log, after the loss was accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loss {
    /// When it was accepted.
    pub at: String,
    /// The epoch that the log had until then.
    pub epoch: Uuid,
    /// The last record that is still there.
    pub kept: u64,
    /// What remembers more, and how much.
    pub witness: String,
}

impl LedgerFile {
    pub(super) fn new(created_at: Timestamp) -> Self {
        Self {
            format: FORMAT,
            epoch: Uuid::now_v7(),
            created_at: created_at.to_string(),
            earlier_epochs: Vec::new(),
            page_cache: false,
            losses: Vec::new(),
        }
    }

    pub(super) fn epoch(&self) -> Epoch {
        Epoch { id: self.epoch, created_at: self.created_at.parse().unwrap_or_default() }
    }

    /// Makes it a log of its own from this point on, so that positions and views of the log that had more are
    /// not mixed up with it.
    pub(super) fn accept(&mut self, now: Timestamp, kept: Sequence, witness: String) {
        tracing::warn!(
            kept = kept.0,
            witness,
            "the end of the log is lost; it goes on without, under a new identity"
        );
        self.losses.push(Loss { at: now.to_string(), epoch: self.epoch, kept: kept.0, witness });
        let earlier = std::mem::replace(&mut self.epoch, Uuid::now_v7());
        self.earlier_epochs.push(earlier);
    }

    /// Whether a segment with this epoch belongs to the log.
    pub(super) fn knows(&self, epoch: Uuid) -> bool {
        self.epoch == epoch || self.earlier_epochs.contains(&epoch)
    }

    /// Reads the file of a data directory; `None` if the directory has none.
    pub(super) fn read(dir: &Path) -> Result<Option<Self>, OpenError> {
        #[derive(Deserialize)]
        struct Format {
            format: u32,
        }
        let path = dir.join(LEDGER_FILE);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(OpenError::io(&path, &error)),
        };
        let unreadable = |error: serde_json::Error| OpenError::NotADataDirectory {
            dir: dir.display().to_string(),
            what: format!("{LEDGER_FILE} is not readable: {error}"),
        };
        // The format first: a newer file may have fields that this version cannot read.
        let Format { format } = serde_json::from_str(&text).map_err(unreadable)?;
        if format > KNOWN {
            return Err(OpenError::NewerFormat {
                dir: dir.display().to_string(),
                found: format,
                known: KNOWN,
            });
        }
        serde_json::from_str(&text).map(Some).map_err(unreadable)
    }

    pub(super) fn write(&self, dir: &Path) -> Result<(), OpenError> {
        let path = dir.join(LEDGER_FILE);
        let text = serde_json::to_string_pretty(self).expect("plain fields always serialize");
        replace(&path, text.as_bytes()).map_err(|error| OpenError::io(&path, &error))
    }
}

/// The data directory, held by this process until dropped.
///
/// The lock is on the directory itself, which cannot be deleted and recreated without the ledger in it: a
/// lock on a file is lost with the file's name. The file is locked too, for versions that only know that
/// lock.
#[derive(Debug)]
pub(super) struct DirLock(
    #[expect(dead_code, reason = "locks live as long as their files are open")] [File; 2],
);

impl DirLock {
    /// Takes the lock. A second writer gets to see the holder's note.
    pub(super) fn take(dir: &Path, note: &str) -> Result<Self, OpenError> {
        let path = dir.join(LOCK_FILE);
        let error = |error: io::Error| OpenError::io(&path, &error);
        let held = File::open(dir).map_err(|error| OpenError::io(dir, &error))?;
        lock(&held, dir, &path)?;
        let mut file =
            private_file().read(true).write(true).create(true).truncate(false).open(&path).map_err(error)?;
        lock(&file, dir, &path)?;
        // The note is for people: a disk without room for it must not prevent opening.
        let noted = file
            .set_len(0)
            .and_then(|()| file.seek(SeekFrom::Start(0)))
            .and_then(|_| file.write_all(note.as_bytes()));
        if let Err(error) = noted {
            tracing::warn!(%error, path = %path.display(), "could not write who holds the data directory");
        }
        Ok(Self([held, file]))
    }
}

/// Locks the directory, or the file in it; otherwise reports who holds it.
fn lock(file: &File, dir: &Path, note: &Path) -> Result<(), OpenError> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => {
            // The holder's note is only used in the message.
            let holder = fs::read_to_string(note).unwrap_or_default();
            Err(OpenError::Locked { dir: dir.display().to_string(), holder: holder.trim().to_owned() })
        }
        Err(TryLockError::Error(cause)) => Err(OpenError::io(dir, &cause)),
    }
}

/// Creates the directories of a new ledger; refuses a directory that holds something else.
pub(super) fn create_dirs(dir: &Path) -> Result<(), OpenError> {
    let error = |error: io::Error| OpenError::io(dir, &error);
    make_private_dirs(dir).map_err(error)?;
    // Settings may be put into the directory before its log is created.
    let ours = |name: &std::ffi::OsStr| {
        let bytes = name.as_encoded_bytes();
        let left = name == LOCK_FILE || name == UNFINISHED_LEDGER_FILE || name == "log";
        // The directory may be a volume of its own, whose file system keeps what it finds after a crash there.
        left || name == "lost+found" || bytes.starts_with(b".") || bytes.ends_with(b".yaml")
    };
    for entry in fs::read_dir(dir).map_err(error)? {
        let name = entry.map_err(error)?.file_name();
        if !ours(&name) {
            let what = format!("it holds `{}` but no {LEDGER_FILE}", name.display());
            return Err(OpenError::NotADataDirectory { dir: dir.display().to_string(), what });
        }
    }
    let log = log_dir(dir);
    make_private_dirs(&log).map_err(error)?;
    let segments = super::sealed::place::ordinals(&log).map_err(error)?;
    if !segments.is_empty() {
        let what = format!("it holds {} segments of a log but no {LEDGER_FILE}", segments.len());
        return Err(OpenError::NotADataDirectory { dir: dir.display().to_string(), what });
    }
    sync_dir(dir).map_err(error)
}

/// Where the segments are.
pub(super) fn log_dir(dir: &Path) -> PathBuf {
    dir.join("log")
}

/// Where the id index is.
pub(super) fn ids_dir(dir: &Path) -> PathBuf {
    dir.join("ids")
}
