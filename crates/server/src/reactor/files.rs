//! Files that exist completely or not at all, even after a power cut.

use std::fs::{File, rename};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tollgate_files::{make_private_dirs, private_file};

/// Files that are written but not in place yet. Many are synced together: the first sync takes most of the
/// others to the disk too, and anything that waits for the disk at the same time, such as the log, waits
/// once.
#[derive(Default)]
pub(super) struct Staged(Vec<(File, PathBuf)>);

/// Which file could not be written, and why.
pub(super) struct Failed {
    pub(super) path: PathBuf,
    pub(super) error: io::Error,
}

impl Staged {
    /// Writes a file's future content to a file next to it, creating the directory if needed.
    pub(super) fn add(&mut self, path: &Path, bytes: &[u8]) -> Result<(), Failed> {
        let write = || -> io::Result<File> {
            if let Some(parent) = path.parent() {
                make_private_dirs(parent)?;
            }
            let mut file = private_file().write(true).create(true).truncate(true).open(beside(path))?;
            file.write_all(bytes)?;
            Ok(file)
        };
        let file = write().map_err(|error| Failed { path: path.to_owned(), error })?;
        self.0.push((file, path.to_owned()));
        Ok(())
    }

    /// Syncs all of them and moves each into place.
    pub(super) fn publish(self) -> Result<(), Failed> {
        for (file, path) in &self.0 {
            file.sync_all().map_err(|error| Failed { path: path.clone(), error })?;
        }
        for (_, path) in self.0 {
            rename(beside(&path), &path).map_err(|error| Failed { path, error })?;
        }
        Ok(())
    }
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    path.with_file_name(name)
}
