//! Tests of keys: how secrets are written, what keys allow, and what is decided about them.

use proptest::prelude::*;

use super::*;
use crate::event::{KeyCreated, KeyEvent};
use crate::time::Timestamp;

fn at(minute: i64) -> Timestamp {
    let start: Timestamp = "2026-11-20T10:00:00Z".parse().unwrap();
    start.plus_millis(minute * 60_000)
}

fn secret(n: u8) -> KeySecret {
    KeySecret::of(&[n; SECRET_BYTES])
}

fn new(name: &str, scopes: &[KeyScope]) -> NewKey {
    NewKey {
        name: name.to_owned(),
        scopes: scopes.to_vec(),
        reach: KeyReach::default(),
        expires_at: None,
        rate: None,
    }
}

/// A ring with the key `root` of secret 1, which may do everything, and `ci` of secret 2, which may append.
fn ring() -> KeyRing {
    let mut ring = KeyRing::default();
    for (n, key) in [(1, new("root", &[KeyScope::Admin])), (2, new("ci", &[KeyScope::Append]))] {
        let created = ring.create(key, secret(n).hash(), "ada", at(0)).unwrap();
        ring.apply(&created.into(), at(0));
    }
    ring
}

fn opens(ring: &KeyRing, n: u8, now: Timestamp) -> Result<&str, Refused> {
    ring.opened_by(&secret(n).hash(), now).map(|key| key.name.as_str())
}

#[test]
fn a_secret_is_no_name_and_is_not_repeated() {
    let ring = ring();
    let taken = secret(2).reveal().to_owned();
    // Whole, mistyped, and cut short.
    for text in [taken.clone(), format!("{taken}x"), taken.replace('0', "o"), taken[..30].to_owned()] {
        let revoked = ring.revoke(&text, "ada", None).unwrap_err();
        let created = ring.create(new(&text, &[KeyScope::Read]), secret(3).hash(), "ada", at(0)).unwrap_err();
        assert_eq!((&revoked, &created), (&KeyRejection::Secret, &KeyRejection::Secret), "{text}");
        assert!(!revoked.to_string().contains(&text));
    }
    assert_eq!(ring.revoke("tg_ci", "ada", None), Err(KeyRejection::NoSuchKey("tg_ci".to_owned())));
}

#[test]
fn a_secret_is_written_as_documented() {
    let secret = KeySecret::of(&[0; SECRET_BYTES]);
    assert_eq!(secret.reveal(), "tg_00000000000000000000000000000000q3msqq");
    let upwards: [u8; SECRET_BYTES] = std::array::from_fn(|n| u8::try_from(n).unwrap() * 13);
    assert_eq!(KeySecret::of(&upwards).reveal(), "tg_006hm9sm8575pt3nga7ssadprf8dvtqqpqmvgm");
}

#[test]
fn what_is_no_secret_is_told_from_what_is_mistyped() {
    let good = secret(7).reveal().to_owned();
    let mistyped = format!("{}0", &good[..good.len() - 1]);
    for (text, expected) in [
        (good.as_str(), None),
        ("", Some(MalformedSecret::Form)),
        ("tg_", Some(MalformedSecret::Form)),
        (&good[1..], Some(MalformedSecret::Form)),
        (&good[..good.len() - 1], Some(MalformedSecret::Form)),
        (&format!("{good}0"), Some(MalformedSecret::Form)),
        (&format!(" {good}"), Some(MalformedSecret::Form)),
        (&good.to_uppercase(), Some(MalformedSecret::Form)),
        (&good.replace("tg_", "tk_"), Some(MalformedSecret::Form)),
        (&mistyped, Some(MalformedSecret::Checksum)),
        ("tg_ééééééééééééééééééé", Some(MalformedSecret::Form)),
    ] {
        assert_eq!(KeySecret::read(text).err(), expected, "{text}");
    }
}

