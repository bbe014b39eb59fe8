//! Rows of closed tasks, out of memory: appended to a file without a name, which ends with the run, and read back when
//! a closed task is heard of again, and at the end.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};

use crate::error::ReplayError;

/// So many bytes are written at once. A short history never needs the file.
const AT_ONCE: usize = 256 * 1024;

/// Where bytes are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kept {
    at: u64,
    length: u32,
}

/// Bytes out of memory, but for the latest.
#[derive(Default)]
pub(super) struct Shelf {
    file: Option<File>,
    /// How many bytes the file has.
    written: u64,
    latest: Vec<u8>,
}

impl Shelf {
    /// Keeps some bytes.
    pub(super) fn put(&mut self, bytes: &[u8]) -> Result<Kept, ReplayError> {
        let at = self.written.saturating_add(self.latest.len() as u64);
        self.latest.extend_from_slice(bytes);
        if self.latest.len() >= AT_ONCE {
            self.write().map_err(|error| failed("writing", &error))?;
        }
        // A row has at most the events of a task; one of 4 GiB would not fit the log's own limits.
        Ok(Kept { at, length: u32::try_from(bytes.len()).unwrap_or(u32::MAX) })
    }

    /// The bytes that were kept there.
    pub(super) fn get(&mut self, kept: Kept) -> Result<Vec<u8>, ReplayError> {
        let length = kept.length as usize;
        if let Some(from) = kept.at.checked_sub(self.written) {
            // What is behind the file's end is in memory, whole: it is written whole.
            let from = usize::try_from(from).unwrap_or(usize::MAX);
            let bytes = from.checked_add(length).and_then(|to| self.latest.get(from..to));
            return Ok(bytes.unwrap_or_default().to_vec());
        }
        self.read(kept.at, length).map_err(|error| failed("reading", &error))
    }

    fn write(&mut self) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(tempfile::tempfile()?),
        };
        file.seek(SeekFrom::Start(self.written))?;
        file.write_all(&self.latest)?;
        self.written = self.written.saturating_add(self.latest.len() as u64);
        self.latest.clear();
        Ok(())
    }

    fn read(&mut self, at: u64, length: usize) -> io::Result<Vec<u8>> {
        let Some(file) = &mut self.file else { return Err(io::ErrorKind::NotFound.into()) };
        file.seek(SeekFrom::Start(at))?;
        let mut bytes = vec![0; length];
        file.read_exact(&mut bytes)?;
        Ok(bytes)
    }
}

fn failed(action: &'static str, error: &io::Error) -> ReplayError {
    let path = format!("a file for closed tasks in {}", std::env::temp_dir().display());
    let message = format!("{error}; TMPDIR names another directory");
    ReplayError::Files { action, path, message }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_read_back_from_memory_and_from_the_file() {
        let mut shelf = Shelf::default();
        let bytes = |nth: usize| vec![u8::try_from(nth % 251).unwrap(); 1 + nth * 37 % 9000];
        let kept: Vec<Kept> = (0..400).map(|nth| shelf.put(&bytes(nth)).unwrap()).collect();
        assert!(shelf.file.is_some() && !shelf.latest.is_empty(), "some are in the file, and some are not");
        for nth in [399, 0, 7, 398, 200, 0] {
            assert_eq!(shelf.get(kept[nth]).unwrap(), bytes(nth), "{nth}");
        }
        let again = shelf.put(&bytes(5)).unwrap();
        assert_eq!(shelf.get(again).unwrap(), bytes(5));
        assert_eq!(shelf.get(kept[399]).unwrap(), bytes(399));
    }
}
