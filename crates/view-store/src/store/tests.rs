//! Rows and checkpoint go together; damage is found and set aside.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

fn put<'a>(key: &'a str, value: &str) -> Change<'a> {
    Change { key: key.as_bytes(), value: Some(value.as_bytes().to_vec()), was: Was::Unknown }
}

fn remove(key: &str) -> Change<'_> {
    Change { key: key.as_bytes(), value: None, was: Was::Unknown }
}

fn all(store: &ViewStore) -> Vec<(String, String)> {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    store.scan(&[], None).map(|row| row.unwrap()).map(|(key, value)| (text(key), text(value))).collect()
}

#[test]
fn rows_and_checkpoint_survive_together() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("view");
    let (mut store, checkpoint) = ViewStore::open(&path).unwrap();
    assert_eq!(checkpoint, None);
    store.commit(vec![put("a", "1"), put("b", "2"), put("c", "3")], b"at 1").unwrap();
    store.commit(vec![put("b", "two"), remove("c")], b"at 2").unwrap();
    let (digest, rows) = (store.digest(), store.rows());
    drop(store);
    let (store, checkpoint) = ViewStore::open(&path).unwrap();
    assert_eq!(checkpoint.as_deref(), Some(&b"at 2"[..]));
    assert_eq!((store.digest(), store.rows()), (digest, rows));
    assert_eq!(all(&store), [("a".into(), "1".into()), ("b".into(), "two".into())]);
    assert_eq!(store.get(b"b").unwrap().as_deref(), Some(&b"two"[..]));
    assert_eq!(store.get(b"c").unwrap(), None);
}

#[test]
fn scans_keep_to_their_prefix_and_begin_behind_a_key() {
    let dir = tempfile::tempdir().unwrap();
    let (mut store, _) = ViewStore::open(dir.path()).unwrap();
    let keys = ["a", "b", "b1", "b2", "ba", "c"];
    store.commit(keys.iter().map(|key| put(key, "x")).collect(), b"").unwrap();
    let scan = |prefix: &str, after: Option<&str>| {
        let rows = store.scan(prefix.as_bytes(), after.map(str::as_bytes));
        rows.map(|row| String::from_utf8(row.unwrap().0).unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(scan("b", None), ["b", "b1", "b2", "ba"]);
    assert_eq!(scan("b", Some("b")), ["b1", "b2", "ba"]);
    assert_eq!(scan("b", Some("b1")), ["b2", "ba"]);
    assert_eq!(scan("b", Some("a")), ["b", "b1", "b2", "ba"]);
    assert_eq!(scan("", Some("ba")), ["c"]);
    assert!(scan("x", None).is_empty());
}

#[test]
fn a_row_changed_behind_the_stores_back_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("view");
    let (mut store, _) = ViewStore::open(&path).unwrap();
    store.commit(vec![put("a", "1"), put("b", "2")], b"at 1").unwrap();
    let Place::Disk(settled) = &store.place else { panic!("it is on the disk") };
    settled.change_part(0, b"7");
    drop(store);
    let error = ViewStore::open(&path).unwrap_err();
    assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
    let opened = ViewStore::open_or_set_aside(&path).unwrap();
    assert_eq!((opened.checkpoint, opened.store.rows()), (None, 0));
    let note = opened.set_aside.unwrap();
    assert!(note.contains("latest rows") && note.contains("view.damaged-1"), "{note}");
    assert!(dir.path().join("view.damaged-1").is_dir());
}

/// sled drops what it cannot read where possible, and otherwise fails or panics. Either way the view starts
/// from scratch: no row of a damaged file is ever served.
#[test]
fn of_damaged_files_nothing_is_served() {
    for way in 1..=3 {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("view");
        let (mut store, _) = ViewStore::open(&path).unwrap();
        let rows: Vec<String> = (0..500).map(|row| format!("row {row}")).collect();
        let rows: Vec<_> = rows.iter().map(|row| put(row, "some value that takes a little space")).collect();
        store.commit(rows, b"at 1").unwrap();
        store.flush().unwrap();
        drop(store);
        damage(&path.join("db"), way);
        let opened = ViewStore::open_or_set_aside(&path).unwrap();
        assert_eq!((opened.store.rows(), opened.checkpoint), (0, None), "way {way}");
        assert_eq!(all(&opened.store), [], "way {way}");
        assert_eq!(dir.path().join("view.damaged-1").is_dir(), opened.set_aside.is_some(), "way {way}");
    }
}

#[test]
fn rows_of_an_earlier_version_are_removed_and_nothing_is_set_aside() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("view");
    let earlier = sled::open(&path).unwrap();
    earlier.insert(b"state", &b"digest, number and checkpoint"[..]).unwrap();
    earlier.insert(b"d\0\0\0\0\0\0\0\0", &b"a row"[..]).unwrap();
    drop(earlier);
    let opened = ViewStore::open_or_set_aside(&path).unwrap();
    assert_eq!((opened.checkpoint, opened.set_aside, all(&opened.store)), (None, None, vec![]));
    assert!(opened.store.memory_reason().is_none());
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
}

