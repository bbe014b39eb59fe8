//! Serving a data directory.

use std::process::ExitCode;

use tokio::signal::unix::{SignalKind, signal};
use tollgate_log::contract::Durability;
use tollgate_server::{ServeOptions, serve};

use crate::args::{Global, ServeArgs};
use crate::connect::settings_options;
use crate::exit::Failure;
use crate::output::{line, note};

/// Serves until it is told to stop by SIGINT or SIGTERM.
pub(crate) async fn run(global: &Global, args: ServeArgs) -> Result<ExitCode, Failure> {
    let options = ServeOptions {
        data_dir: global.data.clone(),
        listen: args.listen,
        allow_remote: args.allow_remote,
        allow_hosts: args.allow_hosts,
        durability: Durability::from_word(&args.durability).unwrap_or(Durability::Fsync),
        settings: settings_options(global),
        evidence_dir: global.evidence_dir.clone(),
    };
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let stopped = async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        note("stopping: answering what runs, committing the views");
    };
    let data = global.data.display().to_string();
    let ready = |url: &str, ledger: &tollgate_server::Ledger| {
        for warning in &ledger.settings().warnings {
            note(&format!("! {warning}"));
        }
        let durability = ledger.log().durability();
        line(&format!(
            "tollgate serves {data} at {url}, acknowledges with class {durability}; stop with Ctrl-C"
        ));
    };
    serve(options, ready, stopped).await?;
    Ok(ExitCode::SUCCESS)
}
