//! The seam between the log and the disk: every write and sync of the log goes through a [`Disk`], so that a test can
//! make the n-th one fail.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
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
        File::options().read(true).write(true).create_new(true).open(path)
    }

    fn write_all_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        file.write_all_at(bytes, offset)
    }

    fn sync_data(&self, file: &File) -> io::Result<()> {
        file.sync_data()
    }
}

/// Makes the names in a directory durable.
pub(crate) fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// Writes a small file so that after a crash it is there whole, old or new.
pub(crate) fn write_atomically(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let unfinished = path.with_extension("tmp");
    let file = File::create(&unfinished)?;
    file.write_all_at(bytes, 0)?;
    file.sync_all()?;
    std::fs::rename(&unfinished, path)?;
    path.parent().map_or(Ok(()), sync_dir)
}
