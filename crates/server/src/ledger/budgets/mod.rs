//! Decisions about money: budgets, policies, allocations. Those of one tenant are made in one order, and those
//! that arrive together are decided together and appended as one record.

mod after;
mod alerts;
mod allocations;
mod answer;
mod command;
mod decide;
mod exhausted;
mod expiry;
mod figures;
mod late;
mod meant;
mod near;
mod one_by_one;
mod overruns;
mod policies;
mod pool;
mod repeated;
mod request;
mod route;
mod standing;
mod uses;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard, Semaphore, mpsc, oneshot};
use tollgate_domain::ids::TenantId;
use tollgate_log::contract::EventLog;
use tollgate_projector::queries::SpentOf;

pub use self::policies::PolicyPage;
pub(in crate::ledger) use self::pool::Drawing;

use self::command::{BRIEFLY, Command, Done, WAIT, What};
use self::decide::{Decider, READ_AT_ONCE, is_behind};
use self::exhausted::HavePolicies;
use self::late::Late;
use self::meant::Meant;
use self::one_by_one::Each;
use self::overruns::Looked;
use super::Shared;
use super::ask::Queries;
use super::in_force::InForce;
use crate::problem::{Answer, OVERLOADED, STOPPED};

/// How many commands of a tenant may wait.
const WAITING: usize = 4096;

/// How many commands are decided together.
const TOGETHER: usize = 128;

/// How long a tenant's state is kept without a command.
const IDLE: Duration = Duration::from_secs(60);

/// What decides about money.
#[derive(Clone)]
pub struct BudgetDecisions {
    log: Arc<dyn EventLog>,
    ask: Arc<Queries>,
    in_force: Arc<InForce>,
    tenants: Arc<Mutex<HashMap<TenantId, Tenant>>>,
    have_policies: Arc<HavePolicies>,
    looked: Looked,
    each: Each,
    late: Late,
    meant: Arc<Meant>,
    /// Who reads the log for a tenant has one of these.
    turns: Arc<Semaphore>,
}

/// A tenant whose money was decided about lately.
struct Tenant {
    queue: mpsc::Sender<Job>,
    decider: Arc<AsyncMutex<Decider>>,
}

/// A command that waits for its decision.
pub(super) struct Job {
    command: Command,
    reply: oneshot::Sender<Answer<Done>>,
}

impl BudgetDecisions {
    pub(super) fn new(shared: &Shared, ask: &Arc<Queries>, in_force: &Arc<InForce>) -> Self {
        let log = Arc::clone(&shared.log);
        let (ask, in_force) = (Arc::clone(ask), Arc::clone(in_force));
        let (tenants, have_policies) = (Arc::default(), Arc::default());
        let (looked, each, late) = (Looked::default(), Each::default(), Late::default());
        let (meant, turns) = (Arc::default(), Arc::new(Semaphore::new(READ_AT_ONCE)));
        Self { log, ask, in_force, tenants, have_policies, looked, each, late, meant, turns }
    }

    /// Has a command decided, with those that arrive at the same time.
    async fn decided(&self, tenant: &TenantId, mut command: Command) -> Answer<Done> {
        if command.wait > WAIT && !self.reaches_the_end(tenant, command.wait).await? {
            // That was all of the wait: what decides looks once more, and no longer.
            command.wait = BRIEFLY;
        }
        let is_policy = matches!(command.what, What::Policy { .. });
        let is_question = command.what.is_question();
        let (reply, answer) = oneshot::channel();
        let job = Job { command, reply };
        // Whoever asks while nothing is being decided is answered on the spot: handing the question to the tenant's
        // task and its answer back would take longer than the answer. A question appends nothing, so that it does no
        // harm if the asker goes away in the middle.
        if is_question && let Some(mut decider) = self.idle(tenant) {
            decider.decide(vec![job]).await;
        } else {
            self.send(tenant, job)?;
        }
        let answer = answer.await.unwrap_or_else(|_| {
            Err(STOPPED.with("the ledger is stopping: it is not known whether this was decided; ask again"))
        });
        if is_policy && answer.is_ok() {
            self.have_policies.note(tenant, true);
        }
        answer
    }

