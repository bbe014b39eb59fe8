//! What the alerts view keeps: the inputs of each task's conditions, each alert, every change of one in
//! order, the deliveries, and the messages in quarantine.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tollgate_domain::alert::{AlertRule, Condition, Severity};
use tollgate_domain::event::Change;
use tollgate_domain::position::Sequence;
use tollgate_domain::time::Timestamp;

use super::access::Reader;
use super::delivery::{Delivery, EndpointState};
use super::quarantine::Quarantined;
use super::quiet::Quiet;
use super::transitions::Transitions;
use crate::status::TaskRow;

/// Prefix of the keys of watched tasks.
const WATCH: u8 = b't';
/// Prefix of the keys of alerts.
const ALERT: u8 = b'a';
/// Prefix of the keys of changes: all of them, in the order of the log.
pub const CHANGES: &[u8] = b"c";

/// A row of the view.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AlertsRow {
    /// A task.
    Watch(Box<Watch>),
    /// An alert.
    Alert(Box<Alert>),
    /// What happened to an alert.
    Change(AlertChange),
    /// The attempts to deliver one change to one endpoint.
    Delivery(Box<Delivery>),
    /// The delivery state of an endpoint in one partition.
    Endpoint(Box<EndpointState>),
    /// A message that the inbox refused.
    Quarantined(Box<Quarantined>),
}

impl AlertsRow {
    /// The alert, if it is one.
    #[must_use]
    pub fn alert(&self) -> Option<&Alert> {
        if let Self::Alert(row) = self { Some(row) } else { None }
    }

    /// The change, if it is one.
    #[must_use]
    pub fn change(&self) -> Option<&AlertChange> {
        if let Self::Change(row) = self { Some(row) } else { None }
    }

    /// The delivery, if it is one.
    #[must_use]
    pub fn delivery(&self) -> Option<&Delivery> {
        if let Self::Delivery(row) = self { Some(row) } else { None }
    }

    /// The state of an endpoint in one partition, if it is that.
    #[must_use]
    pub fn endpoint(&self) -> Option<&EndpointState> {
        if let Self::Endpoint(row) = self { Some(row) } else { None }
    }

    /// The message in quarantine, if it is one.
    #[must_use]
    pub fn quarantined(&self) -> Option<&Quarantined> {
        if let Self::Quarantined(row) = self { Some(row) } else { None }
    }

    /// The watch of a task, if it is one.
    #[must_use]
    pub fn watch(&self) -> Option<&Watch> {
        if let Self::Watch(row) = self { Some(row) } else { None }
    }
}

/// What the conditions of a task depend on, and which of them are true.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watch {
    /// The state of the task, as in the view `status`.
    pub task: TaskRow,
    /// Conditions that were observed and still hold, as far as the task shows.
    #[serde(with = "crate::pairs")]
    pub observed: BTreeMap<Condition, Observed>,
    /// For the ledger itself: how long phase transitions took.
    pub transitions: Transitions,
    /// Messages of the inbox under this task that wait in quarantine.
    pub rejections: u64,
    /// What was wrong with the first of them.
    pub rejected: String,
    /// Who reads the tenant's reports, by name; only for the ledger's own task.
    pub readers: BTreeMap<String, Reader>,
    /// Conditions that are true, each with the id of its alert, or of the alert it is folded into.
    #[serde(with = "crate::pairs")]
    pub open: BTreeMap<Condition, String>,
    /// How often each condition became true.
    #[serde(with = "crate::pairs")]
    pub generations: BTreeMap<Condition, u32>,
    /// How much may be used before something else is true.
    #[serde(skip)]
    pub(super) quiet: Quiet,
}

/// A clock-based observation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observed {
    /// The moment it follows from.
    pub since: Timestamp,
    /// A sentence with all the details.
    pub detail: String,
}

/// A condition that became true.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// Its id: the same in every fold.
    pub id: String,
    /// Owner of the task.
    pub tenant: String,
    /// Which task; `_ledger` for alerts about no task.
    pub task: String,
    /// What became true.
    pub condition: Condition,
    /// What became true with it: limit levels of the task passed by one event are one alert.
    pub folded: Vec<Condition>,
    /// How often it has become true, from 1.
    pub generation: u32,
    /// How much it matters.
    pub severity: Severity,
    /// A sentence with all the details.
    pub message: String,
    /// The record that made it true.
    pub raised: Sequence,
    /// When the event of that record happened.
    pub raised_at: Timestamp,
    /// Who has seen it; `None`: nobody yet. The alert stays raised.
    pub acknowledged: Option<Acknowledged>,
    /// When it became false; `None`: it is true.
    pub resolved: Option<Resolved>,
}

impl Alert {
    /// The rules that it is about: its own, and those of the conditions folded into it.
    pub fn rules(&self) -> impl Iterator<Item = AlertRule> + '_ {
        std::iter::once(&self.condition).chain(&self.folded).map(|condition| condition.rule)
    }
}

/// Who saw an alert first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledged {
    /// The record that says so.
    pub sequence: Sequence,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: String,
    /// What is being done about it.
    pub note: Option<String>,
}

/// How an alert ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resolved {
    /// The record that made it false.
    pub by: Sequence,
    /// When the event of that record happened.
    pub at: Timestamp,
    /// Why, in a sentence.
    pub why: String,
}

/// One change of an alert, or a request to deliver one again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertChange {
    /// Which alert.
    pub alert: String,
    /// What happened to it: raised, acknowledged or resolved.
    pub change: Change,
    /// If present, nothing happened: a person asked to deliver this change again.
    pub resend: Option<Resend>,
}

/// A request to deliver a change again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resend {
    /// Which endpoint; `None`: every endpoint that wants such alerts.
    pub endpoint: Option<String>,
    /// Who asked.
    pub by: String,
    /// Why.
    pub reason: String,
}

/// The key of an alert.
#[must_use]
pub fn alert_key(id: &str) -> Vec<u8> {
    let mut key = vec![ALERT];
    key.extend_from_slice(id.as_bytes());
    key
}

/// The key after all changes of a record and of earlier ones.
#[must_use]
pub fn change_after(sequence: Sequence) -> Vec<u8> {
    let mut key = CHANGES.to_vec();
    key.extend_from_slice(&sequence.0.to_be_bytes());
    // Above every place within a record.
    key.extend_from_slice(&[u8::MAX; 5]);
    key
}

/// The record of a change, by its key.
#[must_use]
pub fn change_sequence(key: &[u8]) -> Option<Sequence> {
    let bytes = key.strip_prefix(CHANGES)?.first_chunk()?;
    Some(Sequence(u64::from_be_bytes(*bytes)))
}

/// The key of a change: the record, then its kind and alert, so that it does not depend on what else the
/// record changed.
pub(super) fn change_key(sequence: Sequence, change: &AlertChange) -> Vec<u8> {
    let mut key = CHANGES.to_vec();
    key.extend_from_slice(&sequence.0.to_be_bytes());
    key.push(u8::from(change.resend.is_some()));
    key.push(change.change as u8);
    key.extend_from_slice(change.alert.as_bytes());
    if let Some(endpoint) = change.resend.as_ref().and_then(|resend| resend.endpoint.as_ref()) {
        key.push(0);
        key.extend_from_slice(endpoint.as_bytes());
    }
    key
}

/// The key of a watched task; tenant and task `_ledger` for what is about no task.
#[must_use]
pub fn watch_key(tenant: &str, task: &str) -> Vec<u8> {
    [&[WATCH], tenant.as_bytes(), &[0], task.as_bytes()].concat()
}
