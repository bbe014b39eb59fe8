//! The seam between the log and the disk: every write and sync of the log goes through a [`Disk`], so that a test can
//! make the n-th one fail.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::Path;

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

/// `ENFILE` and `EMFILE`: the machine, or the process, has no file descriptors left. The standard library has no names for them.
pub(crate) const NO_DESCRIPTORS: [i32; 2] = [23, 24];

/// Whether an error is about what a process or a directory lacks for now: descriptors, memory, a permission.
pub(crate) fn is_passing(error: &io::Error) -> bool {
    use io::ErrorKind::{NotFound, OutOfMemory, PermissionDenied, ReadOnlyFilesystem};
    matches!(error.kind(), OutOfMemory | PermissionDenied | ReadOnlyFilesystem | NotFound)
        || error.raw_os_error().is_some_and(|code| NO_DESCRIPTORS.contains(&code))
}

/// Opens files that, where they are made, are their owner's alone: a ledger holds titles, reasons and names of people.
#[must_use]
pub fn private_file() -> OpenOptions {
    let mut options = File::options();
    options.mode(0o600);
    options
}

/// Makes a directory, and those above it that are missing, for their owner alone. What exists keeps its mode.
///
/// # Errors
///
/// As the operating system says.
pub fn make_private_dirs(dir: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

/// Makes the names in a directory durable.
pub(crate) fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// Writes a small file so that after a crash it is there whole, old or new.
pub(crate) fn write_atomically(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let unfinished = path.with_extension("tmp");
    let file = private_file().write(true).create(true).truncate(true).open(&unfinished)?;
    file.write_all_at(bytes, 0)?;
    file.sync_all()?;
    std::fs::rename(&unfinished, path)?;
    path.parent().map_or(Ok(()), sync_dir)
}
