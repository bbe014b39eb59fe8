//! Appending with readers beside, and without.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tollgate_domain::ids::{EventId, ProducerId, TaskId, TenantId};
use tollgate_domain::position::Sequence;
use tollgate_log::contract::{EventLog, EventName, Partitions};

use crate::cpu::thread_seconds;
use crate::driver::{Load, drive};
use crate::ledger::Ledger;
use crate::output::Results;
use crate::stats::{median, paired_ratio};
use crate::{Scale, progress};

/// Readers that follow the log to its end, as projectors do.
const FOLLOWERS: usize = 2;

/// Between two questions of the one that asks for ids: a thousand a second.
const ASK_EVERY: Duration = Duration::from_millis(1);

const LOAD: Load = Load { producers: 16, batch: 64 };

/// Rounds in turns. Readers take processor time for what they do with records: on few cores that is missing for the
/// producers, and says nothing of the log. So the time that readers ran is taken off the time that producers had.
pub(crate) fn compare(dir: &Path, scale: Scale, results: &mut Results) {
    let (mut with, mut without, mut aside) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..scale.rounds {
        progress(&format!("append 16x64 with readers, round {} of {}", round + 1, scale.rounds));
        let order = if round % 2 == 0 { [true, false] } else { [false, true] };
        for readers in order {
            let place = dir.join(format!("readers-{round}-{readers}"));
            let (rate, busy) = run(&place, scale.seconds, readers);
            if readers {
                let cores = std::thread::available_parallelism().map_or(1, usize::from).min(2) as f64;
                let left = 1.0 - (busy / (scale.seconds * cores)).min(0.9);
                with.push(rate);
                aside.push(rate / left);
            } else {
                without.push(rate);
            }
        }
    }
    results.figure(
        "append_16x64_with_readers_events_per_second",
        median(&with),
        "2 followers, 1000 questions/s",
    );
    results.figure("append_16x64_without_readers_events_per_second", median(&without), "");
    results.figure(
        "append_with_readers_vs_without_cpu_included",
        paired_ratio(&with, &without),
        "nothing taken off",
    );
    results.ratio(
        "append_with_readers_vs_without",
        paired_ratio(&aside, &without),
        "≥ 0.9, readers' own CPU aside",
    );
}

/// Events per second, and the processor seconds of the readers.
fn run(place: &Path, seconds: f64, readers: bool) -> (f64, f64) {
    std::fs::create_dir_all(place).expect("a directory");
    let ledger = Arc::new(Ledger::open(place));
    let (stop, busy) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let mut threads = Vec::new();
    for number in 0..if readers { FOLLOWERS + 1 } else { 0 } {
        let (ledger, stop, busy) = (Arc::clone(&ledger), Arc::clone(&stop), Arc::clone(&busy));
        threads.push(std::thread::spawn(move || {
            if number < FOLLOWERS {
                follow(&ledger, &stop)
            } else {
                ask(&ledger, &stop)
            }
            busy.fetch_add((thread_seconds() * 1e6) as u64, Ordering::Relaxed);
        }));
    }
    let own = Arc::clone(&ledger);
    let rate = drive(LOAD, seconds, move |batch| {
        let ledger = Arc::clone(&own);
        async move { ledger.append(batch).await }
    });
    stop.store(true, Ordering::Relaxed);
    // Whoever waits for a record gets one.
    pollster::block_on(ledger.append(crate::work::Events::of_producer(99).batch(1)));
    for thread in threads {
        thread.join().expect("a reader does not panic");
    }
    drop(ledger);
    std::fs::remove_dir_all(place).expect("the directory can be removed");
    (rate, busy.load(Ordering::Relaxed) as f64 / 1e6)
}

fn follow(ledger: &Ledger, stop: &AtomicBool) {
    pollster::block_on(async {
        let mut reader = ledger.log.read_from(Partitions::ALL, Sequence::ZERO).await.expect("a reader");
        let mut events = 0;
        while !stop.load(Ordering::Relaxed) {
            let records = reader.next().await.expect("records");
            events += records.iter().map(|stored| stored.record.len()).sum::<usize>();
        }
        assert!(events > 0);
    });
}

fn ask(ledger: &Ledger, stop: &AtomicBool) {
    let name = EventName {
        tenant: TenantId::default_tenant(),
        task: TaskId::new("task-1").expect("a task"),
        producer: ProducerId::new("bench").expect("a producer"),
        id: EventId::new("none").expect("an id"),
    };
    while !stop.load(Ordering::Relaxed) {
        pollster::block_on(async {
            ledger.log.find(vec![name.clone()]).await.expect("an answer");
            ledger.log.tail().await.expect("the end");
        });
        std::thread::sleep(ASK_EVERY);
    }
}
