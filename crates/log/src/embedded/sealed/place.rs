//! Where segments are: in the directory of the log as they were written, or packed; and in an archive.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use tollgate_domain::position::Sequence;
use tollgate_files::{private_file, sync_dir};
use uuid::Uuid;

use super::manifest::{self, Archived, Place};
use super::packed::{self, PackedFile};
use crate::embedded::segment;

/// A segment that is open for reading. It can be read to its end even when its file is packed or moved meanwhile.
#[derive(Debug)]
pub(in crate::embedded) enum SegmentFile {
    /// As it was written.
    Plain(File),
    /// Packed.
    Packed(PackedFile),
}

impl SegmentFile {
    /// The file as it is on the disk, and whether it is packed.
    pub(in crate::embedded) const fn raw(&self) -> (&File, bool) {
        match self {
            Self::Plain(file) => (file, false),
            Self::Packed(packed) => (packed.raw(), true),
        }
    }

    /// Reads bytes at an offset, as many as are at hand; 0 at the segment's end.
    pub(in crate::embedded) fn read_at(&mut self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        match self {
            Self::Plain(file) => file.read_at(into, offset),
            Self::Packed(packed) => packed.read_at(into, offset),
        }
    }

    /// Reads as many bytes as asked for, fewer at the segment's end.
    pub(in crate::embedded) fn read_up_to(&mut self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut filled = 0;
        while filled < into.len() {
            match self.read_at(&mut into[filled..], offset + filled as u64) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }
}

/// Opens a segment wherever it is, with its path. It is at its next place before it is removed from the one before.
pub(in crate::embedded) fn open(
    log_dir: &Path,
    ordinal: u64,
) -> Result<(SegmentFile, PathBuf), (PathBuf, io::Error)> {
    let path = segment::path(log_dir, ordinal);
    match File::open(&path) {
        Ok(file) => return Ok((SegmentFile::Plain(file), path)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err((path, error)),
    }
    let packed = packed::path(log_dir, ordinal);
    let missing = match PackedFile::open(&packed) {
        Ok(file) => return Ok((SegmentFile::Packed(file), packed)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => error,
        Err(error) => return Err((packed, error)),
    };
    let archived = manifest::read(log_dir).map_err(|error| (log_dir.to_owned(), error))?;
    let Some(archived) = archived.segment(ordinal) else {
        // It is missed under the name that it was written under.
        return Err((path, missing));
    };
    let packed = archived.open().and_then(PackedFile::of);
    match packed {
        Ok(file) => Ok((SegmentFile::Packed(file), archived.path())),
        Err(error) => Err((archived.path(), error)),
    }
}

/// What is known of archived segments without reading them.
pub(in crate::embedded) struct Elsewhere(Archived);

impl Elsewhere {
    /// Of a log, as it is now.
    ///
    /// # Errors
    ///
    /// The operating system's error.
    pub(in crate::embedded) fn of(log_dir: &Path) -> io::Result<Self> {
        manifest::read(log_dir).map(Self)
    }

    /// The last record before a segment, and its epoch. `None`: it is in the directory of the log, or was not
    /// archived when this was read.
    ///
    /// # Errors
    ///
    /// The operating system's error; also if a directory that the segment should be in does not have it.
    pub(in crate::embedded) fn segment(
        &self,
        log_dir: &Path,
        ordinal: u64,
    ) -> io::Result<Option<(Sequence, Uuid)>> {
        let Some(found) = self.0.segment(ordinal) else { return Ok(None) };
        if segment::path(log_dir, ordinal).exists() || packed::path(log_dir, ordinal).exists() {
            return Ok(None);
        }
        if matches!(found.place, Place::Dir(_)) {
            found.open().map_err(|error| {
                let what = format!("it is archived in {}: {error}", found.path().display());
                io::Error::new(error.kind(), what)
            })?;
        }
        Ok(Some((found.after, found.epoch)))
    }
}

/// The path of a segment as it was written. One that is packed only is unpacked: it is written to again, because
/// those after it are lost.
pub(in crate::embedded) fn unpacked(log_dir: &Path, ordinal: u64) -> io::Result<PathBuf> {
    let path = segment::path(log_dir, ordinal);
    if path.exists() {
        return Ok(path);
    }
    let mut packed = match PackedFile::open(&packed::path(log_dir, ordinal)) {
        Ok(packed) => packed,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(path),
        Err(error) => return Err(error),
    };
    let unfinished = path.with_extension("unpacking");
    let mut file = private_file().write(true).create(true).truncate(true).open(&unfinished)?;
    let (mut at, mut block) = (0, vec![0; packed::BLOCK]);
    while at < packed.bytes() {
        let read = packed.read_at(&mut block, at)?;
        file.write_all(&block[..read])?;
        at += read as u64;
    }
    file.sync_all()?;
    std::fs::rename(&unfinished, &path)?;
    sync_dir(log_dir)?;
    Ok(path)
}

/// The ordinals of the segments of a log, ascending.
pub(in crate::embedded) fn ordinals(log_dir: &Path) -> io::Result<Vec<u64>> {
    let mut ordinals = Vec::new();
    for entry in std::fs::read_dir(log_dir)? {
        let path = entry?.path();
        let extension = path.extension().and_then(|extension| extension.to_str());
        if matches!(extension, Some("segment" | "packed")) {
            ordinals.extend(
                path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse::<u64>().ok()),
            );
        }
    }
    ordinals.extend(manifest::read(log_dir)?.segments.iter().map(|segment| segment.ordinal));
    ordinals.sort_unstable();
    ordinals.dedup();
    Ok(ordinals)
}
