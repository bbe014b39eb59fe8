//! The sending task: one request at a time, in order, from the spool first, then from the queue.
//!
//! **Invariant:** what is in the spool is older than what is in the queue. Events go to the spool only from
//! the front of the queue, and while the spool holds any, nothing is sent from the queue.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tollgate_clock::{Backoff, sleep};
use tollgate_domain::position::Position;
use tollgate_wire::api::AppendRequest;

use super::answer::{Fate, Judged, is_refused_whole, judge};
use super::fitting::fitting;
use super::outcome::{Delivery, DeliveryError, RejectedKind, Trouble};
use super::queue::{AWAY_AFTER, Shared};
use crate::client::Client;
use crate::one_ledger::OneLedger;
use crate::random::Random;
use crate::spool::line::Outgoing;
use crate::spool::{Spool, SpoolError};

/// The number of events written to the spool at once.
const SPOOL_BATCH: usize = 500;

/// Sends, retries and spools.
pub(super) struct Sender {
    pub(super) shared: Arc<Shared>,
    pub(super) client: Client,
    /// The transport under the client.
    pub(super) one_ledger: Arc<OneLedger>,
    pub(super) spool: Option<Arc<Mutex<Spool>>>,
    pub(super) backoff: Backoff,
    pub(super) random: Random,
    /// The most events in the next request; fewer while searching for an offending one.
    pub(super) at_most: usize,
    /// Whether the spool's last failure was reported.
    pub(super) spool_failed: bool,
    /// The last field, so that the spool is closed first: whoever waits for the end may open it at once.
    pub(super) _end: End,
}

/// The result of a round.
enum Round {
    Progress,
    Away { reason: String, asked: Option<Duration> },
}

impl Sender {
    /// Sends until the tracker is closed and everything is settled or kept.
    pub(super) async fn run(mut self) {
        while self.has_work().await {
            match self.round().await {
                Round::Progress => self.back(),
                Round::Away { reason, asked } => {
                    let failures = self.away(reason, asked.is_some()).await;
                    if failures >= AWAY_AFTER && self.shared.state().closing {
                        break;
                    }
                    self.pause(failures, asked).await;
                }
            }
        }
    }

    /// Waits until there is something to send; `false` once the tracker is closed and nothing is left.
    async fn has_work(&self) -> bool {
        let mut lingered = false;
        loop {
            let (empty, due, closing) = {
                let state = self.shared.state();
                if state.spool_bytes > 0 {
                    return true;
                }
                (state.queue.is_empty(), state.is_due(&self.shared.batching), state.closing)
            };
            if empty && closing {
                return false;
            }
            if !empty && (due || lingered) {
                return true;
            }
            let woken = self.shared.wake.notified();
            if empty {
                woken.await;
                continue;
            }
            let until_due = async {
                woken.await;
                while !self.shared.state().is_due(&self.shared.batching) {
                    self.shared.wake.notified().await;
                }
            };
            lingered = tokio::time::timeout(self.shared.batching.linger, until_due).await.is_err();
        }
    }

    /// Sends one request and records what happened to its events.
    async fn round(&mut self) -> Round {
        self.shared.state().try_now = false;
        let spooled = self.shared.state().spool_bytes > 0;
        let events = if spooled { self.next_of_spool().await } else { Ok(self.next_of_queue()) };
        let mut events = match events {
            Ok(events) => events,
            Err(error) => return Round::Away { reason: error.to_string(), asked: None },
        };
        events.truncate(fitting(&events, self.shared.batching.max_bytes));
        if events.is_empty() {
            return Round::Progress;
        }
        let sent = events.iter().map(|event| event.json.clone()).collect();
        let questions = {
            let mut state = self.shared.state();
            state.stats.requests += 1;
            if spooled { Vec::new() } else { state.questions_with(events.len()) }
        };
        let gates = questions.iter().map(|asked| asked.gate.clone()).collect();
        let mut request = AppendRequest { tenant: None, producer: None, events: sent, gates };
        let (mut answer, mut asked) = self.client.append_once(&request).await;
        if !request.gates.is_empty() && is_refused_whole(&answer) {
            // A ledger that does not accept gate requests here: that is not the events' fault.
            request.gates.clear();
            self.shared.state().stats.requests += 1;
            (answer, asked) = self.client.append_once(&request).await;
        }
        let decided = answer.as_mut().map_or_else(|_| Vec::new(), |answer| std::mem::take(&mut answer.gates));
        let judged = judge(&events, answer);
        self.at_most =
            if judged.divide { (events.len() / 2).max(1) } else { self.shared.batching.max_events };
        let keep: Vec<bool> = judged.fates.iter().map(|fate| matches!(fate, Fate::Again)).collect();
        let settled = if spooled { self.settle_spooled(keep).await } else { self.settle_queued(&keep) };
        let away = judged.away.clone();
        self.tell(&events, judged);
        for (asked, decided) in questions.into_iter().zip(decided) {
            if let Some(decided) = decided {
                // The caller may be gone.
                let _ = asked.reply.send(decided);
            }
        }
        self.shared.state().drop_questions();
        match (away, settled) {
            (Some(reason), _) => Round::Away { reason, asked },
            (None, Err(error)) => Round::Away { reason: error.to_string(), asked: None },
            (None, Ok(())) => Round::Progress,
        }
    }

