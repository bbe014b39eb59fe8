//! What the spool keeps, across restarts, tears and damage.

use serde_json::value::RawValue;

use super::*;

fn event(id: u32) -> Outgoing {
    let json = format!(r#"{{"id":"e{id}","task":"T","wait_recorded":{{"kind":"queue","wait_ms":{id}}}}}"#);
    Outgoing { id: format!("e{id}").into(), task: "T".into(), json: RawValue::from_string(json).unwrap() }
}

fn events(ids: std::ops::Range<u32>) -> Vec<Outgoing> {
    ids.map(event).collect()
}

/// Delivers everything, this many events at a time.
fn drain(spool: &mut Spool, at_once: usize) -> String {
    let mut ids = Vec::new();
    loop {
        let batch = spool.peek(at_once, 1 << 20).unwrap();
        if batch.is_empty() {
            return ids.join(" ");
        }
        ids.extend(batch.iter().map(|event| event.id.to_string()));
        spool.settle(&vec![false; batch.len()]).unwrap();
    }
}

fn segments(dir: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = files.filter(|path| path.extension().is_some()).collect();
    files.sort();
    files
}

#[test]
fn events_come_out_in_order_also_after_a_restart_and_leave_no_file() {
    let dir = tempfile::tempdir().unwrap();
    let options = SpoolOptions::new(dir.path().join("deep/spool"));
    let mut spool = Spool::open(&options).unwrap();
    spool.append(&events(0..3)).unwrap();
    drop(spool);
    // Each process writes its own segment.
    for id in 3..7 {
        Spool::open(&options).unwrap().append(&events(id..id + 1)).unwrap();
    }
    assert_eq!(segments(&options.dir).len(), 5);
    let mut spool = Spool::open(&options).unwrap();
    assert_eq!(spool.peek(2, 1 << 20).unwrap().len(), 2);
    // After the segment that is being delivered.
    spool.append(&events(7..8)).unwrap();
    spool.settle(&[false, true]).unwrap();
    assert_eq!(drain(&mut spool, 4), "e1 e2 e3 e4 e5 e6 e7");
    assert!(spool.is_empty() && spool.bytes() == 0);
    assert!(segments(&options.dir).is_empty());
}

#[test]
fn what_is_half_delivered_is_delivered_again_after_a_crash() {
    let dir = tempfile::tempdir().unwrap();
    let options = SpoolOptions::new(dir.path());
    let mut spool = Spool::open(&options).unwrap();
    spool.append(&events(0..3)).unwrap();
    spool.peek(2, 1 << 20).unwrap();
    spool.settle(&[false, false]).unwrap();
    drop(spool);
    assert_eq!(drain(&mut Spool::open(&options).unwrap(), 9), "e0 e1 e2");
}

#[test]
fn a_torn_last_line_is_cut_and_a_damaged_one_set_aside_and_named() {
    let dir = tempfile::tempdir().unwrap();
    let options = SpoolOptions::new(dir.path());
    let mut spool = Spool::open(&options).unwrap();
    spool.append(&events(0..3)).unwrap();
    drop(spool);
    let path = segments(dir.path()).remove(0);
    let mut content = fs::read(&path).unwrap();
    let second = content.iter().position(|&byte| byte == b'\n').unwrap() + 1;
    content[second + 20] ^= 1;
    content.extend_from_slice(b"12345678 {\"id\":\"e");
    fs::write(&path, &content).unwrap();

    let mut spool = Spool::open(&options).unwrap();
    assert_eq!(spool.cut(), 17);
    assert_eq!(drain(&mut spool, 9), "e0 e2");
    let aside = spool.take_set_aside();
    assert_eq!(aside.len(), 1);
    assert_eq!((aside[0].line, aside[0].segment.as_str()), (2, path.to_str().unwrap()));
    assert!(aside[0].reason.contains("its sum says"), "{aside:?}");
    let kept = fs::read_to_string(&aside[0].lies_in).unwrap();
    assert!(kept.contains("line 2: its sum says") && kept.contains("wait_recorded"), "{kept}");
    assert!(spool.is_empty());
}

#[test]
fn a_second_tracker_is_refused_by_name_and_a_full_spool_by_numbers() {
    let dir = tempfile::tempdir().unwrap();
    let options = SpoolOptions { max_bytes: 160, ..SpoolOptions::new(dir.path()) };
    let mut spool = Spool::open(&options).unwrap();
    let error = Spool::open(&options).unwrap_err();
    let holder = format!("process {}", std::process::id());
    assert_eq!(error, SpoolError::Locked { dir: dir.path().display().to_string(), holder });

    spool.append(&events(0..2)).unwrap();
    let held = spool.bytes();
    let error = spool.append(&events(2..3)).unwrap_err();
    assert!(matches!(error, SpoolError::Full { held: said, limit: 160, .. } if said == held), "{error}");
    assert_eq!(drain(&mut spool, 9), "e0 e1");
    spool.append(&events(2..3)).unwrap();
    assert_eq!(drain(&mut spool, 9), "e2");
}

#[test]
fn a_batch_keeps_to_its_bytes_but_never_stands_still() {
    let dir = tempfile::tempdir().unwrap();
    let mut spool = Spool::open(&SpoolOptions::new(dir.path())).unwrap();
    spool.append(&events(0..4)).unwrap();
    let one = event(0).bytes();
    for (bytes, expected) in [(1, 1), (one, 1), (2 * one, 2), (2 * one + 1, 2), (99 * one, 4)] {
        assert_eq!(spool.peek(9, bytes).unwrap().len(), expected, "{bytes}");
    }
}

#[test]
fn space_is_free_again_segment_by_segment() {
    let dir = tempfile::tempdir().unwrap();
    let mut spool = Spool::open(&SpoolOptions::new(dir.path())).unwrap();
    for batch in 0..40 {
        spool.append(&events(batch * 1000..batch * 1000 + 1000)).unwrap();
    }
    let many = segments(dir.path()).len();
    assert!(many > 2, "{many}");
    while segments(dir.path()).len() == many {
        let batch = spool.peek(500, 1 << 20).unwrap();
        spool.settle(&vec![false; batch.len()]).unwrap();
    }
    assert!(!spool.is_empty());
}

#[test]
fn a_deleted_lock_file_admits_nobody_and_the_spool_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let options = SpoolOptions::new(dir.path().join("spool"));
    let mut spool = Spool::open(&options).unwrap();
    spool.append(&events(0..1)).unwrap();
    let segment = segments(&options.dir).remove(0);
    for (path, mode) in [(options.dir.clone(), 0o700), (options.dir.join("lock"), 0o600), (segment, 0o600)] {
        let found = std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(found, mode, "{}", path.display());
    }
    std::fs::remove_file(options.dir.join("lock")).unwrap();
    assert!(matches!(Spool::open(&options), Err(SpoolError::Locked { .. })));
}
