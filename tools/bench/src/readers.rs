//! Appending while others read: two readers at the tail, and one thread that queries at a steady rate.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use tollgate_clock::Stopwatch;
use tollgate_domain::position::Sequence;
use tollgate_log::contract::RecordReader;
use tollgate_log::contract::{EventLog, Partitions};
use tollgate_log::embedded::{EmbeddedLog, SegmentReader};

use crate::append::BUSY;
use crate::cpu;
use crate::driver::{Run, Times, drive};
use crate::ledger::{Ledger, name};
use crate::place::Place;
use crate::stats::Samples;
use crate::work::{mix, numbered};

/// Readers that follow the log, as projectors do.
const FOLLOWERS: usize = 2;

/// Cores that appending keeps busy if it can: two for the producers, and one for the log's writer.
const CORES_OF_APPENDING: f64 = 3.0;

/// The rate of the querying thread: 1,000 a second.
const ASK_EVERY: Duration = Duration::from_millis(1);

/// The queries are about events of these tasks with these numbers: some are in the log, some are not yet.
const ASKED_TASKS: u64 = 512;
const ASKED_NUMBERS: u64 = 4_000;

/// One round: with readers and without, in an order that alternates with the round.
pub(crate) fn round(place: &Place, round: usize, times: Times, figures: &mut Samples, ratios: &mut Samples) {
    let with = |figures: &mut Samples| append(place, times, true, figures);
    let without = |figures: &mut Samples| append(place, times, false, figures);
    let ((with, cores_used), (without, _)) = if round.is_multiple_of(2) {
        let without = without(figures);
        (with(figures), without)
    } else {
        (with(figures), without(figures))
    };
    figures.add("readers_append_with_events_per_second", with);
    figures.add("readers_append_without_events_per_second", without);
    ratios.add("append_with_readers_vs_without", with / without);
    // The cores that remained for appending: if there are many, it loses nothing.
    let cores = std::thread::available_parallelism().map_or(1.0, |cores| cores.get() as f64);
    let left = (cores - cores_used).min(CORES_OF_APPENDING) / cores.min(CORES_OF_APPENDING);
    ratios.add("append_with_readers_vs_without_cpu_aside", with / without / left);
}

/// A run; returns events per second, and the cores that its readers used.
fn append(place: &Place, times: Times, readers: bool, figures: &mut Samples) -> (f64, f64) {
    let dir = place.fresh("readers");
    let ledger = Arc::new(Ledger::open(dir.path()));
    let readers = readers.then(|| Readers::start(&ledger.log));
    let run = drive(&ledger, BUSY, times);
    let ledger = Arc::into_inner(ledger).expect("the producers are gone");
    let cores_used = match readers {
        Some(readers) => readers.finish(ledger, &run, figures),
        None => 0.0,
    };
    place.clear(dir);
    (run.events_per_second, cores_used)
}

struct Readers {
    followers: Vec<JoinHandle<Read>>,
    asker: JoinHandle<Read>,
    stop: Arc<AtomicBool>,
}

/// What a reader did.
struct Read {
    /// Events that it read, or queries that it made.
    count: u64,
    cpu_seconds: f64,
}

impl Readers {
    fn start(log: &Arc<EmbeddedLog>) -> Self {
        let follower = |_| {
            let reader = log.reader(Partitions::ALL, Sequence::ZERO).expect("a reader");
            std::thread::spawn(move || follow(reader))
        };
        let followers = (0..FOLLOWERS).map(follower).collect();
        let stop = Arc::new(AtomicBool::new(false));
        let (own, asked) = (Arc::clone(&stop), Arc::clone(log));
        Self { followers, asker: std::thread::spawn(move || ask(&asked, &own)), stop }
    }

    /// Stops the readers: the querying one by a signal, those that follow by closing the log. Returns the
    /// cores that they used.
    fn finish(self, ledger: Ledger, run: &Run, figures: &mut Samples) -> f64 {
        self.stop.store(true, Ordering::Relaxed);
        let asked = self.asker.join().expect("the asker does not panic");
        let stored = ledger.stored();
        drop(ledger);
        let mut cpu_seconds = asked.cpu_seconds;
        for follower in self.followers {
            let read = follower.join().expect("a follower does not panic");
            cpu_seconds += read.cpu_seconds;
            figures.add("readers_followed_share_of_events", read.count as f64 / stored as f64);
        }
        figures.add("readers_questions_per_second", asked.count as f64 / run.seconds);
        let cores_used = cpu_seconds / run.seconds;
        figures.add("readers_cores_used", cores_used);
        cores_used
    }
}

/// Reads whatever arrives until the log is closed.
fn follow(mut reader: SegmentReader) -> Read {
    let mut count = 0;
    while let Ok(records) = pollster::block_on(reader.next()) {
        count += records.iter().map(|stored| stored.record.len() as u64).sum::<u64>();
    }
    Read { count, cpu_seconds: cpu::thread_seconds() }
}

/// Asks the log about an event, then where the log ends, until it is told to stop.
#[expect(clippy::disallowed_methods, reason = "questions come at a steady rate, as from clients elsewhere")]
fn ask(log: &EmbeddedLog, stop: &AtomicBool) -> Read {
    let begun = Stopwatch::start();
    let mut count = 0;
    while !stop.load(Ordering::Relaxed) {
        let word = mix(count);
        let event = numbered(word % ASKED_TASKS, (word >> 32) % ASKED_NUMBERS);
        let found = pollster::block_on(log.find(vec![name(&event)])).expect("an answer");
        let tail = pollster::block_on(log.tail()).expect("the tail");
        assert!(found.iter().flatten().all(|found| found.sequence <= tail.highest()), "answers are durable");
        count += 1;
        let due = ASK_EVERY * u32::try_from(count).unwrap_or(u32::MAX);
        std::thread::sleep(due.saturating_sub(begun.elapsed()));
    }
    Read { count, cpu_seconds: cpu::thread_seconds() }
}
