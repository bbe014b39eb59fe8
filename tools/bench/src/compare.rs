//! The comparison: rounds in which every subject and every candidate takes its turn, then medians over the
//! rounds.

use std::path::Path;
use std::time::Duration;

use crate::append::{self, BUSY, SHAPES};
use crate::dedup::{self, Sizes};
use crate::driver::Times;
use crate::output::{Report, progress};
use crate::place::Place;
use crate::stats::Samples;
use crate::{budgets, fold, http, latency, readers, usage, views};

/// How long each run is, and how large.
struct Extent {
    rounds: usize,
    /// For the shape that the ratios are about.
    busy: Times,
    /// For the other shapes.
    other: Times,
    latency: Duration,
    usage_events: u64,
    /// Usage events of many tasks, and the tasks.
    many: (u64, u64),
    ids: Sizes,
}

/// As many as the id index keeps in memory before it writes them as a run: that happens once in each timing.
const TIMED_IDS: u64 = 512 * 1024;

const QUICK: Extent = Extent {
    rounds: 5,
    busy: times(200, 1_500),
    other: times(100, 300),
    latency: Duration::from_millis(600),
    usage_events: 1_000_000,
    many: (1_000_000, 100_000),
    ids: Sizes::about(200_000, 4_000_000, TIMED_IDS),
};

const FULL: Extent = Extent {
    rounds: 5,
    busy: times(500, 3_000),
    other: times(300, 2_000),
    latency: Duration::from_secs(3),
    usage_events: 4_000_000,
    many: (3_000_000, 1_000_000),
    ids: Sizes::about(1_000_000, 100_000_000, TIMED_IDS),
};

const fn times(warm_up_ms: u64, measured_ms: u64) -> Times {
    Times { warm_up: Duration::from_millis(warm_up_ms), measured: Duration::from_millis(measured_ms) }
}

/// One thing that is measured in each round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Subject {
    /// Appending, beside each peer.
    Append,
    /// One event from one thread.
    Latency,
    /// Appending beside readers.
    Readers,
    /// Folding, and asking a view.
    Fold,
    /// Views of few and of many tasks.
    Views,
    /// Appending over HTTP.
    Http,
    /// The id index.
    Dedup,
    /// Allocations and checks.
    Money,
}

/// Runs everything, or only some subjects, under a directory that is removed afterwards.
///
/// # Errors
///
/// A sentence if there is nowhere to measure. A candidate that fails is a panic: its figures would be
/// worthless.
pub(crate) fn run(quick: bool, only: &[Subject], parent: Option<&Path>) -> Result<Report, String> {
    let extent = if quick { QUICK } else { FULL };
    let wanted = |subject: Subject| only.is_empty() || only.contains(&subject);
    let place = Place::make(parent)?;
    progress(&format!("measuring in {} ({})", place.path().display(), place.file_system()));
    let (mut figures, mut ratios) = (Samples::default(), Samples::default());

    let (log_dir, many_dir, ids_dir) = (place.fresh("log"), place.fresh("many"), place.fresh("ids-large"));
    let written = (wanted(Subject::Fold) || wanted(Subject::Views)).then(|| {
        progress(&format!("writing {} usage events to fold", extent.usage_events));
        usage::write(log_dir.path(), extent.usage_events, usage::TASKS)
    });
    let many = wanted(Subject::Views).then(|| {
        let (events, tasks) = extent.many;
        progress(&format!("writing {events} usage events of {tasks} tasks"));
        usage::write(many_dir.path(), events, tasks)
    });
    let mut large = wanted(Subject::Dedup).then(|| {
        progress("growing the large id index");
        dedup::Large::grow(ids_dir.path(), extent.ids)
    });

    for round in 0..extent.rounds {
        let begin = |subject: &str| progress(&format!("round {} of {}: {subject}", round + 1, extent.rounds));
        for shape in SHAPES.into_iter().filter(|_| wanted(Subject::Append)) {
            begin(&format!("append {shape}"));
            let times = if shape == BUSY { extent.busy } else { extent.other };
            append::round(&place, round, shape, times, &mut figures, &mut ratios);
        }
        if wanted(Subject::Latency) {
            begin("latency of one event");
            latency::round(&place, extent.latency, &mut figures, &mut ratios);
        }
        if wanted(Subject::Readers) {
            begin("append beside readers");
            readers::round(&place, round, extent.busy, &mut figures, &mut ratios);
        }
        if let Some(written) = written.as_ref().filter(|_| wanted(Subject::Fold)) {
            begin("fold and query");
            fold::round(&place, round, written, &mut figures, &mut ratios);
        }
        if let (Some(written), Some(many)) = (&written, &many) {
            begin("views of many tasks");
            views::round(&place, round, [written, many], &mut figures, &mut ratios);
        }
        if wanted(Subject::Http) {
            begin("HTTP");
            http::round(&place, round, extent.busy, &mut figures, &mut ratios);
        }
        if let Some(large) = &mut large {
            begin("dedup");
            dedup::round(&place, round, extent.ids, large, &mut figures, &mut ratios);
        }
        if wanted(Subject::Money) {
            begin("money");
            budgets::round(&place, round, quick, &mut figures, &mut ratios)?;
        }
    }
    if let Some(many) = &many {
        progress("many tasks, of which most have ended");
        views::most_ended(&place, (many, extent.many.1), &mut figures, &mut ratios);
    }
    if let Some(large) = large {
        large.close();
    }
    Ok(Report::of(&place, quick, extent.rounds, figures, ratios))
}
