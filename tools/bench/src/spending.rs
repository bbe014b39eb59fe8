//! Folding usage of many tasks into the view `spending`, with sums that were asked for before.

use std::path::Path;

use tollgate_domain::budget::{Scope, Spent};
use tollgate_projection::spending::{Spending, SpentAsk};
use tollgate_projector::View;

use crate::cpu;
use crate::output::progress;
use crate::place::Place;
use crate::usage::{MODELS, TEAMS, Written, task_name, team, time, write_of_teams};
use crate::views::fold_all;

/// How much is folded, and how often.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct Sizes {
    /// Usage events
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    events: u64,
    /// The tasks that they are of
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    tasks: u64,
    /// Folds without sums, and as many with them
    #[arg(long, value_name = "N", default_value_t = 3)]
    rounds: u32,
}

/// Sums that were asked for.
const ASKED: usize = 1_000;

const TENANT: &str = "default";

/// What one fold took.
struct Folded {
    cpu_seconds: f64,
    /// The part of the folding thread that wrote commits.
    commit_seconds: f64,
    commits: u64,
    written: usize,
    rows: u64,
}

/// Folds with and without sums in turns, and returns lines to print.
pub(crate) fn run(dir: Option<&Path>, sizes: Sizes) -> Result<String, String> {
    let Sizes { events, tasks, rounds } = sizes;
    let place = Place::make(dir)?;
    let log = place.fresh("log");
    progress(&format!("writing {events} usage events of {tasks} tasks"));
    let written = write_of_teams(&log.path().join("log"), events, tasks);
    let mut lines = String::new();
    for asked in (0..rounds).flat_map(|_| [0, ASKED]) {
        let folded = fold(&place, &written, asked);
        let millions = written.events as f64 / 1e6;
        lines += &format!(
            "{asked} sums kept: {:.3} million events per core-second, {} rows; {} commits wrote {} in {:.2} of {:.2} s\n",
            millions / folded.cpu_seconds,
            folded.rows,
            folded.commits,
            folded.written,
            folded.commit_seconds,
            folded.cpu_seconds,
        );
    }
    place.clear(log);
    Ok(lines)
}

/// Scopes of a team, a team and a model, and a task, by day and by month.
fn asks() -> Vec<SpentAsk> {
    let day = |nth: u64| Some(time(0).plus_millis((nth * 86_400_000).cast_signed()));
    let all = |scope: Scope| SpentAsk { scope, from: None, to: None };
    let scope = |values: &[(&str, &str)]| Scope::new(values.iter().copied()).expect("a scope");
    let mut asks = Vec::new();
    for nth in 0..TEAMS {
        let team = team(nth);
        asks.push(all(scope(&[("team", &team)])));
        for model in MODELS {
            let of = scope(&[("team", &team), ("model", model)]);
            asks.extend((0..5).map(|nth| SpentAsk {
                scope: of.clone(),
                from: day(nth * 6),
                to: day(nth * 6 + 1),
            }));
            asks.push(all(of));
        }
    }
    let further = ASKED.saturating_sub(asks.len()) as u64;
    asks.extend((0..further).map(|task| all(scope(&[("task", &task_name(task))]))));
    asks.truncate(ASKED);
    asks
}

fn fold(place: &Place, written: &Written, asked: usize) -> Folded {
    let dir = place.fresh("fold");
    let log = &written.log;
    let store = dir.path().join("view");
    let mut view = pollster::block_on(View::open(Spending, &store, log)).expect("a view");
    let (asks, begin) = (asks(), view.position());
    for ask in asks.iter().take(asked) {
        // Nothing is folded yet, so there is nothing to read.
        view.live().begin(TENANT, ask, &begin);
        view.live().fill(TENANT, ask, &begin, Spent::default());
    }
    let cpu = cpu::process_seconds();
    let (mut commits, mut written, mut commit_seconds) = (0, 0, 0.0);
    fold_all(&mut view, log, |view| {
        let began = cpu::thread_seconds();
        written += view.commit().expect("a commit");
        commits += 1;
        commit_seconds += cpu::thread_seconds() - began;
    });
    let cpu_seconds = cpu::process_seconds() - cpu;
    let folded = Folded { cpu_seconds, commit_seconds, commits, written, rows: view.rows() };
    for ask in asks.iter().take(asked) {
        let kept = view.live().sum(TENANT, ask).map(|sum| sum.events);
        assert!(kept.is_some(), "{ask:?} is kept");
    }
    drop(view);
    place.clear(dir);
    folded
}
