//! The seam between the log and the disk: every write and sync of the log goes through a [`Disk`], so that a test can
//! make the n-th one fail.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use tollgate_files::private_file;

/// What the log asks of a disk.
pub trait Disk: Send + Sync + 'static {
    /// Makes a new file.
    ///
    /// # Errors
    ///
    /// As the operating system says.
    fn create(&self, path: &Path) -> io::Result<File>;

    /// Writes all bytes at an offset.
    ///
    /// # Errors
    ///
    /// As the operating system says; some of the bytes may be written.
    fn write_all_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Makes the written bytes durable (`fdatasync`).
    ///
    /// # Errors
    ///
    /// As the operating system says. After an error nobody knows what is durable.
    fn sync_data(&self, file: &File) -> io::Result<()>;
}

/// The machine's disk.
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

/// `ENFILE` and `EMFILE`: the machine, or the process, has no file descriptors left. The standard library has
/// no names for them.
pub(crate) const NO_DESCRIPTORS: [i32; 2] = [23, 24];

/// Whether an error is about what a process or a directory lacks for now: descriptors, memory, a permission.
pub(crate) fn is_passing(error: &io::Error) -> bool {
    use io::ErrorKind::{NotFound, OutOfMemory, PermissionDenied, ReadOnlyFilesystem};
    matches!(error.kind(), OutOfMemory | PermissionDenied | ReadOnlyFilesystem | NotFound)
        || error.raw_os_error().is_some_and(|code| NO_DESCRIPTORS.contains(&code))
}
