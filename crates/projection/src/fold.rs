//! The contract of a fold, and what it needs from the keeper of its rows.

use serde::Serialize;
use serde::de::DeserializeOwned;
use tollgate_domain::event::RecordedEvent;
use tollgate_domain::position::Sequence;
use tollgate_domain::time::Timestamp;

/// The pure fold that builds one view.
///
/// Each event arrives once and in the order of its partition. Rows depend on nothing else: not on how events
/// were batched into records, when rows were stored, or which other partitions are folded alongside.
pub trait Projection: Send + Sync + 'static {
    /// The view's name.
    const NAME: &'static str;

    /// The version of its rows: a different version is a different view, built from the log.
    const VERSION: u32;

    /// Whether appenders wait for its answer, as they do for the gate: it is then folded record by record.
    /// Others are folded in groups, a moment later.
    const AWAITED: bool = false;

    /// What it keeps under a key.
    type Row: Serialize + DeserializeOwned + Clone + Send + Sync + 'static;

    /// What its rows add up to and are listed by, kept beside them: see [`Kept`]. `()` for nothing.
    type Kept: Kept<Self::Row>;

    /// What is kept up to date beside the rows, in memory only, and begins empty whenever the view is opened:
    /// answers that questions have asked for and will ask for again. `()` for none.
    type Live: Default + Send + 'static;

    /// Folds one event into the rows.
    ///
    /// # Errors
    ///
    /// Only the row keeper's error when a row cannot be loaded.
    fn apply<R: Rows<Self::Row>>(&self, event: &RecordedEvent<'_>, rows: &mut R) -> Result<(), R::Error>;

    /// Brings what is kept beside the rows up to date with an event that was applied. Does nothing by default.
    fn follow(&self, event: &RecordedEvent<'_>, live: &mut Self::Live) {
        let _ = (event, live);
    }

    /// Handles an event that is not counted because its id is taken, on logs that cannot refuse it on
    /// arrival. Does nothing by default.
    ///
    /// # Errors
    ///
    /// Same as [`Self::apply`].
    fn conflict<R: Rows<Self::Row>>(&self, conflict: &Conflict<'_>, rows: &mut R) -> Result<(), R::Error> {
        let _ = (conflict, rows);
        Ok(())
    }

    /// Handles a record that is the last one about a decision subject although some of its events are not
    /// counted: the log compares the next decision with it. Does nothing by default.
    ///
    /// # Errors
    ///
    /// Same as [`Self::apply`].
    fn last_decision<R: Rows<Self::Row>>(
        &self,
        tenant: &str,
        subject: &str,
        record: Sequence,
        rows: &mut R,
    ) -> Result<(), R::Error> {
        let _ = (tenant, subject, record, rows);
        Ok(())
    }
}

/// An event in the log under an id that was already used by another event with different content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conflict<'a> {
    /// Its record.
    pub sequence: Sequence,
    /// The record of the event that has the id.
    pub original: Sequence,
    /// When its record was appended.
    pub recorded_at: Timestamp,
    /// Owner of the task.
    pub tenant: &'a str,
    /// The task.
    pub task: &'a str,
    /// Its producer.
    pub producer: &'a str,
    /// Its id.
    pub id: &'a str,
}

/// The rows of a view while events are folded into them.
pub trait Rows<Row> {
    /// Why a row could not be loaded.
    type Error;

    /// The row under a key, to be changed; created if there is none.
    ///
    /// # Errors
    ///
    /// If the row cannot be loaded.
    fn change(&mut self, key: &[u8], make: impl FnOnce() -> Row) -> Result<&mut Row, Self::Error>;

    /// The row under a key.
    ///
    /// # Errors
    ///
    /// If the row cannot be loaded.
    fn get(&mut self, key: &[u8]) -> Result<Option<&Row>, Self::Error>;
}

