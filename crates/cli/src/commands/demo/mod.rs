//! The demo: a day of a small fleet of agents, through the real log, the real views and the real gate.

mod budget;
mod day;
mod screen;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use serde_json::value::RawValue;
use serde_json::{Value, json};
use tollgate_client::{Client, ClientError, Read};
use tollgate_clock::{Clock, ManualClock};
use tollgate_domain::config::DEFAULT_CONFIG;
use tollgate_domain::gate::Verdict;
use tollgate_domain::time::Timestamp;
use tollgate_log::embedded::{EmbeddedLog, OpenError, Options};
use tollgate_server::reactor::{Remediations, Ways, evidence_dir};
use tollgate_wire::api::{AppendRequest, GateRequest, GateResponse};

use self::day::{Action, Step};
use self::screen::Screen;
use crate::args::{DemoArgs, Format, Global};
use crate::connect::{Access, Connection};
use crate::exit::Failure;
use crate::output::{self, line, out, quoted};

/// A file that marks a directory as a demo's, so that nothing else is ever replaced.
const MARKER: &str = "tollgate-demo.txt";

/// Starts the marker's line that says which ledger the demo made.
const EPOCH: &str = "ledger ";

/// The results of the fleet's day.
struct Day {
    blocked: Option<GateResponse>,
    appended: u64,
    budget: budget::Story,
}

pub(crate) async fn run(global: &Global, args: &DemoArgs) -> Result<ExitCode, Failure> {
    prepare(&args.dir)?;
    let mut own = global.clone();
    own.data = args.dir.join("data");
    let evidence = args.dir.join("evidence");
    own.evidence_dir = Some(evidence.clone());
    own.log = None;
    (own.server, own.tenant, own.config) = (None, None, None);
    let clock = Arc::new(ManualClock::at(day::START.parse().unwrap_or_default()));
    let connection = Connection::local(&own, Access::MayCreate, Arc::clone(&clock) as Arc<dyn Clock>).await?;
    if let Some(ledger) = connection.ledger() {
        mark(&args.dir, &ledger.log().epoch().id.to_string())?;
    }
    let played = play(&connection.client, &clock, global.format).await;
    if let Some(ledger) = connection.ledger() {
        // The reactor runs once, so that the list shows what a server would have done by now.
        let _ = Remediations::new(Arc::clone(ledger), Ways::default()).round().await;
    }
    let tail = Read { at_least: Some("tail".to_owned()), wait_ms: Some(10_000) };
    let list = connection.client.tasks(None, 100, None, &tail).await;
    let report = connection.client.report(&tail).await;
    connection.close().await;
    let (day, list, report) = (played?, list?, report?);
    let evidence = day.blocked.as_ref().map(|blocked| evidence_dir(&evidence, "default", &blocked.task));
    if global.format == Format::Json {
        output::json(
            &json!({"tasks": list.tasks, "report": report, "blocked": day.blocked, "data": own.data,
            "evidence": evidence, "events": day.appended, "budget": day.budget.json()}),
        );
        return Ok(ExitCode::SUCCESS);
    }
    out(&format!("\n{}", output::task_list(&list)));
    line(&format!(
        "\n{} events appended, each on the disk before it was acknowledged; {} tokens, {} USD\n",
        output::grouped_u64(day.appended),
        output::grouped(report.totals.tokens.total),
        report.totals.cost_usd
    ));
    day.budget.tell();
    if let Some(blocked) = &day.blocked {
        line(&format!("\nThe gate stopped {}:", blocked.task));
        for reason in blocked.reasons.iter().filter(|reason| reason.verdict == Verdict::Block) {
            line(&format!("  {}", reason.message));
        }
    }
    if let Some(evidence) = &evidence {
        line(&format!("Its report: {}", evidence.join("budget_report.md").display()));
    }
    next_steps(&own.data, day.blocked.as_ref());
    Ok(ExitCode::SUCCESS)
}

/// Creates the demo's directory, in place of an earlier demo's.
fn prepare(dir: &Path) -> Result<(), Failure> {
    let attempt =
        |what: &str, error: std::io::Error| Failure::failed(format!("{what} {}: {error}", dir.display()));
    if let Ok(marker) = std::fs::read_to_string(dir.join(MARKER)) {
        let held = replaceable(dir, &marker)?;
        std::fs::remove_dir_all(dir).map_err(|error| attempt("replacing the demo in", error))?;
        drop(held);
    } else if dir.exists() {
        return Err(Failure::failed(format!(
            "making a demo in {}: it exists and is no demo of Tollgate; choose another with --dir",
            dir.display()
        )));
    }
    let data = dir.join("data");
    tollgate_files::make_private_dirs(&data).map_err(|error| attempt("making", error))?;
    // Written before anything else is there: what a killed demo leaves behind is recognizable as a demo's.
    mark(dir, "")?;
    // The demo enforces: the shipped default only observes.
    let config = DEFAULT_CONFIG.replace("rollout: observe ", "rollout: enforce ");
    std::fs::write(data.join(crate::connect::CONFIG_FILE), config)
        .map_err(|error| attempt("writing to", error))
}

