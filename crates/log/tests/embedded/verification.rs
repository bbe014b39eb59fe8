//! `verify` finds every flipped bit and names the first record that differs.

use tollgate_domain::position::{PartitionId, Sequence};
use tollgate_log::embedded::{Anchor, Verification, verify};
use tollgate_log::key::ChainHash;

use crate::support::{append, filled, open, segments};

fn verified(dir: &std::path::Path, anchors: &[Anchor]) -> Verification {
    verify(dir, anchors, &|_| Ok(())).unwrap()
}

#[test]
fn a_good_log_verifies_also_while_it_is_written() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), 100);
    let found = verified(dir.path(), &[]);
    assert!(found.passed(), "{:?}", found.difference);
    assert_eq!((found.records, found.events, found.last), (100, 100, Sequence(100)));
    assert_eq!(found.segments, segments(dir.path()).len());
    let log = open(dir.path()).unwrap();
    append(&log, "e100", "x").unwrap();
    assert_eq!(verified(dir.path(), &[]).records, 101);
}

#[test]
fn every_flipped_bit_of_the_log_is_found() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), 60);
    let mut flips = 0;
    for path in segments(dir.path()) {
        let good = std::fs::read(&path).unwrap();
        let used = good.iter().rposition(|&byte| byte != 0).unwrap();
        let after_header = (4096..=used).step_by(61);
        for at in [8, 20, 33, 40, 50, 64, 600].into_iter().chain(after_header) {
            let mut bad = good.clone();
            bad[at] ^= 1 << (at % 8);
            std::fs::write(&path, &bad).unwrap();
            let found = verified(dir.path(), &[]);
            // A record's alignment zeros are the only bytes that mean nothing.
            assert!(!found.passed() || good[at] == 0, "byte {at} of {}", path.display());
            flips += 1;
        }
        std::fs::write(&path, &good).unwrap();
    }
    assert!(flips > 300);
    assert!(verified(dir.path(), &[]).passed());
}

#[test]
fn the_first_record_that_differs_is_named() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), 5);
    let path = &segments(dir.path())[0];
    let mut bytes = std::fs::read(path).unwrap();
    bytes[4096 + 100] ^= 1;
    std::fs::write(path, bytes).unwrap();
    let difference = verified(dir.path(), &[]).difference.unwrap();
    assert!(difference.contains("damaged at byte 4096, record 1: the CRC does not match"), "{difference}");
}

#[test]
fn anchors_prove_what_the_log_alone_cannot() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), 5);
    let partition = PartitionId::of("default", "T-1");
    let chain = verified(dir.path(), &[]).chains[partition.index()];
    let anchor = |sequence: u64, chain| Anchor {
        source: "view status".to_owned(),
        partition,
        sequence: Sequence(sequence),
        chain,
    };
    let good = verified(dir.path(), &[anchor(5, chain)]);
    assert!(good.passed());
    assert_eq!(good.anchors_matched, 1);
    assert_eq!(good.unproven.len(), 1, "{:?}", good.unproven);
    let other = verified(dir.path(), &[anchor(4, ChainHash([1; 32]))]);
    assert!(other.difference.unwrap().contains("record 4 differs from what view status remembers"));
    let beyond = verified(dir.path(), &[anchor(9, chain)]);
    assert!(beyond.difference.unwrap().contains("view status remembers record 9"));
}

#[test]
fn an_event_that_fails_the_callers_check_is_a_difference() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), 3);
    let found = verify(dir.path(), &[], &|event| {
        if event.id == "e1" { Err("its content hash does not match".to_owned()) } else { Ok(()) }
    });
    assert_eq!(found.unwrap().difference.unwrap(), "record 2: event `e1`: its content hash does not match");
}

#[test]
fn the_first_difference_is_told_whichever_thread_finds_it() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), 400);
    for wrong in [["e7", "e390"], ["e255", "e256"], ["e399", "e399"]] {
        let found = verify(dir.path(), &[], &|event| {
            if wrong.contains(&event.id) { Err("is wrong".to_owned()) } else { Ok(()) }
        });
        let difference = found.unwrap().difference.unwrap();
        assert!(difference.contains(&format!("event `{}`", wrong[0])), "{difference}");
    }
}

#[test]
fn a_missing_segment_is_named() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), 100);
    std::fs::remove_file(&segments(dir.path())[1]).unwrap();
    assert_eq!(verified(dir.path(), &[]).difference.unwrap(), "segment 2 is missing");
}
