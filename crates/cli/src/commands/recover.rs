//! After a crash: what the ledger knows about a task, and bringing it to where the work is. Nothing is
//! edited, only appended.

use std::fmt::Write;
use std::process::ExitCode;

use serde_json::{Map, Value, json, value::RawValue};
use tollgate_domain::task::TaskStage;
use tollgate_wire::api::{AppendRequest, AppendResponse, ExecutionState, TaskStatus};

use super::events::envelope;
use super::{ask, read};
use crate::args::{EventArgs, Format, Global, RecoverArgs};
use crate::connect::Access;
use crate::exit::Failure;
use crate::output::{self, json, line, say, time};

/// No phase should be active.
const NONE: &str = "none";

/// What a recovery found and did.
struct Recovered {
    status: TaskStatus,
    appended: Option<AppendResponse>,
}

/// Shows the phase in the ledger; with `--to` appends what is missing between that and the phase where the
/// work is.
pub(crate) async fn run(global: &Global, args: &RecoverArgs) -> Result<ExitCode, Failure> {
    let read = read(global);
    let done = ask(global, Access::Existing, async |it| {
        let status = it.client.task(&args.task, &read).await?;
        let events = args.to.as_deref().map(|to| repairs(global, args, &status, to)).unwrap_or_default();
        if events.is_empty() {
            return Ok(Recovered { status, appended: None });
        }
        let request = AppendRequest {
            tenant: global.tenant.clone(),
            producer: Some(global.producer.clone()),
            events: raw(&events)?,
            gates: Vec::new(),
        };
        let appended = Some(it.client.append(&request).await?);
        // The state after the repair.
        Ok::<_, Failure>(Recovered { status: it.client.task(&args.task, &read).await?, appended })
    });
    let Recovered { status, appended } = done.await?;
    match global.format {
        Format::Json => json(&json!({"appended": appended, "task": status})),
        Format::Table => {
            if args.to.is_some() {
                let what = if appended.is_some() { "repaired by appending" } else { "nothing to repair" };
                line(&format!("{}: {what}", args.task));
            }
            say(&stands(&status, args.to.is_some()));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The end of the phase in the ledger, the start of the one where the work is, and a sign that someone
/// repaired it: one record, or none if both are the same. Each names the attempt it ends, so that nothing
/// unseen is repaired.
fn repairs(global: &Global, args: &RecoverArgs, status: &TaskStatus, to: &str) -> Vec<Value> {
    let active = status.summary.active.as_ref();
    let wanted = (!to.eq_ignore_ascii_case(NONE)).then(|| to.to_uppercase());
    if active.map(|active| active.phase.as_str()) == wanted.as_deref() {
        return Vec::new();
    }
    let base = envelope(global, &args.event);
    let base_id = base.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
    let event = |suffix: &str, kind: &str, body: Value| {
        let event = EventArgs { id: Some(format!("{base_id}/{suffix}")), at: args.event.at.clone() };
        let mut event: Map<String, Value> = envelope(global, &event);
        event.insert("task".to_owned(), json!(args.task));
        event.insert(kind.to_owned(), body);
        Value::Object(event)
    };
    let mut events = Vec::new();
    if let Some(active) = active {
        let body = json!({"phase": active.phase, "attempt": active.attempt});
        events.push(event("ended", "phase_ended", body));
    }
    if let Some(phase) = &wanted {
        events.push(event("started", "phase_started", json!({"phase": phase})));
    }
    events.push(event("recovered", "signal_recorded", json!({"name": "recovered", "value": 1})));
    events
}

fn raw(events: &[Value]) -> Result<Vec<Box<RawValue>>, Failure> {
    let raw = |event: &Value| RawValue::from_string(event.to_string());
    let raw: Result<Vec<_>, _> = events.iter().map(raw).collect();
    raw.map_err(|error| Failure::failed(error.to_string()))
}

/// What the ledger has, and the commands to run next.
fn stands(status: &TaskStatus, repaired: bool) -> String {
    let summary = &status.summary;
    let (task, stage) = (&summary.task, &summary.stage);
    let mut text = String::new();
    // Writing to a String cannot fail, here and below.
    let _ = match &summary.active {
        Some(active) => writeln!(
            text,
            "{task} is {stage}; the ledger's active phase is {}, attempt {}, since {}",
            active.phase,
            active.attempt,
            time(&active.started_at)
        ),
        None => writeln!(text, "{task} is {stage}; no phase is active"),
    };
    let ended: Vec<String> = status
        .executions
        .iter()
        .filter(|run| run.state == ExecutionState::Ended)
        .map(|run| format!("{} attempt {}", run.phase, run.attempt))
        .collect();
    if !ended.is_empty() {
        let _ = writeln!(text, "  ended: {}", ended.join(", "));
    }
    if status.unmatched_tokens != 0 {
        let tokens = output::grouped(status.unmatched_tokens);
        let _ = writeln!(text, "  {tokens} tokens name an execution that the ledger has not seen start");
    }
    if summary.degraded {
        let _ = writeln!(text, "  some of its events cannot be read: see `tollgate status`");
    }
    if *stage == TaskStage::Open && !repaired {
        let _ = writeln!(text, "The log is the truth. Go on from there, or bring it to where the work is:");
        let _ = writeln!(
            text,
            "  `tollgate task recover {task} --to PHASE`   ends the active phase, starts PHASE"
        );
        let _ = writeln!(text, "  `tollgate task recover {task} --to {NONE}`    ends the active phase");
    }
    text
}
