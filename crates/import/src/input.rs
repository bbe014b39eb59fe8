//! Opening a session file, compressed or not.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use crate::item::ImportProblem;
use crate::sources::unreadable;

/// Largest window of a compressed file, as a power of two: what the format's own tools accept by default. It
/// bounds the memory that a file can claim.
const WINDOW_LOG_MAX: u32 = 27;

/// Bytes of a file, and how many of them were consumed.
pub(crate) trait Input: Read + std::fmt::Debug {
    /// Bytes consumed from the file itself.
    fn taken(&self) -> u64;
}

/// Opens a file; one whose name ends in `.zst` is decompressed on the fly.
pub(crate) fn open(path: &Path) -> Result<Box<dyn Input>, ImportProblem> {
    let file = File::open(path).map_err(|error| unreadable(path, None, &error))?;
    let counted = Counted { inner: file, taken: 0 };
    if path.extension().is_some_and(|extension| extension == "zst") {
        let decoder = zstd::Decoder::new(counted).and_then(|mut decoder| {
            decoder.window_log_max(WINDOW_LOG_MAX)?;
            Ok(decoder)
        });
        return Ok(Box::new(Zstd(decoder.map_err(|error| unreadable(path, None, &error))?)));
    }
    Ok(Box::new(counted))
}

/// An input from any reader.
pub(crate) fn of<R: Read + 'static>(inner: R) -> Box<dyn Input> {
    Box::new(Counted { inner, taken: 0 })
}

struct Counted<R> {
    inner: R,
    taken: u64,
}

impl<R> std::fmt::Debug for Counted<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Counted").field("taken", &self.taken).finish_non_exhaustive()
    }
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.taken += count as u64;
        Ok(count)
    }
}

impl<R: Read> Input for Counted<R> {
    fn taken(&self) -> u64 {
        self.taken
    }
}

struct Zstd(zstd::Decoder<'static, BufReader<Counted<File>>>);

impl std::fmt::Debug for Zstd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Zstd").field(self.0.get_ref().get_ref()).finish()
    }
}

impl Read for Zstd {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Input for Zstd {
    fn taken(&self) -> u64 {
        self.0.get_ref().get_ref().taken
    }
}
