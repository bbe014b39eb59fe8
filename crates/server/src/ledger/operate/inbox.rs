//! Recording what the inbox refused.

use tollgate_domain::event::{EventBody, InboxEvent, InboxRejected};
use tollgate_domain::ids::{TaskId, TenantId};
use tollgate_domain::time::Timestamp;

use super::{Operations, append_one};
use crate::ledger::own::own;

impl Operations {
    /// Records that a message of the inbox was refused, under its tenant; under the ledger's own if that is
    /// not a valid tenant. The same rejection is recorded once. It is as durable as the log says when this
    /// returns.
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
        let tenant = TenantId::new(tenant).unwrap_or_else(|_| TenantId::ledger());
        let body = EventBody::Inbox(InboxEvent::InboxRejected(Box::new(rejected.clone())));
        let submitted = own(&tenant, &TaskId::ledger(), id.as_str(), Some(arrived), body)?;
        append_one(&*self.log, &submitted).await.map(|_| ()).map_err(|error| error.to_string())
    }
}
