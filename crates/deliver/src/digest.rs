//! One message in place of many: under a storm of changes an endpoint learns how many there are, of which
//! kinds, and which are the worst.

use std::collections::BTreeMap;

use serde::Serialize;
use tollgate_domain::event::Change;
use tollgate_domain::time::Timestamp;

use crate::notice::{AlertNotice, as_text, shortened};
use crate::signature::WebhookId;

/// The number of changes that are listed individually.
const WORST: usize = 20;

/// The number of tenants that are counted by name; the others are counted together.
const TENANTS: usize = 20;

/// The longest message of one change in a digest, in bytes: twenty of them fit.
const MAX_MESSAGE_BYTES: usize = 200;

/// The longest id of one change in a digest, in bytes.
const MAX_ID_BYTES: usize = 64;

/// When changes are combined into one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DigestPolicy {
    /// This many changes within a window are sent one by one; any further ones come as one digest.
    pub after: u32,
    /// The length of a window, in seconds.
    pub window_s: u32,
}

impl Default for DigestPolicy {
    /// 20 within 60 s.
    fn default() -> Self {
        Self { after: 20, window_s: 60 }
    }
}

/// The summary of many changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Digest {
    /// The number of changes.
    pub changes: u64,
    /// When the earliest happened.
    #[serde(serialize_with = "as_text")]
    pub from: Timestamp,
    /// When the latest happened.
    #[serde(serialize_with = "as_text")]
    pub to: Timestamp,
    /// The number of changes of each kind: `raised`, `resolved`, `acknowledged`.
    pub by_change: BTreeMap<&'static str, u64>,
    /// The number of changes by rule.
    pub by_rule: BTreeMap<&'static str, u64>,
    /// The number of changes by severity.
    pub by_severity: BTreeMap<&'static str, u64>,
    /// The number of changes by tenant, for the tenants with the most.
    pub by_tenant: BTreeMap<String, u64>,
    /// The number of changes of all other tenants.
    #[serde(skip_serializing_if = "is_zero")]
    pub other_tenants: u64,
    /// The changes that matter most: by severity, raised before others, then the latest.
    pub worst: Vec<Worst>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// A change that is listed in a digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Worst {
    /// Which alert.
    pub alert: String,
    /// What happened to it.
    pub change: &'static str,
    /// When.
    #[serde(serialize_with = "as_text")]
    pub at: Timestamp,
    /// The rule that raised it.
    pub rule: &'static str,
    /// Its severity.
    pub severity: &'static str,
    /// Owner of the task.
    pub tenant: String,
    /// Which task.
    pub task: String,
    /// Its message, shortened.
    pub message: String,
}

/// The id of the digest that covers what an endpoint has not been sent, up to a place in the order of
/// changes.
#[must_use]
pub fn digest_id(endpoint: &str, through: &str) -> WebhookId {
    WebhookId::of(&[endpoint, through, "digest"])
}

/// Counts changes one by one; it holds no more of them than it lists.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    changes: u64,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    by_change: BTreeMap<&'static str, u64>,
    by_rule: BTreeMap<&'static str, u64>,
    by_severity: BTreeMap<&'static str, u64>,
    by_tenant: BTreeMap<String, u64>,
    worst: Vec<AlertNotice>,
}

impl Summary {
    /// Counts one more. The order does not matter.
    pub fn add(&mut self, notice: &AlertNotice) {
        self.changes += 1;
        self.from = Some(self.from.map_or(notice.at, |from| from.min(notice.at)));
        self.to = Some(self.to.map_or(notice.at, |to| to.max(notice.at)));
        *self.by_change.entry(notice.change.as_str()).or_default() += 1;
        *self.by_rule.entry(notice.rule.as_str()).or_default() += 1;
        *self.by_severity.entry(notice.severity.as_str()).or_default() += 1;
        match self.by_tenant.get_mut(&notice.tenant) {
            Some(count) => *count += 1,
            None => {
                self.by_tenant.insert(notice.tenant.clone(), 1);
            }
        }
        let place = self.worst.partition_point(|other| rank(other) <= rank(notice));
        if place < WORST {
            self.worst.insert(place, notice.clone());
            self.worst.truncate(WORST);
        }
    }

    /// The resulting digest; `None` if nothing was counted.
    #[must_use]
    pub fn digest(self) -> Option<Digest> {
        let (from, to) = (self.from?, self.to?);
        let mut tenants: Vec<(String, u64)> = self.by_tenant.into_iter().collect();
        tenants.sort_by(|a, b| (b.1, &a.0).cmp(&(a.1, &b.0)));
        let others = tenants.split_off(tenants.len().min(TENANTS));
        Some(Digest {
            changes: self.changes,
            from,
            to,
            by_change: self.by_change,
            by_rule: self.by_rule,
            by_severity: self.by_severity,
            by_tenant: tenants.into_iter().collect(),
            other_tenants: others.iter().map(|(_, count)| count).sum(),
            worst: self.worst.iter().map(worst).collect(),
        })
    }
}

impl<'a> FromIterator<&'a AlertNotice> for Summary {
    fn from_iter<T: IntoIterator<Item = &'a AlertNotice>>(changes: T) -> Self {
        changes.into_iter().fold(Self::default(), |mut summary, notice| {
            summary.add(notice);
            summary
        })
    }
}

/// In ascending order: the smallest comes first in the list.
fn rank(notice: &AlertNotice) -> impl Ord + '_ {
    use std::cmp::Reverse;
    (Reverse(notice.severity), place_of(notice.change), Reverse(notice.at), &notice.alert)
}

fn worst(notice: &AlertNotice) -> Worst {
    Worst {
        alert: shortened(&notice.alert, MAX_ID_BYTES),
        change: notice.change.as_str(),
        at: notice.at,
        rule: notice.rule.as_str(),
        severity: notice.severity.as_str(),
        tenant: shortened(&notice.tenant, MAX_ID_BYTES),
        task: shortened(&notice.task, MAX_ID_BYTES),
        // On one line: a control character would take six bytes.
        message: shortened(&notice.message.replace(char::is_control, " "), MAX_MESSAGE_BYTES),
    }
}

/// Among alerts of equal severity, conditions that are true now come before those that were.
const fn place_of(change: Change) -> u8 {
    match change {
        Change::Raised => 0,
        Change::Resolved => 1,
        Change::Acknowledged => 2,
        Change::Digest => 3,
    }
}

#[cfg(test)]
pub(crate) mod tests;
