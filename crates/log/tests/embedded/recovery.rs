//! A torn tail is cut, and nothing else; damage is refused, and nothing changed.

use std::path::Path;

use tollgate_domain::position::Sequence;
use tollgate_files::copies::copy_dir;
use tollgate_log::conformance::{batch, event};
use tollgate_log::contract::{AppendOutcome, EventLog};
use tollgate_log::embedded::OpenError;
use tollgate_log::key::{ChainHash, RecordHash};

use crate::support::{append, filled, ids, numbered, open, segments, wait};

/// Where the frames of a segment begin and the last one ends.
fn frames(segment: &[u8]) -> Vec<usize> {
    let mut at = 4096;
    let mut starts = vec![at];
    while segment.len() > at + 64 && &segment[at..at + 4] == b"TGRF" {
        let record = u32::from_le_bytes(segment[at + 4..at + 8].try_into().unwrap()) as usize;
        at += (64 + record).next_multiple_of(8);
        starts.push(at);
    }
    starts
}

/// A power cut may also take the frontier's file, which is never synced.
fn forget_frontier(dir: &Path) {
    std::fs::remove_file(dir.join("log/frontier")).unwrap();
}

#[test]
fn the_last_record_torn_at_any_byte_is_cut_and_the_log_goes_on() {
    let original = tempfile::tempdir().unwrap();
    filled(original.path(), 5);
    forget_frontier(original.path());
    let segment = std::fs::read(&segments(original.path())[0]).unwrap();
    let frames = frames(&segment);
    let (last, end) = (frames[4], frames[5]);
    for torn_at in last..end {
        let dir = tempfile::tempdir().unwrap();
        copy_dir(original.path(), dir.path()).unwrap();
        let mut bytes = segment.clone();
        // The rest of the frame never reached the disk; after it comes the prepared space.
        bytes[torn_at..].fill(0);
        std::fs::write(&segments(dir.path())[0], &bytes).unwrap();
        let log = open(dir.path()).unwrap();
        let whole = torn_at + 8 > end && segment[torn_at..end].iter().all(|&byte| byte == 0);
        assert_eq!(ids(&log), numbered(if whole { 5 } else { 4 }), "torn at {torn_at}");
        let receipt = append(&log, "e4", &"x".repeat(204)).unwrap();
        let expected =
            if whole { AppendOutcome::Duplicate(Sequence(5)) } else { AppendOutcome::Appended(Sequence(5)) };
        assert_eq!(receipt.outcomes, [expected], "torn at {torn_at}");
        assert_eq!(ids(&log), numbered(5));
    }
}

#[test]
fn what_stands_behind_a_torn_record_of_the_same_group_never_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), 5);
    forget_frontier(dir.path());
    let path = &segments(dir.path())[0];
    let mut bytes = std::fs::read(path).unwrap();
    let frames = frames(&bytes);
    // Records 4 and 5 as one unsynced group of which only the second half reached the disk: neither states
    // that record 4 was durable.
    for frame in [frames[3], frames[4]] {
        set_synced_through(&mut bytes, frame, 3);
    }
    bytes[frames[3] + 70] ^= 1;
    std::fs::write(path, &bytes).unwrap();
    let log = open(dir.path()).unwrap();
    assert!(log.cut_bytes() > 0);
    assert_eq!(ids(&log), numbered(3));
    // A record of exactly the size of the torn one: the old record 5 would fit right after it.
    append(&log, "n3", &"x".repeat(203)).unwrap();
    drop(log);
    let log = open(dir.path()).unwrap();
    assert_eq!(ids(&log), ["e0", "e1", "e2", "n3"]);
    let again = append(&log, "e4", &"x".repeat(204)).unwrap();
    assert_eq!(again.outcomes, [AppendOutcome::Appended(Sequence(5))], "the cut event can be appended again");
}

/// A record of a future layout is not damage: the answer is to upgrade, not to restore.
#[test]
fn a_record_of_a_newer_layout_says_upgrade() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), 3);
    let path = &segments(dir.path())[0];
    let mut bytes = std::fs::read(path).unwrap();
    // The last record, with the chain and the checksum that the newer version would have written.
    let (before, frame) = (frames(&bytes)[1], frames(&bytes)[2]);
    bytes[frame + 64] = 9;
    let record = u32::from_le_bytes(bytes[frame + 4..frame + 8].try_into().unwrap()) as usize;
    let hash = RecordHash::of(&bytes[frame + 64..frame + 64 + record]);
    let chain = ChainHash(bytes[before + 32..before + 64].try_into().unwrap()).then(hash);
    bytes[frame + 32..frame + 64].copy_from_slice(&chain.0);
    set_synced_through(&mut bytes, frame, 2);
    std::fs::write(path, &bytes).unwrap();
    let error = open(dir.path()).err().expect("must be refused").to_string();
    assert!(
        error.contains("record 3: written by a newer version (layout 9, encoding 1); upgrade to read it"),
        "{error}"
    );
    assert!(!error.contains("backup"), "{error}");
}

