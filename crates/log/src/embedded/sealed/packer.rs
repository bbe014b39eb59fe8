//! The thread that packs segments of an open log as they become full.

use std::io;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use tollgate_files::disk::Disk;

use super::pack::{PackError, pack_sealed};

/// Packs in the background until it is dropped.
#[derive(Debug)]
pub(in crate::embedded) struct Packer {
    work: Arc<Work>,
    thread: Option<JoinHandle<()>>,
}

/// What is to be done.
#[derive(Debug)]
pub(in crate::embedded) struct Work {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    /// The segment that is written to.
    active: u64,
    is_closing: bool,
    failed: Option<String>,
}

impl Packer {
    /// Starts with what is full already.
    pub(in crate::embedded) fn start(disk: Arc<dyn Disk>, dir: &Path, active: u64) -> io::Result<Self> {
        let state = State { active, is_closing: false, failed: None };
        let work = Arc::new(Work { state: Mutex::new(state), changed: Condvar::new() });
        let (own, dir) = (Arc::clone(&work), dir.to_owned());
        let run = move || own.run(&*disk, &dir);
        let thread = std::thread::Builder::new().name("tollgate-pack".to_owned()).spawn(run)?;
        Ok(Self { work, thread: Some(thread) })
    }

    /// For whoever goes on in another segment.
    pub(in crate::embedded) fn work(&self) -> Arc<Work> {
        Arc::clone(&self.work)
    }

    /// Why the last try failed: a segment is damaged, or the disk is full.
    pub(in crate::embedded) fn failed(&self) -> Option<String> {
        self.work.lock().failed.clone()
    }
}

impl Drop for Packer {
    /// Waits for one block at most.
    fn drop(&mut self) {
        self.work.lock().is_closing = true;
        self.work.changed.notify_one();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("packing segments panicked");
        }
    }
}

impl Work {
    /// The log goes on in this segment: one before it is full.
    pub(in crate::embedded) fn goes_on_in(&self, active: u64) {
        let mut state = self.lock();
        if state.active != active {
            state.active = active;
            self.changed.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Each change is one assignment, so a poisoned lock can still be used.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, disk: &dyn Disk, dir: &Path) {
        let mut packed_before = 0;
        loop {
            let mut state = self.lock();
            while state.active == packed_before && !state.is_closing {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            if state.is_closing {
                return;
            }
            packed_before = state.active;
            drop(state);
            let failed = match pack_sealed(disk, dir, packed_before, &|| !self.lock().is_closing) {
                Ok(_) => None,
                Err(PackError::Stopped) => return,
                Err(error) => {
                    tracing::error!(%error, "a full segment is not packed");
                    Some(error.to_string())
                }
            };
            self.lock().failed = failed;
        }
    }
}
