//! The runs of a store, oldest first: a newer one hides what an older one has under the same key.

use std::cmp::Ordering;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::thread::JoinHandle;

use tollgate_files::disk::Disk;

use crate::change::Entry;
use crate::run::{Run, hash};

/// How many of the last runs of about one size are merged. Rows are written anew once for each such size, and a look-up
/// asks at most one filter fewer of each.
const FAN_IN: usize = 4;

/// Runs of up to this many bytes count as of one size, then up to four times as many, and so on.
const SMALLEST: u64 = 128 << 10;

/// Everything is merged when more than half of the entries are old, and there are more than this many.
const FEW_ENTRIES: u64 = 10_000;

/// From so many runs on, merging is waited for.
pub(crate) const MOST_RUNS: usize = 40;

/// Runs, oldest first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Runs(pub(crate) Vec<Arc<Run>>);

/// A merge on a thread of its own.
#[derive(Debug)]
pub(crate) struct Merging {
    old: Vec<u64>,
    given_up: Arc<AtomicBool>,
    thread: Option<JoinHandle<io::Result<Run>>>,
}

impl Runs {
    /// What the newest run that knows a key says of it.
    pub(crate) fn get(&self, key: &[u8]) -> io::Result<Option<Vec<u8>>> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let hash = hash(key);
        for run in self.0.iter().rev() {
            if let Some(found) = run.get(key, hash)? {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// Whether a removed row has to be written: some run may have it.
    pub(crate) fn may_hide(&self, key: &[u8]) -> bool {
        may_hide(&self.0, key)
    }

    /// The runs that should be merged now, if any, for a store of so many rows.
    pub(crate) fn due(&self, rows: u64) -> Option<Range<usize>> {
        let entries: u64 = self.0.iter().map(|run| run.state().entries).sum();
        if self.0.len() > 1 && entries > FEW_ENTRIES && entries / 2 > rows {
            return Some(0..self.0.len());
        }
        let last = size(self.0.last()?);
        let same = self.0.iter().rev().take_while(|run| size(run) <= last).count();
        (same >= FAN_IN).then(|| self.0.len() - same..self.0.len())
    }

    /// Begins to merge some of them into one of this number.
    pub(crate) fn merge(
        &self,
        range: Range<usize>,
        number: u64,
        disk: Arc<dyn Disk>,
        dir: PathBuf,
    ) -> io::Result<Merging> {
        let below: Vec<Arc<Run>> = self.0.get(..range.start).unwrap_or_default().to_vec();
        let old: Vec<Arc<Run>> = self.0.get(range).unwrap_or_default().to_vec();
        let given_up = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&given_up);
        let numbers = old.iter().map(|run| run.state().number).collect();
        let work = move || merged(&old, &below, number, &*disk, &dir, &stop);
        let thread = std::thread::Builder::new().name("tollgate-rows".to_owned()).spawn(work)?;
        Ok(Merging { old: numbers, given_up, thread: Some(thread) })
    }

    /// Replaces runs by what they were merged into. Returns the files of the old ones.
    pub(crate) fn adopt(&mut self, old: &[u64], merged: Run) -> Vec<PathBuf> {
        let is_old = |run: &Arc<Run>| old.contains(&run.state().number);
        let at = self.0.iter().position(is_old).unwrap_or(self.0.len());
        let files = self.0.iter().filter(|run| is_old(run)).map(|run| run.path().to_owned()).collect();
        self.0.retain(|run| !is_old(run));
        self.0.insert(at, Arc::new(merged));
        files
    }
}

impl Merging {
    /// Whether it is done.
    pub(crate) fn is_finished(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Waits for the merged run; also returns the numbers of those that it replaces.
    pub(crate) fn finish(mut self) -> io::Result<(Vec<u64>, Run)> {
        let joined = self.thread.take().map(JoinHandle::join);
        let merged = joined
            .unwrap_or_else(|| Ok(Err(io::Error::other("no merge"))))
            .unwrap_or_else(|_| Err(io::Error::other("merging files of rows panicked")))?;
        Ok((std::mem::take(&mut self.old), merged))
    }
}

impl Drop for Merging {
    fn drop(&mut self) {
        self.given_up.store(true, Relaxed);
        if let Some(thread) = self.thread.take() {
            // What it wrote is not known to the state of the store, and removed when that is opened.
            let _ = thread.join();
        }
    }
}

fn may_hide(older: &[Arc<Run>], key: &[u8]) -> bool {
    let hash = hash(key);
    older.iter().any(|run| !run.lacks(hash))
}

fn size(run: &Run) -> u32 {
    (run.state().tail_at / SMALLEST).checked_ilog(4).map_or(0, |size| size + 1)
}

fn merged(
    old: &[Arc<Run>],
    below: &[Arc<Run>],
    number: u64,
    disk: &dyn Disk,
    dir: &Path,
    given_up: &AtomicBool,
) -> io::Result<Run> {
    let most: u64 = old.iter().map(|run| run.state().entries).sum();
    let newest_first: Vec<_> = old.iter().rev().map(|run| run.from(&[])).collect();
    let entries = newest(newest_first)
        // A row that was removed has to be hidden only where something older may have it.
        .filter(|entry| match entry {
            Ok((key, None)) => may_hide(below, key),
            Ok((_, Some(_))) | Err(_) => true,
        })
        .map(|entry| match given_up.load(Relaxed) {
            true => Err(io::Error::other("the store is closed")),
            false => entry,
        });
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    Run::write(disk, dir, number, most, |out| {
        for entry in entries {
            let (key, value) = entry?;
            out.add(&key, value.as_deref())?;
        }
        Ok(())
    })
}

/// The entries of several sources, each in order, in order; of equal keys that of the first source.
pub(crate) fn newest<E>(
    sources: Vec<impl Iterator<Item = Result<Entry, E>>>,
) -> impl Iterator<Item = Result<Entry, E>> {
    let mut sources: Vec<Source<_, E>> = sources.into_iter().map(Source::new).collect();
    std::iter::from_fn(move || {
        let mut first: Option<(usize, &[u8])> = None;
        for (nth, source) in sources.iter().enumerate() {
            match &source.head {
                Some(Ok((key, _))) if first.is_none_or(|(_, least)| **key < *least) => {
                    first = Some((nth, key))
                }
                Some(Err(_)) => {
                    first = Some((nth, &[]));
                    break;
                }
                Some(Ok(_)) | None => {}
            }
        }
        let (nth, _) = first?;
        let (taken, later) = sources.get_mut(nth..)?.split_first_mut()?;
        let entry = taken.advance()?;
        if let Ok((key, _)) = &entry {
            for hidden in later.iter_mut().filter(|source| source.is_at(key)) {
                hidden.advance();
            }
        }
        Some(entry)
    })
}

/// Entries that are not owned.
pub(crate) type EntryRef<'a> = (&'a [u8], Option<&'a [u8]>);

/// The entries of two sources, each in order, in order; of equal keys that of the first.
pub(crate) fn newest_of_two<'a>(
    one: impl Iterator<Item = EntryRef<'a>>,
    other: impl Iterator<Item = EntryRef<'a>>,
) -> impl Iterator<Item = EntryRef<'a>> {
    let (mut one, mut other) = (one.peekable(), other.peekable());
    std::iter::from_fn(move || {
        let order = match (one.peek(), other.peek()) {
            (Some((key, _)), Some((older, _))) => key.cmp(older),
            (Some(_), None) => Ordering::Less,
            (None, _) => Ordering::Greater,
        };
        if order == Ordering::Equal {
            other.next();
        }
        if order == Ordering::Greater { other.next() } else { one.next() }
    })
}

