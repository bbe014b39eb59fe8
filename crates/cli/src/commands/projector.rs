//! A projector as a separate process.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};
use tollgate_files::{make_private_dirs, private_file};
use tollgate_log::contract::EventLog;
use tollgate_projection::alerts::Alerts;
use tollgate_projection::reports::Reports;
use tollgate_projection::spending::Spending;
use tollgate_projection::status::Status;
use tollgate_projector::Projector;
use tollgate_projector::nats::{Served, serve, subject};

use crate::args::{Global, ProjectorArgs};
use crate::connect::jetstream;
use crate::exit::Failure;
use crate::output::note;
use crate::supervisor;

/// Subdirectory of the data directory for projectors' views. Those of a log in the same directory are not
/// touched.
const STORES: &str = "projectors";

/// Folds and answers until SIGINT or SIGTERM.
pub(crate) async fn run(global: &Global, args: &ProjectorArgs) -> Result<ExitCode, Failure> {
    match args.view.as_str() {
        "status" => project(Status, global, args).await,
        "reports" => project(Reports, global, args).await,
        "spending" => project(Spending, global, args).await,
        _ => project(Alerts, global, args).await,
    }
}

async fn project<P: Served>(
    projection: P,
    global: &Global,
    args: &ProjectorArgs,
) -> Result<ExitCode, Failure> {
    let Some(url) = &global.log else {
        return Err(Failure::failed(
            "a projector follows a log on NATS: pass its address with --log nats://HOST:4222; on a data directory `tollgate serve` has \
             its views inside",
        ));
    };
    let dir = global.data.join(STORES);
    // Held until this process ends.
    let _lock = lock(&dir, &format!("{}-{}", P::NAME, args.partitions))?;
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let mut accept_loss = global.accept_loss;
    loop {
        let log = jetstream(global, url, Some(0)).await?;
        let follow: Arc<dyn EventLog> = Arc::clone(&log) as _;
        let projector =
            Projector::start_part(projection.clone(), &dir, follow, args.partitions, accept_loss).await;
        // The flag only covers the loss that existed when it was given.
        accept_loss = false;
        let projector = Arc::new(projector.map_err(|error| Failure::failed(error.to_string()))?);
        if let Some(error) = projector.refused() {
            note(&format!("! questions are refused: {error}"));
        }
        let serving = serve(&log.client(), Arc::clone(&projector)).await;
        let serving = serving.map_err(|error| Failure::failed(error.to_string()))?;
        // The server handles what one connection sends in order: once it has answered this, it also has the
        // subscriptions.
        log.tail().await.map_err(|error| Failure::failed(error.to_string()))?;
        let first = args.partitions.iter().next();
        supervisor::ready(&format!(
            "tollgate projector {} of {url}, partitions {}, answers on {} …; stop with Ctrl-C",
            P::NAME,
            args.partitions,
            first.map(|partition| subject(P::NAME, partition)).unwrap_or_default()
        ));
        let regressed = tokio::select! {
            _ = interrupt.recv() => None,
            _ = terminate.recv() => None,
            reason = log.regressed() => Some(reason),
        };
        if regressed.is_none() {
            supervisor::stopping();
        }
        note(match &regressed {
            None => "stopping: finishing requests in progress, committing the view",
            // Its content comes from a log that no longer exists.
            Some(reason) => {
                note(&format!("! the log was replaced: {reason}"));
                "connecting again"
            }
        });
        serving.stop().await;
        projector.stop().await;
        if regressed.is_none() {
            return Ok(ExitCode::SUCCESS);
        }
    }
}

/// Keeps a second projector away from a store: it would take the store for damaged and set it aside.
fn lock(dir: &Path, name: &str) -> Result<File, Failure> {
    let path = dir.join(format!("{name}.lock"));
    let failed = |reason: String| Failure::failed(format!("projector store {}: {reason}", path.display()));
    make_private_dirs(dir).map_err(|error| failed(error.to_string()))?;
    let file = private_file()
        .write(true)
        .create(true)
        .truncate(true)
        .open(&path)
        .map_err(|error| failed(error.to_string()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(failed(
            "another projector has it; give each one a directory of its own with --data".to_owned(),
        )),
        Err(TryLockError::Error(error)) => Err(failed(error.to_string())),
    }
}
