//! A disk that fails where a test tells it to.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use crate::disk::{Disk, NO_DESCRIPTORS, RealDisk};

/// A real disk on which chosen calls fail.
#[derive(Debug, Default)]
pub struct FaultyDisk {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    calls: Calls,
    plan: Option<(Call, u64, Fault)>,
    always: Option<(Call, Fault)>,
    /// Bytes that still fit; `None` for as many as the real disk takes.
    room: Option<u64>,
    struck: u64,
}

/// How often each call was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Calls {
    /// Files made.
    pub create: u64,
    /// Writes.
    pub write: u64,
    /// Syncs.
    pub sync: u64,
    /// Files renamed.
    pub rename: u64,
    /// Files removed.
    pub remove: u64,
    /// Syncs of directories.
    pub sync_dir: u64,
}

/// A call that can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// Making a file.
    Create,
    /// A write.
    Write,
    /// A sync.
    Sync,
    /// Renaming a file.
    Rename,
    /// Removing a file.
    Remove,
    /// A sync of a directory.
    SyncDir,
}

/// How a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// `EIO`: nothing is done.
    Io,
    /// `ENOSPC`: nothing is done.
    Full,
    /// `EDQUOT`: nothing is done.
    Quota,
    /// `ENOSPC` after half of the bytes are written.
    ShortThenFull,
    /// `EMFILE`: the process has no file descriptors left.
    NoFiles,
    /// `EACCES`.
    Denied,
    /// A panic: a bug of our own in the writer's thread.
    Panic,
}

impl FaultyDisk {
    /// Makes the n-th call of a kind from now fail (1 is the next one).
    pub fn fail(&self, call: Call, nth: u64, fault: Fault) {
        let mut state = self.lock();
        let made = state.calls.of(call);
        state.plan = Some((call, made + nth, fault));
    }

    /// Makes every call of a kind fail from now on; `None` lifts that.
    pub fn fail_always(&self, call: Call, fault: Option<Fault>) {
        self.lock().always = fault.map(|fault| (call, fault));
    }

    /// Lets only this many more bytes be written; `None` lifts the limit.
    pub fn set_room(&self, bytes: Option<u64>) {
        self.lock().room = bytes;
    }

    /// How often a fault struck, so that a test that injects one can check that it did.
    pub fn struck(&self) -> u64 {
        self.lock().struck
    }

    /// How often each call was made.
    pub fn calls(&self) -> Calls {
        self.lock().calls
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a call and returns its fault, if it is to fail.
    fn strike(&self, call: Call) -> Option<Fault> {
        let mut state = self.lock();
        *state.calls.of_mut(call) += 1;
        if let Some((_, fault)) = state.always.filter(|(planned, _)| *planned == call) {
            state.struck += 1;
            return Some(fault);
        }
        let due = state.plan.filter(|&(planned, nth, _)| planned == call && state.calls.of(call) == nth);
        let (_, _, fault) = due?;
        state.plan = None;
        state.struck += 1;
        Some(fault)
    }
}

impl Calls {
    fn of(&self, call: Call) -> u64 {
        match call {
            Call::Create => self.create,
            Call::Write => self.write,
            Call::Sync => self.sync,
            Call::Rename => self.rename,
            Call::Remove => self.remove,
            Call::SyncDir => self.sync_dir,
        }
    }

    fn of_mut(&mut self, call: Call) -> &mut u64 {
        match call {
            Call::Create => &mut self.create,
            Call::Write => &mut self.write,
            Call::Sync => &mut self.sync,
            Call::Rename => &mut self.rename,
            Call::Remove => &mut self.remove,
            Call::SyncDir => &mut self.sync_dir,
        }
    }
}

impl Disk for FaultyDisk {
    fn create(&self, path: &Path) -> io::Result<File> {
        match self.strike(Call::Create) {
            Some(fault) => Err(fault.error()),
            None => RealDisk.create(path),
        }
    }

    fn write_all_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        if let Some(fault) = self.strike(Call::Write) {
            if fault == Fault::ShortThenFull {
                RealDisk.write_all_at(file, &bytes[..bytes.len() / 2], offset)?;
            }
            return Err(fault.error());
        }
        let mut state = self.lock();
        if let Some(room) = &mut state.room {
            // Overwriting existing bytes takes no room.
            let grows = (offset + bytes.len() as u64).saturating_sub(file.metadata()?.len());
            match room.checked_sub(grows) {
                Some(left) => *room = left,
                None => {
                    state.struck += 1;
                    return Err(Fault::Full.error());
                }
            }
        }
        drop(state);
        RealDisk.write_all_at(file, bytes, offset)
    }

    fn sync_data(&self, file: &File) -> io::Result<()> {
        match self.strike(Call::Sync) {
            Some(fault) => Err(fault.error()),
            None => RealDisk.sync_data(file),
        }
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        match self.strike(Call::Rename) {
            Some(fault) => Err(fault.error()),
            None => RealDisk.rename(from, to),
        }
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        match self.strike(Call::Remove) {
            Some(fault) => Err(fault.error()),
            None => RealDisk.remove(path),
        }
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        match self.strike(Call::SyncDir) {
            Some(fault) => Err(fault.error()),
            None => RealDisk.sync_dir(dir),
        }
    }
}

impl Fault {
    fn error(self) -> io::Error {
        match self {
            Self::Panic => panic!("injected: a bug"),
            Self::Io => io::Error::other("injected: input/output error"),
            Self::NoFiles => io::Error::from_raw_os_error(NO_DESCRIPTORS[1]),
            Self::Denied => io::ErrorKind::PermissionDenied.into(),
            Self::Quota => io::Error::new(io::ErrorKind::QuotaExceeded, "injected: disk quota exceeded"),
            Self::Full | Self::ShortThenFull => {
                io::Error::new(io::ErrorKind::StorageFull, "injected: no space left on device")
            }
        }
    }
}
