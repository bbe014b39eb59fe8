//! Closed tasks, out of memory: appended to a file, and read back when a closed task is heard of again, and at the end.
//! The file has no name and ends with the run, or is one of the run's own directory, from which another run goes on.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::ReplayError;

/// So many bytes are written at once. A short history never needs the file.
const AT_ONCE: usize = 256 * 1024;

/// Where something is.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Kept {
    at: u64,
    length: u32,
}

/// What is out of memory, but for the latest. What is stored of it says which bytes its file has.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Shelf {
    /// How many bytes the file has.
    written: u64,
    /// Their hash, when it was flushed last.
    hash: [u8; 32],
    #[serde(skip)]
    hasher: blake3::Hasher,
    /// Where its file is; `None`: in the temporary directory, without a name.
    #[serde(skip)]
    path: Option<PathBuf>,
    #[serde(skip)]
    file: Option<File>,
    #[serde(skip)]
    latest: Vec<u8>,
}

impl Shelf {
    /// One whose file has this name. Nothing that is there is used.
    pub(crate) fn at(path: PathBuf) -> Self {
        Self { path: Some(path), ..Self::default() }
    }

    /// Goes on with the file that it had when it was stored. Returns whether that is whole.
    pub(crate) fn reopen(&mut self, path: &Path) -> Result<bool, ReplayError> {
        self.path = Some(path.to_owned());
        if self.written == 0 {
            return Ok(true);
        }
        let file = match OpenOptions::new().read(true).write(true).open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(self.failed("reading", &error)),
        };
        let read = self.hasher.update_reader((&file).take(self.written)).map(|hasher| hasher.finalize());
        let hash = read.map_err(|error| self.failed("reading", &error))?;
        self.file = Some(file);
        Ok(self.hasher.count() == self.written && *hash.as_bytes() == self.hash)
    }

    /// Keeps something.
    pub(crate) fn put(&mut self, what: &impl Serialize) -> Result<Kept, ReplayError> {
        let at = self.written.saturating_add(self.latest.len() as u64);
        let length =
            bincode::serde::encode_into_std_write(what, &mut self.latest, bincode::config::standard())
                .expect("plain data is encoded into memory, as the view store does");
        if self.latest.len() >= AT_ONCE {
            self.write().map_err(|error| self.failed("writing", &error))?;
        }
        // A task has at most the events of a log; one of 4 GiB would not fit the log's own limits.
        Ok(Kept { at, length: u32::try_from(length).unwrap_or(u32::MAX) })
    }

    /// What was kept there.
    pub(crate) fn get<T: DeserializeOwned>(&mut self, kept: Kept) -> Result<T, ReplayError> {
        let length = kept.length as usize;
        let mut read = Vec::new();
        let bytes = match kept.at.checked_sub(self.written) {
            // What is behind the file's end is in memory, whole: it is written whole.
            Some(from) => {
                let from = usize::try_from(from).unwrap_or(usize::MAX);
                from.checked_add(length).and_then(|to| self.latest.get(from..to)).unwrap_or_default()
            }
            None => {
                read.resize(length, 0);
                self.read(kept.at, &mut read).map_err(|error| self.failed("reading", &error))?;
                &read
            }
        };
        let decoded = bincode::serde::decode_from_slice(bytes, bincode::config::standard());
        decoded.map(|(what, _)| what).map_err(|error| self.failed("decoding", &io::Error::other(error)))
    }

    /// Writes what is still in memory, so that what is stored of it holds.
    pub(crate) fn flush(&mut self) -> Result<(), ReplayError> {
        if !self.latest.is_empty() {
            self.write().map_err(|error| self.failed("writing", &error))?;
        }
        // What a power failure takes is missed by the hash: then it is read anew.
        self.hash = *self.hasher.finalize().as_bytes();
        Ok(())
    }

    fn write(&mut self) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(match &self.path {
                Some(path) => tollgate_files::private_file()
                    .read(true)
                    .write(true)
                    .create(true)
                    .truncate(true)
                    .open(path)?,
                None => tempfile::tempfile()?,
            }),
        };
        file.seek(SeekFrom::Start(self.written))?;
        file.write_all(&self.latest)?;
        if self.path.is_some() {
            self.hasher.update(&self.latest);
        }
        self.written = self.written.saturating_add(self.latest.len() as u64);
        self.latest.clear();
        Ok(())
    }

    fn read(&self, at: u64, bytes: &mut [u8]) -> io::Result<()> {
        let Some(mut file) = self.file.as_ref() else { return Err(io::ErrorKind::NotFound.into()) };
        file.seek(SeekFrom::Start(at))?;
        file.read_exact(bytes)
    }

    fn failed(&self, action: &'static str, error: &io::Error) -> ReplayError {
        let (path, message) = match &self.path {
            Some(path) => (path.display().to_string(), error.to_string()),
            None => (
                format!("a file for closed tasks in {}", std::env::temp_dir().display()),
                format!("{error}; TMPDIR names another directory"),
            ),
        };
        ReplayError::Files { action, path, message }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(nth: usize) -> Vec<u8> {
        vec![u8::try_from(nth % 251).unwrap(); 1 + nth * 37 % 9000]
    }

    fn filled(shelf: &mut Shelf) -> Vec<Kept> {
        (0..400).map(|nth| shelf.put(&bytes(nth)).unwrap()).collect()
    }

    #[test]
    fn bytes_are_read_back_from_memory_and_from_the_file() {
        let mut shelf = Shelf::default();
        let kept = filled(&mut shelf);
        assert!(shelf.file.is_some() && !shelf.latest.is_empty(), "some are in the file, and some are not");
        for nth in [399, 0, 7, 398, 200, 0] {
            assert_eq!(shelf.get::<Vec<u8>>(kept[nth]).unwrap(), bytes(nth), "{nth}");
        }
        let again = shelf.put(&bytes(5)).unwrap();
        assert_eq!(shelf.get::<Vec<u8>>(again).unwrap(), bytes(5));
        assert_eq!(shelf.get::<Vec<u8>>(kept[399]).unwrap(), bytes(399));
    }

    #[test]
    fn another_run_goes_on_with_what_was_flushed() {
        let dir = tollgate_test_process::temporary();
        let path = dir.path().join("shelf");
        let mut shelf = Shelf::at(path.clone());
        let kept = filled(&mut shelf);
        shelf.flush().unwrap();
        let stored = serde_json::to_string(&shelf).unwrap();
        // Of a run that was killed before it was saved again.
        filled(&mut shelf);
        drop(shelf);
        let reopened = || serde_json::from_str::<Shelf>(&stored).unwrap();
        let mut shelf = reopened();
        assert!(shelf.reopen(&path).unwrap());
        let more = shelf.put(&bytes(3)).unwrap();
        shelf.flush().unwrap();
        for (kept, nth) in [(kept[0], 0), (kept[399], 399), (more, 3)] {
            assert_eq!(shelf.get::<Vec<u8>>(kept).unwrap(), bytes(nth), "{nth}");
        }
        // What is damaged, cut off or gone is not used.
        let whole = std::fs::read(&path).unwrap();
        for damaged in [Some([&[whole[0] ^ 1], &whole[1..]].concat()), Some(whole[..1000].to_vec()), None] {
            match &damaged {
                Some(bytes) => std::fs::write(&path, bytes).unwrap(),
                None => std::fs::remove_file(&path).unwrap(),
            }
            assert!(!reopened().reopen(&path).unwrap());
        }
    }
}
