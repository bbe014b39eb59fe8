//! Folding one log of opened tasks into each of the four views, beside reading and decoding it alone.

use std::path::Path;

use tempfile::TempDir;
use tollgate_clock::Stopwatch;
use tollgate_domain::position::Sequence;
use tollgate_log::contract::Partitions;
use tollgate_log::embedded::EmbeddedLog;
use tollgate_projection::alerts::Alerts;
use tollgate_projection::fold::Projection;
use tollgate_projection::reports::Reports;
use tollgate_projection::spending::Spending;
use tollgate_projection::status::Status;
use tollgate_projector::View;
use tollgate_wire::decode_stored;

use crate::cpu;
use crate::many::{self, Asked};
use crate::output::progress;
use crate::place::Place;
use crate::stats::Samples;
use crate::usage::{self, TASKS, Written, write};

/// One of so many tasks runs where most have ended.
const RUNNING_OF: u64 = 100;

/// How much is folded, and how often.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct Sizes {
    /// Usage events
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    events: u64,
    /// The tasks that they are of
    #[arg(long, value_name = "N", default_value_t = TASKS)]
    tasks: u64,
    /// Folds of each view
    #[arg(long, value_name = "N", default_value_t = 3)]
    rounds: u32,
}

/// Folds into each view in turns, and returns lines to print.
pub(crate) fn run(dir: Option<&Path>, sizes: Sizes) -> Result<String, String> {
    let Sizes { events, tasks, rounds } = sizes;
    let place = Place::make(dir)?;
    let log = place.fresh("log");
    progress(&format!("writing {events} usage events of {tasks} tasks"));
    let written = write(&log.path().join("log"), events, tasks);
    let mut lines = String::new();
    for _ in 0..rounds {
        let decoded = decode(&written);
        let mut line = |name: &str, seconds: f64| {
            let millions = written.events as f64 / 1e6 / seconds;
            lines += &format!(
                "{name:9} {millions:.3} million events per core-second, {:.2} of decoding alone\n",
                decoded / seconds
            );
        };
        line("decoding", decoded);
        line(Status::NAME, fold(&place, &written, Status));
        line(Reports::NAME, fold(&place, &written, Reports));
        line(Spending::NAME, fold(&place, &written, Spending));
        line(Alerts::NAME, fold(&place, &written, Alerts));
    }
    let dir = folded(&place, &written);
    lines += &many::run(&written.log, dir.path());
    place.clear(dir);
    lines += &format!("all but one in {RUNNING_OF} tasks ended:\n");
    usage::end_tasks(&written, tasks, RUNNING_OF);
    let dir = folded(&place, &written);
    lines += &many::run(&written.log, dir.path());
    place.clear(dir);
    place.clear(log);
    Ok(lines)
}

/// One round of the comparison: few tasks and many, in turns, and what is asked about the many.
pub(crate) fn round(
    place: &Place,
    round: usize,
    [few, many]: [&Written; 2],
    figures: &mut Samples,
    ratios: &mut Samples,
) {
    let mut one = |name: &str, fold: &dyn Fn(&Written) -> f64| {
        let rate = |written: &Written| written.events as f64 / 1e6 / fold(written);
        let [of_few, of_many] = if round.is_multiple_of(2) {
            let of_few = rate(few);
            [of_few, rate(many)]
        } else {
            let of_many = rate(many);
            [rate(few), of_many]
        };
        figures.add(format!("views_{name}_few_tasks_million_events_per_core_second"), of_few);
        figures.add(format!("views_{name}_many_tasks_million_events_per_core_second"), of_many);
        ratios.add(format!("views_{name}_many_vs_few_tasks"), of_many / of_few);
    };
    one("decoding", &decode);
    one(Status::NAME, &|written| fold(place, written, Status));
    one(Reports::NAME, &|written| fold(place, written, Reports));
    one(Spending::NAME, &|written| fold(place, written, Spending));
    one(Alerts::NAME, &|written| fold(place, written, Alerts));
    let dir = folded(place, many);
    let (opened, rows, answers) = many::ask(&many.log, dir.path());
    place.clear(dir);
    figures.add("many_tasks_open_milliseconds", opened);
    figures.add("many_tasks_rows", rows as f64);
    tell("many_tasks", answers, figures, ratios);
}