/// What is kept beside the rows of a view, in entries of its own, so that a question about many rows reads few: sums of
/// what the rows contribute, and rows in another order.
///
/// The entries follow from the rows of the moment and from nothing else, however often they were brought up to date in
/// between: what a row no longer contributes is taken back exactly, and an entry of nothing is removed.
pub trait Kept<Row>: Send + Sync + 'static {
    /// Whether anything is kept.
    const ANY: bool;

    /// What one row contributes.
    type Part: Send + Sync + 'static;

    /// What rows add to entries that many of them share, until a few rows are done.
    type Gathered: Default;

    /// What is kept under a key.
    type Entry: Serialize + DeserializeOwned + Clone + Send + Sync + 'static;

    /// What a row contributes.
    fn part(key: &[u8], row: &Row) -> Self::Part;

    /// Takes back what a row contributed, unless it is new, and adds what it contributes now: to the entries, or to
    /// what is gathered for them.
    ///
    /// # Errors
    ///
    /// Only the keeper's error when an entry cannot be loaded.
    fn change<E: Entries<Self::Entry>>(
        key: &[u8],
        was: Option<&Self::Part>,
        now: &Self::Part,
        gathered: &mut Self::Gathered,
        entries: &mut E,
    ) -> Result<(), E::Error>;

    /// Brings the entries up to date with what was gathered.
    ///
    /// # Errors
    ///
    /// Same as [`Self::change`].
    fn settle<E: Entries<Self::Entry>>(gathered: Self::Gathered, entries: &mut E) -> Result<(), E::Error>;
}

impl<Row> Kept<Row> for () {
    const ANY: bool = false;
    type Part = ();
    type Gathered = ();
    type Entry = ();

    fn part(_: &[u8], _: &Row) {}

    fn change<E: Entries<()>>(
        _: &[u8],
        _: Option<&()>,
        (): &(),
        (): &mut (),
        _: &mut E,
    ) -> Result<(), E::Error> {
        Ok(())
    }

    fn settle<E: Entries<()>>((): (), _: &mut E) -> Result<(), E::Error> {
        Ok(())
    }
}

/// The entries that are kept beside the rows of a view, while they are brought up to date.
pub trait Entries<Entry>: Rows<Entry> {
    /// Adds an entry under a key that has none, which is not looked up.
    fn insert(&mut self, key: &[u8], entry: Entry);

    /// Removes an entry, which is not looked up either: it is as given.
    fn remove(&mut self, key: &[u8], entry: Entry);
}

/// The key of a task: tenant, a zero byte (which no tenant contains), task. Tasks sort by tenant, then by id.
#[must_use]
pub fn task_key(tenant: &str, task: &str) -> Vec<u8> {
    let mut key = Vec::with_capacity(tenant.len().saturating_add(task.len()).saturating_add(1));
    write_task_key(tenant, task, &mut key);
    key
}

/// Like [`task_key`], but writes into a reusable buffer.
pub fn write_task_key(tenant: &str, task: &str, key: &mut Vec<u8>) {
    key.clear();
    key.extend_from_slice(tenant.as_bytes());
    key.push(0);
    key.extend_from_slice(task.as_bytes());
}

/// Tenant and task of a key.
#[must_use]
pub fn read_task_key(key: &[u8]) -> Option<(&str, &str)> {
    let at = key.iter().position(|&byte| byte == 0)?;
    let (tenant, task) = key.split_at_checked(at)?;
    Some((std::str::from_utf8(tenant).ok()?, std::str::from_utf8(task.get(1..)?).ok()?))
}

#[cfg(test)]
pub(crate) mod testing {
    //! Rows in a map, for tests of folds.

    use std::collections::BTreeMap;
    use std::convert::Infallible;

    use super::{Entries, Rows};

    impl<Row> Rows<Row> for BTreeMap<Vec<u8>, Row> {
        type Error = Infallible;

        fn change(&mut self, key: &[u8], make: impl FnOnce() -> Row) -> Result<&mut Row, Infallible> {
            Ok(self.entry(key.to_vec()).or_insert_with(make))
        }

        fn get(&mut self, key: &[u8]) -> Result<Option<&Row>, Infallible> {
            Ok(BTreeMap::get(self, key))
        }
    }

    impl<Row: PartialEq + std::fmt::Debug> Entries<Row> for BTreeMap<Vec<u8>, Row> {
        fn insert(&mut self, key: &[u8], entry: Row) {
            assert!(BTreeMap::insert(self, key.to_vec(), entry).is_none(), "{key:?} has one");
        }

        fn remove(&mut self, key: &[u8], entry: Row) {
            assert_eq!(BTreeMap::remove(self, key), Some(entry), "{key:?}");
        }
    }

    #[test]
    fn task_keys_round_trip_and_sort_by_tenant_then_task() {
        assert_eq!(super::read_task_key(&super::task_key("acme", "T-1")), Some(("acme", "T-1")));
        assert_eq!(super::read_task_key(b"none"), None);
        assert!(super::task_key("a", "z") < super::task_key("ab", "a"));
    }
}