/// sled writes what is long as files in `blobs`; where it cannot, it waits for ever, and so does every other store.
#[test]
fn nothing_is_so_long_that_sled_writes_it_as_a_file_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("view");
    let long: Vec<String> = (0..40).map(|row| format!("{row}").repeat(25_000)).collect();
    let mut expected = BTreeMap::new();
    let (mut store, _) = ViewStore::open(&path).unwrap();
    for commit in 0..60 {
        // Long rows, many short ones, and enough at times that all become a run.
        let mut rows: Vec<(String, String)> =
            (0..200).map(|row| (format!("{commit}-{row}"), "x".repeat(100))).collect();
        rows.extend((0..commit % 7).map(|row| (format!("long-{row}"), long[(row * commit) % 40].clone())));
        rows.sort();
        store.commit(rows.iter().map(|(key, value)| put(key, value)).collect(), &[7; 5_000]).unwrap();
        store.flush().unwrap();
        assert_eq!(std::fs::read_dir(path.join("blobs")).unwrap().count(), 0, "after commit {commit}");
        expected.extend(rows);
    }
    drop(store);
    let (store, checkpoint) = ViewStore::open(&path).unwrap();
    assert_eq!(checkpoint.as_deref(), Some(&[7; 5_000][..]));
    assert!(all(&store).into_iter().eq(expected));
}

#[test]
fn a_store_that_the_system_refuses_is_left_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("view");
    let (mut store, _) = ViewStore::open(&path).unwrap();
    store.commit(vec![put("a", "1")], b"at 1").unwrap();
    // Locked by another holder.
    let opened = ViewStore::open_or_set_aside(&path).unwrap();
    assert_eq!((opened.checkpoint, opened.set_aside), (None, None));
    assert!(opened.store.memory_reason().unwrap().contains("could not acquire lock"));
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "nothing is set aside");
    drop((store, opened.store));
    let (store, checkpoint) = ViewStore::open(&path).unwrap();
    assert_eq!((all(&store).len(), checkpoint.as_deref()), (1, Some(&b"at 1"[..])));
}

#[test]
fn what_moves_to_memory_is_the_same_and_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let (mut one, _) = ViewStore::open(&dir.path().join("one")).unwrap();
    let (mut two, _) = ViewStore::open(&dir.path().join("two")).unwrap();
    for store in [&mut one, &mut two] {
        store.commit(vec![put("a", "1"), put("b", "2"), put("c", "3")], b"at 1").unwrap();
    }
    two.move_to_memory("no space".to_owned()).unwrap();
    for store in [&mut one, &mut two] {
        store.commit(vec![put("b", "5"), remove("c")], b"at 2").unwrap();
    }
    assert_eq!((all(&two), two.rows(), two.digest()), (all(&one), one.rows(), one.digest()));
    assert_eq!(two.get(b"b").unwrap(), Some(b"5".to_vec()));
    assert_eq!((one.memory_reason(), two.memory_reason()), (None, Some("no space")));
    // Its directory is free again, in the state of the last commit there.
    let (_, checkpoint) = ViewStore::open(&dir.path().join("two")).unwrap();
    assert_eq!(checkpoint.as_deref(), Some(&b"at 1"[..]));
}

/// Three ways to lose a file's content.
fn damage(path: &Path, way: usize) {
    let bytes = std::fs::read(path).unwrap();
    let damaged = match way {
        1 => bytes.iter().map(|byte| byte ^ 0x5a).collect(),
        2 => bytes[..bytes.len() / 3].to_vec(),
        _ => bytes.iter().enumerate().map(|(at, byte)| if at % 97 == 5 { !byte } else { *byte }).collect(),
    };
    std::fs::write(path, damaged).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// Commits compared with a plain map: the rows, their number, and a digest that depends on the rows
    /// alone.
    #[test]
    fn agrees_with_a_map(commits in prop::collection::vec(
        prop::collection::btree_map("[a-c]{1,2}", prop::option::of("[x-z]{0,3}"), 0..6), 1..12
    )) {
        let dir = tempfile::tempdir().unwrap();
        let (mut store, _) = ViewStore::open(&dir.path().join("one")).unwrap();
        let mut model: BTreeMap<String, String> = BTreeMap::new();
        for commit in &commits {
            let changes: Vec<_> = commit
                .iter()
                .map(|(key, value)| value.as_ref().map_or_else(|| remove(key), |value| put(key, value)))
                .collect();
            store.commit(changes, b"x").unwrap();
            for (key, value) in commit {
                match value {
                    Some(value) => model.insert(key.clone(), value.clone()),
                    None => model.remove(key),
                };
            }
        }
        prop_assert_eq!(all(&store), model.clone().into_iter().collect::<Vec<_>>());
        prop_assert_eq!(store.rows(), model.len() as u64);
        let (mut fresh, _) = ViewStore::open(&dir.path().join("two")).unwrap();
        let rows: Vec<_> = model.iter().map(|(key, value)| put(key, value)).collect();
        fresh.commit(rows, b"x").unwrap();
        prop_assert_eq!(store.digest(), fresh.digest());
    }
}
