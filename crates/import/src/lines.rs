//! Lines of a file of any size, in constant memory, each with its number and with what keeps it from being text.

use std::io::{self, BufRead, ErrorKind};

/// Longest line that is kept. Codex writes pasted images into its lines, so megabytes are normal; a line of 64 MiB is
/// no session any more, and memory stays bounded.
pub(crate) const LINE_CAP: usize = 64 * 1024 * 1024;

/// What the buffer shrinks to after a long line.
const USUAL_LINE: usize = 1024 * 1024;

/// One line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Line<'a> {
    /// From 1.
    pub(crate) number: u64,
    /// Whether a line end follows; only the last line of a file may lack it.
    pub(crate) ended: bool,
    /// What is in it.
    pub(crate) content: Content<'a>,
}

/// What is in a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content<'a> {
    /// Text, without the line end.
    Text(&'a str),
    /// Not UTF-8 from this column on, counted from 1.
    NotUtf8 { column: usize },
    /// This many bytes, too many to keep.
    TooLong { bytes: u64, cap: usize },
}

/// Reads lines.
#[derive(Debug)]
pub(crate) struct Lines<R> {
    input: R,
    cap: usize,
    buffer: Vec<u8>,
    number: u64,
    bytes_read: u64,
}

impl<R: BufRead> Lines<R> {
    pub(crate) fn new(input: R) -> Self {
        Self::with_cap(input, LINE_CAP)
    }

    fn with_cap(input: R, cap: usize) -> Self {
        Self { input, cap, buffer: Vec::new(), number: 0, bytes_read: 0 }
    }

    /// Bytes taken from the file, line ends included.
    pub(crate) fn bytes_read(&self) -> u64 {
        self.bytes_read
    }

    /// How many lines were begun.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// The next line; `None` at the end of the file.
    ///
    /// # Errors
    ///
    /// The system's, when the file cannot be read on.
    pub(crate) fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        self.buffer.clear();
        self.buffer.shrink_to(USUAL_LINE);
        let before = self.bytes_read;
        let mut length: u64 = 0;
        let ended = loop {
            let chunk = match self.input.fill_buf() {
                Ok(chunk) => chunk,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if chunk.is_empty() {
                break false;
            }
            let end = chunk.iter().position(|&byte| byte == b'\n');
            let part = &chunk[..end.unwrap_or(chunk.len())];
            length += part.len() as u64;
            if length <= self.cap as u64 {
                self.buffer.extend_from_slice(part);
            }
            let taken = part.len() + usize::from(end.is_some());
            self.bytes_read += taken as u64;
            self.input.consume(taken);
            if end.is_some() {
                break true;
            }
        };
        if self.bytes_read == before {
            return Ok(None);
        }
        self.number += 1;
        let content = if length > self.cap as u64 {
            Content::TooLong { bytes: length, cap: self.cap }
        } else {
            text(self.number, &self.buffer)
        };
        Ok(Some(Line { number: self.number, ended, content }))
    }
}

fn text(number: u64, bytes: &[u8]) -> Content<'_> {
    match str::from_utf8(bytes) {
        // Editors on Windows put a byte order mark before the first line; it is no part of it.
        Ok(text) if number == 1 => Content::Text(text.strip_prefix('\u{feff}').unwrap_or(text)),
        Ok(text) => Content::Text(text),
        Err(error) => Content::NotUtf8 { column: error.valid_up_to() + 1 },
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufReader, Read};

    use super::*;

    /// All lines as `number content`, an unended one with a `…` behind it. A small buffer, so that lines span chunks.
    fn all(bytes: &[u8], cap: usize) -> Vec<String> {
        let mut lines = Lines::with_cap(BufReader::with_capacity(3, bytes), cap);
        let mut found = Vec::new();
        while let Some(line) = lines.next().unwrap() {
            let end = if line.ended { "" } else { "…" };
            found.push(match line.content {
                Content::Text(text) => format!("{} {text}{end}", line.number),
                Content::NotUtf8 { column } => format!("{} bad at {column}{end}", line.number),
                Content::TooLong { bytes, cap } => format!("{} {bytes} > {cap}{end}", line.number),
            });
        }
        assert_eq!(lines.bytes_read(), bytes.len() as u64);
        assert_eq!(lines.number(), found.len() as u64);
        found
    }

    #[test]
    fn lines_keep_their_numbers_whatever_is_in_them() {
        assert_eq!(all(b"", 9), [""; 0]);
        assert_eq!(all(b"\n", 9), ["1 "]);
        assert_eq!(all(b"one\ntwo", 9), ["1 one", "2 two…"]);
        assert_eq!(all(b"one\n\nthree\n", 9), ["1 one", "2 ", "3 three"]);
        assert_eq!(all("\u{feff}a\n\u{feff}b".as_bytes(), 9), ["1 a", "2 \u{feff}b…"]);
        assert_eq!(all(b"ab\xffc\nd\xc3", 9), ["1 bad at 3", "2 bad at 2…"]);
    }

    #[test]
    fn a_line_of_the_cap_is_kept_and_a_longer_one_is_not() {
        assert_eq!(all(b"12345\n123456\nnext\n", 5), ["1 12345", "2 6 > 5", "3 next"]);
        assert_eq!(all(b"123456789", 5), ["1 9 > 5…"]);
    }

    #[test]
    fn a_long_line_is_not_kept_in_memory() {
        let endless = io::repeat(b'x').take(4_000_000).chain(&b"\nok\n"[..]);
        let mut lines = Lines::with_cap(BufReader::new(endless), 1000);
        assert_eq!(lines.next().unwrap().unwrap().content, Content::TooLong { bytes: 4_000_000, cap: 1000 });
        assert_eq!(lines.next().unwrap().unwrap().content, Content::Text("ok"));
        assert!(lines.buffer.capacity() < 100_000, "{}", lines.buffer.capacity());
    }
}
