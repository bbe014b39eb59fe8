//! The index as a map from names to records, across runs, merges, restarts and damage.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::key::{ContentMark, IdScope};

mod faulty;

fn open_small(dir: &Path, epoch: Uuid, tail: Sequence, table_ids: usize) -> io::Result<IdIndex> {
    IdIndex::open_on(Arc::new(RealDisk), dir, epoch, tail, table_ids)
}

fn key(number: u64) -> Key {
    IdScope::of("t", "task", "p").key(&number.to_string())
}

fn found(sequence: u64) -> Found {
    Found { sequence: Sequence(sequence), content: ContentMark((sequence % 251) as u32) }
}

/// Inserts ids `from..to`, one per record, and writes what is full.
fn fill(index: &mut IdIndex, from: u64, to: u64) {
    for number in from..to {
        index.insert(key(number), found(number + 1));
        index.tend(Sequence(number + 1), Sequence(number + 1));
        index.settle();
    }
}

#[test]
fn ids_are_found_across_tables_runs_and_merges_and_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let epoch = Uuid::from_u128(1);
    let mut index = open_small(dir.path(), epoch, Sequence::ZERO, 100).unwrap();
    fill(&mut index, 0, 3050);
    // 30 tables of 100: one merge of merges (16), three merges (4 each), two single runs.
    assert_eq!(index.run_sizes(), [1600, 400, 400, 400, 100, 100]);
    for number in 0..3050 {
        assert_eq!(index.get(&key(number)).unwrap(), Some(found(number + 1)), "{number}");
    }
    assert_eq!(index.get(&key(3050)).unwrap(), None);
    drop(index);
    let index = open_small(dir.path(), epoch, Sequence(3050), 100).unwrap();
    assert_eq!(index.checkpoint(), Sequence(3000));
    for number in 0..3000 {
        assert_eq!(index.get(&key(number)).unwrap(), Some(found(number + 1)), "{number}");
    }
}

#[test]
fn many_ids_in_memory_are_written_as_a_run_before_the_index_is_closed() {
    let dir = tempfile::tempdir().unwrap();
    let epoch = Uuid::from_u128(1);
    // Of tables of 100, more than 6 are many.
    for (from, to, checkpoint) in [(0, 6, 0), (6, 13, 13), (13, 19, 13), (19, 20, 20), (20, 145, 145)] {
        let mut index = open_small(dir.path(), epoch, Sequence(from), 100).unwrap();
        // What is in no run is read from the log.
        let read_from = index.checkpoint().0;
        fill(&mut index, read_from, to);
        index.put_away(Sequence(to));
        drop(index);
        let index = open_small(dir.path(), epoch, Sequence(to), 100).unwrap();
        assert_eq!(index.checkpoint(), Sequence(checkpoint), "{to}");
        for number in 0..checkpoint {
            assert_eq!(index.get(&key(number)).unwrap(), Some(found(number + 1)), "{number} of {to}");
        }
    }
}

#[test]
fn a_subject_keeps_its_latest_record_through_merges() {
    let dir = tempfile::tempdir().unwrap();
    let mut index = open_small(dir.path(), Uuid::nil(), Sequence::ZERO, 10).unwrap();
    for number in 0..200 {
        index.insert(key(1_000_000), found(number + 1));
        fill(&mut index, number, number + 1);
        assert_eq!(index.get(&key(1_000_000)).unwrap(), Some(found(number + 1)));
    }
}

