//! Appending beside raw writing, SQLite and sled.

use std::path::Path;
use std::sync::Arc;

use crate::committer::Committer;
use crate::driver::{Load, drive};
use crate::ledger::Ledger;
use crate::output::Results;
use crate::stats::{median, paired_ratio};
use crate::{Scale, peers, progress};

const STORES: [&str; 4] = ["tollgate", "raw", "sqlite", "sled"];

const LOADS: [(&str, Load); 4] = [
    ("1x1", Load { producers: 1, batch: 1 }),
    ("16x1", Load { producers: 16, batch: 1 }),
    ("1x64", Load { producers: 1, batch: 64 }),
    ("16x64", Load { producers: 16, batch: 64 }),
];

/// Rounds of all stores in turns, each round beginning with another one.
pub(crate) fn compare(dir: &Path, scale: Scale, results: &mut Results) {
    for (name, load) in LOADS {
        // What the goals are about gets all the time, the others a part of it.
        let (rounds, seconds) =
            if name == "16x64" { (scale.rounds, scale.seconds) } else { (3, scale.seconds / 4.0) };
        let mut rates: [Vec<f64>; 4] = Default::default();
        for round in 0..rounds {
            progress(&format!("append {name}, round {} of {rounds}", round + 1));
            for turn in 0..STORES.len() {
                let store = (turn + round) % STORES.len();
                let place = dir.join(format!("append-{name}-{round}-{}", STORES[store]));
                rates[store].push(run(STORES[store], &place, load, seconds));
            }
        }
        for (store, rates) in STORES.iter().zip(&rates) {
            results.figure(format!("append_{name}_{store}_events_per_second"), median(rates), "median");
        }
        if name == "16x64" {
            let [tollgate, raw, sqlite, sled] = &rates;
            results.ratio("append_16x64_vs_raw", paired_ratio(tollgate, raw), "≥ 0.6");
            results.ratio("append_16x64_vs_sqlite", paired_ratio(tollgate, sqlite), "≥ 8");
            results.ratio("append_16x64_vs_sled", paired_ratio(tollgate, sled), "≥ 8");
        }
    }
}

fn run(store: &str, place: &Path, load: Load, seconds: f64) -> f64 {
    std::fs::create_dir_all(place).expect("a directory");
    let peer = |committer: Committer| {
        let committer = Arc::new(committer);
        drive(load, seconds, move |batch| {
            let committer = Arc::clone(&committer);
            async move { committer.append(batch).await }
        })
    };
    let rate = match store {
        "raw" => peer(peers::Raw::start(place)),
        "sqlite" => peer(peers::Sqlite::start(place)),
        "sled" => peer(peers::Sled::start(place)),
        _ => {
            let ledger = Arc::new(Ledger::open(place));
            drive(load, seconds, move |batch| {
                let ledger = Arc::clone(&ledger);
                async move { ledger.append(batch).await }
            })
        }
    };
    std::fs::remove_dir_all(place).expect("the directory can be removed");
    rate
}
