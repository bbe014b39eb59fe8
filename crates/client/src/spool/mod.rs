//! Events that wait on disk while the ledger is away.
//!
//! A directory of segments, `%020d.spool`, each a file of lines ([`line`]). Events are only ever written
//! after the last line, and are durable once [`Spool::append`] returns. They are delivered starting from the
//! oldest segment; a segment is deleted when all of its events are settled. After a crash, a segment that was
//! partly delivered is delivered again: its events keep their ids, so the ledger counts them once.

mod error;
pub(crate) mod line;

use std::collections::VecDeque;
use std::fs::{self, File, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};

use http::HeaderValue;
use tollgate_files::{make_private_dirs, private_file, sync_dir};

pub use error::SpoolError;
use line::Outgoing;

/// Once a segment has this many bytes, it is no longer written to; space is freed in steps of this size as
/// events are settled.
const SEGMENT_BYTES: u64 = 1 << 20;

const LOCK_FILE: &str = "lock";
const SET_ASIDE_FILE: &str = "set-aside";
const ENDING: &str = "spool";

/// Names the ledger that the events are for, once one has answered.
const LEDGER_FILE: &str = "ledger";

/// Where events wait while the ledger is away, and how many bytes of them may.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpoolOptions {
    /// A directory used by this tracker alone; created if missing.
    pub dir: PathBuf,
    /// The most bytes of events.
    pub max_bytes: u64,
}

impl SpoolOptions {
    /// A spool of at most 256 MiB: about a million events.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into(), max_bytes: 256 << 20 }
    }
}

/// A line that could not be read. It is in the spool's `set-aside` file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetAside {
    /// The segment it was in.
    pub segment: String,
    /// Which line, from 1.
    pub line: usize,
    /// Why it could not be read.
    pub reason: String,
    /// The file it is in now.
    pub lies_in: String,
}

/// The events of the oldest segment, in memory.
#[derive(Debug)]
struct Front {
    number: u64,
    bytes: u64,
    events: VecDeque<Outgoing>,
}

/// The segment that is written to.
#[derive(Debug)]
struct Back {
    number: u64,
    file: File,
    bytes: u64,
}

/// The spool of one tracker, locked against others until dropped.
#[derive(Debug)]
pub(crate) struct Spool {
    dir: PathBuf,
    max_bytes: u64,
    /// Segments with their sizes in bytes, oldest first; includes the back's, but not the front's.
    segments: VecDeque<(u64, u64)>,
    front: Option<Front>,
    back: Option<Back>,
    next_number: u64,
    /// The torn end that was cut on opening, in bytes.
    cut: u64,
    set_aside: Vec<SetAside>,
    /// The ledger that the events are for; `None` if none has answered yet.
    ledger: Option<HeaderValue>,
    _lock: [File; 2],
}

