//! The circuit breaker and its basis: how long phase transitions take.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::OnceCell;
use tollgate_clock::Stopwatch;
use tollgate_domain::config::Rollout;
use tollgate_domain::event::TransitionsMeasured;
use tollgate_domain::time::Timestamp;

/// How many transitions of a span are kept; any beyond that are not measured.
const KEPT: usize = 100_000;

/// What this process knows about the breaker, and what it has measured.
#[derive(Default)]
pub(super) struct Breaker {
    /// Whether its state has been queried.
    pub(super) asked: OnceCell<()>,
    open: std::sync::atomic::AtomicBool,
    span: Mutex<Span>,
}

/// A span that is being measured.
#[derive(Default)]
struct Span {
    since: Option<Timestamp>,
    micros: Vec<u64>,
}

/// A transition in progress.
#[derive(Clone, Copy)]
pub(super) struct Transition {
    since: Stopwatch,
    /// How long readers had been served when it began.
    served: Duration,
}

impl Transition {
    /// Starts one; `served`: how long readers have been served so far.
    pub(super) fn start(served: Duration) -> Self {
        Self { since: Stopwatch::start(), served }
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.since.elapsed()
    }
}

/// How much of a transition was the ledger's own time: the time in which no reader was served. Readers hold
/// things up for no longer than they are being served, so they cannot make it longer. `None`: readers were
/// served for more than a quarter of it, so it says too little.
fn own_time(took: Duration, readers: Duration) -> Option<Duration> {
    (readers <= took / 4).then(|| took.saturating_sub(readers))
}

impl Breaker {
    pub(super) fn set(&self, open: bool) {
        self.open.store(open, std::sync::atomic::Ordering::Relaxed);
    }

    pub(super) fn is_open(&self) -> bool {
        self.open.load(std::sync::atomic::Ordering::Relaxed)
    }

    /// Notes how long the ledger itself took for a transition; `served`: how long readers have been served so
    /// far.
    pub(super) fn measured(&self, transition: &Transition, served: Duration) {
        let readers = served.saturating_sub(transition.served);
        let Some(own) = own_time(transition.elapsed(), readers) else { return };
        let mut span = self.span.lock().unwrap_or_else(PoisonError::into_inner);
        if span.micros.len() < KEPT {
            span.micros.push(u64::try_from(own.as_micros()).unwrap_or(u64::MAX));
        }
    }

    /// What has been measured since the last call; `None`: nothing.
    pub(super) fn span(&self, until: Timestamp, rollout: Rollout) -> Option<TransitionsMeasured> {
        let (since, micros) = {
            let mut span = self.span.lock().unwrap_or_else(PoisonError::into_inner);
            (span.since.replace(until), std::mem::take(&mut span.micros))
        };
        // The first span began with the process, at an unknown time.
        let (since, measured) = since.zip(summary(micros))?;
        let span_ms = u64::try_from(until.millis_since(since)).unwrap_or_default();
        Some(TransitionsMeasured { span_ms, rollout, ..measured })
    }
}

/// The figures of a span except for its times; `None`: it is empty.
fn summary(mut micros: Vec<u64>) -> Option<TransitionsMeasured> {
    micros.sort_unstable();
    let at = |percent: usize| micros.get((micros.len() * percent).div_ceil(100).max(1) - 1).copied();
    Some(TransitionsMeasured {
        span_ms: 0,
        transitions: micros.len() as u64,
        p50_us: at(50)?,
        p95_us: at(95)?,
        longest_us: *micros.last()?,
        rollout: Rollout::Observe,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_in_which_readers_are_served_is_not_the_ledgers_own() {
        let ms = Duration::from_millis;
        for (took, readers, own) in [
            (40, 0, Some(40)),
            (40, 1, Some(39)),
            (40, 10, Some(30)),
            // A reader was being answered all the time: nothing is known about the ledger.
            (40, 11, None),
            (3000, 3000, None),
            (0, 0, Some(0)),
        ] {
            assert_eq!(own_time(ms(took), ms(readers)), own.map(ms), "{took} {readers}");
        }
    }

    #[test]
    fn a_span_is_summed_up_by_its_percentiles() {
        assert_eq!(summary(Vec::new()), None);
        for (micros, expected) in [
            (vec![7], (1, 7, 7, 7)),
            (vec![2, 1], (2, 1, 2, 2)),
            ((1..=100).rev().collect(), (100, 50, 95, 100)),
            ((1..=101).collect(), (101, 51, 96, 101)),
        ] {
            let found = summary(micros).unwrap();
            assert_eq!((found.transitions, found.p50_us, found.p95_us, found.longest_us), expected);
        }
    }
}