#[test]
fn a_secret_is_in_no_debug_output_and_in_no_error() {
    let secret = secret(7);
    assert_eq!(format!("{secret:?}"), "KeySecret(…)");
    let cut = &secret.reveal()[..secret.reveal().len() - 1];
    let error = KeySecret::read(cut).unwrap_err();
    assert!(!format!("{error} {error:?}").contains(&cut[3..12]));
}

proptest! {
    #[test]
    fn every_secret_is_read_back_and_opens_only_itself(a: [u8; SECRET_BYTES], b: [u8; SECRET_BYTES]) {
        let (first, second) = (KeySecret::of(&a), KeySecret::of(&b));
        prop_assert_eq!(&KeySecret::read(first.reveal()).unwrap(), &first);
        prop_assert_eq!(first.hash() == second.hash(), a == b);
        let hash = first.hash();
        prop_assert_eq!(KeyHash::from_hex(&hash.to_string()), Some(hash));
    }

    #[test]
    fn one_mistyped_character_is_noticed(a: [u8; SECRET_BYTES], place in 0..41_usize, other in any::<char>()) {
        let secret = KeySecret::of(&a);
        let mut characters: Vec<char> = secret.reveal().chars().collect();
        prop_assume!(characters[place] != other);
        characters[place] = other;
        let text: String = characters.into_iter().collect();
        prop_assert!(KeySecret::read(&text).is_err(), "{text}");
    }

    #[test]
    fn two_characters_that_changed_places_are_noticed(a: [u8; SECRET_BYTES], place in 3..40_usize) {
        let secret = KeySecret::of(&a);
        let mut characters: Vec<char> = secret.reveal().chars().collect();
        prop_assume!(characters[place] != characters[place + 1]);
        characters.swap(place, place + 1);
        let text: String = characters.into_iter().collect();
        prop_assert!(KeySecret::read(&text).is_err(), "{text}");
    }

    #[test]
    fn any_text_is_read_or_refused(text in ".{0,60}") {
        if let Ok(secret) = KeySecret::read(&text) {
            prop_assert_eq!(secret.reveal(), text);
        }
    }

    #[test]
    fn a_hash_is_64_lower_case_hex_digits(text in "[0-9a-fA-Fg]{0,66}") {
        let fits = text.len() == 64 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        prop_assert_eq!(KeyHash::from_hex(&text).is_some(), fits);
    }
}

#[test]
fn a_ring_is_open_until_the_first_key_and_never_again() {
    let mut ring = KeyRing::default();
    assert!(!ring.is_closed());
    let created = ring.create(new("root", &[KeyScope::Admin]), secret(1).hash(), "ada", at(0)).unwrap();
    ring.apply(&created.into(), at(0));
    assert!(ring.is_closed());
    let revoked = ring.revoke("root", "ada", None).unwrap().unwrap();
    ring.apply(&revoked.into(), at(1));
    assert!(ring.is_closed());
    assert_eq!(opens(&ring, 1, at(1)), Err(Refused::Revoked));
}

