//! Copying a log into another one.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use indicatif::{ProgressBar, ProgressStyle};
use tollgate_domain::hex::hex;
use tollgate_log::contract::EventLog;
use tollgate_log::copy::{Copied, copy};
use tollgate_log::embedded::{EmbeddedLog, Options};

use crate::args::{CopyArgs, Format, Global};
use crate::connect::jetstream;
use crate::exit::{DIFFERS, Failure};
use crate::output::{grouped_u64, json, line};

/// Copies every event, with its time and its place, then compares the digests of all tasks. Copying again
/// continues where it left off.
pub(crate) async fn run(global: &Global, args: &CopyArgs) -> Result<ExitCode, Failure> {
    let from = open(global, &args.from, false).await?;
    let to = open(global, &args.to, true).await?;
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} record {pos} of {len}") {
        bar.set_style(style);
    }
    let shown = bar.clone();
    let progress = move |progress: tollgate_log::copy::Progress| {
        shown.set_length(progress.end.0);
        shown.set_position(progress.through.0);
    };
    let copied = copy(&*from, &*to, &progress).await;
    bar.finish_and_clear();
    let copied = copied.map_err(|error| Failure::failed(error.to_string()))?;
    tell(global, args, &copied);
    Ok(if copied.difference().is_none() { ExitCode::SUCCESS } else { ExitCode::from(DIFFERS) })
}

/// The log that an argument names.
async fn open(global: &Global, name: &str, create: bool) -> Result<Arc<dyn EventLog>, Failure> {
    if name.contains("://") {
        return Ok(jetstream(global, name, Some(0)).await?);
    }
    let options = Options {
        lock_note: format!("tollgate log copy, process {}", std::process::id()),
        ..Options::default()
    };
    let opened = match create {
        true => EmbeddedLog::open_or_create(Path::new(name), options),
        false => EmbeddedLog::open(Path::new(name), options),
    };
    Ok(Arc::new(opened?))
}

fn tell(global: &Global, args: &CopyArgs, copied: &Copied) {
    let Copied { records, events, present, repeated, sequences_kept, source, target } = copied;
    let difference = copied.difference();
    if global.format == Format::Json {
        json(
            &serde_json::json!({"records": records, "events": events, "present": present, "repeated": repeated,
            "sequences_kept": sequences_kept, "tasks": source.tasks(), "source_events": source.events(),
            "target_events": target.events(), "source_digest": hex(&source.overall()), "target_digest": hex(&target.overall()),
            "equal": difference.is_none()}),
        );
        return;
    }
    line(&format!(
        "{} events in {} records copied from {} to {}; {} already present, {} duplicates in the source skipped",
        grouped_u64(*events),
        grouped_u64(*records),
        args.from,
        args.to,
        grouped_u64(*present),
        grouped_u64(*repeated)
    ));
    match difference {
        None => line(&format!(
            "equal: {} events of {} tasks have the same ids, contents and order; their sequences {}",
            grouped_u64(source.events()),
            grouped_u64(source.tasks() as u64),
            if *sequences_kept { "are the same" } else { "differ" }
        )),
        Some(difference) => {
            line(&format!(
                "DIFFERENT: task {} of tenant {} differs between the two logs",
                difference.task, difference.tenant
            ));
        }
    }
}
