//! What the alerts view keeps: of each task what its conditions depend on, each alert, and every change of one in order.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tollgate_domain::alert::{Condition, Severity};
use tollgate_domain::position::Sequence;
use tollgate_domain::time::Timestamp;

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
    /// An alert was raised or resolved.
    Change(AlertChange),
}

/// What the conditions of a task depend on, and which of them are true.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watch {
    /// Where the task stands, as the view `status` has it.
    pub task: TaskRow,
    /// Conditions that are true, each with the id of its alert.
    pub open: BTreeMap<Condition, String>,
    /// How often each condition became true.
    pub generations: BTreeMap<Condition, u32>,
}

/// A condition that became true.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// Its id: the same in every fold.
    pub id: String,
    /// Owner of the task.
    pub tenant: String,
    /// Which task.
    pub task: String,
    /// What became true.
    pub condition: Condition,
    /// How often it has, from 1.
    pub generation: u32,
    /// How much it matters.
    pub severity: Severity,
    /// A sentence that names everything.
    pub message: String,
    /// The record that made it true.
    pub raised: Sequence,
    /// When the event of that record happened.
    pub raised_at: Timestamp,
    /// When it became false; `None`: it is true.
    pub resolved: Option<Resolved>,
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

/// One change of an alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertChange {
    /// Which alert.
    pub alert: String,
    /// Whether it was raised; else it was resolved.
    pub raised: bool,
}

/// The key of an alert.
#[must_use]
pub fn alert_key(id: &str) -> Vec<u8> {
    let mut key = vec![ALERT];
    key.extend_from_slice(id.as_bytes());
    key
}

/// The key behind all changes of a record and of those before it.
#[must_use]
pub fn change_after(sequence: Sequence) -> Vec<u8> {
    let mut key = CHANGES.to_vec();
    key.extend_from_slice(&sequence.0.to_be_bytes());
    // Above every place within a record.
    key.extend_from_slice(&[u8::MAX; 5]);
    key
}

/// The key of a change: the record, then the change's alert and direction, so that it does not depend on what else the
/// record changed.
pub(super) fn change_key(sequence: Sequence, change: &AlertChange) -> Vec<u8> {
    let mut key = CHANGES.to_vec();
    key.extend_from_slice(&sequence.0.to_be_bytes());
    key.push(u8::from(!change.raised));
    key.extend_from_slice(change.alert.as_bytes());
    key
}

pub(super) fn watch_key(tenant: &str, task: &str) -> Vec<u8> {
    let mut key = vec![WATCH];
    key.extend_from_slice(&crate::fold::task_key(tenant, task));
    key
}
