//! Corrections that were recorded before their usage take nothing away until it comes; then the ledger records what
//! they take.

use tollgate_domain::event::{EventBody, UsageEvent};
use tollgate_domain::ids::{EventId, InvalidId, ProducerId, TaskId, TenantId};
use tollgate_domain::position::Position;
use tollgate_domain::usage::{UsageAdjusted, applied_id};
use tollgate_log::contract::EventName;
use tollgate_projection::reports::EarlyCorrection;
use tollgate_projector::Wait;
use tollgate_projector::queries::EarlyCorrections;
use tollgate_wire::Submitted;
use tollgate_wire::api::Outcome;

use super::{ReadEvent, Writer};
use crate::ledger::ask::VIEW_WAIT;
use crate::ledger::own::own;
use crate::problem::{Answer, INTERNAL, of_query, of_read};

impl Writer {
    /// Applies the corrections whose usage has come by now; returns how many. `seen` is the log's end at the last look:
    /// without another record since, there is nothing new to find. Several servers may do so at once: a correction is
    /// applied under one id.
    ///
    /// # Errors
    ///
    /// The problem of a view that does not answer, or of a log that cannot be read or appended to. What was not applied
    /// is looked at again.
    pub async fn apply_early_corrections(&self, seen: &mut Option<Position>) -> Answer<usize> {
        let tail = self.log.tail().await.map_err(|error| of_read(&error))?;
        if seen.as_ref() == Some(&tail) {
            return Ok(0);
        }
        let wait = Wait { at_least: Some(&tail), up_to: VIEW_WAIT };
        let asked = self.ask.reports().ask_all(wait, &EarlyCorrections {}).await;
        let (parts, _) = asked.map_err(|error| of_query(&error))?;
        let mut applied = 0_usize;
        for early in parts.iter().flatten() {
            if let Some(submitted) = self.due(early).await? {
                let answer = self.append(vec![ReadEvent::Good(Box::new(submitted))]).await;
                let took = answer.outcomes.iter().filter(|it| it.outcome == Outcome::Appended).count();
                applied = applied.saturating_add(took);
            }
        }
        *seen = Some(tail);
        Ok(applied)
    }

    /// What an early correction takes away, if its usage has come.
    async fn due(&self, early: &EarlyCorrection) -> Answer<Option<Submitted>> {
        let internal = |error: InvalidId| INTERNAL.with(error.to_string());
        // Usage that no event can be named as never comes.
        let (Ok(producer), Ok(id)) =
            (ProducerId::new(&*early.adjusts_producer), EventId::new(&*early.adjusts))
        else {
            return Ok(None);
        };
        let tenant = TenantId::new(&*early.tenant).map_err(internal)?;
        let task = TaskId::new(&*early.task).map_err(internal)?;
        let usage = EventName { tenant: tenant.clone(), task: task.clone(), producer, id };
        if self.ask.find(vec![usage]).await?.iter().all(Option::is_none) {
            return Ok(None);
        }
        let correction = EventName {
            tenant: tenant.clone(),
            task: task.clone(),
            producer: ProducerId::new(&*early.producer).map_err(internal)?,
            id: EventId::new(&*early.id).map_err(internal)?,
        };
        let Some((_, sent)) = self.ask.recorded(correction).await? else { return Ok(None) };
        let EventBody::Usage(UsageEvent::UsageAdjusted(sent)) = sent.body else { return Ok(None) };
        let Some(taken) = sent.outstanding() else { return Ok(None) };
        let body = UsageAdjusted {
            adjusts: sent.adjusts.clone(),
            adjusts_producer: sent.adjusts_producer.clone(),
            tokens: taken.tokens,
            units: taken.units,
            reason: sent.reason.clone(),
            author: sent.author.clone().or_else(|| Some(early.producer.clone())),
            resolved: None,
        };
        let id = applied_id(&early.producer, &early.id);
        let body = EventBody::Usage(UsageEvent::UsageAdjusted(Box::new(body)));
        own(&tenant, &task, &id, None, body).map(Some).map_err(|error: String| INTERNAL.with(error))
    }
}
