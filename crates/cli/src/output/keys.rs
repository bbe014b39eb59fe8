//! Keys of the API, on screen.

use tollgate_domain::printable::printable;
use tollgate_wire::api::{KeyList, KeyResponse, KeyView};

use super::table;

/// A key that was made.
pub(crate) fn key_made(key: &KeyView) -> String {
    let until = key.expires_at.as_ref().map(|at| format!(", until {at}")).unwrap_or_default();
    format!("key `{}` may {}{}{until}", key.key, key.scopes.join(", "), only(key))
}

/// A key that has another secret.
pub(crate) fn key_rotated(key: &KeyView) -> String {
    let before = match &key.overlap_until {
        Some(until) => format!("the one before it is accepted until {until}"),
        None => "the one before it is refused from now on".to_owned(),
    };
    format!("key `{}` has another secret; {before}", key.key)
}

/// A key that was revoked.
pub(crate) fn key_revoked(revoked: &KeyResponse) -> String {
    let key = &revoked.key;
    if !revoked.repeated {
        return format!("key `{}` is revoked", key.key);
    }
    let by = key.revoked_by.as_deref().unwrap_or_default();
    let at = key.revoked_at.as_deref().unwrap_or_default();
    format!("key `{}` was revoked before, by {} at {at}", key.key, printable(by))
}

/// All keys.
pub(crate) fn key_list(list: &KeyList) -> String {
    if !list.required {
        return "no key was made yet: servers answer everybody; `tollgate key create NAME --scope admin` makes the first\n"
            .to_owned();
    }
    let rows = list.keys.iter().map(|key| {
        let rate = key.requests_per_second.map(|rate| format!("{rate}/s")).unwrap_or_default();
        let ends = match (&key.revoked_at, &key.expires_at) {
            (Some(at), _) => format!("revoked {at}"),
            (None, Some(at)) => at.clone(),
            (None, None) => String::new(),
        };
        let made = format!("{} by {}", key.created_at, key.created_by);
        let only = only(key).trim_start_matches(", ").to_owned();
        vec![key.key.clone(), key.state.to_string(), key.scopes.join(" "), only, rate, ends, made]
    });
    table(&["key", "state", "scopes", "only", "rate", "ends", "made"], &[], rows.collect())
}

/// What it is restricted to.
fn only(key: &KeyView) -> String {
    let lists = [("tenant", &key.tenants), ("producer", &key.producers), ("component", &key.components)];
    let lists = lists.into_iter().filter(|(_, names)| !names.is_empty());
    lists.map(|(what, names)| format!(", {what} {}", names.join("/"))).collect()
}
