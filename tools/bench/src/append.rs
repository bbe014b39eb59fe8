//! Appending compared with the peers: the same producers, the same events, the same kind of committer.

use std::path::Path;
use std::sync::Arc;

use crate::committer::Committer;
use crate::driver::{Run, Shape, Times, drive};
use crate::ledger::Ledger;
use crate::output::progress;
use crate::peers::{Fjall, Postgres, PostgresServer, Raw, Redb, Sled, Sqlite};
use crate::place::Place;
use crate::stats::{Samples, percentile};

/// Producers × events per batch. The ratios are those of the last shape.
pub(crate) const SHAPES: [Shape; 4] = [
    Shape { producers: 1, batch: 1 },
    Shape { producers: 16, batch: 1 },
    Shape { producers: 1, batch: 64 },
    BUSY,
];

/// The shape that the ratios are about.
pub(crate) const BUSY: Shape = Shape { producers: 16, batch: 64 };

/// Which candidate does the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Candidate {
    Tollgate,
    Raw,
    Sqlite,
    Sled,
    Fjall,
    Redb,
    Postgres,
}

const CANDIDATES: [Candidate; 7] = [
    Candidate::Tollgate,
    Candidate::Raw,
    Candidate::Sqlite,
    Candidate::Sled,
    Candidate::Fjall,
    Candidate::Redb,
    Candidate::Postgres,
];

impl Candidate {
    const fn name(self) -> &'static str {
        match self {
            Self::Tollgate => "tollgate",
            Self::Raw => "raw",
            Self::Sqlite => "sqlite",
            Self::Sled => "sled",
            Self::Fjall => "fjall",
            Self::Redb => "redb",
            Self::Postgres => "postgres",
        }
    }
}

/// One round of one shape: every candidate once, in an order that rotates with the round.
pub(crate) fn round(
    place: &Place,
    round: usize,
    shape: Shape,
    times: Times,
    figures: &mut Samples,
    ratios: &mut Samples,
) {
    let mut rates = [None; CANDIDATES.len()];
    for turn in 0..CANDIDATES.len() {
        let at = (turn + round) % CANDIDATES.len();
        let candidate = CANDIDATES[at];
        let dir = place.fresh(candidate.name());
        let run = run(candidate, dir.path(), shape, times);
        place.clear(dir);
        let Some(run) = run else {
            progress(&format!("{} is not installed and is skipped", candidate.name()));
            continue;
        };
        rates[at] = Some(run.events_per_second);
        let name = format!("append_{shape}_{}", candidate.name());
        figures.add(format!("{name}_events_per_second"), run.events_per_second);
        for percent in [50, 99] {
            let latency = percentile(&run.latencies, percent) as f64 / 1e3;
            figures.add(format!("{name}_batch_p{percent}_microseconds"), latency);
        }
    }
    let [tollgate, peers @ ..] = rates;
    for (peer, rate) in CANDIDATES[1..].iter().zip(peers) {
        let Some(ratio) = tollgate.zip(rate).map(|(tollgate, rate)| tollgate / rate) else { continue };
        ratios.add(format!("append_{shape}_vs_{}", peer.name()), ratio);
    }
}

/// Runs one candidate, and checks that it holds each event once. `None`: it is not installed.
fn run(candidate: Candidate, dir: &Path, shape: Shape, times: Times) -> Option<Run> {
    let grouped = |committer: Committer| {
        let committer = Arc::new(committer);
        let run = drive(&committer, shape, times);
        let stored = Arc::into_inner(committer).expect("the producers are gone").finish();
        (run, stored)
    };
    let (run, stored) = match candidate {
        Candidate::Raw => grouped(Raw::start(dir)),
        Candidate::Sqlite => grouped(Sqlite::start(dir)),
        Candidate::Sled => grouped(Sled::start(dir)),
        Candidate::Fjall => grouped(Fjall::start(dir)),
        Candidate::Redb => grouped(Redb::start(dir)),
        Candidate::Postgres => {
            let server = PostgresServer::start(PostgresServer::programs()?, dir);
            grouped(Postgres::start(&server))
        }
        Candidate::Tollgate => {
            let ledger = Arc::new(Ledger::open(dir));
            let run = drive(&ledger, shape, times);
            (run, Some(ledger.stored()))
        }
    };
    if let Some(stored) = stored {
        assert_eq!(stored, run.distinct, "{} holds each event once", candidate.name());
    }
    Some(run)
}
