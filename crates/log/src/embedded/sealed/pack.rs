//! Packing segments that are full, in the background of a server or by a command.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use tollgate_files::disk::Disk;

use super::packed::{self, PackedFile};
use super::place::{self, SegmentFile};
use super::walk::walk;
use crate::embedded::OpenError;
use crate::embedded::format::PACKED;
use crate::embedded::ledger::{self, LedgerFile};
use crate::embedded::reader::open_segment;
use crate::embedded::segment;

/// What packing did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Packed {
    /// Segments packed.
    pub segments: u64,
    /// Their bytes before.
    pub bytes_before: u64,
    /// Their bytes now.
    pub bytes_now: u64,
}

/// Why a segment was not packed. It stays as it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PackError {
    /// The data directory cannot be read or written.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The operating system returned an error.
    #[error("packing {path}: {message}; the segment stays as it was")]
    Io {
        /// The segment.
        path: String,
        /// The system's message.
        message: String,
    },
    /// The segment is damaged.
    #[error(
        "packing {path}: {what}; it stays as it is. `tollgate log verify` says more; put a whole copy of the segment in its place, or restore a backup"
    )]
    Damaged {
        /// The segment.
        path: String,
        /// What is wrong with it.
        what: String,
    },
    /// It was told to stop.
    #[error("packing was stopped")]
    Stopped,
}

/// Packs every segment before the last two, the oldest first. The one before the active one stays as it is: it is
/// written to again if the active one turns out to be lost before anything in it was durable.
pub(in crate::embedded) fn pack_sealed(
    disk: &dyn Disk,
    dir: &Path,
    active: u64,
    go_on: &dyn Fn() -> bool,
) -> Result<Packed, PackError> {
    let log_dir = ledger::log_dir(dir);
    let mut done = Packed::default();
    let ordinals = place::ordinals(&log_dir).map_err(|error| OpenError::io(&log_dir, &error))?;
    for ordinal in ordinals.into_iter().filter(|ordinal| ordinal + 1 < active) {
        let path = segment::path(&log_dir, ordinal);
        if !path.exists() {
            continue;
        }
        let before = std::fs::metadata(&path).map_err(|error| failed(&path, &error))?.len();
        let now = pack(disk, dir, ordinal, go_on)?;
        done.segments += 1;
        done.bytes_before += before;
        done.bytes_now += now;
        tracing::debug!(ordinal, before, now, "packed a segment");
    }
    Ok(done)
}

/// Packs one segment: first it is read whole and compared with the header of the next one, and its packed form is
/// read again before the plain one is removed.
fn pack(disk: &dyn Disk, dir: &Path, ordinal: u64, go_on: &dyn Fn() -> bool) -> Result<u64, PackError> {
    let log_dir = ledger::log_dir(dir);
    let path = segment::path(&log_dir, ordinal);
    let io = |error: io::Error| failed(&path, &error);
    let damaged = |what: String| PackError::Damaged { path: path.display().to_string(), what };
    let plain = File::open(&path).map_err(io)?;
    let walked = walk(&mut SegmentFile::Plain(plain.try_clone().map_err(io)?))
        .map_err(|error| failed(&path, &error))?;
    let next = open_segment(&log_dir, ordinal + 1).map_err(|error| damaged(error.to_string()))?;
    if walked.header.ordinal != ordinal {
        return Err(damaged(format!("its header says that it is segment {}", walked.header.ordinal)));
    }
    if walked.after != next.header.before {
        let (ends, begins) = (walked.after.last, next.header.before.last.next());
        return Err(damaged(format!(
            "it ends with record {ends}, and the next one, which begins at {begins}, does not follow it"
        )));
    }
    raise_format(dir)?;
    let unfinished = path.with_extension("packing");
    remove_if_there(disk, &unfinished).map_err(io)?;
    let written = packed::write(disk, (&plain, walked.end), &unfinished, go_on);
    let compared = written.and_then(|bytes| same(&plain, &unfinished).map(|()| bytes));
    let bytes = match compared {
        Ok(bytes) => bytes,
        Err(error) => {
            // What is left of it is removed when the log is opened.
            let _ = disk.remove(&unfinished);
            return Err(if error.kind() == io::ErrorKind::Interrupted {
                PackError::Stopped
            } else {
                io(error)
            });
        }
    };
    disk.rename(&unfinished, &packed::path(&log_dir, ordinal)).map_err(io)?;
    disk.sync_dir(&log_dir).map_err(io)?;
    disk.remove(&path).map_err(io)?;
    disk.sync_dir(&log_dir).map_err(io)?;
    Ok(bytes)
}

/// Removes what an earlier process left behind of a segment that it packed or unpacked.
pub(in crate::embedded) fn clear(log_dir: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(log_dir)? {
        let path = entry?.path();
        let extension = path.extension().and_then(|extension| extension.to_str());
        if matches!(extension, Some("packing" | "unpacking")) {
            std::fs::remove_file(path)?;
        }
    }
    Ok(())
}

/// Versions that know no packed segments refuse the directory from now on.
fn raise_format(dir: &Path) -> Result<(), PackError> {
    let Some(mut ledger) = LedgerFile::read(dir)? else {
        return Err(OpenError::NoLedger { dir: dir.display().to_string() }.into());
    };
    if ledger.format < PACKED {
        ledger.format = PACKED;
        ledger.write(dir)?;
    }
    Ok(())
}

/// Compares a packed segment with the bytes that it was made from.
fn same(plain: &File, packed: &Path) -> io::Result<()> {
    let mut packed = PackedFile::open(packed)?;
    let (mut block, mut expected, mut at) = (vec![0; packed::BLOCK], vec![0; packed::BLOCK], 0);
    while at < packed.bytes() {
        let read = packed.read_at(&mut block, at)?;
        plain.read_exact_at(&mut expected[..read], at)?;
        if block[..read] != expected[..read] {
            let what = format!("what was packed reads differently from byte {at} on");
            return Err(io::Error::new(io::ErrorKind::InvalidData, what));
        }
        at += read as u64;
    }
    Ok(())
}

fn remove_if_there(disk: &dyn Disk, path: &Path) -> io::Result<()> {
    if path.exists() { disk.remove(path) } else { Ok(()) }
}

fn failed(path: &Path, error: &io::Error) -> PackError {
    let (path, what) = (path.display().to_string(), error.to_string());
    if error.kind() == io::ErrorKind::InvalidData {
        PackError::Damaged { path, what }
    } else {
        PackError::Io { path, message: what }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use tollgate_files::disk::RealDisk;

    use super::*;

    #[test]
    fn what_was_packed_is_compared_with_all_that_it_was_made_from() {
        let dir = tempfile::tempdir().unwrap();
        let to = dir.path().join("1.packing");
        let mut bytes = vec![7; packed::BLOCK + 9];
        let file = |bytes: &[u8]| {
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(bytes).unwrap();
            file
        };
        packed::write(&RealDisk, (&file(&bytes), bytes.len() as u64), &to, &|| true).unwrap();
        same(&file(&bytes), &to).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        let error = same(&file(&bytes), &to).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("what was packed reads differently from byte {} on", packed::BLOCK)
        );
    }
}
