//! Tasks whose evidence could not be written: each waits separately, longer after each try.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tollgate_clock::{Backoff, Stopwatch, sleep};
use tollgate_domain::position::Sequence;

use super::Due;

/// How long a task waits after a failure.
const BACKOFF: Backoff = Backoff { first: Duration::from_secs(5), longest: Duration::from_secs(600) };

/// A task whose evidence has yet to be written, as the mark file keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Retry {
    tenant: String,
    task: String,
    sequence: u64,
}

/// Tasks whose evidence could not be written.
#[derive(Default)]
pub(super) struct Retries(BTreeMap<(String, String), Waiting>);

struct Waiting {
    sequence: Sequence,
    error: String,
    failures: u32,
    wait: Duration,
    since: Stopwatch,
}

impl Retries {
    /// Those from the mark file; they are due at once.
    pub(super) fn of(stored: Vec<Retry>) -> Self {
        let waiting = |sequence| Waiting {
            sequence: Sequence(sequence),
            error: "not tried since the start".to_owned(),
            failures: 0,
            wait: Duration::ZERO,
            since: Stopwatch::start(),
        };
        Self(stored.into_iter().map(|it| ((it.tenant, it.task), waiting(it.sequence))).collect())
    }

    pub(super) fn stored(&self) -> Vec<Retry> {
        let stored = |((tenant, task), waiting): (&(String, String), &Waiting)| Retry {
            tenant: tenant.clone(),
            task: task.clone(),
            sequence: waiting.sequence.0,
        };
        self.0.iter().map(stored).collect()
    }

    pub(super) fn failed(&mut self, (name, sequence): &Due, error: String) {
        let failures = self.0.get(name).map_or(0, |waiting| waiting.failures).saturating_add(1);
        let wait = BACKOFF.doubled(failures);
        let waiting = Waiting { sequence: *sequence, error, failures, wait, since: Stopwatch::start() };
        self.0.insert(name.clone(), waiting);
    }

    pub(super) fn written(&mut self, name: &(String, String)) {
        self.0.remove(name);
    }

    /// All of them.
    pub(super) fn all(&self) -> Vec<Due> {
        self.0.iter().map(|(name, waiting)| (name.clone(), waiting.sequence)).collect()
    }

    /// Waits until one is due; forever if there is none.
    pub(super) async fn due(&self) {
        match self.0.values().map(Waiting::left).min() {
            Some(left) => sleep(left).await,
            None => std::future::pending().await,
        }
    }

    /// Those that are due.
    pub(super) fn take_due(&self) -> Vec<Due> {
        let due = self.0.iter().filter(|(_, waiting)| waiting.left().is_zero());
        due.map(|(name, waiting)| (name.clone(), waiting.sequence)).collect()
    }

    /// What is wrong, as a sentence; `None`: nothing.
    pub(super) fn summary(&self) -> Option<String> {
        let ((_, task), first) = self.0.iter().next()?;
        let others = match self.0.len() - 1 {
            0 => String::new(),
            1 => ", and of 1 other task".to_owned(),
            more => format!(", and of {more} other tasks"),
        };
        Some(format!("not written for task `{task}`{others}: {}; tried again", first.error))
    }
}

impl Waiting {
    fn left(&self) -> Duration {
        self.wait.saturating_sub(self.since.elapsed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_waits_longer_after_each_failure_and_others_do_not_wait_for_it() {
        let name = |task: &str| ("default".to_owned(), task.to_owned());
        let mut retries =
            Retries::of(vec![Retry { tenant: "default".to_owned(), task: "old".to_owned(), sequence: 3 }]);
        assert_eq!(retries.take_due(), [(name("old"), Sequence(3))], "what a start finds is due");
        let mut waits = Vec::new();
        for _ in 0..9 {
            retries.failed(&(name("T-1"), Sequence(9)), "no room".to_owned());
            waits.push(retries.0[&name("T-1")].wait.as_secs());
        }
        assert_eq!(waits, [5, 10, 20, 40, 80, 160, 320, 600, 600]);
        assert_eq!(retries.take_due().len(), 1);
        assert_eq!(retries.all().len(), 2);
        assert_eq!(
            retries.summary().unwrap(),
            "not written for task `T-1`, and of 1 other task: no room; tried again"
        );
        retries.written(&name("T-1"));
        retries.written(&name("old"));
        assert!(retries.stored().is_empty() && retries.summary().is_none());
    }
}