/// Records that the directory is a demo's, and which ledger in it the demo made.
fn mark(dir: &Path, epoch: &str) -> Result<(), Failure> {
    let text = format!("The demo of Tollgate. `tollgate demo` replaces this directory.\n{EPOCH}{epoch}\n");
    std::fs::write(dir.join(MARKER), text)
        .map_err(|error| Failure::failed(format!("writing to {}: {error}", dir.display())))
}

/// Whether a directory with a demo's marker may be replaced: not if its ledger is in use, and not if the
/// ledger is a different one from the one the demo made. Returns the ledger, locked, so that no one starts
/// using it.
fn replaceable(dir: &Path, marker: &str) -> Result<Option<EmbeddedLog>, Failure> {
    let refused = |what: String| {
        Failure::failed(format!("replacing the demo in {}: {what}; choose another with --dir", dir.display()))
    };
    let data = dir.join("data");
    let Ok(Some(epoch)) = EmbeddedLog::epoch_of(&data) else { return Ok(None) };
    let made = marker.lines().find_map(|line| line.strip_prefix(EPOCH)).unwrap_or_default();
    if !made.is_empty() && made != epoch.id.to_string() {
        return Err(refused("the ledger in it was not made by a demo".to_owned()));
    }
    match EmbeddedLog::open(&data, Options::default()) {
        Ok(log) => Ok(Some(log)),
        Err(OpenError::Locked { holder, .. }) => Err(refused(format!("its ledger is in use by {holder}"))),
        // Too damaged to open: it is a demo all the same.
        Err(_) => Ok(None),
    }
}

/// Plays the day, action by action, in chronological order.
async fn play(client: &Client, clock: &ManualClock, format: Format) -> Result<Day, Failure> {
    let steps = day::steps();
    let mut screen = Screen::new(&steps, format == Format::Table);
    let (mut blocked, mut appended) = (None, 1);
    clock.set(day::START.parse().unwrap_or_default());
    budget::set(client).await?;
    let mut stopped: Vec<&'static str> = Vec::new();
    for (number, step) in steps.iter().enumerate() {
        if stopped.contains(&step.task) {
            continue;
        }
        clock.set(step.at);
        match &step.action {
            Action::Event { kind, body } => {
                append(client, number, step, kind, body.clone()).await?;
                appended += 1;
            }
            Action::Gate(to) => {
                let answer = ask_gate(client, number, step, to).await?;
                appended += 1;
                if answer.verdict == Verdict::Block {
                    stopped.push(step.task);
                    blocked = Some(answer.clone());
                }
                screen.decided(step.task, &answer);
            }
        }
        if screen.wants(step.task) {
            let status = client.task(step.task, &tail()).await?;
            screen.show(step.at, &status.summary);
        }
    }
    screen.finish();
    let budget = budget::review(client, clock).await?;
    Ok(Day { blocked, appended: appended + budget.appended, budget })
}

fn tail() -> Read {
    Read { at_least: Some("tail".to_owned()), wait_ms: Some(10_000) }
}

async fn append(client: &Client, number: usize, step: &Step, kind: &str, body: Value) -> Result<(), Failure> {
    let event =
        json!({"id": format!("demo-{number}"), "task": step.task, "occurred_at": time(step.at), kind: body});
    send(client, step.agent, event).await
}

/// Appends an event of a producer.
async fn send(client: &Client, producer: &str, event: Value) -> Result<(), Failure> {
    let raw = RawValue::from_string(event.to_string()).map_err(|error| Failure::failed(error.to_string()))?;
    let request = AppendRequest {
        tenant: None,
        producer: Some(producer.to_owned()),
        events: vec![raw],
        gates: Vec::new(),
    };
    client.append(&request).await.map(|_| ()).map_err(Failure::from)
}

async fn ask_gate(
    client: &Client,
    number: usize,
    step: &Step,
    to: &str,
) -> Result<GateResponse, ClientError> {
    let request = GateRequest {
        advance_to: to.to_owned(),
        producer: Some(step.agent.to_owned()),
        id: Some(format!("demo-{number}")),
        at_least: None,
        wait_ms: Some(10_000),
    };
    client.gate(step.task, &request).await
}

fn time(at: Timestamp) -> String {
    at.to_string()
}

fn next_steps(data: &Path, blocked: Option<&GateResponse>) {
    let exe = std::env::args().next().unwrap_or_else(|| "tollgate".to_owned());
    let (exe, data) = (quoted(&exe), quoted(&data.display().to_string()));
    let it = format!("{exe} --data {data}");
    line("\nTry next:");
    if let Some(blocked) = blocked {
        line(&format!("  {it} task explain {}", blocked.task));
        line(&format!(
            "  {it} task override {} --advance {} --approver you --reason \"worth it\"",
            blocked.task, blocked.advance_to
        ));
        line(&format!("  {it} gate {} {}", blocked.task, blocked.advance_to));
    }
    line(&format!("  {it} policy show {} --at {}", budget::POLICY, day::START));
    line(&format!("  {it} allocate show {}", budget::REFUSED));
    line(&format!("  {it} report"));
    line(&format!("  {exe} replay calibrate --from {data}"));
    line(&format!("  {it} log tail"));
    line(&format!("  {it} serve"));
    line("\nFrom observing to limits that are enforced, step by step: docs/guides/enforce.md");
}