/// Entries, the next of which can be seen.
struct Source<I, E> {
    head: Option<Result<Entry, E>>,
    rest: I,
}

impl<E, I: Iterator<Item = Result<Entry, E>>> Source<I, E> {
    fn new(mut rest: I) -> Self {
        Self { head: rest.next(), rest }
    }

    fn advance(&mut self) -> Option<Result<Entry, E>> {
        std::mem::replace(&mut self.head, self.rest.next())
    }

    fn is_at(&self, key: &[u8]) -> bool {
        self.head.as_ref().is_some_and(|head| head.as_ref().is_ok_and(|(other, _)| *other == key))
    }
}

#[cfg(test)]
mod tests {
    use tollgate_files::disk::RealDisk;

    use super::*;
    use crate::run::tests::written;

    fn run(dir: &Path, number: u64, keys: Range<u32>, bytes: usize) -> Arc<Run> {
        let entries =
            keys.clone().map(|key| Ok((key.to_be_bytes().to_vec(), Some(vec![number as u8; bytes]))));
        Arc::new(written(&RealDisk, dir, number, entries.collect::<io::Result<Vec<Entry>>>().unwrap()))
    }

    #[test]
    fn of_equal_keys_the_first_source_wins() {
        let source = |entries: &[(&str, Option<&str>)]| {
            let owned = entries.iter().map(|(key, value)| (key.as_bytes().to_vec(), value.map(|v| v.into())));
            owned.map(Ok::<_, ()>).collect::<Vec<_>>().into_iter()
        };
        let merged = newest(vec![
            source(&[("b", Some("new")), ("d", None)]),
            source(&[("a", Some("1")), ("b", Some("old")), ("d", Some("gone")), ("e", Some("2"))]),
            source(&[("b", Some("oldest"))]),
        ]);
        let merged: Vec<_> = merged.map(|entry| entry.unwrap()).collect();
        let expected: Vec<Entry> = vec![
            (b"a".to_vec(), Some(b"1".to_vec())),
            (b"b".to_vec(), Some(b"new".to_vec())),
            (b"d".to_vec(), None),
            (b"e".to_vec(), Some(b"2".to_vec())),
        ];
        assert_eq!(merged, expected);
    }