impl Spool {
    /// Opens or creates the directory, takes its lock and cuts the line that a crash tore.
    pub(crate) fn open(options: &SpoolOptions) -> Result<Self, SpoolError> {
        let dir = &options.dir;
        make_private_dirs(dir).map_err(|error| SpoolError::io("making spool directory", dir, &error))?;
        let lock = take_lock(dir)?;
        let mut numbers = Vec::new();
        let listing = |error: std::io::Error| SpoolError::io("listing spool", dir, &error);
        for entry in fs::read_dir(dir).map_err(listing)? {
            let path = entry.map_err(listing)?.path();
            let number: Option<u64> =
                path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse().ok());
            if path.extension().is_some_and(|ending| ending == ENDING) {
                numbers.extend(number);
            }
        }
        numbers.sort_unstable();
        let mut spool = Self {
            dir: dir.clone(),
            max_bytes: options.max_bytes,
            segments: VecDeque::new(),
            front: None,
            back: None,
            next_number: numbers.last().map_or(1, |last| last.saturating_add(1)),
            cut: 0,
            set_aside: Vec::new(),
            ledger: None,
            _lock: lock,
        };
        for number in numbers {
            let path = spool.path(number);
            let (bytes, cut) = cut_torn_line(&path)
                .map_err(|error| SpoolError::io("reading spool segment", &path, &error))?;
            spool.cut += cut;
            if bytes == 0 {
                spool.delete(number)?;
            } else {
                spool.segments.push_back((number, bytes));
            }
        }
        spool.ledger = spool.read_ledger()?;
        if spool.is_empty() {
            // Events from here on are for the ledger that answers next.
            spool.is_for(None)?;
        }
        Ok(spool)
    }

    /// The ledger that its events are for, by the epoch of its log.
    pub(crate) const fn ledger(&self) -> Option<&HeaderValue> {
        self.ledger.as_ref()
    }

    /// Records durably which ledger the events are for.
    pub(crate) fn is_for(&mut self, epoch: Option<&str>) -> Result<(), SpoolError> {
        if self.ledger.as_ref().map(HeaderValue::as_bytes) == epoch.map(str::as_bytes) {
            return Ok(());
        }
        let path = self.dir.join(LEDGER_FILE);
        let written = match epoch {
            Some(epoch) => tollgate_files::replace(&path, epoch.as_bytes()),
            None => fs::remove_file(&path).and_then(|()| sync_dir(&self.dir)),
        };
        written.map_err(|error| SpoolError::io("noting the ledger of the spool in", &path, &error))?;
        self.ledger = epoch.and_then(|epoch| HeaderValue::from_str(epoch).ok());
        Ok(())
    }

    fn read_ledger(&self) -> Result<Option<HeaderValue>, SpoolError> {
        let path = self.dir.join(LEDGER_FILE);
        let epoch = match fs::read(&path) {
            Ok(epoch) => epoch,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(SpoolError::io("reading the ledger of the spool in", &path, &error)),
        };
        let epoch = epoch.trim_ascii();
        let readable = !epoch.is_empty() && epoch.iter().all(u8::is_ascii_hexdigit);
        let header = HeaderValue::from_bytes(epoch).ok().filter(|_| readable);
        header.map(Some).ok_or_else(|| SpoolError::Ledger { path: path.display().to_string() })
    }

    /// Bytes of a torn end cut on opening.
    pub(crate) const fn cut(&self) -> u64 {
        self.cut
    }

    /// Whether no event is waiting.
    pub(crate) fn is_empty(&self) -> bool {
        self.segments.is_empty() && self.front.is_none()
    }

    /// Bytes on disk.
    pub(crate) fn bytes(&self) -> u64 {
        let rest: u64 = self.segments.iter().map(|(_, bytes)| bytes).sum();
        rest + self.front.as_ref().map_or(0, |front| front.bytes)
    }

    /// Writes events after all others. They survive power loss when this returns. After an error none of them
    /// is in the spool, as far as the file system allows, and sending one twice does no harm.
    pub(crate) fn append(&mut self, events: &[Outgoing]) -> Result<(), SpoolError> {
        let mut lines = Vec::new();
        events.iter().for_each(|event| line::write(event, &mut lines));
        let (bytes, held) = (lines.len() as u64, self.bytes());
        if held + bytes > self.max_bytes {
            let dir = self.dir.display().to_string();
            return Err(SpoolError::Full { dir, bytes, held, limit: self.max_bytes });
        }
        let mut back = match self.back.take().filter(|back| back.bytes < SEGMENT_BYTES) {
            Some(back) => back,
            None => self.new_back()?,
        };
        let written = back.file.write_all(&lines).and_then(|()| back.file.sync_data());
        if let Err(error) = written {
            let path = self.path(back.number);
            // Anything partly written is cut off; the next events get a new file in any case.
            let _ = back.file.set_len(back.bytes);
            if back.bytes == 0 {
                let _ = self.delete(back.number);
            }
            return Err(SpoolError::io("writing spool segment", &path, &error));
        }
        if back.bytes == 0 {
            self.segments.push_back((back.number, 0));
        }
        back.bytes += bytes;
        if let Some(last) = self.segments.back_mut() {
            last.1 = back.bytes;
        }
        self.back = Some(back);
        Ok(())
    }

    /// Up to this many events and bytes, starting from the oldest segment; at least one event if any is
    /// waiting.
    pub(crate) fn peek(&mut self, events: usize, bytes: usize) -> Result<Vec<Outgoing>, SpoolError> {
        while self.front.is_none() && !self.segments.is_empty() {
            self.load()?;
        }
        let Some(front) = &self.front else { return Ok(Vec::new()) };
        let mut room = bytes;
        let fits = |event: &&Outgoing| {
            let fits = event.bytes() <= room || room == bytes;
            room = room.saturating_sub(event.bytes());
            fits
        };
        Ok(front.events.iter().take(events).take_while(fits).cloned().collect())
    }

    /// Removes settled events from those that [`Self::peek`] returned: `keep` says for each, in order,
    /// whether it stays.
    pub(crate) fn settle(&mut self, keep: &[bool]) -> Result<(), SpoolError> {
        let Some(mut front) = self.front.take() else { return Ok(()) };
        let mut keep = keep.iter();
        front.events.retain(|_| keep.next().copied().unwrap_or(true));
        if front.events.is_empty() {
            return self.delete(front.number);
        }
        self.front = Some(front);
        Ok(())
    }

    /// Lines that could not be read since the last call.
    pub(crate) fn take_set_aside(&mut self) -> Vec<SetAside> {
        std::mem::take(&mut self.set_aside)
    }

    /// Reads the oldest segment. Nothing is written to it afterwards.
    fn load(&mut self) -> Result<(), SpoolError> {
        let Some(&(number, bytes)) = self.segments.front() else { return Ok(()) };
        let path = self.path(number);
        let content =
            fs::read(&path).map_err(|error| SpoolError::io("reading spool segment", &path, &error))?;
        let content = content.strip_suffix(b"\n").unwrap_or(&content);
        let (mut events, mut unreadable) = (VecDeque::new(), Vec::new());
        for (index, line) in content.split(|&byte| byte == b'\n').enumerate() {
            match line::read(line) {
                Ok(event) => events.push_back(event),
                Err(reason) => unreadable.push((index + 1, line, reason)),
            }
        }
        self.keep_aside(&path, unreadable)?;
        self.segments.pop_front();
        if self.back.as_ref().is_some_and(|back| back.number == number) {
            self.back = None;
        }
        if events.is_empty() {
            return self.delete(number);
        }
        self.front = Some(Front { number, bytes, events });
        Ok(())
    }

    /// Puts unreadable lines where a person can find them.
    fn keep_aside(&mut self, segment: &Path, lines: Vec<(usize, &[u8], String)>) -> Result<(), SpoolError> {
        if lines.is_empty() {
            return Ok(());
        }
        let path = self.dir.join(SET_ASIDE_FILE);
        let mut text = Vec::new();
        for (number, line, reason) in &lines {
            text.extend_from_slice(format!("# {} line {number}: {reason}\n", segment.display()).as_bytes());
            text.extend_from_slice(line);
            text.push(b'\n');
        }
        private_file()
            .append(true)
            .create(true)
            .open(&path)
            .and_then(|mut file| file.write_all(&text).and_then(|()| file.sync_all()))
            .and_then(|()| sync_dir(&self.dir))
            .map_err(|error| SpoolError::io("setting unreadable lines aside in", &path, &error))?;
        self.set_aside.extend(lines.into_iter().map(|(line, _, reason)| SetAside {
            segment: segment.display().to_string(),
            line,
            reason,
            lies_in: path.display().to_string(),
        }));
        Ok(())
    }

    fn new_back(&mut self) -> Result<Back, SpoolError> {
        let number = self.next_number;
        let path = self.path(number);
        self.next_number = self.next_number.saturating_add(1);
        let file = private_file()
            .append(true)
            .create_new(true)
            .open(&path)
            .and_then(|file| sync_dir(&self.dir).map(|()| file))
            .map_err(|error| SpoolError::io("making spool segment", &path, &error))?;
        Ok(Back { number, file, bytes: 0 })
    }

    fn delete(&self, number: u64) -> Result<(), SpoolError> {
        let path = self.path(number);
        fs::remove_file(&path).map_err(|error| SpoolError::io("deleting spool segment", &path, &error))
    }

    fn path(&self, number: u64) -> PathBuf {
        self.dir.join(format!("{number:020}.{ENDING}"))
    }
}

