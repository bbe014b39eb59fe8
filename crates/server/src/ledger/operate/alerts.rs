//! A person acknowledges an alert.

use tollgate_domain::event::{AlertAcknowledged, Event, EventBody};
use tollgate_domain::hex::hex;
use tollgate_domain::ids::{EventId, InvalidId, LEDGER_TENANT, ProducerId, TaskId, TenantId};
use tollgate_wire::Submitted;
use tollgate_wire::api::AcknowledgeRequest;

use super::Operations;
use crate::ledger::{Appended, Read, ReadEvent};
use crate::problem::{Answer, INVALID, of_field};

impl Operations {
    /// Records that a person has seen an alert, under the alert's task. The first acknowledgement counts; the
    /// same one again is a duplicate.
    ///
    /// # Errors
    ///
    /// The problem to answer with.
    pub async fn acknowledge(&self, id: &str, request: &AcknowledgeRequest) -> Answer<Appended> {
        let alert =
            self.ask.alert(id, &Read { at_least: Some("tail".to_owned()), ..Read::default() }).await?;
        let invalid = |error: InvalidId| INVALID.of_field(error.field, &error.value, error.rule);
        let tenant = match alert.tenant.as_str() {
            LEDGER_TENANT => Ok(TenantId::ledger()),
            tenant => TenantId::new(tenant),
        };
        let event = |id: EventId| -> Answer<Submitted> {
            let submitted = Submitted::from_event(Event {
                tenant: tenant.clone().map_err(invalid)?,
                task: TaskId::new(alert.task.as_str()).map_err(invalid)?,
                producer: ProducerId::new(request.producer.as_deref().unwrap_or("api")).map_err(invalid)?,
                id,
                occurred_at: None,
                trace_parent: None,
                body: EventBody::from(AlertAcknowledged {
                    alert: alert.id.clone(),
                    by: request.by.clone(),
                    note: request.note.clone().filter(|note| !note.is_empty()),
                }),
            });
            submitted.map_err(|error| of_field(&error))
        };
        let submitted = match &request.id {
            Some(id) => event(EventId::new(id.as_str()).map_err(invalid)?)?,
            None => {
                // The id is not part of the content, so it can be derived from it.
                let hash = event(EventId::new("unnamed").map_err(invalid)?)?.content_hash();
                event(EventId::new(format!("seen-{}", hex(&hash[..16]))).map_err(invalid)?)?
            }
        };
        Ok(self.write.append(vec![ReadEvent::Good(Box::new(submitted))]).await)
    }
}