#[test]
fn which_keys_may_be_made() {
    let (read, admin) = (&[KeyScope::Read][..], &[KeyScope::Admin][..]);
    let tenants = |names: &[&str]| KeyReach {
        tenants: names.iter().map(|&name| name.into()).collect(),
        ..KeyReach::default()
    };
    let rate = |per_second, burst| Some(Rate { per_second, burst });
    let expected = |part: &'static str| Some(part);
    for (empty, key, refused) in [
        (true, new("root", admin), None),
        (true, new("root", read), expected("the first key must have `admin`")),
        (false, new("dashboard", read), None),
        (false, new("a.b-c_d@e", read), None),
        (false, new("", read), expected("must be 1 to 64")),
        (false, new("-a", read), expected("must be 1 to 64")),
        (false, new("a b", read), expected("must be 1 to 64")),
        (false, new(&"a".repeat(65), read), expected("must be 1 to 64")),
        (false, new("ci", read), expected("never given again")),
        (false, new("x", &[]), expected("at least one")),
        (false, NewKey { reach: tenants(&["acme"]), ..new("x", read) }, None),
        (false, NewKey { reach: tenants(&["acme"]), ..new("x", admin) }, expected("cannot be restricted")),
        (false, NewKey { reach: tenants(&[""]), ..new("x", read) }, expected("tenants")),
        (false, NewKey { reach: tenants(&["_ledger"]), ..new("x", read) }, expected("tenants")),
        (false, NewKey { reach: tenants(&["a"; 51]), ..new("x", read) }, expected("at most 50")),
        (false, NewKey { expires_at: Some(at(10)), ..new("x", read) }, expected("in the future")),
        (false, NewKey { expires_at: Some(at(11)), ..new("x", read) }, None),
        (false, NewKey { rate: rate(1, 1), ..new("x", read) }, None),
        (false, NewKey { rate: rate(0, 1), ..new("x", read) }, expected("at least 1")),
        (false, NewKey { rate: rate(1, 0), ..new("x", read) }, expected("at least 1")),
    ] {
        let ring = if empty { KeyRing::default() } else { ring() };
        let made = ring.create(key.clone(), secret(9).hash(), "ada", at(10));
        let said = made.as_ref().err().map(ToString::to_string);
        match (&said, refused) {
            (None, None) => {}
            (Some(said), Some(part)) => assert!(said.contains(part), "{key:?}: {said}"),
            (said, _) => panic!("{key:?}: {said:?}"),
        }
    }
}

#[test]
fn scopes_are_kept_in_their_order_once_and_admin_allows_all() {
    let ring = ring();
    let scopes = [KeyScope::Read, KeyScope::Append, KeyScope::Read];
    let KeyCreated { scopes, .. } = ring.create(new("x", &scopes), secret(9).hash(), "a", at(0)).unwrap();
    assert_eq!(scopes, [KeyScope::Append, KeyScope::Read]);
    for scope in KeyScope::ALL {
        assert!(ring.key("root").unwrap().allows(scope), "{scope}");
        assert_eq!(ring.key("ci").unwrap().allows(scope), scope == KeyScope::Append, "{scope}");
    }
}

#[test]
fn a_key_that_is_rotated_opens_with_both_secrets_for_a_while() {
    let mut ring = ring();
    let rotate = |ring: &mut KeyRing, n, until, now| {
        let rotated = ring.rotate("ci", secret(n).hash(), until, "ada", now).unwrap();
        ring.apply(&rotated.into(), now);
    };
    rotate(&mut ring, 3, at(60), at(1));
    for (n, minute, expected) in [
        (2, 59, Ok("ci")),
        (2, 60, Err(Refused::Replaced)),
        (3, 59, Ok("ci")),
        (3, 9_999, Ok("ci")),
        (4, 1, Err(Refused::Unknown)),
    ] {
        assert_eq!(opens(&ring, n, at(minute)), expected, "secret {n} at {minute}");
    }
    assert_eq!(ring.key("ci").unwrap().overlap_until(at(59)), Some(at(60)));
    assert_eq!(ring.key("ci").unwrap().overlap_until(at(60)), None);
    // A later rotation lengthens nothing, and one without overlap ends all others.
    rotate(&mut ring, 4, at(90), at(2));
    assert_eq!(opens(&ring, 2, at(61)), Err(Refused::Replaced));
    assert_eq!(opens(&ring, 3, at(61)), Ok("ci"));
    rotate(&mut ring, 5, at(3), at(3));
    assert_eq!(opens(&ring, 3, at(3)), Err(Refused::Replaced));
    assert_eq!(opens(&ring, 5, at(3)), Ok("ci"));
}

