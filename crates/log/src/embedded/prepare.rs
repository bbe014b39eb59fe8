//! Segments prepared ahead: a file of zeros made in the background, so that appends write into existing
//! space. A sync then has no metadata to write, which halves its cost.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use tollgate_files::disk::Disk;

/// Zeros are written and synced in steps, so that the appends' own syncs never wait behind many megabytes.
const STEP: usize = 1 << 20;

/// A prepared segment, finished or in progress. Dropping it abandons it: no more of it is written, and its
/// file is removed.
#[derive(Debug)]
pub(super) struct Preparation {
    path: PathBuf,
    bytes: u64,
    given_up: Arc<AtomicBool>,
    /// `None` once it has been taken.
    thread: Option<JoinHandle<io::Result<File>>>,
}

impl Preparation {
    /// Starts preparing a segment of this size.
    pub(super) fn start(disk: Arc<dyn Disk>, log_dir: &Path, bytes: u64) -> io::Result<Self> {
        let path = prepared_path(log_dir);
        let given_up = Arc::new(AtomicBool::new(false));
        let (own, stop) = (path.clone(), Arc::clone(&given_up));
        let work = move || {
            let made = zeros(&*disk, &own, bytes, &stop);
            if made.is_err() {
                // An unfinished file would only occupy space that appends need.
                let _ = fs::remove_file(&own);
            }
            made
        };
        let thread = std::thread::Builder::new().name("tollgate-prepare".to_owned()).spawn(work)?;
        Ok(Self { path, bytes, given_up, thread: Some(thread) })
    }

    pub(super) fn is_finished(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// The size of the segment.
    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Gives the segment its final name. Waits if it is still in progress.
    pub(super) fn take(mut self, to: &Path) -> io::Result<File> {
        let file = self.join()?;
        fs::rename(&self.path, to)?;
        Ok(file)
    }

    fn join(&mut self) -> io::Result<File> {
        let thread = self.thread.take().ok_or_else(|| io::Error::other("the segment was taken before"))?;
        thread.join().map_err(|_| io::Error::other("preparing a segment panicked"))?
    }
}

impl Drop for Preparation {
    /// Waits for one step of the preparation at most: the next process to open the log finds nothing still
    /// running in its directory.
    fn drop(&mut self) {
        self.given_up.store(true, Ordering::Relaxed);
        if self.thread.is_some() && self.join().is_ok() {
            // If it remains, it is removed when the log is opened.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Removes what an earlier process prepared but did not use.
pub(super) fn clear(log_dir: &Path) -> io::Result<()> {
    match fs::remove_file(prepared_path(log_dir)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn zeros(disk: &dyn Disk, path: &Path, bytes: u64, given_up: &AtomicBool) -> io::Result<File> {
    let file = disk.create(path)?;
    let step = vec![0; STEP];
    let mut at = 0;
    while at < bytes {
        if given_up.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::Interrupted.into());
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use tollgate_files::disk::RealDisk;

    #[test]
    fn what_is_given_up_is_gone_and_what_is_taken_stays() {
        let dir = tempfile::tempdir().unwrap();
        // Abandoned in progress, most of the time, and when finished.
        for bytes in [64 << 20, 1] {
            let preparation = Preparation::start(Arc::new(RealDisk), dir.path(), bytes).unwrap();
            while bytes == 1 && !preparation.is_finished() {
                std::thread::yield_now();
            }
            drop(preparation);
            assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "{bytes}");
        }
        let taken = dir.path().join("taken");
        let preparation = Preparation::start(Arc::new(RealDisk), dir.path(), 3).unwrap();
        let file = preparation.take(&taken).unwrap();
        assert_eq!((file.metadata().unwrap().len(), fs::read(&taken).unwrap()), (3, vec![0; 3]));
    }
}
