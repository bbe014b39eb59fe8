//! Recording what the inbox refused.

use tollgate_domain::event::{Event, EventBody, InboxEvent, InboxRejected};
use tollgate_domain::ids::TenantId;
use tollgate_domain::position::PartitionId;
use tollgate_domain::time::Timestamp;
use tollgate_log::contract::Batch;
use tollgate_wire::Submitted;

use super::facts::new_event;
use super::{Ledger, own_name};

impl Ledger {
    /// Records that a message of the inbox was refused, under its tenant; under the ledger's own where it is no tenant. The same
    /// rejection is recorded once. It is as durable as the log says when this returns.
    ///
    /// # Errors
    ///
    /// Why it could not be recorded.
    pub(crate) async fn reject(
        &self,
        tenant: &str,
        arrived: Timestamp,
        rejected: &InboxRejected,
    ) -> Result<(), String> {
        let id = rejected.event_id(arrived);
        let (ledger, task, producer, id) =
            own_name(id.as_str().to_owned()).ok_or("the name of an own event is not valid")?;
        let tenant = TenantId::new(tenant).unwrap_or(ledger);
        let body = EventBody::Inbox(InboxEvent::InboxRejected(Box::new(rejected.clone())));
        let (occurred_at, trace_parent) = (Some(arrived), None);
        let event = Event { tenant, task, producer, id, occurred_at, trace_parent, body: body.clone() };
        let submitted = Submitted::from_event(event).map_err(|error| error.to_string())?;
        let new = new_event(&submitted, &body).map_err(|error| error.to_string())?;
        let tenant = submitted.event.tenant.clone();
        let partition = PartitionId::of(tenant.as_str(), submitted.event.task.as_str());
        let batch = Batch { tenant, partition, events: vec![new], decision: None, recorded_at: None };
        self.log.append(batch).await.map(|_| ()).map_err(|error| error.to_string())
    }
}