/// Where of the many tasks one in a hundred runs, and the others have ended: what is asked about all of them. The tasks
/// of the log are ended for it.
pub(crate) fn most_ended(
    place: &Place,
    (many, tasks): (&Written, u64),
    figures: &mut Samples,
    ratios: &mut Samples,
) {
    usage::end_tasks(many, tasks, RUNNING_OF);
    let dir = folded(place, many);
    let (.., answers) = many::ask(&many.log, dir.path());
    place.clear(dir);
    tell("most_tasks_ended", answers, figures, ratios);
}

fn tell(of: &str, answers: Vec<Asked>, figures: &mut Samples, ratios: &mut Samples) {
    for Asked { question, kept, looked } in answers {
        let name = question.replace(", ", "_").replace(' ', "_");
        figures.add(format!("{of}_{name}_milliseconds"), kept);
        if let Some(looked) = looked {
            ratios.add(format!("{of}_{name}_vs_every_row"), kept / looked);
        }
    }
}

/// A directory with the view `status` of a log.
fn folded(place: &Place, written: &Written) -> TempDir {
    let dir = place.fresh("many");
    let mut view = pollster::block_on(View::open(Status, dir.path(), &written.log)).expect("a view");
    fold_all(&mut view, &written.log, |view| {
        view.commit().expect("a commit");
    });
    dir
}

/// Processor seconds to read and decode the log.
fn decode(written: &Written) -> f64 {
    let cpu = cpu::process_seconds();
    let mut reader = written.log.reader(Partitions::ALL, Sequence::ZERO).expect("a reader");
    let mut events = 0;
    loop {
        let records = reader.read_available().expect("the log can be read");
        if records.is_empty() {
            break;
        }
        for frame in records.iter().flat_map(|stored| stored.record.events()) {
            let decoded = decode_stored(frame.payload).expect("an event of this version");
            events += u64::from(std::hint::black_box(&decoded).text_length.is_none());
        }
    }
    assert_eq!(events, written.events, "every event is read");
    cpu::process_seconds() - cpu
}

/// From the first record to the last, including the last commit and its flush. Commits are made when they are due, and
/// once a second.
pub(crate) fn fold_all<P: Projection>(
    view: &mut View<P>,
    log: &EmbeddedLog,
    mut commit: impl FnMut(&mut View<P>),
) {
    let mut since = Stopwatch::start();
    let mut reader = log.reader(Partitions::ALL, Sequence::ZERO).expect("a reader");
    loop {
        let records = reader.read_available().expect("the log can be read");
        if records.is_empty() {
            break;
        }
        for stored in &records {
            view.apply(stored).expect("a record of this version");
            if view.commit_is_due() || since.elapsed().as_secs() >= 1 {
                commit(view);
                since = Stopwatch::start();
            }
        }
    }
    commit(view);
    view.flush().expect("a flush");
}

/// Processor seconds from the first record to the last, with commits as a projector makes them.
fn fold<P: Projection>(place: &Place, written: &Written, projection: P) -> f64 {
    let dir = place.fresh("fold");
    let log = &written.log;
    let mut view = pollster::block_on(View::open(projection, &dir.path().join("view"), log)).expect("a view");
    let cpu = cpu::process_seconds();
    fold_all(&mut view, log, |view| {
        view.commit().expect("a commit");
    });
    let seconds = cpu::process_seconds() - cpu;
    assert_eq!(view.folded().1, written.events, "every event is folded");
    drop(view);
    place.clear(dir);
    seconds
}
