//! Events about keys: samples for golden vectors, and arbitrary ones.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{BoxedStrategy, Strategy, prop_oneof};
use tollgate_domain::event::{Event, EventBody, KeyCreated, KeyRevoked, KeyRotated};
use tollgate_domain::ids::TenantId;
use tollgate_domain::key::{KeyHash, KeyReach, KeyScope, KeySecret, Rate, SECRET_BYTES};

use crate::noted::word;
use crate::samples::own_event;
use crate::strategies::{any_text, optional, time};

/// The vectors.
pub(crate) fn events() -> Vec<(&'static str, Event)> {
    let of_keys = |body| Event { tenant: TenantId::ledger(), ..own_event("_keys", body) };
    vec![
        ("key_created", of_keys(made(true))),
        ("key_created_admin", of_keys(made(false))),
        ("key_rotated", of_keys(rotated())),
        ("key_revoked", of_keys(revoked())),
    ]
}

fn hash_of(n: u8) -> KeyHash {
    KeySecret::of(&[n; SECRET_BYTES]).hash()
}

fn made(restricted: bool) -> EventBody {
    let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
    let reach = KeyReach {
        tenants: names(&["acme"]),
        producers: names(&["ci", "nightly"]),
        components: names(&["planner"]),
    };
    EventBody::from(KeyCreated {
        key: if restricted { "acme-ci" } else { "root" }.to_owned(),
        hash: hash_of(1),
        scopes: if restricted {
            vec![KeyScope::Append, KeyScope::ReadReports]
        } else {
            vec![KeyScope::Admin]
        },
        reach: if restricted { reach } else { KeyReach::default() },
        expires_at: restricted.then(|| "2027-11-21T00:00:00Z".parse().expect("a time")),
        rate: restricted.then_some(Rate { per_second: 20, burst: 100 }),
        by: "grace".to_owned(),
    })
}

fn rotated() -> EventBody {
    EventBody::from(KeyRotated {
        key: "acme-ci".to_owned(),
        hash: hash_of(2),
        before_until: "2026-11-22T08:30:00Z".parse().expect("a time"),
        by: "root".to_owned(),
    })
}

fn revoked() -> EventBody {
    let (key, by) = ("acme-ci".to_owned(), "root".to_owned());
    EventBody::from(KeyRevoked { key, by, reason: Some("was in a public repository".to_owned()) })
}

/// Any event about keys.
pub(crate) fn any() -> BoxedStrategy<EventBody> {
    let hash = proptest::prelude::any::<u8>().prop_map(hash_of);
    let names = || vec(any_text(), 0..3);
    let reach = (names(), names(), names()).prop_map(|(tenants, producers, components)| KeyReach {
        tenants,
        producers,
        components,
    });
    let rate = option::of((proptest::prelude::any::<u32>(), proptest::prelude::any::<u32>()))
        .prop_map(|rate| rate.map(|(per_second, burst)| Rate { per_second, burst }));
    let scopes = vec(word(KeyScope::NAMES, KeyScope::from_word), 0..6);
    let ends = (option::of(time()), rate);
    let created = (any_text(), hash.clone(), scopes, reach, ends, any_text()).prop_map(
        |(key, hash, scopes, reach, (expires_at, rate), by)| {
            EventBody::from(KeyCreated { key, hash, scopes, reach, expires_at, rate, by })
        },
    );
    let rotated = (any_text(), hash, time(), any_text()).prop_map(|(key, hash, before_until, by)| {
        EventBody::from(KeyRotated { key, hash, before_until, by })
    });
    let revoked = (any_text(), any_text(), optional())
        .prop_map(|(key, by, reason)| EventBody::from(KeyRevoked { key, by, reason }));
    prop_oneof![created, rotated, revoked].boxed()
}
