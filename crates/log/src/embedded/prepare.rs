//! Segments prepared ahead: a file of zeros made in the background, so that appends write into space that exists. A
//! sync then has no metadata to write, which halves its cost.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use crate::disk::Disk;

/// Zeros are written and synced in steps, so that the appends' own syncs never wait behind many megabytes.
const STEP: usize = 1 << 20;

/// A segment in the making, or made.
#[derive(Debug)]
pub(super) struct Preparation {
    path: PathBuf,
    bytes: u64,
    thread: JoinHandle<io::Result<File>>,
}

impl Preparation {
    /// Starts preparing a segment of this size.
    pub(super) fn start(disk: Arc<dyn Disk>, log_dir: &Path, bytes: u64) -> io::Result<Self> {
        let path = prepared_path(log_dir);
        let own = path.clone();
        let work = move || {
            let made = zeros(&*disk, &own, bytes);
            if made.is_err() {
                // A half-made file would only take the space that appends need.
                let _ = fs::remove_file(&own);
            }
            made
        };
        let thread = std::thread::Builder::new().name("tollgate-prepare".to_owned()).spawn(work)?;
        Ok(Self { path, bytes, thread })
    }

    pub(super) fn is_finished(&self) -> bool {
        self.thread.is_finished()
    }

    /// The size of the segment.
    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Gives the segment its name. Waits if it is still in the making.
    pub(super) fn take(self, to: &Path) -> io::Result<File> {
        let file = self.thread.join().map_err(|_| io::Error::other("preparing a segment panicked"))??;
        fs::rename(&self.path, to)?;
        Ok(file)
    }
}

/// Removes what an earlier process prepared and did not use.
pub(super) fn clear(log_dir: &Path) -> io::Result<()> {
    match fs::remove_file(prepared_path(log_dir)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn zeros(disk: &dyn Disk, path: &Path, bytes: u64) -> io::Result<File> {
    let file = disk.create(path)?;
    let step = vec![0; STEP];
    let mut at = 0;
    while at < bytes {
        let length = bytes.saturating_sub(at).min(STEP as u64);
        disk.write_all_at(&file, &step[..length as usize], at)?;
        disk.sync_data(&file)?;
        at += length;
    }
    file.sync_all()?;
    Ok(file)
}

fn prepared_path(log_dir: &Path) -> PathBuf {
    log_dir.join("next.prepared")
}
