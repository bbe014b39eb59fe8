//! Has closed tasks give what they left to the pool of their owner, where the config has one.
//!
//! The server on which a task closes does so at once. What a server did not get to, because it was killed or the log
//! was away, the next one finds as it starts, and every server now and then. A task gives once: the event's id says
//! which.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch::Receiver;
use tollgate_clock::Stopwatch;
use tollgate_domain::ids::{TaskId, TenantId};
use tollgate_domain::pool::PoolRules;
use tollgate_domain::time::Timestamp;
use tollgate_domain::zone::Zone;

use crate::ledger::Ledger;

/// How often a failure is tried again, and a config that has a pool now is noticed.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// How often all tasks are looked through for what another server did not get to.
const LOOK_AGAIN: Duration = Duration::from_secs(600);

/// How far a later look reaches back before the one before it, in milliseconds.
const OVERLAP_MS: i64 = 60 * 60 * 1000;

/// What is to be done.
#[derive(Default)]
struct Pools {
    /// Tasks that closed here and have not given yet.
    due: BTreeSet<(TenantId, TaskId)>,
    /// The rules under which all tasks were looked through, when, and by which clock.
    looked: Option<(PoolRules, Timestamp, Stopwatch)>,
}

/// Has the tasks that closed in this process give, for one that serves nobody; returns how many could not. The next
/// server finds those.
pub async fn give_closed(ledger: &Ledger) -> usize {
    let mut pools = Pools { due: ledger.write().take_closed(), looked: None };
    pools.give_due(ledger).await;
    pools.due.len()
}

/// Has tasks give until it is told to stop.
pub(crate) async fn run(ledger: Arc<Ledger>, mut stop: Receiver<bool>) {
    let mut pools = Pools::default();
    loop {
        pools.look(&ledger).await;
        tokio::select! {
            () = ledger.write().closed() => {}
            waited = tokio::time::timeout(LOOK_EVERY, stop.wait_for(|stop| *stop)) => {
                if waited.is_ok() {
                    return;
                }
            }
        }
    }
}

impl Pools {
    async fn look(&mut self, ledger: &Ledger) {
        self.due.append(&mut ledger.write().take_closed());
        let Some(rules) = ledger.settings().config.pool.clone() else {
            *self = Self::default();
            return;
        };
        let now = ledger.now();
        if let Some(since) = self.since(&rules, now) {
            match ledger.budgets().give_all(since).await {
                Ok(_) => self.looked = Some((rules, now, Stopwatch::start())),
                Err(problem) => {
                    tracing::warn!(
                        detail = problem.detail,
                        "looking for tasks that have not given to their pool failed; will retry"
                    );
                }
            }
        }
        self.give_due(ledger).await;
    }

    async fn give_due(&mut self, ledger: &Ledger) {
        for (tenant, task) in std::mem::take(&mut self.due) {
            if let Err(problem) = ledger.budgets().give(&tenant, &task).await {
                tracing::warn!(%task, detail = problem.detail, "a closed task could not give to its pool; will retry");
                self.due.insert((tenant, task));
            }
        }
    }

    /// From when on all closed tasks are to be looked through; `None`: not now. What closed before the window that the
    /// pool is in would have expired.
    fn since(&self, rules: &PoolRules, now: Timestamp) -> Option<Timestamp> {
        let window = || rules.window.span_at(&Zone::default(), now).map(|span| span.from);
        match &self.looked {
            Some((under, at, since)) if under == rules => {
                (since.elapsed() >= LOOK_AGAIN).then(|| at.plus_millis(-OVERLAP_MS))
            }
            Some(_) | None => window(),
        }
    }
}