fn set_synced_through(bytes: &mut [u8], frame: usize, sequence: u64) {
    bytes[frame + 24..frame + 32].copy_from_slice(&sequence.to_le_bytes());
    let record = u32::from_le_bytes(bytes[frame + 4..frame + 8].try_into().unwrap()) as usize;
    let crc = crc32(&bytes[frame + 12..frame + 64 + record]);
    bytes[frame + 8..frame + 12].copy_from_slice(&crc.to_le_bytes());
}

/// CRC-32 by its definition, so that the test does not rely on the crate that it checks.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0_u32, |crc, &byte| {
        (0..8).fold(
            crc ^ u32::from(byte),
            |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 },
        )
    })
}

#[test]
fn a_damaged_acknowledged_record_is_refused_with_its_place_and_nothing_is_changed() {
    let original = tempfile::tempdir().unwrap();
    filled(original.path(), 5);
    let segment = std::fs::read(&segments(original.path())[0]).unwrap();
    let frames = frames(&segment);
    for (record, frontier) in [(0, true), (1, true), (3, true), (4, true), (0, false), (1, false), (2, false)]
    {
        let dir = tempfile::tempdir().unwrap();
        copy_dir(original.path(), dir.path()).unwrap();
        if !frontier {
            forget_frontier(dir.path());
        }
        let mut bytes = segment.clone();
        bytes[frames[record] + 100] ^= 0x10;
        let path = &segments(dir.path())[0];
        std::fs::write(path, &bytes).unwrap();
        let error = open(dir.path()).err().expect("must be refused");
        if let OpenError::Regressed { last, acknowledged, .. } = &error {
            // The last record has no later one that vouches for it, but the frontier remembers it.
            assert_eq!((record, last.0, acknowledged.0), (4, 4, 5));
        } else {
            let place = format!("byte {}, record {}", frames[record], record + 1);
            assert!(error.to_string().contains(&place), "{error}");
        }
        assert_eq!(std::fs::read(path).unwrap(), bytes, "a refused log is left as it is");
    }
}

#[test]
fn an_older_copy_of_the_segments_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), 3);
    let old = std::fs::read(&segments(dir.path())[0]).unwrap();
    let log = open(dir.path()).unwrap();
    append(&log, "e3", "x").unwrap();
    drop(log);
    std::fs::write(&segments(dir.path())[0], old).unwrap();
    let error = open(dir.path()).err().expect("must be refused");
    assert!(
        matches!(error, OpenError::Regressed { last: Sequence(3), acknowledged: Sequence(4), .. }),
        "{error}"
    );
    assert!(error.to_string().contains("tollgate --data NEW-DIR restore BACKUP"), "{error}");
}

#[test]
fn a_segment_whose_header_never_became_durable_is_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), 3);
    for junk in [vec![0; 16 << 10], vec![7; 100], vec![7; 10_000]] {
        std::fs::write(dir.path().join("log/0000000002.segment"), junk).unwrap();
        let log = open(dir.path()).unwrap();
        assert_eq!(ids(&log), numbered(3));
        drop(log);
        assert_eq!(segments(dir.path()).len(), 1);
    }
}

#[test]
fn a_record_torn_at_the_border_of_segments_is_cut() {
    let dir = tempfile::tempdir().unwrap();
    let mut count = 0;
    while segments_of(dir.path()) < 2 {
        let log = open(dir.path()).unwrap();
        append(&log, &format!("e{count}"), &"x".repeat(300)).unwrap();
        count += 1;
    }
    forget_frontier(dir.path());
    let second = segments(dir.path()).pop().unwrap();
    let mut bytes = std::fs::read(&second).unwrap();
    bytes[4096 + 200..].fill(0);
    std::fs::write(&second, &bytes).unwrap();
    let log = open(dir.path()).unwrap();
    assert_eq!(ids(&log), numbered(count - 1));
    append(&log, &format!("e{}", count - 1), &"x".repeat(300)).unwrap();
    assert_eq!(ids(&log), numbered(count));
}

fn segments_of(dir: &Path) -> usize {
    if dir.join("log").exists() { segments(dir).len() } else { 0 }
}

#[test]
fn a_log_of_many_segments_and_groups_reopens_whole() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path()).unwrap();
    wait(async {
        for number in 0..300 {
            let events =
                (0..3).map(|part| event("T-1", &format!("e{}", number * 3 + part), "some payload")).collect();
            log.append(batch(events)).await.unwrap();
        }
    });
    let epoch = log.epoch();
    log.close();
    assert!(segments(dir.path()).len() > 5);
    let log = open(dir.path()).unwrap();
    assert_eq!(log.epoch(), epoch);
    assert_eq!(log.cut_bytes(), 0);
    assert_eq!(ids(&log), numbered(900));
}