    fn next_of_queue(&self) -> Vec<Outgoing> {
        let state = self.shared.state();
        state.queue.iter().take(self.at_most).map(|(_, event)| event.clone()).collect()
    }

    async fn next_of_spool(&mut self) -> Result<Vec<Outgoing>, SpoolError> {
        let (events, bytes) = (self.at_most, self.shared.batching.max_bytes);
        let found =
            self.with_spool(move |spool| Ok((spool.peek(events, bytes)?, spool.take_set_aside()))).await?;
        let (events, set_aside) = found.unwrap_or_default();
        for line in set_aside {
            tracing::error!(
                segment = line.segment,
                line = line.line,
                reason = line.reason,
                lies_in = line.lies_in,
                "an event of the spool cannot be read and was set aside; repair it and append it by hand"
            );
            self.shared.state().stats.set_aside += 1;
            (self.shared.on_trouble)(&Trouble::SetAside(line));
        }
        Ok(events)
    }

    fn settle_queued(&self, keep: &[bool]) -> Result<(), SpoolError> {
        self.shared.state().settle(keep);
        Ok(())
    }

    async fn settle_spooled(&mut self, keep: Vec<bool>) -> Result<(), SpoolError> {
        self.with_spool(move |spool| spool.settle(&keep)).await.map(|_| ())
    }

    /// Counts outcomes and notifies their waiters.
    fn tell(&self, events: &[Outgoing], judged: Judged) {
        let mut refused = Vec::new();
        {
            let mut state = self.shared.state();
            if let Some(text) = judged.position {
                match text.parse::<Position>() {
                    Ok(new) => match &mut state.position {
                        Some(position) => position.merge(&new),
                        None => state.position = Some(new),
                    },
                    Err(error) => {
                        tracing::warn!(%error, "the ledger answered a position that cannot be read")
                    }
                }
            }
            for (event, fate) in events.iter().zip(judged.fates) {
                let outcome = match fate {
                    Fate::Again => continue,
                    Fate::Recorded(recorded) => {
                        state.stats.duplicates += u64::from(recorded.duplicate);
                        state.stats.appended += u64::from(!recorded.duplicate);
                        Ok(Delivery::Recorded(recorded))
                    }
                    Fate::Rejected(rejected) => {
                        match rejected.kind {
                            RejectedKind::Conflict => state.stats.conflicts += 1,
                            RejectedKind::Refused => state.stats.refused += 1,
                        }
                        refused.push(rejected.clone());
                        Err(DeliveryError::Rejected(rejected))
                    }
                };
                for reply in state.replies_of(event) {
                    // The caller may be gone.
                    let _ = reply.send(outcome.clone());
                }
            }
        }
        for rejected in refused {
            tracing::error!(
                id = rejected.id,
                task = rejected.task,
                code = rejected.code,
                detail = rejected.detail,
                "an event is refused for good"
            );
            (self.shared.on_trouble)(&Trouble::Rejected(rejected));
        }
        self.shared.announce();
    }

    /// The ledger accepts events again.
    fn back(&mut self) {
        self.spool_failed = false;
        let was = self.shared.state().away.take();
        if let Some(away) = was {
            tracing::info!(failures = away.failures, "the ledger takes events again");
        }
        self.shared.announce();
    }

