//! Names under which a call may be counted: its own, and those of the sessions that it may be copied from.

use super::keys::Key;
use super::origin::Origin;
use crate::call::{CallName, Elsewhere, Means};

/// The call's name, and where else it may be counted. `first`: the key of the session's first own call.
pub(super) fn names(origin: &Origin, key: &Key, first: Option<&Key>) -> Option<(CallName, Vec<Elsewhere>)> {
    let root = origin.ancestors.last().unwrap_or(&origin.thread);
    let stand_in = key.copied_from(root).ok()?;
    if let Some(first) = first {
        let probe = first.copied_from(root).ok();
        let stood_in = Elsewhere { name: stand_in, probe, means: Means::StoodIn };
        let elsewhere = copied_late(origin, key).chain([stood_in]).collect();
        return Some((key.in_thread(&origin.thread).ok()?, elsewhere));
    }
    // Known at its origin: any of the threads that the file copies from.
    let at_origin = origin.ancestors.iter().filter_map(|thread| {
        Some(Elsewhere { name: key.in_thread(thread).ok()?, probe: None, means: Means::Counted })
    });
    Some((stand_in, at_origin.collect()))
}

/// Where a call is counted that only the pause before its line makes the session's own: the sessions that it
/// was forked from have the same counters, reached before it began.
fn copied_late<'a>(origin: &'a Origin, key: &'a Key) -> impl Iterator<Item = Elsewhere> + 'a {
    let begun = origin.begun.filter(|_| matches!(key, Key::Counters(_)));
    let base = origin.goes_on_from.as_ref().filter(|base| !origin.ancestors.contains(base));
    let sources = origin.ancestors.iter().chain(base).filter(|thread| **thread != origin.thread);
    sources.filter_map(move |thread| {
        let (name, means) = (key.in_thread(thread).ok()?, Means::CountedBefore(begun?));
        Some(Elsewhere { name, probe: None, means })
    })
}
