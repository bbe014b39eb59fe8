//! A ledger across processes while its parts are killed at random: nats-server, two servers, three
//! projectors, sixteen orchestrators. At the end everything acknowledged is counted once, everywhere.

mod check;
mod cluster;
mod orchestrator;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tollgate_clock::Stopwatch;

use self::cluster::{Cluster, Kind};
use self::orchestrator::{Journal, orchestrate};

/// Orchestrators that work concurrently.
const ORCHESTRATORS: u64 = 16;

/// What to run.
#[derive(Clone, Copy, Debug)]
pub struct Chaos {
    /// For how long parts are killed.
    pub time: Duration,
    /// The seed of everything random.
    pub seed: u64,
}

/// What happened. That nothing was violated is asserted along the way.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Kills by kind of process.
    pub kills: BTreeMap<&'static str, u64>,
    /// Usage events that were acknowledged.
    pub usage_events: u64,
    /// Their tokens.
    pub tokens: u64,
    /// Commands and gate decisions that were acknowledged.
    pub decisions: u64,
    /// Requests that were sent again.
    pub retries: u64,
    /// Events in the log.
    pub logged_events: u64,
    /// Events that are in the log a second time, and are counted once.
    pub repeated_events: u64,
    /// Alerts that were raised.
    pub alerts: u64,
    /// The longest time that a request took, including its retries.
    pub slowest: Duration,
}

/// Numbers that look random and follow from a seed.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn of(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below a limit (SplitMix64).
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (word ^ (word >> 31)) % limit
    }
}

impl Chaos {
    /// Runs it; `None`, with a loud message, if nats-server is not installed.
    ///
    /// # Panics
    ///
    /// If a promise is broken; the message says which one and where.
    #[must_use]
    pub fn run(self) -> Option<Outcome> {
        let mut cluster = Cluster::start()?;
        let stop = Arc::new(AtomicBool::new(false));
        let journal: Arc<Mutex<Journal>> = Arc::default();
        let workers: Vec<_> = (0..ORCHESTRATORS)
            .map(|number| {
                let (urls, stop, journal) = (cluster.urls(), Arc::clone(&stop), Arc::clone(&journal));
                let dice = Dice::of(self.seed ^ (number + 1) << 32);
                std::thread::spawn(move || orchestrate(number, &urls, dice, &stop, &journal))
            })
            .collect();
        let kills = self.kill_at_random(&mut cluster);
        stop.store(true, Ordering::Relaxed);
        for worker in workers {
            worker.join().expect("an orchestrator saw a promise broken");
        }
        let journal = std::mem::take(&mut *journal.lock().expect("the workers have ended"));
        Some(check::all(cluster, &journal, kills))
    }

    fn kill_at_random(self, cluster: &mut Cluster) -> BTreeMap<&'static str, u64> {
        let mut dice = Dice::of(self.seed);
        let mut kills = BTreeMap::new();
        let begun = Stopwatch::start();
        // Nothing ever sends: this only lets time pass.
        let (_never, time) = channel::<()>();
        let pass = |millis| {
            assert_eq!(time.recv_timeout(Duration::from_millis(millis)), Err(RecvTimeoutError::Timeout));
        };
        // Each kind takes its turn, in an order that is shuffled anew each time.
        let mut turns: Vec<Kind> = Vec::new();
        while begun.elapsed() < self.time || kills.len() < Kind::ALL.len() {
            pass(100 + dice.below(1_200));
            if turns.is_empty() {
                turns = Kind::ALL.to_vec();
            }
            let kind = turns.swap_remove(dice.below(turns.len() as u64) as usize);
            // Sometimes the nats-server along with it.
            let both = kind != Kind::Nats && dice.below(5) == 0;
            cluster.kill(kind);
            *kills.entry(kind.name()).or_default() += 1;
            if both {
                cluster.kill(Kind::Nats);
                *kills.entry(Kind::Nats.name()).or_default() += 1;
            }
            pass(dice.below(400));
            if both {
                cluster.restart(Kind::Nats);
            }
            cluster.restart(kind);
        }
        kills
    }
}