    /// The ledger accepts no events: keeps them, and replies to callers that have waited long enough. Returns
    /// the number of consecutive failures.
    async fn away(&mut self, reason: String, held: bool) -> u32 {
        let failures = self.shared.state().failed(reason.clone(), held);
        if failures == 1 {
            let kept_in = if self.spool.is_some() { "spool" } else { "memory" };
            tracing::warn!(reason, kept_in, "the ledger takes no events; they are kept and sent again");
        }
        self.keep().await;
        if failures >= AWAY_AFTER {
            for (_, reply) in self.shared.state().all_replies() {
                // The caller may be gone.
                let _ = reply.send(Ok(Delivery::Kept));
            }
        }
        self.shared.announce();
        failures
    }

    /// Moves events from the queue to the spool, as far as the spool accepts them.
    async fn keep(&mut self) {
        if self.spool.is_none() {
            return;
        }
        loop {
            let events: Vec<Outgoing> = {
                let state = self.shared.state();
                state.queue.iter().take(SPOOL_BATCH).map(|(_, event)| event.clone()).collect()
            };
            if events.is_empty() {
                return;
            }
            let count = events.len();
            let one_ledger = Arc::clone(&self.one_ledger);
            let written = self.with_spool(move |spool| {
                spool.is_for(one_ledger.ledger())?;
                spool.append(&events)
            });
            match written.await {
                Ok(_) => {
                    let mut state = self.shared.state();
                    state.settle(&vec![false; count]);
                    state.stats.spooled += count as u64;
                    self.spool_failed = false;
                }
                Err(error) => {
                    if !std::mem::replace(&mut self.spool_failed, true) {
                        tracing::error!(%error, "events could not be written to the spool, they stay in memory");
                    }
                    return;
                }
            }
        }
    }

    /// Waits before the next try. Meanwhile new events go to the spool; a flush or close shortens the wait.
    async fn pause(&mut self, failures: u32, asked: Option<Duration>) {
        let delay = self.backoff.delay(failures, self.random.number(), asked);
        let was_closing = self.shared.state().closing;
        let shared = Arc::clone(&self.shared);
        let mut passed = std::pin::pin!(sleep(delay));
        loop {
            tokio::select! {
                () = &mut passed => return,
                () = shared.wake.notified() => {}
            }
            {
                let state = shared.state();
                if (state.try_now && asked.is_none()) || (state.closing && !was_closing) {
                    return;
                }
            }
            self.keep().await;
        }
    }

    /// Works on the spool, outside of the threads that serve other tasks. `None` if there is no spool.
    async fn with_spool<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Spool) -> Result<T, SpoolError> + Send + 'static,
    ) -> Result<Option<T>, SpoolError> {
        let Some(spool) = self.spool.clone() else { return Ok(None) };
        let worked = tokio::task::spawn_blocking(move || {
            let mut spool = spool.lock().unwrap_or_else(PoisonError::into_inner);
            let done = work(&mut spool);
            // What is loaded but not settled counts too, or the queue would overtake it.
            let bytes = if spool.is_empty() { 0 } else { spool.bytes().max(1) };
            (done, bytes)
        });
        match worked.await {
            Ok((done, bytes)) => {
                self.shared.state().spool_bytes = bytes;
                done.map(Some)
            }
            Err(error) => Err(SpoolError::Stopped { reason: error.to_string() }),
        }
    }
}

/// Records the end of the sending task, whatever ended it, and reports what it leaves.
pub(super) struct End(pub(super) Arc<Shared>);

impl Drop for End {
    fn drop(&mut self) {
        let (left, replies) = {
            let mut state = self.0.state();
            (state.end(), state.all_replies())
        };
        for (id, reply) in replies {
            // The caller may be gone.
            let _ = reply.send(Err(DeliveryError::Undelivered { id: id.to_string() }));
        }
        for event in left {
            let (id, task) = (event.id.to_string(), event.task.to_string());
            tracing::error!(id, task, "an event was not delivered before the tracker ended, and not spooled");
            let json = event.json.get().to_owned();
            (self.0.on_trouble)(&Trouble::Undelivered { id, task, json });
        }
        self.0.announce();
    }
}
