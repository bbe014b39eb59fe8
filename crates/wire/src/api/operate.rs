//! Operating a ledger: positions, the log, views, health.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Where the log ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PositionResponse {
    /// The position of the last durable record of every partition.
    pub position: String,
    /// Identity of the log.
    pub epoch: String,
    /// When the log was made.
    pub created_at: String,
    /// What an acknowledgement is worth.
    pub durability: String,
    /// Which run of a server answers: another one after each start. Beside the one in `server.json` it shows whether this is
    /// the server that wrote it.
    #[serde(default)]
    pub instance: String,
}

/// A page of the log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LogPage {
    /// Recorded events in the order of the log, in the JSON form of `tollgate.v1.Event` with what was added.
    #[schema(value_type = Vec<Object>)]
    pub events: Vec<serde_json::Value>,
    /// The last record of the page: pass it as `after` to go on.
    pub last: u64,
    /// The last durable record of the log.
    pub tail: u64,
}

/// Whether the service works.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Health {
    /// `ok`; `degraded`: everything works, but not as it was meant, or something is left undone: the checks say what; `failing`:
    /// something does not work.
    pub status: String,
    /// The version of the program.
    pub version: String,
    /// The version of the time zone database in it.
    #[serde(default)]
    pub time_zone_database: String,
    /// What was checked.
    pub checks: Vec<HealthCheck>,
    /// Every view.
    pub views: Vec<ViewHealth>,
    /// The server that holds the log; absent where this process does.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub log_server: Option<LogServerHealth>,
    /// Who is connected; absent where nobody connects.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub connections: Option<ConnectionHealth>,
}

/// The server that holds the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogServerHealth {
    /// What it is, with its version: `nats-server 2.15.1`.
    pub software: String,
    /// How many servers hold a copy.
    pub replicas: u64,
    /// When it syncs.
    pub sync: String,
    /// What it does not promise, one sentence each.
    pub not_promised: Vec<String>,
}

/// Who is connected to the server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConnectionHealth {
    /// Connections that are open.
    pub open: u64,
    /// How many may be.
    pub limit: u64,
    /// Connections that were turned away since the start, because requests were worked on in all that may be open.
    pub refused: u64,
    /// Clients that follow server-sent events.
    pub streams: u64,
    /// How many may.
    pub streams_limit: u64,
}

/// One check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HealthCheck {
    /// What.
    pub name: String,
    /// Whether it is well.
    pub ok: bool,
    /// What is wrong and what to do, or what was found.
    pub detail: String,
}

/// One view.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ViewHealth {
    /// Its name.
    pub view: String,
    /// Whether its projector runs.
    pub running: bool,
    /// The partitions that it speaks for, such as `0-15`.
    #[serde(default)]
    pub partitions: String,
    /// Records after its checkpoint that it has not folded yet, at most: those of partitions that it does not have count.
    pub lag_records: u64,
    /// The same of each partition that is behind.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub partition_lag_records: BTreeMap<u8, u64>,
    /// The position up to which it is true.
    pub as_of: String,
    /// Rows in it.
    pub rows: u64,
    /// Tasks with events that could not be read.
    pub quarantined: Vec<QuarantinedTask>,
    /// What happened when it was opened, where that was out of the ordinary.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub note: Option<String>,
    /// Why it answers from memory alone, where its store cannot be written.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub in_memory: Option<String>,
}

/// A task whose events wait because one could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QuarantinedTask {
    /// Owner of the task.
    pub tenant: String,
    /// The task.
    pub task: String,
    /// The record of the event that could not be read.
    pub sequence: u64,
    /// Why.
    pub error: String,
    /// How many of its events wait.
    pub waiting: u64,
}

/// The config in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConfigResponse {
    /// It, as the text of a config's file. Keys that it leaves out have their defaults.
    pub yaml: String,
    /// SHA-256 of its canonical content.
    pub config_hash: String,
    /// How far decisions are carried out: `observe`, `enforce_low_medium`, `enforce`.
    pub rollout: String,
    /// Where it was taken from: `built-in`, `file`, or `log`: it came into force last.
    pub origin: String,
    /// The file, or `built-in`: of one out of the log, as it was when it was recorded.
    pub source: String,
    /// When it was recorded, without another one since.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub since: Option<String>,
    /// The version of the prices in force.
    pub price_version: String,
    /// The file they came from, or `shipped`.
    pub prices_source: String,
    /// The last day on which they were compared with their sources, where the book says so.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub prices_as_of: Option<String>,
    /// How many days ago that was, by the ledger's clock.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub prices_age_days: Option<i32>,
    /// What is not as it was meant, and what is switched off.
    pub warnings: Vec<String>,
}

/// What became of a config that was read again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReloadResponse {
    /// Whether another config is in force now.
    pub changed: bool,
    /// Where it came from.
    pub source: String,
    /// SHA-256 of the config in force.
    pub config_hash: String,
    /// SHA-256 of the config that was in force before.
    pub previous_hash: String,
}

/// What a rebuild found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RebuildResponse {
    /// The view.
    pub view: String,
    /// Whether the rebuilt view is the same as the live one, byte for byte.
    pub identical: bool,
    /// Rows in it.
    pub rows: u64,
    /// Records folded.
    pub records: u64,
    /// Digest over all rows, as hex.
    pub digest: String,
    /// The digest of the live view, where it differs.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub live_digest: Option<String>,
    /// The position up to which both were compared.
    pub as_of: String,
}
