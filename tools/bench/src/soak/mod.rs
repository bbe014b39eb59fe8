//! A long run: usage of ever more tasks is appended, durably, while a view folds it, and what each step costs is
//! written down. The figures of a short run say nothing about whether a ledger stays as it was.

mod chart;
mod producer;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tollgate_clock::Stopwatch;
use tollgate_log::contract::EventLog;
use tollgate_log::embedded::{EmbeddedLog, Options};
use tollgate_projection::status::Status;
use tollgate_projector::Projector;

use crate::cpu;
use crate::output::progress;
use crate::place::Place;
use crate::usage::BATCH;
use producer::{Course, produce};

/// Producers that append at the same time.
const PRODUCERS: u64 = 16;

/// How long to sleep where there is nothing to do but to wait.
const PAUSE: Duration = Duration::from_millis(2);

/// How far, and what is written where.
#[derive(Debug, clap::Args)]
pub(crate) struct Soak {
    /// Events of usage, in batches of 64
    #[arg(long, value_name = "N", default_value_t = 100_000_000)]
    events: u64,
    /// Tasks, opened one after the other on the way
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    tasks: u64,
    /// Producers wait while the view is further behind than this, in records
    #[arg(long, value_name = "RECORDS", default_value_t = 20_000)]
    max_lag: u64,
    /// How often the figures are taken
    #[arg(long, value_name = "N", default_value_t = 50)]
    steps: u64,
    /// Draw the curves into this SVG
    #[arg(long, value_name = "FILE")]
    chart: Option<PathBuf>,
    #[command(flatten)]
    place: crate::PlaceArgs,
}

/// What one step cost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Step {
    /// Events in the log at its end, and tasks.
    pub(crate) events: u64,
    pub(crate) tasks: u64,
    /// Events appended a second.
    pub(crate) rate: f64,
    /// Processor seconds of producers, log and view for a million events.
    pub(crate) cpu: f64,
    /// Megabytes of memory at its end.
    pub(crate) memory: f64,
    /// Bytes on the disk for an event at its end: the log, the ids, the view.
    pub(crate) bytes: [f64; 3],
    /// How many records the view was behind at its end.
    pub(crate) lag: u64,
}

impl Step {
    const HEAD: &str = "events\ttasks\tevents_per_second\tcpu_seconds_per_million\tmemory_mb\tlog_bytes_per_event\t\
                        id_bytes_per_event\tview_bytes_per_event\tlag_records";

    fn line(&self) -> String {
        let Self { events, tasks, rate, cpu, memory, bytes: [log, ids, view], lag } = self;
        format!("{events}\t{tasks}\t{rate:.0}\t{cpu:.2}\t{memory:.0}\t{log:.1}\t{ids:.1}\t{view:.1}\t{lag}")
    }
}

/// Runs it, and returns the figures: a table with tabs, then what opening the ledger again takes.
///
/// # Errors
///
/// A sentence if there is nowhere to measure, or the chart cannot be written.
pub(crate) fn run(soak: &Soak) -> Result<String, String> {
    let place = Place::make(soak.place.dir.as_deref())?;
    let dir = place.fresh("soak");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("starting the runtime: {error}"))?;
    let (log, views) = (dir.path().join("log"), dir.path().join("views"));
    let (steps, drained) = runtime.block_on(go(soak, &log, &views));
    let mut text = format!("{}\n", Step::HEAD);
    steps.iter().for_each(|step| text += &format!("{}\n", step.line()));
    text += &format!("the view had everything {:.1} s after the last append\n", drained.as_secs_f64());
    text += &runtime.block_on(again(&log, &views));
    text += &format!("peak memory: {:.0} MB\n", cpu::peak_megabytes()?);
    if let Some(file) = &soak.chart {
        let failed = |error| format!("writing the chart `{}`: {error}", file.display());
        std::fs::write(file, chart::svg_of(&steps)).map_err(failed)?;
    }
    place.clear(dir);
    Ok(text)
}

/// Appends everything. Returns the steps, and how long the view took for the rest.
async fn go(soak: &Soak, log_dir: &Path, views: &Path) -> (Vec<Step>, Duration) {
    let log = Arc::new(EmbeddedLog::open_or_create(log_dir, Options::default()).expect("a new log"));
    let as_log: Arc<dyn EventLog> = Arc::<EmbeddedLog>::clone(&log);
    let view = Projector::start(Status, views, as_log).await.expect("a new view");
    let course = Arc::new(Course::new(soak.events.div_ceil(BATCH), soak.tasks));
    let producers: Vec<_> = (0..PRODUCERS)
        .map(|number| tokio::spawn(produce(number, Arc::clone(&log), Arc::clone(&course))))
        .collect();
    let mut steps = Vec::new();
    let (mut since, mut cpu, mut before) = (Stopwatch::start(), cpu::process_seconds(), 0);
    for step in 1..=soak.steps {
        let until = course.batches() * step / soak.steps;
        while course.done() < until {
            let lag = view.health().await.lag_records;
            course.hold(lag > soak.max_lag);
            tollgate_clock::sleep(PAUSE).await;
        }
        let (events, seconds, now) = (course.events(), since.elapsed().as_secs_f64(), cpu::process_seconds());
        let bytes = [log_dir.join("log"), log_dir.join("ids"), views.to_owned()];
        let new = (events - before) as f64;
        steps.push(Step {
            events,
            tasks: course.tasks(),
            rate: new / seconds,
            cpu: (now - cpu) / new * 1e6,
            memory: cpu::megabytes().expect("Linux says it"),
            bytes: bytes.map(|dir| bytes_below(&dir) as f64 / events as f64),
            lag: view.health().await.lag_records,
        });
        progress(&steps[steps.len() - 1].line());
        (since, cpu, before) = (Stopwatch::start(), now, events);
    }
    course.hold(false);
    for producer in producers {
        producer.await.expect("a producer does not panic");
    }
    let took = Stopwatch::start();
    while view.health().await.lag_records > 0 {
        tollgate_clock::sleep(PAUSE).await;
    }
    let drained = took.elapsed();
    view.stop().await;
    (steps, drained)
}

/// Opens log and view again, and says how long each took.
async fn again(log_dir: &Path, views: &Path) -> String {
    let took = Stopwatch::start();
    let log = EmbeddedLog::open(log_dir, Options::default()).expect("the log that was written");
    let opened = took.elapsed();
    let took = Stopwatch::start();
    let view = Projector::start(Status, views, Arc::new(log)).await.expect("the view that was folded");
    while view.health().await.lag_records > 0 {
        tollgate_clock::sleep(PAUSE).await;
    }
    let text = format!(
        "opening again: the log {:.0} ms, the view of {} rows {:.0} ms\n",
        opened.as_secs_f64() * 1e3,
        view.health().await.rows,
        took.elapsed().as_secs_f64() * 1e3
    );
    view.stop().await;
    text
}

fn bytes_below(dir: &Path) -> u64 {
    let entries = std::fs::read_dir(dir).into_iter().flatten().filter_map(Result::ok);
    entries
        .map(|entry| match entry.metadata() {
            Ok(found) if found.is_dir() => bytes_below(&entry.path()),
            Ok(found) => found.len(),
            // It was merged meanwhile.
            Err(_) => 0,
        })
        .sum()
}