#[test]
fn runs_of_another_log_or_ahead_of_the_tail_are_dropped() {
    let dir = tempfile::tempdir().unwrap();
    let mut index = open_small(dir.path(), Uuid::from_u128(1), Sequence::ZERO, 100).unwrap();
    fill(&mut index, 0, 300);
    drop(index);
    let shorter = open_small(dir.path(), Uuid::from_u128(1), Sequence(250), 100).unwrap();
    assert_eq!(shorter.checkpoint(), Sequence(200));
    let other = open_small(dir.path(), Uuid::from_u128(2), Sequence(300), 100).unwrap();
    assert_eq!(other.checkpoint(), Sequence::ZERO);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_damaged_run_and_all_after_it_are_made_again() {
    for (damage_at, name) in [(20_u64, "header"), (64 + 4096 + 1, "filter")] {
        let dir = tempfile::tempdir().unwrap();
        let mut index = open_small(dir.path(), Uuid::nil(), Sequence::ZERO, 100).unwrap();
        fill(&mut index, 0, 300);
        drop(index);
        let second = dir.path().join(format!("{:020}-{:020}.run", 101, 200));
        flip(&second, damage_at);
        let index = open_small(dir.path(), Uuid::nil(), Sequence(300), 100).unwrap();
        assert_eq!(index.checkpoint(), Sequence(100), "{name}");
    }
}

#[test]
fn a_damaged_block_is_an_error_not_a_missing_id() {
    let dir = tempfile::tempdir().unwrap();
    let mut index = open_small(dir.path(), Uuid::nil(), Sequence::ZERO, 100).unwrap();
    fill(&mut index, 0, 100);
    flip(&dir.path().join(format!("{:020}-{:020}.run", 1, 100)), 64 + 39);
    let index = open_small(dir.path(), Uuid::nil(), Sequence(100), 100).unwrap();
    assert_eq!(index.get(&key(5)).unwrap_err().kind(), std::io::ErrorKind::InvalidData);
}

fn flip(path: &std::path::Path, at: u64) {
    let mut bytes = std::fs::read(path).unwrap();
    bytes[at as usize] ^= 0x40;
    std::fs::write(path, bytes).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Inserts, undone inserts, seals and restarts, compared with a plain map.
    #[test]
    fn agrees_with_a_map(steps in prop::collection::vec((0_u64..400, any::<bool>()), 1..600), table in 5_usize..60) {
        let dir = tempfile::tempdir().unwrap();
        let mut index = open_small(dir.path(), Uuid::nil(), Sequence::ZERO, table).unwrap();
        let mut model = BTreeMap::new();
        for (nth, (id, undone)) in steps.iter().enumerate() {
            let sequence = nth as u64 + 1;
            if index.get(&key(*id)).unwrap().is_none() {
                let previous = index.insert(key(*id), found(sequence));
                if *undone {
                    index.undo(&key(*id), previous);
                } else {
                    model.insert(*id, found(sequence));
                }
            }
            index.tend(Sequence(sequence), Sequence(sequence));
            if nth.is_multiple_of(7) {
                index.settle();
            }
        }
        for id in 0..400 {
            prop_assert_eq!(index.get(&key(id)).unwrap(), model.get(&id).copied());
        }
    }
}

mod originals {
    //! Which events of a record are the first with their ids.

    use super::*;
    use crate::conformance::{batch, event};
    use crate::contract::EventLog;
    use crate::memory::MemoryLog;
    use crate::record::StoredRecord;

    fn records() -> Vec<StoredRecord> {
        // Two separate logs yield records that share ids, as a stream with duplicates would hold them.
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let one = |ids: &[&str], sequence: u64, content: &str| {
            let log = MemoryLog::new(std::sync::Arc::new(tollgate_clock::ManualClock::default()));
            let events = ids.iter().map(|id| event("T-1", id, content)).collect();
            runtime.block_on(async {
                log.append(batch(events)).await.unwrap();
                let mut reader =
                    log.read_from(crate::contract::Partitions::ALL, Sequence::ZERO).await.unwrap();
                let mut stored = reader.try_next().await.unwrap().remove(0);
                stored.sequence = Sequence(sequence);
                stored
            })
        };
        vec![
            one(&["a", "b"], 3, "x"),
            one(&["b", "c"], 5, "x"),
            one(&["a"], 9, "x"),
            one(&["c", "d"], 11, "y"),
        ]
    }

    #[test]
    fn the_first_record_with_an_id_holds_the_original_also_when_it_comes_again() {
        let mut index = IdIndex::in_memory();
        use Occurrence::{Conflict, Duplicate, Original};
        let expected: [&[Occurrence]; 4] =
            [&[Original, Original], &[Duplicate, Original], &[Duplicate], &[Conflict(Sequence(5)), Original]];
        for _ in 0..2 {
            for (stored, expected) in records().iter().zip(expected) {
                assert_eq!(index.take(stored).unwrap(), expected, "record {}", stored.sequence);
            }
        }
    }
}
