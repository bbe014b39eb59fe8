//! The keys as of the log's end.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tollgate_domain::event::EventBody;
use tollgate_domain::ids::{EventId, KEYS_TASK, ProducerId, TaskId, TenantId};
use tollgate_domain::key::KeyRing;
use tollgate_domain::position::{PartitionId, Sequence};
use tollgate_log::contract::EventName;
use tollgate_log::record::Record;
use tollgate_wire::api::Problem;
use tollgate_wire::decode_stored;

use super::{Keys, Looks};
use crate::ledger::OWN_PRODUCER;
use crate::problem::{Answer, INTERNAL, LOG_UNREADABLE, of_read};

/// How many decisions are looked up together.
const TOGETHER: u64 = 64;

/// How long a look may take. The first one reads all decisions, and may go on in the next.
const LOOK_WITHIN: Duration = Duration::from_secs(2);

/// The name of a decision about keys.
pub(super) fn decision_id(number: u64) -> String {
    format!("key-{number}")
}

/// The partition of the decisions about keys.
pub(super) fn partition() -> PartitionId {
    PartitionId::of(TenantId::ledger().as_str(), KEYS_TASK)
}

impl Keys {
    /// The keys as of a moment after this call: what was decided before it, on any server, is in them.
    ///
    /// While there is no key, a log that does not answer keeps nobody out: what is known has to do, as before. Once
    /// there is one, nobody is let in without knowing whether the key still opens; nor where a decision is there that
    /// cannot be read.
    ///
    /// # Errors
    ///
    /// The problem with the log.
    pub async fn current(&self) -> Answer<Arc<KeyRing>> {
        match self.look().await {
            Ok(()) => Ok(self.known()),
            Err((problem, is_known)) => {
                let known = self.known();
                let is_away = problem.status == LOG_UNREADABLE.status;
                if is_known && is_away && !known.is_closed() { Ok(known) } else { Err(problem) }
            }
        }
    }

    /// Looks at the log once, unless a look that began later than this call already did. The problem comes with
    /// whether an earlier look succeeded.
    pub(super) async fn look(&self) -> Result<(), (Box<Problem>, bool)> {
        let asked = self.begun.load(Ordering::SeqCst);
        let mut looks = self.looks.lock().await;
        if looks.ended <= asked {
            let number = self.begun.fetch_add(1, Ordering::SeqCst).saturating_add(1);
            // A request that goes away in the middle leaves what was read so far.
            let looked = tokio::time::timeout(LOOK_WITHIN, self.catch_up(&mut looks)).await;
            looks.result = looked.unwrap_or_else(|_| {
                Err(LOG_UNREADABLE.with(format!(
                    "looking for decisions about keys: the log did not answer within {} s; ask again",
                    LOOK_WITHIN.as_secs()
                )))
            });
            looks.is_known |= looks.result.is_ok();
            looks.ended = number;
        }
        looks.result.clone().map_err(|problem| (problem, looks.is_known))
    }

    /// The number and the record of the last decision, as of the last look.
    pub(super) async fn last(&self) -> (u64, Sequence) {
        let looks = self.looks.lock().await;
        (looks.decisions, looks.last)
    }

    async fn catch_up(&self, looks: &mut Looks) -> Answer<()> {
        if self.log.hints().is_some() { self.ask_the_server(looks).await } else { self.look_up(looks).await }
    }

    /// A log on another machine: its server says which decision is the next.
    async fn ask_the_server(&self, looks: &mut Looks) -> Answer<()> {
        let Some(hints) = self.log.hints() else { return Ok(()) };
        let tenant = TenantId::ledger();
        while let Some((sequence, record)) = hints
            .decision_after(partition(), &tenant, KEYS_TASK, looks.last)
            .await
            .map_err(|error| of_read(&error))?
        {
            self.take(looks, sequence, &record)?;
        }
        Ok(())
    }

    /// A log in this process: its end costs nothing, and its index knows the next decisions by their names.
    async fn look_up(&self, looks: &mut Looks) -> Answer<()> {
        let end = self.log.tail_of(partition()).await.map_err(|error| of_read(&error))?;
        while looks.through != Some(end) {
            let names = (1..=TOGETHER).map(|nth| name_of(looks.decisions.saturating_add(nth)));
            let found = self.ask.find(names.collect::<Answer<_>>()?).await?;
            let mut more = true;
            for found in found {
                let Some(found) = found else {
                    more = false;
                    break;
                };
                let record = self.log.record_at(found.sequence).await.map_err(|error| of_read(&error))?;
                let missing =
                    || INTERNAL.with(format!("record {} is in the index and not in the log", found.sequence));
                self.take(looks, found.sequence, &record.ok_or_else(missing)?)?;
            }
            if !more {
                looks.through = Some(end);
            }
        }
        Ok(())
    }

    /// Applies a decision.
    fn take(&self, looks: &mut Looks, sequence: Sequence, record: &Record) -> Answer<()> {
        let mut ring = KeyRing::clone(&self.known());
        for frame in record.events().filter(|frame| frame.task == KEYS_TASK) {
            // Without it nobody knows which keys there are, and nobody is let in.
            let decoded = decode_stored(frame.payload).map_err(|error| {
                INTERNAL.with(format!(
                    "record {sequence} of the log decides about a key and cannot be read by this version: {error}"
                ))
            })?;
            if let EventBody::Key(event) = &decoded.body {
                ring.apply(event, record.recorded_at());
            }
        }
        *self.ring.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(ring);
        looks.decisions = looks.decisions.saturating_add(1);
        looks.last = sequence;
        Ok(())
    }
}

fn name_of(number: u64) -> Answer<EventName> {
    let invalid = |error: tollgate_domain::ids::InvalidId| INTERNAL.with(error.to_string());
    Ok(EventName {
        tenant: TenantId::ledger(),
        task: TaskId::keys(),
        producer: ProducerId::new(OWN_PRODUCER).map_err(invalid)?,
        id: EventId::new(decision_id(number)).map_err(invalid)?,
    })
}
