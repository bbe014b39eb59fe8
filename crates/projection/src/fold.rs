//! What a fold is, and what it asks of whoever keeps its rows.

use serde::Serialize;
use serde::de::DeserializeOwned;
use tollgate_domain::event::RecordedEvent;
use tollgate_domain::position::Sequence;
use tollgate_domain::time::Timestamp;

/// The pure fold that builds one view.
///
/// Events come once each and in the order of their partition. Rows depend on nothing else: not on how events were
/// batched into records, when rows were stored, or which other partitions are folded beside.
pub trait Projection: Send + Sync + 'static {
    /// The view's name.
    const NAME: &'static str;

    /// The version of its rows: another version is another view, built from the log.
    const VERSION: u32;

    /// Whether those who append wait for what it says, as they do for the gate: it is folded record by record
    /// then. Others are folded in groups, a moment later.
    const AWAITED: bool = false;

    /// What it keeps under a key.
    type Row: Serialize + DeserializeOwned + Clone + Send + Sync + 'static;

    /// Folds one event into the rows.
    ///
    /// # Errors
    ///
    /// Only what the rows' keeper reports when a row cannot be loaded.
    fn apply<R: Rows<Self::Row>>(&self, event: &RecordedEvent<'_>, rows: &mut R) -> Result<(), R::Error>;

    /// Notes an event that counts nowhere because its id is taken: on logs that cannot refuse it when it
    /// comes. Does nothing by default.
    ///
    /// # Errors
    ///
    /// As of [`Self::apply`].
    fn conflict<R: Rows<Self::Row>>(&self, conflict: &Conflict<'_>, rows: &mut R) -> Result<(), R::Error> {
        let _ = (conflict, rows);
        Ok(())
    }

    /// Notes that a record is the last one about a decision subject although some of its events count nowhere: the log
    /// compares the next decision with it. Does nothing by default.
    ///
    /// # Errors
    ///
    /// As of [`Self::apply`].
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

/// An event that stands in the log under an id that another event, with other content, has taken before.
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

    /// The row under a key, to be changed; made where there is none.
    ///
    /// # Errors
    ///
    /// When the row cannot be loaded.
    fn change(&mut self, key: &[u8], make: impl FnOnce() -> Row) -> Result<&mut Row, Self::Error>;

    /// The row under a key.
    ///
    /// # Errors
    ///
    /// When the row cannot be loaded.
    fn get(&mut self, key: &[u8]) -> Result<Option<&Row>, Self::Error>;
}

/// The key of a task: tenant, a zero byte (which no tenant holds), task. Tasks sort by tenant, then by id.
#[must_use]
pub fn task_key(tenant: &str, task: &str) -> Vec<u8> {
    let mut key = Vec::with_capacity(tenant.len().saturating_add(task.len()).saturating_add(1));
    write_task_key(tenant, task, &mut key);
    key
}

/// As [`task_key`], into a buffer that is used again.
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

    use super::Rows;

    impl<Row> Rows<Row> for BTreeMap<Vec<u8>, Row> {
        type Error = Infallible;

        fn change(&mut self, key: &[u8], make: impl FnOnce() -> Row) -> Result<&mut Row, Infallible> {
            Ok(self.entry(key.to_vec()).or_insert_with(make))
        }

        fn get(&mut self, key: &[u8]) -> Result<Option<&Row>, Infallible> {
            Ok(BTreeMap::get(self, key))
        }
    }

    #[test]
    fn task_keys_round_trip_and_sort_by_tenant_then_task() {
        assert_eq!(super::read_task_key(&super::task_key("acme", "T-1")), Some(("acme", "T-1")));
        assert_eq!(super::read_task_key(b"none"), None);
        assert!(super::task_key("a", "z") < super::task_key("ab", "a"));
    }
}
