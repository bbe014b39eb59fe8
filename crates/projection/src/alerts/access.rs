//! Who reads reports, and what is unusual about it: from elsewhere than before, or many of them within an hour.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use tollgate_domain::alert::{AlertRule, AlertScope, Condition};
use tollgate_domain::event::{RecordedEvent, ReportRead};
use tollgate_domain::time::Timestamp;

use super::row::{Observed, Watch};

/// Tasks whose reports one reader may read within an hour before someone is told: more than a person looks at, fewer than a
/// copy of a ledger has.
pub const MANY_TASKS: usize = 20;

/// Addresses kept of a reader; the oldest is forgotten, and is new again.
const KEPT_ADDRESSES: usize = 16;

/// Readers kept of a tenant: names are the readers' own words, so they may be any number. The one that was silent for longest
/// is forgotten.
const KEPT_READERS: usize = 256;

/// The level of an alert of a new address.
const NEW_ADDRESS: u32 = 1;
/// The level of an alert of many tasks.
const BULK: u32 = 2;

/// An hour, in milliseconds.
const HOUR_MS: u64 = 3_600_000;

/// What is known of someone who reads reports.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reader {
    /// From where, oldest first.
    addresses: Vec<String>,
    /// When the hour began that is counted.
    since: Timestamp,
    /// Tasks whose reports were read in it; at most one more than may be.
    tasks: BTreeSet<String>,
    /// When the latest report was read.
    last_at: Timestamp,
}

/// Takes a read in.
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
                "{} read reports from {}, for the first time; before from {before}",
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
    if let Some(task) = &read.task
        && reader.tasks.len() <= MANY_TASKS
        && reader.tasks.insert(task.clone())
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
