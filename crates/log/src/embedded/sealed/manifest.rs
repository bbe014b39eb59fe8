//! `log/archive.json`: which segments were moved to an archive, and how they are read there.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};
use tollgate_domain::position::Sequence;
use tollgate_files::{private_file, replace};
use uuid::Uuid;

const FILE: &str = "archive.json";

/// The segments of a log that are in an archive.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Archived {
    /// In ascending order.
    pub(super) segments: Vec<ArchivedSegment>,
}

/// A segment in an archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ArchivedSegment {
    pub(super) ordinal: u64,
    /// The last record before it.
    pub(super) after: Sequence,
    /// The epoch that its header names.
    pub(super) epoch: Uuid,
    /// Its name in the archive.
    pub(super) name: String,
    /// Its size.
    pub(super) bytes: u64,
    /// Its BLAKE3, as hex.
    pub(super) blake3: String,
    #[serde(flatten)]
    pub(super) place: Place,
}

/// Where segments are moved to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Place {
    /// A directory, such as a mounted disk.
    Dir(PathBuf),
    /// What a command reaches: it writes the segment named by `$TOLLGATE_SEGMENT` to the file `$TOLLGATE_FILE`.
    Get(String),
}

/// Reads the list of a log; empty if it has none.
///
/// # Errors
///
/// The operating system's error; `InvalidData` if it is not readable.
pub(super) fn read(log_dir: &Path) -> io::Result<Archived> {
    let path = log_dir.join(FILE);
    match std::fs::read_to_string(&path) {
        Ok(text) => serde_json::from_str(&text).map_err(|error| {
            let what = format!("{} is not readable: {error}", path.display());
            io::Error::new(io::ErrorKind::InvalidData, what)
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Archived::default()),
        Err(error) => Err(error),
    }
}

/// Replaces the list; it is durable on return.
pub(super) fn write(log_dir: &Path, archived: &Archived) -> io::Result<()> {
    let text = serde_json::to_string_pretty(archived).map_err(io::Error::other)?;
    replace(&log_dir.join(FILE), text.as_bytes())
}

impl Archived {
    /// The segment with this ordinal, if it is in an archive.
    pub(super) fn segment(&self, ordinal: u64) -> Option<&ArchivedSegment> {
        self.segments.iter().find(|segment| segment.ordinal == ordinal)
    }
}

impl ArchivedSegment {
    /// Where to look for it, for messages.
    pub(super) fn path(&self) -> PathBuf {
        match &self.place {
            Place::Dir(dir) => dir.join(&self.name),
            Place::Get(_) => PathBuf::from(&self.name),
        }
    }

    /// Opens it. What a command brings is compared with what was put there, and is gone when it is closed.
    ///
    /// # Errors
    ///
    /// The operating system's error; `InvalidData` if it is not what was put there.
    pub(super) fn open(&self) -> io::Result<File> {
        match &self.place {
            Place::Dir(dir) => {
                let file = File::open(dir.join(&self.name))?;
                self.check_size(&file)?;
                Ok(file)
            }
            Place::Get(command) => {
                let file = fetched(command, &self.name)?;
                self.check(&file)?;
                Ok(file)
            }
        }
    }

    /// Compares a file with what was put into the archive.
    pub(super) fn check(&self, file: &File) -> io::Result<()> {
        self.check_size(file)?;
        if digest(file)? == self.blake3 { Ok(()) } else { Err(self.another("its BLAKE3 differs")) }
    }

    fn check_size(&self, file: &File) -> io::Result<()> {
        let bytes = file.metadata()?.len();
        if bytes == self.bytes {
            Ok(())
        } else {
            Err(self.another(&format!("it has {bytes} bytes, not {}", self.bytes)))
        }
    }

    fn another(&self, why: &str) -> io::Error {
        let what = format!("it is not the segment that was archived: {why}");
        io::Error::new(io::ErrorKind::InvalidData, what)
    }
}

/// The BLAKE3 of a file, as hex.
pub(super) fn digest(mut file: &File) -> io::Result<String> {
    let mut hasher = blake3::Hasher::new();
    io::Seek::rewind(&mut file)?;
    io::copy(&mut file, &mut hasher)?;
    Ok(hasher.finalize().to_hex().to_string())
}

/// What a command brings, as a file without a name.
fn fetched(command: &str, name: &str) -> io::Result<File> {
    static NTH: AtomicU64 = AtomicU64::new(0);
    let nth = NTH.fetch_add(1, Ordering::Relaxed);
    let path = std::env::temp_dir().join(format!("tollgate-{}-{nth}.packed", std::process::id()));
    let made = private_file().read(true).write(true).create_new(true).open(&path);
    let result = made.and_then(|_| run(command, name, &path)).and_then(|()| File::open(&path));
    // Whoever reads it has it open.
    let removed = std::fs::remove_file(&path);
    let file = result?;
    removed?;
    Ok(file)
}

/// Runs a command for a segment of an archive and waits for its end.
///
/// # Errors
///
/// What the command wrote to its standard error, if it does not succeed.
pub(super) fn run(command: &str, name: &str, file: &Path) -> io::Result<()> {
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(command).env("TOLLGATE_SEGMENT", name).env("TOLLGATE_FILE", file);
    let output = shell.stdin(Stdio::null()).output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.trim();
    let what = format!(
        "the archive's command `{command}` failed for {name} with {}{}{said}",
        output.status,
        if said.is_empty() { "" } else { ": " }
    );
    Err(io::Error::other(what))
}
