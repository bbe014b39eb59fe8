//! Whether a server is ready, for what starts it and looks after it: probes of containers, scripts.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tollgate_client::{Client, HttpTransport, Timeouts};
use tollgate_wire::api::{Health, HealthStatus};

use crate::args::{Format, Global, ReadyArgs};
use crate::bound::Bound;
use crate::exit::Failure;
use crate::output::{json, line};

/// Probes ask every few seconds: one that waits longer than this is of no use.
const TIMEOUTS: Timeouts = Timeouts { connect: Duration::from_secs(2), answer: Duration::from_secs(4) };

pub(crate) async fn run(global: &Global, args: &ReadyArgs) -> Result<ExitCode, Failure> {
    let (client, server) = server(global, args).await?;
    let asked = client.health().await;
    let health = asked.map_err(|error| Failure::failed(format!("{server} is not ready: {error}")))?;
    if health.status == HealthStatus::Failing {
        return Err(Failure::failed(format!("{server} is not ready: {}", failed_checks(&health))));
    }
    match global.format {
        Format::Json => {
            json(&serde_json::json!({ "ready": true, "server": server, "status": health.status.as_str() }))
        }
        Format::Table => line(&format!("{server} is ready")),
    }
    Ok(ExitCode::SUCCESS)
}

/// The server that is meant, and its name in answers.
async fn server(global: &Global, args: &ReadyArgs) -> Result<(Client, String), Failure> {
    if let Some(url) = args.url.as_ref().or(global.server.as_ref()) {
        let transport = HttpTransport::trusting(url, global.ca.as_deref(), TIMEOUTS)
            .map_err(|error| Failure::failed(error.to_string()))?;
        return Ok((Client::new(Arc::new(transport)), url.clone()));
    }
    if global.log.is_some() {
        return Err(Failure::failed(
            "a log on NATS has any number of servers: say which is meant, for example `tollgate ready http://127.0.0.1:7070`",
        ));
    }
    let data = global.data.display();
    match Bound::of_data(&global.data).await {
        Some(bound) => Ok((Client::new(Arc::new(bound)), format!("the server of {data}"))),
        None => Err(Failure::failed(format!(
            "{data}: no server of this data directory answers; start one with `tollgate serve`, or name another with its URL"
        ))),
    }
}

fn failed_checks(health: &Health) -> String {
    let failed = health.checks.iter().filter(|check| !check.ok);
    failed.map(|check| format!("{}: {}", check.name, check.detail)).collect::<Vec<_>>().join("; ")
}
