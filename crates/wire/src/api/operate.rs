//! Operating a ledger: positions, the log, views, health.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tollgate_domain::config::Rollout;
use utoipa::ToSchema;

use super::word::{self, ConfigOrigin, HealthStatus, list};

/// Where the log ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PositionResponse {
    /// The position of the last durable record of every partition.
    pub position: String,
    /// Identity of the log.
    pub epoch: String,
    /// When the log was created.
    pub created_at: String,
    /// What an acknowledgement guarantees.
    pub durability: String,
    /// Identifies this run of the server; it changes with every start. Compare it with the one in
    /// `server.json` to see whether this server wrote that file.
    #[serde(default)]
    pub instance: String,
}

/// A page of the log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LogPage {
    /// Recorded events in log order, as the JSON form of `tollgate.v1.Event` plus the fields that the ledger adds.
    #[schema(value_type = Vec<Object>)]
    pub events: Vec<serde_json::Value>,
    /// The last record of the page. Pass it as `after` to get the next page.
    pub last: u64,
    /// The last durable record of the log.
    pub tail: u64,
}

/// Whether the service works.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Health {
    /// `ok`; `degraded`: the service works, but something is not as intended or is left undone (see
    /// `checks`); `failing`: something does not work.
    #[serde(with = "word")]
    #[schema(value_type = list::HealthStatus)]
    pub status: HealthStatus,
    /// Version of the program.
    pub version: String,
    /// Version of its time zone database.
    #[serde(default)]
    pub time_zone_database: String,
    /// The checks.
    pub checks: Vec<HealthCheck>,
    /// The views.
    pub views: Vec<ViewHealth>,
    /// The server that holds the log; absent if this process does.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub log_server: Option<LogServerHealth>,
    /// Client connections; absent if the ledger is not served over HTTP.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub connections: Option<ConnectionHealth>,
}

/// The server that holds the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogServerHealth {
    /// Software and version, such as `nats-server 2.15.1`.
    pub software: String,
    /// Number of servers that hold a copy.
    pub replicas: u64,
    /// When it syncs to disk.
    pub sync: String,
    /// Guarantees that it does not give, one sentence each.
    pub not_promised: Vec<String>,
}

/// Client connections.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConnectionHealth {
    /// Open connections.
    pub open: u64,
    /// Maximum number of open connections.
    pub limit: u64,
    /// Connections refused since the start because every permitted connection was busy with a request.
    pub refused: u64,
    /// Clients following server-sent events.
    pub streams: u64,
    /// Maximum number of such clients.
    pub streams_limit: u64,
}

/// One check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HealthCheck {
    /// What is checked.
    pub name: String,
    /// Whether the check passed.
    pub ok: bool,
    /// What is wrong and what to do about it, or what was found.
    pub detail: String,
}

/// One view.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ViewHealth {
    /// Name of the view.
    pub view: String,
    /// Whether its projector is running.
    pub running: bool,
    /// The partitions it covers, such as `0-15`.
    #[serde(default)]
    pub partitions: String,
    /// Upper bound on the records after its checkpoint that it has not applied yet; includes records of
    /// partitions it does not cover.
    pub lag_records: u64,
    /// The same for each partition that is behind.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub partition_lag_records: BTreeMap<u8, u64>,
    /// By how many records a second it falls further behind; below zero: it catches up. Measured by a server that runs.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub lag_growth: Option<i64>,
    /// The position that it covers.
    pub as_of: String,
    /// Number of rows, with what is kept beside them.
    pub rows: u64,
    /// Tasks with events that could not be read.
    pub quarantined: Vec<QuarantinedTask>,
    /// Anything unusual that happened when it was opened.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub note: Option<String>,
    /// Why it is served from memory only; present if its store cannot be written.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub in_memory: Option<String>,
}

/// A task whose events are waiting because one of them could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QuarantinedTask {
    /// Owner of the task.
    pub tenant: String,
    /// The task.
    pub task: String,
    /// The record of the event that could not be read.
    pub sequence: u64,
    /// Why it could not be read.
    pub error: String,
    /// Number of its events that are waiting.
    pub waiting: u64,
}

/// The config in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConfigResponse {
    /// The config as YAML. Omitted keys have their defaults.
    pub yaml: String,
    /// SHA-256 of its canonical content.
    pub config_hash: String,
    /// How far decisions are enforced: `observe`, `enforce_low_medium` or `enforce`.
    #[serde(with = "word")]
    #[schema(value_type = list::Rollout)]
    pub rollout: Rollout,
    /// Where it was taken from: `built-in`, `file`, or `log` (the last config recorded there).
    #[serde(with = "word")]
    #[schema(value_type = list::ConfigOrigin)]
    pub origin: ConfigOrigin,
    /// The file, or `built-in`. For a config from the log, the source named when it was recorded.
    pub source: String,
    /// Since when it has been in force without interruption.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub since: Option<String>,
    /// The version of the prices in force.
    pub price_version: String,
    /// The file they came from, or `shipped`.
    pub prices_source: String,
    /// The day on which the prices were last compared with their sources, if the price book says so.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub prices_as_of: Option<String>,
    /// Number of days since then, by the ledger's clock.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub prices_age_days: Option<i32>,
    /// What is not as intended, and what is switched off.
    pub warnings: Vec<String>,
}

/// Result of reloading the config.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReloadResponse {
    /// Whether a different config is now in force.
    pub changed: bool,
    /// Where the config came from.
    pub source: String,
    /// SHA-256 of the config in force.
    pub config_hash: String,
    /// SHA-256 of the config that was in force before.
    pub previous_hash: String,
}

/// Result of a rebuild.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RebuildResponse {
    /// The view.
    pub view: String,
    /// Whether the rebuilt view is the same as the live one, byte for byte.
    pub identical: bool,
    /// Number of rows, with what is kept beside them.
    pub rows: u64,
    /// Number of records applied.
    pub records: u64,
    /// Digest over all rows, as hex.
    pub digest: String,
    /// Digest of the live view, if it differs.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub live_digest: Option<String>,
    /// The position up to which both were compared.
    pub as_of: String,
}