    /// Waits outside the queue, where nobody waits behind it. Whether the view is at the end then: one that is not is
    /// for the policies to judge.
    async fn reaches_the_end(&self, tenant: &TenantId, up_to: Duration) -> Answer<bool> {
        let tenant = tenant.as_str().to_owned();
        let query = SpentOf { tenant, asks: Vec::new(), allocations: Vec::new() };
        let end = self.ask.end().await?;
        match self.ask.spent(query, Some(&end), up_to).await {
            Ok(_) => Ok(true),
            Err(problem) if is_behind(&problem) => Ok(false),
            Err(problem) => Err(problem),
        }
    }

    /// What decides about a tenant, if it is known and nothing is being decided or waits.
    fn idle(&self, tenant: &TenantId) -> Option<OwnedMutexGuard<Decider>> {
        let tenants = self.tenants();
        let known = tenants.get(tenant)?;
        if known.queue.capacity() < WAITING {
            return None;
        }
        Arc::clone(&known.decider).try_lock_owned().ok()
    }

    fn send(&self, tenant: &TenantId, job: Job) -> Answer<()> {
        let mut tenants = self.tenants();
        let known = self.known(&mut tenants, tenant);
        known.queue.try_send(job).map_err(|error| {
            let waiting =
                format!("deciding about money of tenant `{tenant}`: {WAITING} requests are waiting");
            match error {
                mpsc::error::TrySendError::Full(_) => OVERLOADED.with(waiting),
                mpsc::error::TrySendError::Closed(_) => STOPPED.with("the ledger is stopping"),
            }
        })
    }

    /// What decides about a tenant.
    fn decider(&self, tenant: &TenantId) -> Arc<AsyncMutex<Decider>> {
        Arc::clone(&self.known(&mut self.tenants(), tenant).decider)
    }

    fn known<'a>(&self, tenants: &'a mut HashMap<TenantId, Tenant>, tenant: &TenantId) -> &'a Tenant {
        tenants.entry(tenant.clone()).or_insert_with(|| {
            let (queue, jobs) = mpsc::channel(WAITING);
            let decider = Decider::new(&self.log, &self.ask, &self.in_force, &self.turns, tenant.clone());
            let decider = Arc::new(AsyncMutex::new(decider));
            tokio::spawn(self.clone().follow(tenant.clone(), Arc::clone(&decider), jobs));
            Tenant { queue, decider }
        })
    }

    /// Decides a tenant's commands, as many together as have arrived, until none comes for a while.
    async fn follow(
        self,
        tenant: TenantId,
        decider: Arc<AsyncMutex<Decider>>,
        mut jobs: mpsc::Receiver<Job>,
    ) {
        loop {
            match tokio::time::timeout(IDLE, jobs.recv()).await {
                Ok(Some(first)) => {
                    let mut together = vec![first];
                    while together.len() < TOGETHER
                        && let Ok(next) = jobs.try_recv()
                    {
                        together.push(next);
                    }
                    // A question that nobody waits for any more needs no answer.
                    together.retain(|job| !(job.reply.is_closed() && job.command.what.is_question()));
                    decider.lock().await.decide(together).await;
                }
                Ok(None) => return,
                // Questions that were answered on the spot count, too.
                Err(_) if !decider.try_lock().is_ok_and(|mut decider| decider.was_idle()) => {}
                Err(_) => {
                    // Nothing can be sent while the lock is held.
                    let mut tenants = self.tenants();
                    if jobs.is_empty() {
                        tenants.remove(&tenant);
                        return;
                    }
                }
            }
        }
    }

    /// Lets those in progress end.
    pub(super) fn stop(&self) {
        self.tenants().clear();
    }

    fn tenants(&self) -> MutexGuard<'_, HashMap<TenantId, Tenant>> {
        // Every change under the lock is complete in itself.
        self.tenants.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
