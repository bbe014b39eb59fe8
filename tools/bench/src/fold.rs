//! Folding the log into the status view, as the projector does: decode, apply, commit rows and checkpoint.

use std::path::Path;
use std::time::Duration;

use tollgate_clock::Stopwatch;
use tollgate_domain::position::Sequence;
use tollgate_log::contract::{EventLog, Partitions};
use tollgate_log::embedded::EmbeddedLog;
use tollgate_log::index::IdIndex;
use tollgate_projection::status::{Status, figures};
use tollgate_projector::View;

use crate::cpu;
use crate::place::Place;
use crate::query;
use crate::stats::Samples;
use crate::usage::Written;

/// When the projector commits: after this time, after this many times the duration of the last commit, or at
/// this many changed rows.
const COMMIT_AFTER: Duration = Duration::from_secs(1);
const COMMIT_SHARE: u32 = 10;

/// One round: a fold with the id index, a fold without it, and queries to the resulting view.
pub(crate) fn round(
    place: &Place,
    round: usize,
    written: &Written,
    figures: &mut Samples,
    ratios: &mut Samples,
) {
    let mut ways = [("fold_with_id_index", true), ("fold_without_id_index", false)];
    if !round.is_multiple_of(2) {
        ways.reverse();
    }
    for (name, dedup) in ways {
        let dir = place.fresh("fold");
        let mut folded = fold(written, dir.path(), dedup);
        let millions = written.events as f64 / 1e6;
        figures.add(format!("{name}_million_events_per_core_second"), millions / folded.cpu_seconds);
        figures.add(format!("{name}_million_events_per_second"), millions / folded.wall_seconds);
        figures.add(format!("{name}_commits"), folded.commits as f64);
        if dedup {
            ratios.add("fold_million_events_per_core_second", millions / folded.cpu_seconds);
        } else {
            query::round(&folded.view, "in_memory", figures);
            drop(folded.view);
            folded.view = open(&written.log, dir.path());
            query::round(&folded.view, "from_store", figures);
        }
        drop(folded.view);
        place.clear(dir);
    }
    figures.add("fold_bytes_per_event", written.bytes_per_event);
}

struct Folded {
    view: View<Status>,
    /// Of all threads of this process.
    cpu_seconds: f64,
    wall_seconds: f64,
    commits: u32,
}

fn open(log: &EmbeddedLog, dir: &Path) -> View<Status> {
    pollster::block_on(View::open(Status, &dir.join("view"), log)).expect("a view")
}

/// From the first record to the last, including the last commit and its flush.
fn fold(written: &Written, dir: &Path, dedup: bool) -> Folded {
    let log = &written.log;
    let mut view = open(log, dir);
    if dedup {
        let ids = IdIndex::open(&dir.join("ids"), log.epoch().id, Sequence::ZERO);
        view.dedup_by(ids.expect("an id index"));
    }
    let (cpu, wall) = (cpu::process_seconds(), Stopwatch::start());
    let mut commits = Commits { since: Stopwatch::start(), last_took: Duration::ZERO, made: 0 };
    let mut reader = log.reader(Partitions::ALL, Sequence::ZERO).expect("a reader");
    loop {
        let records = reader.read_available().expect("the log can be read");
        if records.is_empty() {
            break;
        }
        for stored in &records {
            view.apply(stored).expect("a record of this version");
            if commits.is_due(view.commit_is_due()) {
                commits.make(&mut view);
            }
        }
    }
    commits.make(&mut view);
    view.flush().expect("a flush");
    let folded = Folded {
        cpu_seconds: cpu::process_seconds() - cpu,
        wall_seconds: wall.elapsed().as_secs_f64(),
        commits: commits.made,
        view,
    };
    check(&folded.view, written);
    folded
}

struct Commits {
    since: Stopwatch,
    last_took: Duration,
    made: u32,
}

impl Commits {
    fn is_due(&self, full: bool) -> bool {
        full || self.since.elapsed() >= COMMIT_AFTER.max(self.last_took * COMMIT_SHARE)
    }

    fn make(&mut self, view: &mut View<Status>) {
        let took = Stopwatch::start();
        view.commit().expect("a commit");
        self.last_took = took.elapsed();
        self.since = Stopwatch::start();
        self.made += 1;
    }
}

/// Every event is counted once: the tokens of all rows equal those that were written.
fn check(view: &View<Status>, written: &Written) {
    let rows = view.scan(&[], None).map(|row| row.expect("a row").1);
    let tokens: i128 = rows.map(|row| figures(&row, None).total.tokens.total()).sum();
    assert_eq!(
        (view.folded().1, tokens),
        (written.events, written.tokens.into()),
        "every event counted once"
    );
}
