//! Reserving: callers that ask at the same time until the tenant's hard limit is reached, and beyond.

use std::path::Path;
use std::sync::Arc;

use tollgate_clock::Stopwatch;
use tollgate_log::embedded::{EmbeddedLog, Options};
use tollgate_server::ledger::{Read, Views};
use tollgate_server::{Ledger, LedgerOptions};
use tollgate_wire::api::AllocationStateWord;

use super::sqlite::Sqlite;
use super::work::{POLICIES, TOKENS, policy, policy_name, request, scopes};
use crate::driver::nanoseconds;
use crate::place::Place;
use crate::stats::{Samples, percentile};

/// Callers that ask at the same time, each one request after the other.
const CALLERS: u64 = 64;

/// How many requests a SQLite that decides several in one transaction takes at most: as many as the ledger does.
const TOGETHER: usize = 128;

/// Who decides.
#[derive(Clone)]
enum Candidate {
    Tollgate(Arc<Ledger>),
    Sqlite(Arc<Sqlite>),
}

/// What callers observed.
struct Run {
    decisions_per_second: f64,
    /// Of each request, in nanoseconds.
    latencies: Vec<u64>,
    /// Requests that were given.
    given: u64,
}

/// What is compared: its name, and how many reservations a transaction of SQLite has; `None`: the ledger.
const CANDIDATES: [(&str, Option<usize>); 3] =
    [("tollgate", None), ("sqlite", Some(1)), ("sqlite_together", Some(TOGETHER))];

/// One round: every candidate once, in an order that rotates with the round. `work` is given the ledger that decided.
///
/// # Errors
///
/// A candidate gave more or less than the limit.
pub(super) fn round(
    place: &Place,
    round: usize,
    requests: u64,
    (figures, ratios): (&mut Samples, &mut Samples),
    mut work: impl FnMut(&tokio::runtime::Runtime, &Arc<Ledger>, &mut Samples),
) -> Result<(), String> {
    // The limit is reached after three quarters, and does not divide evenly.
    let fit = requests / 4 * 3;
    let limit = fit * TOKENS + TOKENS / 2;
    let mut rates = [0.0; CANDIDATES.len()];
    for turn in 0..CANDIDATES.len() {
        let at = (turn + round) % CANDIDATES.len();
        let (name, together) = CANDIDATES[at];
        let dir = place.fresh(name);
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.map_err(|error| format!("starting the runtime: {error}"))?;
        let (run, reserved) = match together {
            Some(together) => {
                let sqlite = Arc::new(Sqlite::start(dir.path(), limit, together));
                let run = runtime.block_on(drive(&Candidate::Sqlite(Arc::clone(&sqlite)), requests));
                (run, Arc::into_inner(sqlite).expect("the callers are gone").finish())
            }
            None => {
                let ledger = runtime.block_on(open(dir.path(), limit));
                let run = runtime.block_on(drive(&Candidate::Tollgate(Arc::clone(&ledger)), requests));
                let reserved = runtime.block_on(reserved(&ledger));
                work(&runtime, &ledger, figures);
                runtime.block_on(ledger.stop());
                (run, reserved)
            }
        };
        drop(runtime);
        place.clear(dir);
        add(name, &run, figures);
        rates[at] = run.decisions_per_second;
        figures.add(format!("allocate_{CALLERS}_{name}_oversold"), oversold(name, run.given, fit, reserved)?);
    }
    let [tollgate, peers @ ..] = rates;
    for ((peer, _), rate) in CANDIDATES[1..].iter().zip(peers) {
        ratios.add(format!("allocate_{CALLERS}_vs_{peer}"), tollgate / rate);
    }
    Ok(())
}

fn add(name: &str, run: &Run, figures: &mut Samples) {
    figures.add(format!("allocate_{CALLERS}_{name}_decisions_per_second"), run.decisions_per_second);
    for percent in [50, 99] {
        let latency = percentile(&run.latencies, percent) as f64 / 1e3;
        figures.add(format!("allocate_{CALLERS}_{name}_p{percent}_microseconds"), latency);
    }
}

/// How many requests were given beyond the limit: none, or the run is worth nothing.
fn oversold(name: &str, given: u64, fit: u64, reserved: u64) -> Result<f64, String> {
    if given == fit && reserved == fit * TOKENS {
        return Ok(0.0);
    }
    let oversold = given.saturating_sub(fit);
    Err(format!(
        "{name}: {given} of the {fit} requests that fit were given, and {reserved} tokens are reserved: {oversold} oversold"
    ))
}

/// A ledger on the embedded log, class `fsync`, with the policies.
async fn open(dir: &Path, limit: u64) -> Arc<Ledger> {
    let log = EmbeddedLog::open_or_create(&dir.join("log"), Options::default()).expect("a log");
    let options = LedgerOptions::new(Views::below(dir));
    let ledger = Arc::new(Ledger::open(Arc::new(log), options).await.expect("a ledger"));
    let set = scopes(POLICIES).into_iter().map(|scope| {
        let ledger = Arc::clone(&ledger);
        tokio::spawn(async move {
            let (name, policy) = (policy_name(scope.as_ref()), policy(scope.as_ref(), limit));
            ledger.budgets().set_policy(&name, &policy).await.expect("a policy");
        })
    });
    for set in set.collect::<Vec<_>>() {
        set.await.expect("setting a policy does not panic");
    }
    ledger
}

/// The tokens that are reserved in the tenant, as the ledger has it.
async fn reserved(ledger: &Ledger) -> u64 {
    let read = Read { at_least: Some("tail".to_owned()), ..Read::default() };
    let policy =
        ledger.budgets().policy("default", "tenant", None, &read).await.expect("the tenant's policy");
    let status = policy.status.expect("it rules");
    u64::try_from(status.reserved.tokens).expect("tokens are not negative")
}

/// Makes all requests: those of a caller one after the other.
async fn drive(candidate: &Candidate, requests: u64) -> Run {
    let each = requests / CALLERS;
    let begun = Stopwatch::start();
    let call = |caller: u64| {
        let candidate = candidate.clone();
        tokio::spawn(async move {
            let (mut latencies, mut given) = (Vec::new(), 0);
            for nth in 0..each {
                let took = Stopwatch::start();
                given += u64::from(candidate.allocate(nth * CALLERS + caller).await);
                latencies.push(nanoseconds(took.elapsed()));
            }
            (latencies, given)
        })
    };
    let callers: Vec<_> = (0..CALLERS).map(call).collect();
    let (mut latencies, mut given) = (Vec::new(), 0);
    for caller in callers {
        let (own, of_caller) = caller.await.expect("a caller does not panic");
        latencies.extend(own);
        given += of_caller;
    }
    Run { decisions_per_second: latencies.len() as f64 / begun.elapsed().as_secs_f64(), latencies, given }
}

impl Candidate {
    /// Whether it is given; durable on return, whichever it is.
    async fn allocate(&self, number: u64) -> bool {
        match self {
            Self::Tollgate(ledger) => {
                let made = ledger.budgets().allocate(&request(number)).await.expect("a decision");
                assert_eq!(made.policies.len(), 5, "{made:?}");
                made.state == AllocationStateWord::Open
            }
            Self::Sqlite(sqlite) => sqlite.allocate(number).await,
        }
    }
}
