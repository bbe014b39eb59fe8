//! Tasks and the gate.

use std::process::ExitCode;

use serde_json::{Map, Value, json};
use tollgate_client::TaskQuery;
use tollgate_projection::report::tasks_csv;
use tollgate_wire::api::GateRequest;

use super::events::{envelope, labels, put, send, tell, wrong};
use super::{WAIT_MS, ask, read, recover};
use crate::args::{
    CloseArgs, Form, Format, GateArgs, Global, ImportanceArgs, ListArgs, MarkArgs, OpenArgs, OverrideArgs,
    StoryArgs, TaskCommand, TaskName,
};
use crate::connect::Access;
use crate::exit::{BLOCKED, Failure, STALE};
use crate::output::{self, json, out, say};

pub(crate) async fn run(global: &Global, command: TaskCommand) -> Result<ExitCode, Failure> {
    match command {
        TaskCommand::Open(args) => open(global, args).await?,
        TaskCommand::Close(CloseArgs { task, outcome, reason, author, event }) => {
            let mut body = envelope(global, &event);
            put(&mut body, "outcome", Some(outcome.clone()));
            put(&mut body, "reason", reason);
            put(&mut body, "author", author);
            let answer = send(global, Some(&task), "close", body).await?;
            tell(global, &answer, &format!("{task}: {outcome}"));
        }
        TaskCommand::Show(TaskName { task }) => {
            let read = read(global);
            let status = ask(global, Access::Existing, async |it| it.client.task(&task, &read).await).await?;
            super::answer(global, "executions", &status, output::task_status);
        }
        TaskCommand::List(args) => list(global, &args).await?,
        TaskCommand::Explain(StoryArgs { task, redact }) => {
            let read = read(global);
            let asked = ask(global, Access::Existing, async |it| {
                it.client.redacted(redact).explain(&task, &read).await
            });
            let story = asked.await?;
            match global.format {
                Format::Json => json(&json!({"task": (!redact).then_some(&task), "story": story})),
                Format::Table => say(&story),
            }
        }
        TaskCommand::Recover(args) => return recover::run(global, &args).await,
        TaskCommand::Override(args) => grant(global, args).await?,
        TaskCommand::Importance(args) => change_importance(global, args).await?,
        TaskCommand::Mark(args) => mark(global, args).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn change_importance(global: &Global, args: ImportanceArgs) -> Result<(), Failure> {
    let mut body = envelope(global, &args.event);
    for (name, value) in [
        ("from", args.from),
        ("to", Some(args.to.clone())),
        ("author", Some(args.author)),
        ("reason", Some(args.reason)),
    ] {
        put(&mut body, name, value);
    }
    let answer = send(global, Some(&args.task), "importance", body).await?;
    tell(global, &answer, &format!("{}: now of {} importance", args.task, args.to.to_lowercase()));
    Ok(())
}

async fn mark(global: &Global, args: MarkArgs) -> Result<(), Failure> {
    let mut body = envelope(global, &args.event);
    for (name, value) in [("mark", &args.mark), ("author", &args.author), ("reason", &args.reason)] {
        put(&mut body, name, Some(value.clone()));
    }
    let answer = send(global, Some(&args.task), "mark", body).await?;
    tell(global, &answer, &format!("{}: {}, says {}", args.task, args.mark, args.author));
    Ok(())
}

async fn open(global: &Global, args: OpenArgs) -> Result<(), Failure> {
    let mut body = envelope(global, &args.event);
    put(&mut body, "task", Some(args.task.clone()));
    for (name, value) in [
        ("title", args.title),
        ("complexity", args.complexity),
        ("importance", args.importance),
        ("justification", args.justification),
        ("budget_multiplier", args.multiplier),
        ("author", args.author),
    ] {
        put(&mut body, name, value);
    }
    if !args.tags.is_empty() {
        put(&mut body, "tags", Some(args.tags));
    }
    let labels = labels(&args.labels)?;
    let mut overrides = Map::new();
    for limit in &args.limits {
        let (phase, limit) = phase_limit("--limit", limit)?;
        put(&mut overrides, &phase, Some(limit));
    }
    for (name, object) in [("labels", labels), ("budget_overrides", overrides)] {
        if !object.is_empty() {
            put(&mut body, name, Some(Value::Object(object)));
        }
    }
    if args.tracking_only {
        put(&mut body, "enforcement", Some("off"));
    }
    let answer = send(global, None, "open", body).await?;
    tell(global, &answer, &format!("{}: open", args.task));
    Ok(())
}

async fn list(global: &Global, args: &ListArgs) -> Result<(), Failure> {
    let read = read(global);
    let wanted = args.limit as usize;
    let mut query = TaskQuery {
        after: args.after.clone(),
        limit: Some(wanted.min(1000)),
        stage: args.stage.clone(),
        status: args.status.clone(),
        complexity: args.complexity.clone(),
        importance: args.importance.clone(),
        producer: args.opened_by.clone(),
        since: args.since.clone(),
        until: args.until.clone(),
        by: Some(args.by.clone()),
        summary: Some(true),
    };
    let list = ask(global, Access::Existing, async |it| {
        let mut list = it.client.select_tasks(&query, &read).await?;
        query.summary = Some(false);
        while list.tasks.len() < wanted
            && let Some(after) = list.next.take()
        {
            query.after = Some(after);
            query.limit = Some((wanted - list.tasks.len()).min(1000));
            let page = it.client.select_tasks(&query, &read).await?;
            list.tasks.extend(page.tasks);
            (list.next, list.as_of) = (page.next, page.as_of);
        }
        Ok::<_, Failure>(list)
    });
    let list = list.await?;
    match (global.form, global.format) {
        (Form::Csv, _) => out(&tasks_csv(&list.tasks)),
        (_, Format::Json) => json(&list),
        (_, Format::Table) => say(&output::task_list(&list)),
    }
    Ok(())
}

async fn grant(global: &Global, args: OverrideArgs) -> Result<(), Failure> {
    let mut body = envelope(global, &args.event);
    put(&mut body, "approver", Some(args.approver.clone()));
    put(&mut body, "reason", Some(args.reason));
    let what = match (&args.limit, &args.advance) {
        (Some(limit), _) => {
            let (phase, mut limit) = phase_limit("--limit", limit)?;
            limit["phase"] = json!(phase);
            put(&mut body, "limit", Some(limit));
            format!("limit of {} set", phase.to_uppercase())
        }
        (None, advance) => {
            let to = advance.clone().unwrap_or_default();
            put(&mut body, "block", Some(json!({"advance": to})));
            format!("blocks before {to} set aside")
        }
    };
    let answer = send(global, Some(&args.task), "overrides", body).await?;
    tell(global, &answer, &format!("{}: {what} by {}", args.task, args.approver));
    Ok(())
}

/// Asks the gate. `block` has its own exit code, so that a script stops there.
pub(crate) async fn gate(global: &Global, args: &GateArgs) -> Result<ExitCode, Failure> {
    let request = GateRequest {
        advance_to: args.advance_to.clone(),
        producer: Some(global.producer.clone()),
        id: args.id.clone(),
        at_least: None,
        wait_ms: (!global.no_wait).then_some(WAIT_MS),
    };
    let answer = ask(global, Access::Existing, async |it| it.client.gate(&args.task, &request).await).await?;
    match global.format {
        Format::Json => json(&answer),
        Format::Table => say(&output::gate(&answer)),
    }
    Ok(match (answer.verdict.as_str(), answer.stale) {
        ("block", _) => ExitCode::from(BLOCKED),
        (_, true) => ExitCode::from(STALE),
        _ => ExitCode::SUCCESS,
    })
}

/// `THINK=10000`, `THINK=10000/90000` or `THINK=/90000`.
fn phase_limit(flag: &str, text: &str) -> Result<(String, Value), Failure> {
    let form = "PHASE=TOKENS, PHASE=TOKENS/MS or PHASE=/MS with whole numbers";
    let wrong = || wrong(flag, text, form);
    let (phase, limit) = text.split_once('=').ok_or_else(wrong)?;
    let (tokens, ms) = limit.split_once('/').unwrap_or((limit, ""));
    let mut object = Map::new();
    for (name, number) in [("tokens", tokens), ("latency_ms", ms)] {
        if !number.is_empty() {
            put(&mut object, name, Some(number.parse::<u64>().map_err(|_| wrong())?));
        }
    }
    if phase.is_empty() || object.is_empty() {
        return Err(wrong());
    }
    Ok((phase.to_owned(), Value::Object(object)))
}
