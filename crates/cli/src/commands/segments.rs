//! Full segments of the log: packing them, and moving them to an archive.

use std::process::ExitCode;

use tollgate_domain::time::Timestamp;
use tollgate_domain::zone::Zone;
use tollgate_log::embedded::{EmbeddedLog, Options, Packed, Target, archive as move_segments};

use crate::args::{ArchiveArgs, Format, Global};
use crate::connect::is_served;
use crate::exit::Failure;
use crate::output::{counted, grouped_u64, json, line};

/// Packs the full segments of a data directory that no server holds.
pub(crate) async fn pack(global: &Global) -> Result<ExitCode, Failure> {
    refuse_elsewhere(global, "log pack")?;
    if is_served(&global.data).await {
        return Err(Failure::failed(format!(
            "log pack: a server runs on {}: it packs segments as they become full, unless it was started with --no-pack",
            global.data.display()
        )));
    }
    let log = open(global)?;
    let packed = log.pack()?;
    log.close();
    if global.format == Format::Json {
        json(&serde_json::json!({
            "segments": packed.segments,
            "bytes_before": packed.bytes_before,
            "bytes_now": packed.bytes_now,
        }));
    } else {
        line(&told(packed));
    }
    Ok(ExitCode::SUCCESS)
}

fn told(packed: Packed) -> String {
    let Packed { segments, bytes_before, bytes_now } = packed;
    if segments == 0 {
        return "nothing to pack: the last two segments stay as they are, those before them are packed"
            .to_owned();
    }
    format!(
        "packed {}: {} bytes, {} before",
        counted(segments, "segment"),
        grouped_u64(bytes_now),
        grouped_u64(bytes_before)
    )
}

/// Moves packed segments to an archive, even while a server runs.
pub(crate) async fn archive(global: &Global, args: &ArchiveArgs) -> Result<ExitCode, Failure> {
    refuse_elsewhere(global, "log archive")?;
    let before = args.before.as_deref().map(time).transpose()?;
    let target = match (&args.to, &args.put, &args.get) {
        (Some(dir), ..) => Target::Dir(dir.clone()),
        (None, Some(put), Some(get)) => Target::Commands { put: put.clone(), get: get.clone() },
        // The arguments demand one of them; this is what they would say.
        (None, ..) => {
            return Err(Failure::failed("log archive: name a directory with --to, or --put and --get"));
        }
    };
    // A server packs by itself; without one, what is full is packed first.
    let log = if is_served(&global.data).await { None } else { Some(open(global)?) };
    if let Some(log) = &log {
        log.pack()?;
    }
    let moved = move_segments(&global.data, &target, before)?;
    if let Some(log) = log {
        log.close();
    }
    if global.format == Format::Json {
        json(&serde_json::json!({
            "segments": moved.segments,
            "bytes": moved.bytes,
            "through": moved.through,
            "not_packed": moved.not_packed,
        }));
        return Ok(ExitCode::SUCCESS);
    }
    line(&match moved.segments {
        0 => "nothing to move: no packed segment that is meant is in the directory of the log".to_owned(),
        segments => format!(
            "moved {}, {} bytes: records up to {} are in the archive",
            counted(segments, "segment"),
            grouped_u64(moved.bytes),
            moved.through
        ),
    });
    if moved.not_packed > 0 {
        let stay = counted(moved.not_packed, "full segment");
        line(&format!("{stay} not packed yet: the server packs them; run this again"));
    }
    Ok(ExitCode::SUCCESS)
}

fn open(global: &Global) -> Result<EmbeddedLog, Failure> {
    Ok(EmbeddedLog::open(&global.data, Options { accept_loss: global.accept_loss, ..Options::default() })?)
}

fn time(text: &str) -> Result<Timestamp, Failure> {
    let rule = || {
        Failure::failed(format!(
            "--before `{text}`: must be an RFC 3339 time, or a date, which begins in UTC"
        ))
    };
    Zone::utc().moment(text).ok_or_else(rule)
}

/// Segments are files of a data directory.
fn refuse_elsewhere(global: &Global, command: &str) -> Result<(), Failure> {
    if global.log.is_some() {
        return Err(Failure::failed(format!(
            "{command} is about the files of a data directory; what a log on NATS keeps is set with its stream"
        )));
    }
    if global.server.is_some() {
        return Err(Failure::failed(format!(
            "{command} moves files of the log: run it on the server's machine with --data DIR"
        )));
    }
    Ok(())
}
