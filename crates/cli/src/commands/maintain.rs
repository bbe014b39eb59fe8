//! Rebuilding views, backup, restore.

use std::process::ExitCode;

use tollgate_log::embedded::{backup as copy_log, restore as restore_log};
use tollgate_server::ledger::VIEWS;

use super::ask;
use crate::args::{BackupArgs, Format, Global, RestoreArgs, ViewCommand};
use crate::connect::Access;
use crate::exit::{DIFFERS, Failure};
use crate::output::{counted, grouped_u64, json, line};

/// Rebuilds views alongside the live ones.
pub(crate) async fn view(global: &Global, command: ViewCommand) -> Result<ExitCode, Failure> {
    let ViewCommand::Rebuild { view } = command;
    let views: Vec<&str> = match &view {
        Some(view) => vec![view.as_str()],
        None => VIEWS.to_vec(),
    };
    let rebuilt = ask(global, Access::Existing, async |it| {
        let mut rebuilt = Vec::new();
        for view in views {
            rebuilt.push(it.client.rebuild(view).await?);
        }
        Ok::<_, Failure>(rebuilt)
    });
    let rebuilt = rebuilt.await?;
    if global.format == Format::Json {
        json(&rebuilt);
    } else {
        for view in &rebuilt {
            let counted =
                format!("{} rows from {} records", grouped_u64(view.rows), grouped_u64(view.records));
            line(&if view.identical {
                format!("{}: identical, byte for byte: {counted}, digest {:.16}", view.view, view.digest)
            } else {
                format!(
                    "{}: DIFFERENT: {counted}; the rebuilt view has taken the live one's place",
                    view.view
                )
            });
        }
    }
    let same = rebuilt.iter().all(|view| view.identical);
    Ok(if same { ExitCode::SUCCESS } else { ExitCode::from(DIFFERS) })
}

/// Copies the log up to its durable end, even while a server is running.
pub(crate) async fn backup(global: &Global, args: &BackupArgs) -> Result<ExitCode, Failure> {
    if global.log.is_some() {
        return Err(Failure::failed(
            "backup copies the files of a data directory; copy a log on NATS with `tollgate log copy URL DIR`",
        ));
    }
    if global.server.is_some() {
        return Err(Failure::failed(
            "backup copies the files of the log: run it on the server's machine with --data DIR",
        ));
    }
    let (from, to) = (global.data.clone(), args.to.clone());
    let copied = tokio::task::spawn_blocking(move || copy_log(&from, &to)).await;
    let backup = copied.map_err(|error| Failure::failed(error.to_string()))??;
    let bytes: u64 = backup.files.iter().map(|file| file.bytes).sum();
    if global.format == Format::Json {
        json(&backup);
    } else {
        let (last, to) = (backup.last, args.to.display());
        line(&format!(
            "{to}: log up to record {last}, {}, {} bytes, each with its checksum; read from its first record to its last",
            counted(backup.files.len() as u64, "file"),
            grouped_u64(bytes)
        ));
        line(&format!("  restore: tollgate --data NEW-DIR restore {to}"));
    }
    Ok(ExitCode::SUCCESS)
}

/// Creates a data directory from a backup. It is a separate log from then on; its views are built at the
/// first query.
pub(crate) fn restore(global: &Global, args: &RestoreArgs) -> Result<ExitCode, Failure> {
    let restored = restore_log(&args.from, &global.data)?;
    if global.format == Format::Json {
        json(&restored);
    } else {
        let data = global.data.display();
        line(&format!(
            "{data}: restored up to record {}, as a log with an identity of its own",
            restored.last
        ));
        line(&format!("  look: tollgate --data {data} log verify && tollgate --data {data} report"));
    }
    Ok(ExitCode::SUCCESS)
}