/// Locks the directory itself: a lock on a file would be lost with the file's name. The file is locked too,
/// for versions that only know that lock, and names the holder.
fn take_lock(dir: &Path) -> Result<[File; 2], SpoolError> {
    let path = dir.join(LOCK_FILE);
    let failed = |error: std::io::Error| SpoolError::io("locking spool", &path, &error);
    let lock = |file: &File| match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => {
            // The holder's note is only used in the message.
            let holder = fs::read_to_string(&path).unwrap_or_default();
            Err(SpoolError::Locked { dir: dir.display().to_string(), holder })
        }
        Err(TryLockError::Error(error)) => Err(failed(error)),
    };
    let held = File::open(dir).map_err(failed)?;
    lock(&held)?;
    let open = private_file().read(true).write(true).create(true).truncate(false).open(&path);
    let mut file = open.map_err(failed)?;
    lock(&file)?;
    let note = format!("process {}", std::process::id());
    file.set_len(0).and_then(|()| file.write_all(note.as_bytes())).map_err(failed)?;
    Ok([held, file])
}

/// Cuts the end of a segment that has no line feed: a crash tore that write, and it was never acknowledged.
/// Returns the number of bytes kept and the number cut.
fn cut_torn_line(path: &Path) -> std::io::Result<(u64, u64)> {
    let content = fs::read(path)?;
    let whole = content.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
    if whole < content.len() {
        let file = File::options().write(true).open(path)?;
        file.set_len(whole as u64)?;
        file.sync_all()?;
    }
    Ok((whole as u64, (content.len() - whole) as u64))
}

#[cfg(test)]
mod tests;
