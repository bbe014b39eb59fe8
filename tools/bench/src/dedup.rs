//! What the id index costs as it grows: appends to a log that holds few ids, and to one that holds many.

use std::path::Path;
use std::time::Instant;

use tollgate_log::contract::Durability;

use crate::ledger::Ledger;
use crate::output::Results;
use crate::stats::median;
use crate::work::Events;
use crate::{Scale, progress};

/// Events of one append.
const BATCH: usize = 64;

/// Appends that are timed at each size, in groups of which the median counts.
const GROUPS: usize = 15;
const APPENDS_OF_A_GROUP: usize = 100;

/// Measures without syncs, so that the disk does not hide the index.
pub(crate) fn measure(dir: &Path, scale: Scale, results: &mut Results) {
    let ledger = Ledger::open_with(&dir.join("dedup"), Durability::PageCache);
    let mut events = Events::of_producer(0);
    let (mut made, mut costs) = (0, Vec::new());
    for size in scale.ids {
        progress(&format!("dedup at {size} ids"));
        let timed = (GROUPS * APPENDS_OF_A_GROUP * BATCH) as u64;
        while made + timed < size {
            pollster::block_on(ledger.append(events.batch(BATCH)));
            made += BATCH as u64;
        }
        let mut groups = Vec::new();
        for _ in 0..GROUPS {
            let batches: Vec<_> = (0..APPENDS_OF_A_GROUP).map(|_| events.batch(BATCH)).collect();
            let start = Instant::now();
            for batch in batches {
                pollster::block_on(ledger.append(batch));
            }
            groups.push(start.elapsed().as_secs_f64() * 1e9 / (APPENDS_OF_A_GROUP * BATCH) as f64);
            made += (APPENDS_OF_A_GROUP * BATCH) as u64;
        }
        results.figure(
            format!("append_at_{size}_ids_nanoseconds_per_event"),
            median(&groups),
            "no sync, 5 % duplicates",
        );
        costs.push(median(&groups));
    }
    if let [small, large] = costs[..] {
        results.ratio("dedup_large_vs_small", large / small, "≤ 1.5");
    }
}
