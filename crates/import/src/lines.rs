//! Lines of a file of any size, in constant memory. Lines that cannot matter are skipped without being kept.

use std::io::{self, ErrorKind, Read};

use memchr::{memchr, memmem};

/// Longest line that is kept. Lines with usage have a few kilobytes; pictures and compacted histories have
/// hundreds of megabytes and are skipped.
pub(crate) const LINE_CAP: usize = 16 * 1024 * 1024;

/// Bytes read from the system at a time, and the size the buffer shrinks to after a long line.
const CHUNK_BYTES: usize = 256 * 1024;

/// How much of a line is enough to tell that it cannot matter.
pub(crate) const BEGINNING_BYTES: usize = 512;

/// One line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Line<'a> {
    /// From 1.
    pub(crate) number: u64,
    /// Whether a line end follows; only the last line of a file may lack it.
    pub(crate) ended: bool,
    /// Its content.
    pub(crate) content: Content<'a>,
}

/// The content of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content<'a> {
    /// Bytes without the line end, without a byte order mark, and without NULs at the ends.
    Bytes(&'a [u8]),
    /// Its beginning shows that it cannot matter.
    PassedOver,
    /// Too many bytes to keep (`bytes`); whether it contains the word without which it cannot matter.
    TooLong { bytes: u64, cap: usize, may_matter: bool },
}

/// Which lines matter to a reader.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Interest {
    /// Whether a line beginning like this cannot matter. Receives up to [`BEGINNING_BYTES`].
    pub(crate) passes_over: fn(&[u8]) -> bool,
    /// A line without this text cannot matter.
    pub(crate) word: &'static [u8],
}

/// Reads lines.
#[derive(Debug)]
pub(crate) struct Lines<R> {
    input: R,
    interest: Interest,
    cap: usize,
    buffer: Vec<u8>,
    /// The part of the buffer that is filled and not yet returned.
    filled: std::ops::Range<usize>,
    number: u64,
    bytes_read: u64,
}

impl<R: Read> Lines<R> {
    pub(crate) fn new(input: R, interest: Interest) -> Self {
        Self::with_cap(input, interest, LINE_CAP)
    }

    fn with_cap(input: R, interest: Interest, cap: usize) -> Self {
        Self { input, interest, cap, buffer: Vec::new(), filled: 0..0, number: 0, bytes_read: 0 }
    }

    /// Bytes of text returned so far, including line ends.
    pub(crate) fn bytes_read(&self) -> u64 {
        self.bytes_read
    }

