//! Files that are there whole or not at all, also after a power cut.

use std::fs::{File, rename};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tollgate_files::{make_private_dirs, private_file};

/// Files that are written and not there yet. Many are synced together: the first sync brings most of the
/// others to the disk too, and whoever waits for the disk at the same time, as the log does, waits once.
#[derive(Default)]
pub(super) struct Staged(Vec<(File, PathBuf)>);

/// Which file could not be written, and why.
pub(super) struct Failed {
    pub(super) path: PathBuf,
    pub(super) error: io::Error,
}

impl Staged {
    /// Writes what a file is to hold beside it, its directory too.
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

    /// Syncs all and puts each in its place.
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
