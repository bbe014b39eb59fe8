//! The last text of each source, with its age and its checksum: what is used between two requests, and when
//! there is no network.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tollgate_domain::hex::hex_of_sha256;
use tollgate_domain::time::Timestamp;

/// A text as it was fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cached {
    /// The text.
    pub(crate) text: String,
    /// Its SHA-256, 64 hex digits.
    pub(crate) checksum: String,
    /// When it was fetched.
    pub(crate) fetched_at: Timestamp,
}

impl Cached {
    /// A text that was just fetched.
    pub(crate) fn new(text: String, fetched_at: Timestamp) -> Self {
        let checksum = checksum(&text);
        Self { text, checksum, fetched_at }
    }

    /// How long ago that was, in milliseconds.
    pub(crate) fn age_ms(&self, now: Timestamp) -> i64 {
        now.millis_since(self.fetched_at).max(0)
    }
}

/// All of the SHA-256.
fn checksum(text: &str) -> String {
    hex_of_sha256(text, 32)
}

/// What stands beside a text.
#[derive(Serialize, Deserialize)]
struct Beside {
    /// Where the text is from: another address has another text.
    from: String,
    checksum: String,
    fetched_at: Timestamp,
    /// When the source was last asked, whatever came of it.
    asked_at: Timestamp,
}

/// The cache of one source.
pub(crate) struct Cache<'a> {
    dir: &'a Path,
    id: &'a str,
    from: &'a str,
}

impl<'a> Cache<'a> {
    pub(crate) const fn new(dir: &'a Path, id: &'a str, from: &'a str) -> Self {
        Self { dir, id, from }
    }

    fn path(&self, extension: &str) -> PathBuf {
        self.dir.join(format!("{}.{extension}", self.id))
    }

    fn beside(&self) -> Option<Beside> {
        let text = std::fs::read_to_string(self.path("json")).ok()?;
        serde_json::from_str(&text).ok().filter(|beside: &Beside| beside.from == self.from)
    }

    /// The text, if it is whole: one whose checksum is another is none.
    pub(crate) fn read(&self) -> Option<Cached> {
        let beside = self.beside()?;
        let text = tollgate_files::read_settings(&self.path("list")).ok()?;
        let checksum = checksum(&text);
        (checksum == beside.checksum).then_some(Cached { text, checksum, fetched_at: beside.fetched_at })
    }

    /// When the source was last asked.
    pub(crate) fn asked_at(&self) -> Option<Timestamp> {
        self.beside().map(|beside| beside.asked_at)
    }

    /// Keeps a text that can be read. A crash in between leaves a checksum that does not match: no text.
    pub(crate) fn keep(&self, cached: &Cached) -> io::Result<()> {
        tollgate_files::make_private_dirs(self.dir)?;
        tollgate_files::replace(&self.path("list"), cached.text.as_bytes())?;
        self.note(&cached.checksum, cached.fetched_at, cached.fetched_at)
    }

    /// Keeps that the source was asked in vain.
    pub(crate) fn asked_in_vain(&self, at: Timestamp) -> io::Result<()> {
        tollgate_files::make_private_dirs(self.dir)?;
        match self.beside() {
            Some(beside) => self.note(&beside.checksum, beside.fetched_at, at),
            None => self.note("", Timestamp::default(), at),
        }
    }

    fn note(&self, checksum: &str, fetched_at: Timestamp, asked_at: Timestamp) -> io::Result<()> {
        let beside =
            Beside { from: self.from.to_owned(), checksum: checksum.to_owned(), fetched_at, asked_at };
        let text = serde_json::to_vec(&beside).map_err(io::Error::other)?;
        tollgate_files::replace(&self.path("json"), &text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000).unwrap()
    }

    #[test]
    fn a_text_is_kept_with_its_age_and_one_that_was_changed_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::new(dir.path(), "a", "https://a");
        assert_eq!((cache.read(), cache.asked_at()), (None, None));
        let kept = Cached::new("{}".to_owned(), at(5));
        cache.keep(&kept).unwrap();
        assert_eq!((cache.read().as_ref(), cache.asked_at()), (Some(&kept), Some(at(5))));
        cache.asked_in_vain(at(9)).unwrap();
        assert_eq!((cache.read().as_ref(), cache.asked_at()), (Some(&kept), Some(at(9))));
        assert_eq!(kept.age_ms(at(9)), 4_000);
        assert_eq!(Cache::new(dir.path(), "a", "https://b").read(), None);
        std::fs::write(dir.path().join("a.list"), "{ }").unwrap();
        assert_eq!(cache.read(), None);
    }
}
