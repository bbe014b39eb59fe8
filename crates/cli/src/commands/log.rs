//! Reading and verifying the log.

use std::process::ExitCode;

use tollgate_domain::position::Position;
use tollgate_log::embedded::{Verification, verify as verify_log};
use tollgate_log::record::EventFrame;
use tollgate_log_jetstream::Setup;
use tollgate_server::ledger::stored_anchors;
use tollgate_wire::check_stored;

use super::ask;
use crate::args::{Format, Global, InitArgs, TailArgs};
use crate::connect::{Access, Connection, is_served, nats_options};
use crate::exit::{DIFFERS, Failure};
use crate::output::{counted, grouped_u64, json, json_line, line, time};

/// Events per page.
const PAGE: usize = 500;

/// How long one query for something new waits.
const FOLLOW_MS: u64 = 30_000;

/// Shows recorded events: the most recent ones are selected, and shown oldest first.
pub(crate) async fn tail(global: &Global, args: &TailArgs) -> Result<ExitCode, Failure> {
    ask(global, Access::Existing, async |it| {
        let end = it.client.position().await?.position;
        let end = end.parse::<Position>().map_err(|error| Failure::failed(error.to_string()))?.highest().0;
        let mut after = if args.records == 0 { 0 } else { end.saturating_sub(args.records) };
        loop {
            let wait = if args.follow { FOLLOW_MS } else { 0 };
            let page = it.client.log(after, PAGE, args.task.as_deref(), wait).await?;
            page.events.iter().for_each(|event| show(global, event));
            if page.last >= page.tail && !args.follow {
                return Ok::<_, Failure>(());
            }
            after = page.last;
        }
    })
    .await?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn show(global: &Global, event: &serde_json::Value) {
    if global.format == Format::Json {
        json_line(event);
        return;
    }
    let text = |name: &str| event[name].as_str().unwrap_or_default();
    let known = [
        "sequence",
        "partition",
        "recorded_at",
        "tenant",
        "task",
        "producer",
        "id",
        "occurred_at",
        "trace_parent",
    ];
    let body =
        event.as_object().and_then(|fields| fields.iter().find(|(name, _)| !known.contains(&name.as_str())));
    let (kind, body) = body.map_or(("", String::new()), |(kind, body)| (kind.as_str(), body.to_string()));
    let short: String = body.chars().take(100).collect();
    let more = if short.len() < body.len() { "…" } else { "" };
    line(&format!(
        "{:>8}  {}  {}  {}  {kind} {short}{more}",
        event["sequence"],
        time(text("recorded_at")),
        text("task"),
        text("producer")
    ));
}

/// Verifies the files of the data directory, even while a server appends to them.
pub(crate) async fn verify(global: &Global) -> Result<ExitCode, Failure> {
    if global.server.is_some() {
        return Err(Failure::failed(
            "log verify reads the files of the log: run it on the server's machine with --data DIR",
        ));
    }
    if global.log.is_some() {
        return verify_over_nats(global).await;
    }
    // The views keep their own record of the chains; a running server has them open.
    let served = is_served(&global.data).await;
    let anchors = if served { Vec::new() } else { stored_anchors(&global.data) };
    let check = |event: &EventFrame<'_>| check_stored(event.payload, &event.content_hash.0);
    let mut found = verify_log(&global.data, &anchors, &check)?;
    if !served && !found.passed() {
        // A log that lost its end is refused when it is opened, with what can be done. Who only looks accepts no loss.
        let global = &Global { accept_loss: false, ..global.clone() };
        Connection::open(global, Access::Existing).await?.close().await;
    }
    if served {
        found.unproven.push(
            "the checkpoints of the views: the server that runs holds them; stop it to compare them too"
                .to_owned(),
        );
    }
    tell(global, &found);
    Ok(if found.passed() { ExitCode::SUCCESS } else { ExitCode::from(DIFFERS) })
}

/// Verifies a log on NATS by reading all of it.
async fn verify_over_nats(global: &Global) -> Result<ExitCode, Failure> {
    let connection = Connection::open(global, Access::Existing).await?;
    let Some(ledger) = connection.ledger() else {
        return Err(Failure::failed("log verify: no log was opened"));
    };
    let anchors = ledger.operate().anchors().await;
    let check = |event: &EventFrame<'_>| check_stored(event.payload, &event.content_hash.0);
    let found = tollgate_log::verify::verify(&**ledger.log(), &anchors, &check).await;
    let found = found.map_err(|error| Failure::failed(error.to_string()))?;
    connection.close().await;
    tell(global, &found);
    Ok(if found.passed() { ExitCode::SUCCESS } else { ExitCode::from(DIFFERS) })
}

/// Creates the streams of a ledger.
pub(crate) async fn init(global: &Global, args: &InitArgs) -> Result<ExitCode, Failure> {
    let Some(url) = &global.log else {
        return Err(Failure::failed(
            "log init creates streams on a NATS server: pass its address with --log nats://HOST:4222; a data directory needs no init",
        ));
    };
    let options = nats_options(global, url)?;
    let setup = Setup {
        stream: options.stream.clone(),
        max_bytes: args.max_bytes,
        replicas: usize::try_from(args.replicas).unwrap_or(1),
    };
    let made = setup.init_at(&options).await?;
    if global.format == Format::Json {
        json(
            &serde_json::json!({"stream": setup.stream, "made": made, "max_bytes": setup.max_bytes, "replicas": setup.replicas}),
        );
    } else {
        let what = if made { "made" } else { "exists with the required settings" };
        line(&format!(
            "stream {} at {}: {what}, at most {} bytes, {}",
            setup.stream,
            options.shown_url(),
            grouped_u64(setup.max_bytes),
            counted(setup.replicas as u64, "copy")
        ));
    }
    Ok(ExitCode::SUCCESS)
}

fn tell(global: &Global, found: &Verification) {
    let Verification {
        records, events, segments, last, difference, unproven, anchors_matched, foreign, ..
    } = found;
    if global.format == Format::Json {
        json(
            &serde_json::json!({"passed": found.passed(), "records": records, "events": events, "segments": segments,
            "last": last.0, "difference": difference, "unproven": unproven, "anchors_matched": anchors_matched,
            "foreign": foreign.iter().map(|(sequence, what)| serde_json::json!({"sequence": sequence.0, "what": what})).collect::<Vec<_>>()}),
        );
        return;
    }
    let segments = match segments {
        0 => String::new(),
        some => format!(" in {}", counted(*some as u64, "segment")),
    };
    let what = format!(
        "{}, {}{segments}, up to record {last}",
        counted(*records, "record"),
        counted(*events, "event")
    );
    match difference {
        None => {
            line(&format!("passed: {what}"));
            line("  checksums, sequences, chains of all partitions, content hash of every event");
            line(&format!("  {} that the views remember: equal", counted(*anchors_matched as u64, "chain")));
        }
        Some(difference) => {
            line(&format!("DIFFERS after {what}"));
            line(&format!("  {difference}"));
        }
    }
    for (sequence, what) in foreign {
        line(&format!("  foreign: message {sequence}: {what}; readers pass it"));
    }
    for sentence in unproven {
        line(&format!("  not proven: {sentence}"));
    }
}
