//! Readers of some partitions of a long log.

use futures_util::FutureExt;
use tempfile::tempdir;
use tollgate_domain::position::{PartitionId, Sequence};
use tollgate_log::contract::{EventLog, Partitions};

use crate::support::{append, filled, open, segments, wait};

/// Whoever waits for a reader can stop waiting although nothing but records of others comes.
#[test]
fn a_reader_of_a_partition_without_records_can_be_left_in_the_middle() {
    let home = tempdir().unwrap();
    let dir = home.path().join("data");
    filled(&dir, 200);
    let log = open(&dir).unwrap();
    assert!(segments(&dir).len() > 3);
    let other = PartitionId::all().find(|of| *of != PartitionId::of("default", "T-1")).unwrap();
    let mut reader = wait(log.read_from(Partitions::only(other), Sequence::ZERO)).unwrap();
    let mut left = 0;
    let end = loop {
        match reader.try_next().now_or_never() {
            Some(answered) => break answered.unwrap(),
            None => left += 1,
        }
    };
    assert!(end.is_empty());
    assert!(left > 2, "left {left} times");
    // Nothing is lost to one who stopped waiting.
    let mut all = wait(log.read_from(Partitions::ALL, Sequence::ZERO)).unwrap();
    let mut read = 0;
    loop {
        let Some(answered) = all.try_next().now_or_never() else { continue };
        match answered.unwrap().len() {
            0 => break,
            more => read += more,
        }
    }
    assert_eq!(read, 200);
    append(&log, "later", "x").unwrap();
    assert_eq!(wait(all.try_next()).unwrap().len(), 1);
}
