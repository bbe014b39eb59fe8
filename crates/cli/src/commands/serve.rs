//! Serving a ledger over HTTP.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;
use tollgate_grpc::Ground;
use tollgate_log::contract::Durability;
use tollgate_log_jetstream::JetStreamLog;
use tollgate_server::{AlertsFile, Found, Grpc, ServeOptions, Served, TelemetrySettings, Within, serve};

use super::compat;
use crate::args::{Global, ServeArgs};
use crate::connect::{EVIDENCE_DIR, nats_options, settings_options};
use crate::exit::Failure;
use crate::output::{line, note};
use crate::supervisor;

/// The file in a data directory that says where alerts go.
const ALERTS_FILE: &str = "alerts.yaml";

/// The value that deliberately names no alerts file.
const NONE: &str = "none";

/// The file in a data directory that says how remediations are opened.
const REMEDIATION_FILE: &str = "remediation.yaml";

/// Serves until SIGINT or SIGTERM. SIGHUP makes it read its config again.
pub(crate) async fn run(global: &Global, args: ServeArgs) -> Result<ExitCode, Failure> {
    let (ledger, nats, name) = chosen(global, &args).await?;
    // Several servers of one log would write the same files: with --log only if requested.
    let evidence_dir = global.evidence_dir.clone().or_else(|| nats.is_none().then(|| EVIDENCE_DIR.into()));
    // Likewise: every server that has the file delivers.
    let alerts = alerts_file(global, args.alerts, nats.is_none());
    let own = global.data.join(REMEDIATION_FILE);
    let remediation = args.remediation.or_else(|| (nats.is_none() && own.exists()).then_some(own));
    let beside = compat::beside(global, &args.compat)?;
    let reload = Arc::new(Notify::new());
    let options = ServeOptions {
        ledger,
        listen: args.listen,
        remote: args.network.remote(),
        tls: args.network.tls(),
        proxies: args.network.proxies(),
        jwt: args.jwt,
        allow_hosts: args.allow_hosts,
        settings: settings_options(global),
        evidence_dir,
        redaction_key: global.redaction_key.clone(),
        alerts,
        remediation,
        telemetry: telemetry(),
        max_lag: args.max_lag,
        connections: args.http.limits(),
        reload: Arc::clone(&reload),
        beside,
        grpc: Some(grpc()),
    };
    notify_on_hangup(reload)?;
    let stopped = stop_signal()?;
    let ready = |found: &Found, ledger: &tollgate_server::Ledger| {
        let settings = ledger.settings();
        note(&format!("config: {}", settings.config_line()));
        ledger.operate().delivery_lines().iter().for_each(|said| note(said));
        let now = ledger.now();
        note(&format!("prices: {}", settings.prices_line(now)));
        for warning in settings.warnings(now) {
            note(&format!("! {warning}"));
        }
        if let Some(server) = ledger.log().server() {
            note(&format!("log: {server}"));
            server.not_promised.iter().for_each(|what| note(&format!("! not promised: {what}")));
        }
        let durability = ledger.log().durability();
        let known = ledger.log().durability_known_by().map(|known| format!(" ({known})")).unwrap_or_default();
        supervisor::ready(&format!(
            "tollgate serves {name} at {}, acknowledges with class {durability}{known}; stop with Ctrl-C",
            found.url
        ));
        if let Some(url) = &found.beside {
            line(&format!("answers Tekton's Budget clients at {url}"));
        }
    };
    let regressed = async {
        match &nats {
            Some(log) => log.regressed().await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        served = serve(options, ready, stopped) => served?,
        reason = regressed => return Err(Failure::failed(format!(
            "the log was replaced: {reason}; start again to serve the log that is there now"
        ))),
    }
    Ok(ExitCode::SUCCESS)
}

/// Has the config read again whenever the process is told to.
fn notify_on_hangup(reload: Arc<Notify>) -> std::io::Result<()> {
    let mut hangup = signal(SignalKind::hangup())?;
    tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            reload.notify_one();
        }
    });
    Ok(())
}

/// What answers calls of gRPC.
fn grpc() -> Grpc {
    Grpc::new(|within| {
        let Within { api, bounded, seat, stopped } = within;
        tollgate_grpc::router(&Ground { api, bounded, seat, stopped })
    })
}

/// Which file says where alerts go. Every server that has the file delivers: with --log only if requested.
fn alerts_file(global: &Global, named: Option<PathBuf>, of_data: bool) -> AlertsFile {
    let own = global.data.join(ALERTS_FILE);
    match named {
        Some(none) if none.as_os_str() == NONE => AlertsFile::None,
        Some(file) => AlertsFile::Named(file),
        None if of_data && own.exists() => AlertsFile::Named(own),
        None => AlertsFile::Unnamed,
    }
}

/// Completes when the process is told to stop, and logs that.
fn stop_signal() -> std::io::Result<impl Future<Output = ()> + Send + 'static> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        supervisor::stopping();
        note("stopping: finishing requests in progress, committing the views");
    })
}

/// The metrics destination from the environment. An error in it does not keep a ledger from being served.
fn telemetry() -> Option<TelemetrySettings> {
    let read = TelemetrySettings::read(|name| std::env::var(name).ok());
    read.unwrap_or_else(|error| {
        note(&format!("! metrics are not exported: {error}"));
        None
    })
}

/// The ledger that the flags name, its log if that is on NATS, and its name for display.
async fn chosen(
    global: &Global,
    args: &ServeArgs,
) -> Result<(Served, Option<Arc<JetStreamLog>>, String), Failure> {
    let asked = args.durability.as_deref().and_then(Durability::from_word);
    if let Some(url) = &global.log {
        let mut options = nats_options(global, url)?;
        options.durability = asked.unwrap_or(Durability::PageCache);
        let log = Arc::new(JetStreamLog::connect(options).await?);
        return Ok((Served::Nats { log: Arc::clone(&log) }, Some(log), url.clone()));
    }
    let durability = asked.unwrap_or(Durability::Fsync);
    if durability == Durability::Replicated {
        return Err(Failure::failed(
            "--durability replicated: a data directory has no copies; use fsync or page_cache",
        ));
    }
    let name = global.data.display().to_string();
    let (dir, accept_loss) = (global.data.clone(), global.accept_loss);
    Ok((Served::Data { dir, durability, accept_loss, pack: !args.no_pack }, None, name))
}