#[test]
fn old_secrets_are_forgotten_but_never_open() {
    let mut ring = ring();
    for n in 10..30 {
        let rotated = ring.rotate("ci", secret(n).hash(), at(60), "ada", at(1)).unwrap();
        ring.apply(&rotated.into(), at(1));
    }
    let opening = (10..30).filter(|&n| opens(&ring, n, at(2)).is_ok()).count();
    assert_eq!(opening, STORED_SECRETS);
    assert_eq!(opens(&ring, 29, at(2)), Ok("ci"));
    assert_eq!(opens(&ring, 2, at(2)), Err(Refused::Unknown));
}

#[test]
fn what_is_revoked_or_expired_opens_nothing_and_gets_no_other_secret() {
    let mut ring = ring();
    let expiring = NewKey { expires_at: Some(at(5)), ..new("guest", &[KeyScope::Read]) };
    let created = ring.create(expiring, secret(3).hash(), "ada", at(0)).unwrap();
    ring.apply(&created.into(), at(0));
    assert_eq!(opens(&ring, 3, at(4)), Ok("guest"));
    assert_eq!(opens(&ring, 3, at(5)), Err(Refused::Expired));
    let rotated = ring.rotate("guest", secret(4).hash(), at(9), "ada", at(5));
    assert_eq!(rotated, Err(KeyRejection::Ended("guest".to_owned(), "expired")));

    let rotated = ring.rotate("ci", secret(5).hash(), at(90), "ada", at(1)).unwrap();
    ring.apply(&rotated.into(), at(1));
    let revoked = ring.revoke("ci", "ada", Some("lost")).unwrap().unwrap();
    ring.apply(&revoked.clone().into(), at(2));
    for n in [2, 5] {
        assert_eq!(opens(&ring, n, at(2)), Err(Refused::Revoked), "secret {n}");
    }
    assert_eq!(ring.revoke("ci", "bob", None), Ok(None));
    assert_eq!(ring.revoke("nobody", "bob", None), Err(KeyRejection::NoSuchKey("nobody".to_owned())));
    assert_eq!(
        ring.rotate("ci", secret(6).hash(), at(9), "ada", at(3)),
        Err(KeyRejection::Ended("ci".to_owned(), "revoked"))
    );
    // Nothing that is recorded later brings it back.
    ring.apply(&revoked.into(), at(7));
    assert_eq!(ring.key("ci").unwrap().revoked, Some(("ada".to_owned(), at(2), Some("lost".to_owned()))));
}

#[test]
fn a_decision_that_is_in_the_log_twice_counts_once() {
    let (mut once, mut twice) = (ring(), ring());
    let rotated = once.rotate("ci", secret(3).hash(), at(60), "ada", at(1)).unwrap();
    let again = once.create(new("z", &[KeyScope::Read]), secret(4).hash(), "ada", at(1)).unwrap();
    let events: [KeyEvent; 2] = [rotated.into(), again.into()];
    for event in &events {
        once.apply(event, at(1));
        twice.apply(event, at(1));
        twice.apply(event, at(30));
    }
    let keys = |ring: &KeyRing| -> Vec<Key> { ring.keys().cloned().collect() };
    assert_eq!(keys(&once), keys(&twice));
}

#[test]
fn a_reach_covers_what_it_names_and_everything_if_it_names_nothing() {
    let all = KeyReach::default();
    let some = KeyReach {
        tenants: vec!["acme".to_owned()],
        producers: vec!["ci".to_owned()],
        components: vec!["planner".to_owned()],
    };
    assert!(all.is_everything() && !some.is_everything());
    for (name, covered) in [("acme", true), ("ACME", false), ("", false), ("acme2", false)] {
        assert_eq!((some.covers_tenant(name), all.covers_tenant(name)), (covered, true), "{name}");
    }
    for (name, covered) in [(Some("ci"), true), (Some("cd"), false), (None, false)] {
        assert_eq!((some.covers_producer(name), all.covers_producer(name)), (covered, true), "{name:?}");
    }
    for (name, covered) in [(Some("planner"), true), (Some("x"), false), (None, false)] {
        assert_eq!((some.covers_component(name), all.covers_component(name)), (covered, true), "{name:?}");
    }
}