    /// How many lines were started.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    pub(crate) fn input(&self) -> &R {
        &self.input
    }

    /// The next line; `None` at the end of the file.
    ///
    /// # Errors
    ///
    /// The system's error, if the file cannot be read any further.
    pub(crate) fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        if self.filled.is_empty() && self.buffer.len() > CHUNK_BYTES {
            self.buffer.truncate(CHUNK_BYTES);
            self.buffer.shrink_to_fit();
        }
        let mut searched = 0;
        loop {
            let held = &self.buffer[self.filled.clone()];
            if let Some(end) = memchr(b'\n', &held[searched..]) {
                let length = searched + end;
                return Ok(Some(self.line(length, true)));
            }
            searched = held.len();
            let passed_over =
                searched >= BEGINNING_BYTES && (self.interest.passes_over)(&held[..BEGINNING_BYTES]);
            if passed_over || searched > self.cap {
                return self.rest_of_long(passed_over).map(Some);
            }
            if !self.fill()? {
                return Ok((searched > 0).then(|| self.line(searched, false)));
            }
        }
    }

    /// The line of the next `length` bytes.
    fn line(&mut self, length: usize, ended: bool) -> Line<'_> {
        let from = self.filled.start;
        let taken = length + usize::from(ended);
        self.filled.start += taken;
        self.bytes_read += taken as u64;
        self.number += 1;
        let mut bytes = &self.buffer[from..from + length];
        // Editors on Windows put a byte order mark before the first line; it is not part of the line.
        if self.number == 1 {
            bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        }
        // A machine that lost power leaves NULs where it had not written yet.
        while let [rest @ .., 0] = bytes {
            bytes = rest;
        }
        while let [0, rest @ ..] = bytes {
            bytes = rest;
        }
        let beginning = &bytes[..bytes.len().min(BEGINNING_BYTES)];
        let content = if (self.interest.passes_over)(beginning) {
            Content::PassedOver
        } else if length > self.cap {
            let may_matter = memmem::find(bytes, self.interest.word).is_some();
            Content::TooLong { bytes: length as u64, cap: self.cap, may_matter }
        } else {
            Content::Bytes(bytes)
        };
        Line { number: self.number, ended, content }
    }

    /// Reads to the end of a line that is not kept.
    fn rest_of_long(&mut self, passed_over: bool) -> io::Result<Line<'_>> {
        self.number += 1;
        let finder = memmem::Finder::new(self.interest.word);
        let (mut length, mut may_matter, mut ended) = (0_u64, false, false);
        loop {
            let held = &self.buffer[self.filled.clone()];
            let end = memchr(b'\n', held);
            let part = &held[..end.unwrap_or(held.len())];
            may_matter |= !passed_over && !may_matter && finder.find(part).is_some();
            if let Some(end) = end {
                length += end as u64;
                self.filled.start += end + 1;
                ended = true;
                break;
            }
            // The word may be split: keep what may be its beginning.
            let kept = held.len().min(self.interest.word.len() - 1);
            length += (held.len() - kept) as u64;
            self.filled.start = self.filled.end - kept;
            if !self.fill()? {
                length += kept as u64;
                self.filled.start = self.filled.end;
                break;
            }
        }
        self.bytes_read += length + u64::from(ended);
        let content = if passed_over {
            Content::PassedOver
        } else {
            Content::TooLong { bytes: length, cap: self.cap, may_matter }
        };
        Ok(Line { number: self.number, ended, content })
    }

    /// Reads more input after what is held; false at the end.
    fn fill(&mut self) -> io::Result<bool> {
        if self.filled.start > 0 {
            self.buffer.copy_within(self.filled.clone(), 0);
            self.filled = 0..self.filled.len();
        }
        if self.buffer.len() < self.filled.end + CHUNK_BYTES / 2 {
            let length = (self.filled.end * 2).max(CHUNK_BYTES);
            self.buffer.resize(length, 0);
        }
        loop {
            match self.input.read(&mut self.buffer[self.filled.end..]) {
                Ok(0) => return Ok(false),
                Ok(count) => {
                    self.filled.end += count;
                    return Ok(true);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    /// Returns its bytes a few at a time.
    struct Trickle(Cursor<Vec<u8>>, usize);

    impl Read for Trickle {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let most = buffer.len().min(self.1);
            self.0.read(&mut buffer[..most])
        }
    }

    fn interest() -> Interest {
        Interest { passes_over: |beginning| beginning.starts_with(b"#"), word: b"word" }
    }

    fn lines(bytes: &[u8], step: usize, cap: usize) -> Vec<String> {
        let mut lines = Lines::with_cap(Trickle(Cursor::new(bytes.to_vec()), step), interest(), cap);
        let mut all = Vec::new();
        while let Some(line) = lines.next().unwrap() {
            let content = match line.content {
                Content::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
                Content::PassedOver => "-".to_owned(),
                Content::TooLong { bytes, may_matter, .. } => format!("{bytes} {may_matter}"),
            };
            all.push(format!("{} {content}{}", line.number, if line.ended { "" } else { "…" }));
        }
        assert_eq!(lines.bytes_read(), bytes.len() as u64);
        all
    }

    #[test]
    fn lines_are_the_same_in_whatever_pieces_they_come() {
        let long = format!("x{}word{}\n", "y".repeat(5_000), "z".repeat(900));
        let dull = "q".repeat(4_000);
        let skipped = format!("#{}word\n", "s".repeat(9_000));
        let text = format!("\u{feff}a\n\nb\0\0\n\0\0c\n{skipped}{long}{dull}\n#last");
        for step in [1, 2, 3, 7, 511, 512, 513, 1 << 20] {
            let got = lines(text.as_bytes(), step, 1_000);
            assert_eq!(
                got,
                ["1 a", "2 ", "3 b", "4 c", "5 -", "6 5905 true", "7 4000 false", "8 -…"],
                "in steps of {step}"
            );
        }
        assert_eq!(lines(b"", 1, 9), [""; 0]);
        assert_eq!(lines(b"a", 1, 9), ["1 a…"]);
        assert_eq!(lines(b"\n", 1, 9), ["1 "]);
    }

    #[test]
    fn memory_stays_flat_over_a_line_of_any_length() {
        let input = io::repeat(b'x').take(48 << 20).chain(&b"\nshort\n"[..]);
        let mut lines = Lines::with_cap(input, interest(), 1 << 20);
        let first = lines.next().unwrap().unwrap().content;
        assert_eq!(first, Content::TooLong { bytes: 48 << 20, cap: 1 << 20, may_matter: false });
        assert!(lines.buffer.capacity() <= 4 << 20, "{}", lines.buffer.capacity());
        assert_eq!(lines.next().unwrap().unwrap().content, Content::Bytes(b"short"));
    }
}
