//! Who reads reports, and what is unusual about it: a new address, or many reports within an hour.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use tollgate_domain::alert::{AlertRule, AlertScope, Condition};
use tollgate_domain::event::{RecordedEvent, ReportRead};
use tollgate_domain::time::Timestamp;

use super::row::{Observed, Watch};

/// The number of tasks whose reports one reader may read within an hour without an alert: more than a person
/// looks at, fewer than a copy of a ledger contains.
pub const MANY_TASKS: usize = 20;

/// Addresses kept per reader; the oldest is forgotten, and then counts as new again.
const KEPT_ADDRESSES: usize = 16;

/// Readers kept per tenant: readers choose their own names, so there may be any number. The one that was
/// silent for longest is forgotten.
const KEPT_READERS: usize = 256;

/// The level of an alert of a new address.
const NEW_ADDRESS: u32 = 1;
/// The level of an alert of many tasks.
const BULK: u32 = 2;

/// An hour, in milliseconds.
const HOUR_MS: u64 = 3_600_000;

/// What is known about a reader of reports.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reader {
    /// The addresses used, oldest first.
    addresses: Vec<String>,
    /// When the current hour began.
    since: Timestamp,
    /// Tasks whose reports were read in that hour; at most one more than allowed.
    tasks: BTreeSet<String>,
    /// When the latest report was read.
    last_at: Timestamp,
}

/// Adds a read.
pub(super) fn read(watch: &mut Watch, event: &RecordedEvent<'_>, read: &ReportRead) {
    let at = event.occurred_at;
    if !watch.readers.contains_key(&read.reader) && watch.readers.len() >= KEPT_READERS {
        let silent = watch.readers.iter().min_by_key(|(name, reader)| (reader.last_at, (*name).clone()));
        if let Some(name) = silent.map(|(name, _)| name.clone()) {
            watch.readers.remove(&name);
        }
    }
    let reader = watch.readers.entry(read.reader.clone()).or_default();
    let mut unusual = Vec::new();
    if !reader.addresses.contains(&read.address) {
        if !reader.addresses.is_empty() {
            let before = reader.addresses.join(", ");
            let detail = format!(
                "{} read reports from {} for the first time (previously: {before})",
                read.reader, read.address
            );
            unusual.push((NEW_ADDRESS, detail));
        }
        if reader.addresses.len() >= KEPT_ADDRESSES {
            reader.addresses.remove(0);
        }
        reader.addresses.push(read.address.clone());
    }
    if !matches!(at.latency_since(reader.since), Ok(ms) if ms < HOUR_MS) {
        reader.since = at;
        reader.tasks.clear();
    }
    if reader.tasks.len() <= MANY_TASKS
        && reader.tasks.insert(read.task.clone())
        && reader.tasks.len() > MANY_TASKS
    {
        let (name, address) = (&read.reader, &read.address);
        unusual.push((
            BULK,
            format!("{name} read reports of more than {MANY_TASKS} tasks within an hour, from {address}"),
        ));
    }
    reader.last_at = reader.last_at.max(at);
    for (level, detail) in unusual {
        let condition =
            Condition { rule: AlertRule::Access, scope: AlertScope::Reader(read.reader.clone()), level };
        watch.observed.insert(condition, Observed { since: at, detail });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::story;

    /// The alerts of a script: level, whether it is still raised, message.
    fn alerts(script: &str) -> Vec<(u32, bool, String)> {
        let story = story(script);
        let alerts = story.alerts().into_iter().filter(|alert| alert.condition.rule == AlertRule::Access);
        alerts.map(|alert| (alert.condition.level, alert.resolved.is_none(), alert.message.clone())).collect()
    }

    fn many(tasks: usize, after: &str) -> String {
        (0..tasks).map(|task| format!("read T-{task} bob 10.0.0.1, {after}")).collect()
    }

    #[test]
    fn a_new_address_is_told_once_until_somebody_has_seen_it() {
        let first = "read T-1 bob 10.0.0.1, read T-2 bob 10.0.0.1, read T-1 eve 10.0.0.9";
        assert_eq!(alerts(first), []);
        let again = format!("{first}, read T-1 bob 10.0.0.2, read T-1 bob 10.0.0.3, read T-1 bob 10.0.0.2");
        let detail = "bob read reports from 10.0.0.2 for the first time (previously: 10.0.0.1)";
        assert_eq!(alerts(&again), [(NEW_ADDRESS, true, detail.to_owned())]);
        let seen = format!("{again}, in _ledger, ack access, read T-1 bob 10.0.0.4");
        let found = alerts(&seen);
        assert_eq!(
            found.iter().map(|(_, raised, _)| *raised).collect::<Vec<_>>(),
            [false, true],
            "{found:?}"
        );
    }

    #[test]
    fn many_tasks_within_an_hour_are_told_and_over_a_day_are_not() {
        let same = "read T-1 bob 10.0.0.1, ".repeat(MANY_TASKS + 5);
        assert_eq!(alerts(&same), []);
        assert_eq!(alerts(&many(MANY_TASKS, "")), []);
        let detail = "bob read reports of more than 20 tasks within an hour, from 10.0.0.1";
        assert_eq!(alerts(&many(MANY_TASKS + 3, "+1min, ")), [(BULK, true, detail.to_owned())]);
        assert_eq!(alerts(&many(MANY_TASKS + 3, "+4min, ")), []);
    }

    #[test]
    fn readers_and_addresses_are_kept_within_bounds() {
        let readers: String = (0..300).map(|n| format!("read T-1 r{n} 10.0.0.1, +1s, ")).collect();
        let addresses: String = (0..40).map(|n| format!("read T-1 bob 10.0.0.{n}, ")).collect();
        let story = story(&format!("{readers}{addresses}in _ledger"));
        let watch = story.watch();
        assert_eq!(watch.readers.len(), KEPT_READERS);
        assert_eq!(watch.readers["bob"].addresses.len(), KEPT_ADDRESSES);
    }
}
