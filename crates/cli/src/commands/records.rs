//! Events in the API's form: appended from a file, looked up by id; and where the log ends.

use std::path::Path;
use std::process::ExitCode;

use serde_json::value::RawValue;
use tollgate_files::read_settings;
use tollgate_wire::api::{AppendRequest, AppendResponse, FindRequest, Outcome};

use super::ask;
use super::log::show;
use crate::args::{AppendArgs, FindArgs, Format, Global};
use crate::connect::{Access, Connection};
use crate::exit::Failure;
use crate::output::{counted, json, line};

/// Events of one request.
const MOST: usize = 500;

/// What `-` stands for.
const STDIN: &str = "/dev/stdin";

/// A file of events: one request of the API, of which only the events count.
#[derive(serde::Deserialize)]
struct Events {
    events: Vec<Box<RawValue>>,
}

/// Appends events from a file, 500 a request. What was appended before a request that is refused stays.
pub(crate) async fn append(global: &Global, args: &AppendArgs) -> Result<ExitCode, Failure> {
    let events = read(&args.file)?;
    let answer = ask(global, Access::MayCreate, async |it| sent(global, it, &events).await).await?;
    if global.format == Format::Json {
        json(&answer);
        return Ok(ExitCode::SUCCESS);
    }
    let of = |outcome: Outcome| answer.outcomes.iter().filter(|it| it.outcome == outcome).count() as u64;
    let kinds =
        [Outcome::Appended, Outcome::Duplicate, Outcome::Ignored].map(|kind| (of(kind), kind.as_str()));
    let kinds: Vec<String> = kinds
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, kind)| format!("{count} {kind}"))
        .collect();
    line(&format!("{}: {}", counted(answer.outcomes.len() as u64, "event"), kinds.join(", ")));
    Ok(ExitCode::SUCCESS)
}

async fn sent(
    global: &Global,
    connection: &Connection,
    events: &[Box<RawValue>],
) -> Result<AppendResponse, Failure> {
    let mut whole: Option<AppendResponse> = None;
    for events in events.chunks(MOST) {
        let request = AppendRequest {
            tenant: global.tenant.clone(),
            producer: Some(global.producer.clone()),
            events: events.to_vec(),
            gates: Vec::new(),
        };
        let answer = connection.client.append(&request).await?;
        whole = Some(match whole {
            Some(before) => {
                AppendResponse { outcomes: [before.outcomes, answer.outcomes].concat(), ..answer }
            }
            None => answer,
        });
    }
    whole.ok_or_else(|| Failure::refused("log append: the file has no events"))
}

/// The events of a file: a request, a list, or one event a line.
fn read(file: &Path) -> Result<Vec<Box<RawValue>>, Failure> {
    let path = if file.as_os_str() == "-" { Path::new(STDIN) } else { file };
    let refused = |what: String| Failure::refused(format!("log append {}: {what}", file.display()));
    let text = read_settings(path).map_err(|error| refused(error.to_string()))?;
    if text.trim_start().starts_with('[') {
        return serde_json::from_str(&text)
            .map_err(|error| refused(format!("must be a list of events: {error}")));
    }
    if let Ok(Events { events }) = serde_json::from_str(&text) {
        return Ok(events);
    }
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let event = |(nth, line): (usize, &str)| {
        serde_json::from_str(line).map_err(|error| {
            refused(format!(
                "line {}: {error}: must be one event a line, a list of events, or {{\"events\": […]}}",
                nth + 1
            ))
        })
    };
    lines.map(event).collect()
}

/// Looks events up by their ids.
pub(crate) async fn find(global: &Global, args: &FindArgs) -> Result<ExitCode, Failure> {
    let request = FindRequest {
        tenant: global.tenant.clone(),
        task: args.task.clone(),
        producer: global.producer.clone(),
        ids: args.ids.clone(),
    };
    let found = ask(global, Access::Existing, async |it| it.client.find_events(&request).await).await?;
    if global.format == Format::Json {
        json(&found);
        return Ok(ExitCode::SUCCESS);
    }
    for (id, event) in args.ids.iter().zip(&found.events) {
        match event {
            Some(event) => show(global, event),
            None => line(&format!("`{id}` of producer `{}`: not in the log", global.producer)),
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Where the log ends.
pub(crate) async fn position(global: &Global) -> Result<ExitCode, Failure> {
    let end = ask(global, Access::Existing, async |it| it.client.position().await).await?;
    match global.format {
        Format::Json => json(&end),
        Format::Table => line(&end.position),
    }
    Ok(ExitCode::SUCCESS)
}
