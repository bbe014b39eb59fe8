//! One event at a time: an append beside one write and one fdatasync of as many bytes into a file written before.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Instant;

use crate::ledger::Ledger;
use crate::output::Results;
use crate::stats::{median, percentile};
use crate::work::Events;
use crate::{Scale, progress};

/// Bytes that one event's record takes in the log, about.
const RECORD_BYTES: usize = 384;

/// Appends, and syncs, of one round.
const CALLS: u64 = 400;

/// Size of the file that is written before.
const FILE_BYTES: u64 = 4 << 20;

/// Rounds in turns; the ratio is the median over rounds of p50 over p50.
pub(crate) fn compare(dir: &Path, scale: Scale, results: &mut Results) {
    let (ledger, file) = (Ledger::open(&dir.join("single")), prewritten(&dir.join("single-file")));
    let mut events = Events::of_producer(0);
    let (mut appends, mut syncs, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..scale.rounds {
        progress(&format!("one event at a time, round {} of {}", round + 1, scale.rounds));
        let micros = |start: Instant| start.elapsed().as_secs_f64() * 1e6;
        let mut append = Vec::new();
        let mut sync = Vec::new();
        for call in 0..CALLS {
            let batch = events.batch(1);
            let start = Instant::now();
            pollster::block_on(ledger.append(batch));
            append.push(micros(start));
            let offset = (round as u64 * CALLS + call) * RECORD_BYTES as u64 % FILE_BYTES;
            let start = Instant::now();
            file.write_all_at(&[7; RECORD_BYTES], offset).expect("a write");
            file.sync_data().expect("a sync");
            sync.push(micros(start));
        }
        ratios.push(percentile(&append, 50) / percentile(&sync, 50));
        appends.extend(append);
        syncs.extend(sync);
    }
    results.figure("append_1x1_p50_microseconds", percentile(&appends, 50), "one event, one producer");
    results.figure("append_1x1_p99_microseconds", percentile(&appends, 99), "");
    results.figure(
        "fsync_p50_microseconds",
        percentile(&syncs, 50),
        "pwrite and fdatasync, file written before",
    );
    results.figure("fsync_p99_microseconds", percentile(&syncs, 99), "");
    results.ratio("append_1x1_p50_vs_fsync", median(&ratios), "≤ 1.5");
}

fn prewritten(path: &Path) -> File {
    let file = File::options().create_new(true).write(true).open(path).expect("a new file");
    file.write_all_at(&vec![0; FILE_BYTES as usize], 0).expect("a write");
    file.sync_all().expect("a sync");
    file
}
