//! What a transition from phase to phase costs the caller: the binary as its operators run it, and a tracker
//! that talks to it over HTTP.

use std::path::Path;
use std::sync::Arc;

use tollgate_client::{Client, HttpTransport, Pending, Read, Tracker, TrackerBuilder, Usage};
use tollgate_clock::Stopwatch;
use tollgate_domain::metadata::TaskMetadata;
use tollgate_domain::tokens::TokenCounts;

use crate::cpu;
use crate::driver::nanoseconds;
use crate::fifty;
use crate::nats::NatsServer;
use crate::output::{Report, progress};
use crate::place::Place;
use crate::plain::Plain;
use crate::process::{Process, beside_this};
use crate::service::{Backend, Service};
use crate::stats::{Samples, percentile};

/// The phases of a task, one after the other.
const PHASES: [&str; 9] =
    ["STRATEGIZE", "SPEC", "PLAN", "THINK", "IMPLEMENT", "VERIFY", "REVIEW", "PR", "MONITOR"];

/// Transitions per task.
const STEPS: usize = PHASES.len() - 1;

/// Runs everything under a directory that is removed afterwards.
///
/// # Errors
///
/// A sentence if there is nowhere to measure, no binary next to this one, or no nats-server.
pub(crate) fn run(quick: bool, parent: Option<&Path>) -> Result<Report, String> {
    let version = NatsServer::version()?;
    let binary = beside_this()?;
    let place = Place::make(parent)?;
    progress(&format!("measuring in {} with {version}", place.path().display()));
    let (rounds, transitions) = if quick { (3, 300) } else { (5, 2_000) };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(|error| format!("starting the runtime: {error}"))?;
    let (mut figures, mut ratios) = (Samples::default(), Samples::default());
    for round in 0..rounds {
        for backend in [Backend::Embedded, Backend::JetStream] {
            progress(&format!("round {} of {rounds}: {backend:?}", round + 1));
            let dir = place.fresh("transitions");
            measure(backend, &binary, dir.path(), |url, plain, processes| {
                let plain = Arc::new(runtime.block_on(Plain::to(plain)));
                let one =
                    runtime.block_on(one_round(backend, url, &plain, transitions, processes, &mut figures));
                let fifty = runtime.block_on(fifty::with_vs_without(url, &plain));
                ratios.add(format!("fifty_tasks_{}_with_vs_without", backend.name()), fifty.longer);
                for (tasks, gates, plain) in
                    [("", &one.gates, &one.plain), ("fifty_tasks_", &fifty.gates, &fifty.plain)]
                {
                    add_latencies(&mut figures, &format!("{tasks}gate_after_own_append"), backend, gates);
                    add_latencies(&mut figures, &format!("{tasks}plain_hops"), backend, plain);
                    for percent in [50, 99] {
                        let ratio = percentile(gates, percent) as f64 / percentile(plain, percent) as f64;
                        ratios.add(format!("{tasks}gate_{}_p{percent}_vs_plain_hops", backend.name()), ratio);
                    }
                }
            });
            place.clear(dir);
        }
    }
    Ok(Report::of(&place, quick, rounds, figures, ratios))
}

/// Starts a ledger, and the processes of the plain hops alongside it; returns the addresses of both servers,
/// and the ledger's processes by name.
fn measure(backend: Backend, binary: &Path, dir: &Path, work: impl FnOnce(&str, &str, &[(&str, u32)])) {
    let service = Service::start(backend, binary, dir, 1);
    let file = dir.join("plain").display().to_string();
    let hops = service.nats.as_ref().map_or(["--file", &file], |nats| ["--nats", nats.url()]);
    let _view = service.nats.is_some().then(|| Process::start_this(&["plain-view", hops[0], hops[1]]));
    let plain = Process::start_this(&["plain-server", hops[0], hops[1]]);
    work(&service.servers[0].url(), plain.first.trim(), &service.processes());
}

/// What one task observed, one transition after the other, in nanoseconds.
struct One {
    /// From asking the gate after its own report to the answer.
    gates: Vec<u64>,
    /// The plain hops, once after each transition.
    plain: Vec<u64>,
}

async fn one_round(
    backend: Backend,
    url: &str,
    plain: &Plain,
    transitions: usize,
    processes: &[(&str, u32)],
    figures: &mut Samples,
) -> One {
    let tracker = TrackerBuilder::to_server(url, "bench").start().expect("a tracker");
    let (mut reporting, mut deciding, mut whole, mut hops) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let before: Vec<f64> = processes.iter().map(|(_, id)| cpu::seconds_of(*id)).collect();
    for nth in 0..transitions {
        // A task is closed with its last phase: then the next one begins.
        let (task, at) = (format!("T-{}", nth / STEPS + 1), nth % STEPS);
        if at == 0 {
            tracker.open_task(&task, TaskMetadata::default()).expect("a task").await.expect("it is opened");
            tracker.start_phase(&task, PHASES[0]).expect("a phase").await.expect("it is started");
        }
        let (from, to) = (PHASES[at], PHASES[at + 1]);
        let all = Stopwatch::start();
        let ended = report(&tracker, &task, from);
        reporting.push(nanoseconds(all.elapsed()));
        // It sends what was reported and waits for a view that contains it.
        let gate = Stopwatch::start();
        let answer = tracker.gate(&task, to).await.expect("an answer");
        assert!(answer.response.is_some(), "the ledger decided: {answer:?}");
        deciding.push(nanoseconds(gate.elapsed()));
        let started = tracker.start_phase(&task, to).expect("a phase");
        whole.push(nanoseconds(all.elapsed()));
        // A refusal would cost something different. Not counted: the next step's work would not begin any
        // sooner.
        ended.await.expect("the phase is ended");
        if at + 1 == STEPS {
            started.await.expect("the phase is started");
        }
        hops.push(plain.once().await);
    }
    tracker.flush().await.expect("everything is there");
    for ((name, id), before) in processes.iter().zip(before) {
        let used = (cpu::seconds_of(*id) - before) / transitions as f64 * 1e6;
        figures.add(format!("transition_{}_processor_microseconds_{name}", backend.name()), used);
    }
    let client = Client::new(Arc::new(HttpTransport::new(url).expect("an address")));
    let mut reports = Vec::new();
    for _ in 0..100 {
        let took = Stopwatch::start();
        let page = client.task_report_as("T-1", "html", &Read::default()).await.expect("a report");
        assert!(page.contains("T-1"), "it names the task");
        reports.push(nanoseconds(took.elapsed()));
    }
    let kinds =
        [("report_usage_and_end", reporting), ("transition", whole), ("report_html_over_http", reports)];
    for (kind, latencies) in kinds {
        add_latencies(figures, kind, backend, &latencies);
    }
    One { gates: deciding, plain: hops }
}

fn add_latencies(figures: &mut Samples, kind: &str, backend: Backend, nanoseconds: &[u64]) {
    for percent in [50, 99] {
        let latency = percentile(nanoseconds, percent) as f64 / 1e3;
        figures.add(format!("{kind}_{}_p{percent}_microseconds", backend.name()), latency);
    }
}

/// What the tracker is told at the end of a phase; returns the outcome of the end.
fn report(tracker: &Tracker, task: &str, phase: &str) -> Pending {
    let tokens = TokenCounts { output: 1, ..TokenCounts::default() };
    tracker.report_usage(task, Usage::of(phase, "gpt-5", tokens)).expect("usage");
    tracker.end_phase(task, phase, None).expect("an end")
}
