//! One event from one producer, compared with one sync: how much longer a durable append takes than the disk
//! alone.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Duration;

use tollgate_clock::Stopwatch;
use tollgate_domain::position::Sequence;
use tollgate_log::contract::Partitions;

use crate::driver::{Append, nanoseconds};
use crate::ledger::Ledger;
use crate::place::Place;
use crate::stats::{Samples, percentile};
use crate::work::Events;

/// Syncs, then appends, in turns of this many: short compared with anything else that slows the disk for a
/// while.
const TURN: usize = 16;

/// Size of the file that is rewritten over and over: as large as the log's first segment.
const FILE_BYTES: usize = 1 << 20;

/// What the log writes before each record, and the block size that the total is a multiple of: see
/// `docs/reference/log-format.md`.
const FRAME_HEADER_BYTES: usize = 64;
const FRAME_ALIGNMENT: usize = 8;

/// One round.
pub(crate) fn round(place: &Place, time: Duration, figures: &mut Samples, ratios: &mut Samples) {
    let dir = place.fresh("latency");
    let ledger = Ledger::open(dir.path());
    let mut events = Events::of_producer(0);
    pollster::block_on(ledger.append(events.batch(1)));
    let frame_bytes = frame_bytes(&ledger);
    let mut syncs = Syncs::start(dir.path(), frame_bytes);
    let (mut of_syncs, mut of_appends) = (Vec::new(), Vec::new());
    let begun = Stopwatch::start();
    while begun.elapsed() < time {
        for _ in 0..TURN {
            let took = Stopwatch::start();
            syncs.once();
            of_syncs.push(nanoseconds(took.elapsed()));
        }
        for _ in 0..TURN {
            let batch = events.batch(1);
            let took = Stopwatch::start();
            pollster::block_on(ledger.append(batch));
            of_appends.push(nanoseconds(took.elapsed()));
        }
    }
    drop(ledger);
    drop(syncs);
    place.clear(dir);
    for (name, values) in [("fsync", &of_syncs), ("append_1x1", &of_appends)] {
        for percent in [50, 99] {
            let latency = percentile(values, percent) as f64 / 1e3;
            figures.add(format!("latency_{name}_p{percent}_microseconds"), latency);
        }
    }
    figures.add("latency_bytes_of_a_write", frame_bytes as f64);
    let ratio = percentile(&of_appends, 50) as f64 / percentile(&of_syncs, 50) as f64;
    ratios.add("append_1x1_p50_vs_fsync", ratio);
}

/// The number of bytes that the log wrote for the record of one event.
fn frame_bytes(ledger: &Ledger) -> usize {
    let mut reader = ledger.log.reader(Partitions::ALL, Sequence::ZERO).expect("a reader");
    let records = reader.read_available().expect("the log can be read");
    let first = records.first().expect("there is a record");
    (FRAME_HEADER_BYTES + first.record.bytes().len()).next_multiple_of(FRAME_ALIGNMENT)
}

/// `pwrite` and `fdatasync`, one after the other, in a file whose blocks are already allocated and written.
struct Syncs {
    file: File,
    bytes: Vec<u8>,
    at: usize,
}

impl Syncs {
    fn start(dir: &Path, write_bytes: usize) -> Self {
        let file = File::create_new(dir.join("written")).expect("a new file");
        file.write_all_at(&vec![0; FILE_BYTES], 0).expect("a write");
        file.sync_all().expect("a sync");
        Self { file, bytes: vec![0xa5; write_bytes], at: 0 }
    }

    fn once(&mut self) {
        if self.at + self.bytes.len() > FILE_BYTES {
            self.at = 0;
        }
        self.file.write_all_at(&self.bytes, self.at as u64).expect("a write");
        self.file.sync_data().expect("a sync");
        self.at += self.bytes.len();
    }
}