    #[test]
    fn four_of_one_size_are_merged_and_smaller_ones_between_them_too() {
        let dir = tempfile::tempdir().unwrap();
        let small = |number: u32| run(dir.path(), u64::from(number), number * 100..number * 100 + 10, 10);
        let mut runs = Runs(vec![run(dir.path(), 50, 0..2_000, 200), small(1), small(2), small(3)]);
        assert_eq!(runs.due(3_000), None);
        runs.0.push(small(4));
        assert_eq!(runs.due(3_000), Some(1..5));
        runs.0.push(run(dir.path(), 51, 5_000..7_000, 200));
        assert_eq!(runs.due(3_000), Some(0..6), "as large as the oldest");
    }

    #[test]
    fn all_are_merged_when_most_of_them_is_old() {
        let dir = tempfile::tempdir().unwrap();
        let runs = Runs((1..=3).map(|number| run(dir.path(), number, 0..5_000, 10)).collect());
        assert_eq!(runs.due(8_000), None);
        assert_eq!(runs.due(5_000), Some(0..3));
        let merging = runs.merge(0..3, 9, Arc::new(RealDisk), dir.path().to_owned()).unwrap();
        let (old, merged) = merging.finish().unwrap();
        assert_eq!((&old[..], merged.state().entries), (&[1, 2, 3][..], 5_000));
        let mut after = runs.clone();
        assert_eq!(after.adopt(&old, merged).len(), 3);
        assert_eq!(after.get(&7_u32.to_be_bytes()).unwrap(), Some(vec![3; 10]));
        assert_eq!((after.0.len(), after.due(5_000)), (1, None));
    }

    #[test]
    fn a_removed_row_is_forgotten_where_nothing_older_may_have_it() {
        let dir = tempfile::tempdir().unwrap();
        let key = |key: u32| key.to_be_bytes().to_vec();
        let removed = |number, keys: Range<u32>| {
            Arc::new(written(&RealDisk, dir.path(), number, keys.map(|nth| (key(nth), None)).collect()))
        };
        // Those of the first run are removed by the last, and so are those of the second, which is merged with it.
        let runs = Runs(vec![
            run(dir.path(), 1, 0..100, 10),
            run(dir.path(), 2, 1000..1100, 10),
            removed(3, 50..1100),
        ]);
        let (old, merged) =
            runs.merge(1..3, 9, Arc::new(RealDisk), dir.path().to_owned()).unwrap().finish().unwrap();
        // Fifty, and the few that the filter of the first does not rule out.
        assert!((50..80).contains(&merged.state().entries), "{:?}", merged.state());
        let mut after = runs.clone();
        after.adopt(&old, merged);
        for nth in 0..1100 {
            assert_eq!(after.get(&key(nth)).unwrap(), (nth < 50).then(|| vec![1; 10]), "{nth}");
        }
        let (_, all) =
            after.merge(0..2, 10, Arc::new(RealDisk), dir.path().to_owned()).unwrap().finish().unwrap();
        assert_eq!(all.state().entries, 50);
    }
}
