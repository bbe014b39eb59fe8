//! Appending: commands and facts in the API's form.

use std::process::ExitCode;

use serde_json::{Map, Value, json, value::RawValue};
use tollgate_client::{Client, ClientError};
use tollgate_domain::printable::printable;
use tollgate_domain::usage::estimate;
use tollgate_wire::api::{AppendRequest, AppendResponse, Outcome};
use uuid::Uuid;

use super::{ask, usage};
use crate::args::{
    AdjustArgs, Counts, EventArgs, ExplainArgs, Format, Global, Lengths, PhaseArgs, PhaseCommand, RecordArgs,
    SignalArgs, UsageCommand,
};
use crate::connect::Access;
use crate::exit::Failure;
use crate::output::{self, line, note};

/// Starts and ends phases.
pub(crate) async fn phase(global: &Global, command: PhaseCommand) -> Result<ExitCode, Failure> {
    match command {
        PhaseCommand::Start(PhaseArgs { task, phase, event }) => {
            let mut body = envelope(global, &event);
            body.insert("phase".to_owned(), json!(phase));
            let answer = send(global, Some(&task), "phases", body).await?;
            let attempt = answer.outcomes.first().and_then(|outcome| outcome.attempt).unwrap_or(1);
            tell(global, &answer, &format!("{task}: {} started, attempt {attempt}", phase.to_uppercase()));
        }
        PhaseCommand::End(PhaseArgs { task, phase, event }) => {
            let path = format!("phases/{}/end", tollgate_server::http::path_segment(&phase));
            let answer = send(global, Some(&task), &path, envelope(global, &event)).await?;
            tell(global, &answer, &format!("{task}: {} ended", phase.to_uppercase()));
        }
        PhaseCommand::Signal(args) => signal(global, args).await?,
        PhaseCommand::Explain(ExplainArgs { task, phase, attempt, author, text, event }) => {
            let path = format!("phases/{}/explanation", tollgate_server::http::path_segment(&phase));
            let mut body = envelope(global, &event);
            put(&mut body, "attempt", attempt);
            put(&mut body, "author", Some(author.clone()));
            put(&mut body, "explanation", Some(text));
            let answer = send(global, Some(&task), &path, body).await?;
            tell(global, &answer, &format!("{task}: {} explained by {author}", phase.to_uppercase()));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Records, corrects, lists and adds up usage.
pub(crate) async fn usage(global: &Global, command: UsageCommand) -> Result<ExitCode, Failure> {
    // Usage may be the first thing a ledger hears about a task; a correction is about something that exists.
    let ((task, done, event), access) = match command {
        UsageCommand::Record(args) => (record(global, args)?, Access::MayCreate),
        UsageCommand::Adjust(args) => (adjust(global, args)?, Access::Existing),
        UsageCommand::List(args) => return usage::list(global, args).await,
        UsageCommand::Summary(args) => return usage::summary(global, args).await,
    };
    let answer = append(global, access, &event).await?;
    tell(global, &answer, &format!("{task}: {done}"));
    Ok(ExitCode::SUCCESS)
}

/// Records a sign of progress or trouble. Like usage, it may be the first thing a ledger hears about a task.
async fn signal(global: &Global, args: SignalArgs) -> Result<(), Failure> {
    let SignalArgs { task, phase, name, value, key, attempt, event: stamp } = args;
    let mut signal = Map::new();
    put(&mut signal, "phase", Some(phase.clone()));
    put(&mut signal, "attempt", attempt);
    put(&mut signal, "name", Some(name.clone()));
    put(&mut signal, "value", Some(value));
    put(&mut signal, "key", key);
    let event = event(global, &stamp, &task, "signal_recorded", signal);
    let answer = append(global, Access::MayCreate, &event).await?;
    let value = output::grouped(value);
    tell(global, &answer, &format!("{task}: {} {name} {value} recorded", phase.to_uppercase()));
    Ok(())
}

/// Appends one event of the contract.
async fn append(global: &Global, access: Access, event: &Value) -> Result<AppendResponse, Failure> {
    let event =
        RawValue::from_string(event.to_string()).map_err(|error| Failure::failed(error.to_string()))?;
    let request = AppendRequest {
        tenant: global.tenant.clone(),
        producer: Some(global.producer.clone()),
        events: vec![event],
        gates: Vec::new(),
    };
    ask(global, access, async |it| it.client.append(&request).await).await
}

fn record(global: &Global, args: RecordArgs) -> Result<(String, String, Value), Failure> {
    let mut usage = Map::new();
    let Lengths { prompt_chars, completion_chars } = args.lengths;
    let done = if prompt_chars.is_some() || completion_chars.is_some() {
        put(&mut usage, "prompt_chars", prompt_chars);
        put(&mut usage, "completion_chars", completion_chars);
        let estimated = estimate(prompt_chars.unwrap_or_default(), completion_chars.unwrap_or_default());
        format!("{} tokens recorded, estimated from lengths of texts", output::grouped_u64(estimated.total()))
    } else if !args.counts.is_given() && !args.counts.units.is_empty() {
        format!("{} recorded", args.counts.units.join(", "))
    } else {
        usage.insert("tokens".to_owned(), counts(&args.counts, RECORD_FLAGS)?);
        let total = [args.counts.input, args.counts.cached, args.counts.cache_write, args.counts.output]
            .into_iter()
            .flatten()
            .fold(0, i64::saturating_add);
        format!("{} tokens recorded", output::grouped(total))
    };
    put_units(&mut usage, &args.counts)?;
    for (name, value) in [
        ("phase", args.phase),
        ("model", args.model),
        ("provider", args.provider),
        ("service_tier", args.service_tier),
        ("component", args.component),
        ("allocation", args.allocation),
        ("context", args.context),
    ] {
        put(&mut usage, name, value);
    }
    let labels = labels(&args.labels)?;
    if !labels.is_empty() {
        usage.insert("labels".to_owned(), labels.into());
    }
    put(&mut usage, "attempt", args.attempt);
    let event = event(global, &args.event, &args.task, "usage_recorded", usage);
    Ok((args.task, done, event))
}

fn adjust(global: &Global, args: AdjustArgs) -> Result<(String, String, Value), Failure> {
    let mut adjusted = Map::new();
    if args.counts.is_given() || args.counts.units.is_empty() {
        adjusted.insert("tokens".to_owned(), counts(&args.counts, ADJUST_FLAGS)?);
    }
    put_units(&mut adjusted, &args.counts)?;
    put(&mut adjusted, "adjusts", Some(args.usage));
    put(&mut adjusted, "adjusts_producer", args.of_producer);
    put(&mut adjusted, "reason", Some(args.reason));
    put(&mut adjusted, "author", args.author);
    let event = event(global, &args.event, &args.task, "usage_adjusted", adjusted);
    Ok((args.task, "usage corrected".to_owned(), event))
}

const RECORD_FLAGS: &str = "--input, --cached, --cache-write, --output; --unit for what else it is billed for; or, where the model reported none, --prompt-chars and --completion-chars";
const ADJUST_FLAGS: &str = "--input, --cached, --cache-write, --output, --unit";

/// What else it is billed for. The ledger knows the units, and says which one it does not.
fn put_units(body: &mut Map<String, Value>, counts: &Counts) -> Result<(), Failure> {
    let mut units = Map::new();
    for given in &counts.units {
        let refused = |rule: &str| Failure::refused(format!("--unit `{given}`: {rule}"));
        let (unit, count) = given
            .split_once('=')
            .ok_or_else(|| refused("must be a unit and its count, such as output_images=2"))?;
        let count: i64 = count.parse().map_err(|_| refused("its count must be a whole number"))?;
        if units.insert(unit.to_owned(), json!(count)).is_some() {
            return Err(refused("is given twice"));
        }
    }
    if !units.is_empty() {
        body.insert("units".to_owned(), Value::Object(units));
    }
    Ok(())
}

fn counts(counts: &Counts, flags: &str) -> Result<Value, Failure> {
    let mut tokens = Map::new();
    for (name, count) in [
        ("input_uncached", counts.input),
        ("cached_input", counts.cached),
        ("cache_write", counts.cache_write),
        ("output", counts.output),
        ("reasoning", counts.reasoning),
    ] {
        put(&mut tokens, name, count);
    }
    if tokens.is_empty() {
        return Err(Failure::refused(format!("no tokens given: pass at least one of {flags}")));
    }
    Ok(Value::Object(tokens))
}

fn event(global: &Global, args: &EventArgs, task: &str, kind: &str, body: Map<String, Value>) -> Value {
    let mut event = envelope(global, args);
    event.insert("task".to_owned(), json!(task));
    event.insert(kind.to_owned(), Value::Object(body));
    Value::Object(event)
}

/// Id, producer and time of an event.
pub(super) fn envelope(global: &Global, event: &EventArgs) -> Map<String, Value> {
    let mut body = Map::new();
    let id = event.id.clone().unwrap_or_else(|| Uuid::now_v7().simple().to_string());
    put(&mut body, "id", Some(id));
    put(&mut body, "producer", Some(global.producer.clone()));
    put(&mut body, "occurred_at", event.at.clone());
    body
}

/// Labels as they are written on the command line.
pub(super) fn labels(given: &[String]) -> Result<Map<String, Value>, Failure> {
    let mut labels = Map::new();
    for label in given {
        let (name, value) = label.split_once('=').ok_or_else(|| wrong("--label", label, "NAME=VALUE"))?;
        put(&mut labels, name, Some(value));
    }
    Ok(labels)
}

pub(super) fn wrong(flag: &str, value: &str, form: &str) -> Failure {
    Failure::refused(format!("{flag} `{value}`: must have the form {form}"))
}

/// Sets a field if it has a value.
pub(super) fn put(body: &mut Map<String, Value>, name: &str, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        body.insert(name.to_owned(), value.into());
    }
}

/// Sends a command in its flat form. One about a task that should already exist does not create a ledger.
pub(super) async fn send(
    global: &Global,
    task: Option<&str>,
    what: &str,
    body: Map<String, Value>,
) -> Result<AppendResponse, Failure> {
    let body = Value::Object(body);
    let send = async |client: &Client| -> Result<AppendResponse, ClientError> {
        client.command(task, what, &body).await
    };
    let access = if task.is_some() { Access::Existing } else { Access::MayCreate };
    ask(global, access, async |it| send(&it.client).await).await
}

/// Prints what became of it.
pub(super) fn tell(global: &Global, answer: &AppendResponse, done: &str) {
    if global.format == Format::Json {
        output::json(answer);
        return;
    }
    let all = |what: Outcome| answer.outcomes.iter().all(|outcome| outcome.outcome == what);
    line(&if all(Outcome::Ignored) {
        "tracking is switched off: nothing was recorded".to_owned()
    } else if all(Outcome::Duplicate) {
        format!("{done} (it was there already, nothing changed)")
    } else {
        done.to_owned()
    });
    let told = answer.outcomes.iter().filter(|outcome| outcome.outcome != Outcome::Ignored);
    for warning in told.flat_map(|outcome| &outcome.warnings) {
        note(&format!("! {}", printable(warning)));
    }
}
