//! The seam between the log and the disk: every write and sync of the log goes through a [`Disk`], so that a test can
//! make the n-th one fail.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use tollgate_files::private_file;

/// What the log needs from a disk.
pub trait Disk: Send + Sync + 'static {
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
}

/// `ENFILE` and `EMFILE`: the machine or the process has run out of file descriptors. The standard library
/// has no names for them.
pub(crate) const NO_DESCRIPTORS: [i32; 2] = [23, 24];

/// Whether an error is about something that a process or a directory lacks for now: descriptors, memory, a
/// permission.
pub(crate) fn is_passing(error: &io::Error) -> bool {
    use io::ErrorKind::{NotFound, OutOfMemory, PermissionDenied, ReadOnlyFilesystem};
    matches!(error.kind(), OutOfMemory | PermissionDenied | ReadOnlyFilesystem | NotFound)
        || error.raw_os_error().is_some_and(|code| NO_DESCRIPTORS.contains(&code))
}
