//! Running a generated history through three configs at once, on one thread and on all, and whether it finds the
//! runaways that were planted: the third config has the true limits of the history, and blocks them and nothing else.

use std::ops::ControlFlow;

use tollgate_clock::Stopwatch;
use tollgate_domain::config::BudgetConfig;
use tollgate_log::contract::Durability;
use tollgate_log::embedded::{EmbeddedLog, Options};
use tollgate_projection::savings::Stated;
use tollgate_replay::generate::{Spec, TaskKind, append};
use tollgate_replay::source::LedgerHistory;
use tollgate_replay::what_if::{Candidate, Question, Unopened, WhatIf, what_if};

use crate::cpu;
use crate::output::progress;
use crate::place::Place;

/// What is replayed.
#[derive(Debug, clap::Args)]
pub(crate) struct Replay {
    /// Tasks of the history, each with nine phases and about 48 events
    #[arg(long, value_name = "N", default_value_t = 20_000)]
    tasks: u64,
    /// The seed of the history
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    place: crate::PlaceArgs,
}

/// The config that has the true limits.
const TRUE: &str = "true limits";

/// Its thresholds: between what ordinary and large tasks take, and what runs away.
const TRUE_TIMES: u64 = 4;

/// Whether the true limits block the planted runaways and no other task.
fn check(found: &WhatIf, planted: u64) -> Result<(), String> {
    let of_true = found.candidates.iter().find(|candidate| candidate.name == TRUE);
    let of_true = of_true.ok_or("the config with the true limits was not judged")?;
    // Those that run away are marked, so all of them and nobody else is as many of both.
    let (runaways, all) = (of_true.found_runaways.part, of_true.blocked);
    if (runaways, all) == (planted, planted) {
        return Ok(());
    }
    Err(format!("the true limits block {all} tasks, of which {runaways} run away: {planted} were planted"))
}

/// Returns lines to print.
pub(crate) fn run(args: &Replay) -> Result<String, String> {
    let place = Place::make(args.place.dir.as_deref())?;
    let dir = place.fresh("history");
    let spec = Spec::new(args.seed, args.tasks);
    let planted = spec.planted().filter(|planted| planted.kind == TaskKind::Runaway).count() as u64;
    progress(&format!("replay: making a history of {} tasks", args.tasks));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("starting the runtime: {error}"))?;
    let options = Options { durability: Durability::PageCache, ..Options::default() };
    let log = EmbeddedLog::open_or_create(dir.path(), options).map_err(|error| error.to_string())?;
    let events = spec.events().map_err(|error| error.to_string())?;
    runtime.block_on(append(events, &log)).map_err(|error| error.to_string())?;
    drop(log);
    let [strict, loose] = ["strict", "loose"].map(|name| {
        let yaml = format!("rollout: enforce\nstop_loss:\n  profile: {name}\n");
        let config = BudgetConfig::from_yaml(&yaml).expect("the profiles are configs");
        Candidate { name: name.to_owned(), config }
    });
    let candidates = [strict, loose, Candidate { name: TRUE.to_owned(), config: spec.truthful(TRUE_TIMES) }];
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut lines = String::new();
    for threads in [1, cores] {
        progress(&format!("replay: {threads} threads"));
        let question = Question {
            candidates: &candidates,
            policies: &[],
            pool: None,
            unopened: Unopened::LeaveOut,
            marks: None,
            session_phases: None,
            stated: Stated::default(),
            threads,
            out: None,
            checkpoint_events: u64::MAX,
        };
        let (watch, used) = (Stopwatch::start(), cpu::process_seconds());
        let history = LedgerHistory::open(dir.path()).map_err(|error| error.to_string())?;
        let replayed = what_if(&history, &question, runtime.handle(), &|_| ControlFlow::Continue(()))
            .map_err(|error| error.to_string())?;
        let (wall, busy) = (watch.elapsed().as_secs_f64(), cpu::process_seconds() - used);
        let events = replayed.result.inputs.events;
        lines += &format!(
            "{threads} threads, {events} events, {} configs: {:.2} million events/s, {:.2} million/s of a core\n",
            candidates.len(),
            events as f64 / wall / 1e6,
            events as f64 / busy / 1e6,
        );
        for found in &replayed.result.candidates {
            let share = &found.found_runaways;
            lines += &format!(
                "  {}: {} of {} marked runaways blocked ({planted} planted), {} good tasks blocked of {}\n",
                found.name, share.part, share.of, found.false_positives.part, found.false_positives.of
            );
        }
        check(&replayed.result, planted)?;
    }
    lines += &format!("peak memory of this process: {:.0} MB\n", cpu::peak_megabytes()?);
    place.clear(dir);
    Ok(lines)
}
