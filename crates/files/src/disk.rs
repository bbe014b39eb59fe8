//! The seam between what is stored and the disk: what the log, its id index and the views write goes through a
//! [`Disk`], so that a test can make the n-th call fail, or cut the power there.

use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::{private_file, sync_dir};

/// What a store needs from a disk. Files are read directly.
pub trait Disk: fmt::Debug + Send + Sync + 'static {
    /// Makes a new file.
    ///
    /// # Errors
    ///
    /// The operating system's error.
    fn create(&self, path: &Path) -> io::Result<File>;

    /// Writes all bytes at an offset.
    ///
    /// # Errors
    ///
    /// The operating system's error; some of the bytes may have been written.
    fn write_all_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Makes the written bytes durable (`fdatasync`).
    ///
    /// # Errors
    ///
    /// The operating system's error. After an error it is unknown what is durable.
    fn sync_data(&self, file: &File) -> io::Result<()>;

    /// Renames a file; one under the new name is replaced.
    ///
    /// # Errors
    ///
    /// The operating system's error; nothing is renamed.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    ///
    /// The operating system's error; the file is still there, unless it was not.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes the names in a directory durable: files that were made, renamed or removed there.
    ///
    /// # Errors
    ///
    /// The operating system's error.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
}

/// The disk of this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealDisk;

impl Disk for RealDisk {
    fn create(&self, path: &Path) -> io::Result<File> {
        private_file().read(true).write(true).create_new(true).open(path)
    }

    fn write_all_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        file.write_all_at(bytes, offset)
    }

    fn sync_data(&self, file: &File) -> io::Result<()> {
        file.sync_data()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        sync_dir(dir)
    }
}

/// `ENFILE` and `EMFILE`: the machine or the process has run out of file descriptors. The standard library
/// has no names for them.
pub const NO_DESCRIPTORS: [i32; 2] = [23, 24];
