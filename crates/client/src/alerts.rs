//! Alerts and the inbox's quarantine as typed calls.

use tollgate_wire::api::{
    AcknowledgeRequest, AlertChanges, AlertList, AlertView, AppendResponse, DeliveryList, LookResponse,
    QuarantineEndRequest, QuarantineEnded, QuarantineList, QuarantinedMessage, ResendRequest, ResendResponse,
};

use crate::address::{Address, Read, escaped};
use crate::client::Client;
use crate::error::ClientError;

/// Which alerts to return.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AlertFilter {
    /// Only of this task.
    pub task: Option<String>,
    /// Only of this rule, such as `silence`.
    pub rule: Option<String>,
    /// Only of this severity or above.
    pub severity: Option<String>,
    /// Only in this state; if absent, those that are raised.
    pub state: Option<String>,
}

impl Client {
    /// Returns alerts, the latest first, at most `limit`.
    ///
    /// # Errors
    ///
    /// [`ClientError`], as for all calls.
    pub async fn alerts(
        &self,
        filter: &AlertFilter,
        limit: usize,
        read: &Read,
    ) -> Result<AlertList, ClientError> {
        let address = Address::new("/v1/alerts").with("tenant", self.tenant());
        let address = address.with("task", filter.task.as_ref()).with("rule", filter.rule.as_ref());
        let address = address.with("severity", filter.severity.as_ref()).with("state", filter.state.as_ref());
        self.get(&address.with("limit", Some(limit)).read(read).text).await
    }

    /// Returns one alert.
    pub async fn alert(&self, id: &str, read: &Read) -> Result<AlertView, ClientError> {
        self.get(&Address::new(&format!("/v1/alerts/{}", escaped(id))).read(read).text).await
    }

    /// Makes the server look at policies now: alerts of what is recorded already are there afterwards.
    pub async fn look_at_policies(&self) -> Result<LookResponse, ClientError> {
        self.post("/v1/alerts/look", &serde_json::Value::Object(serde_json::Map::new())).await
    }

    /// Records that a person has seen an alert.
    pub async fn acknowledge(
        &self,
        id: &str,
        request: &AcknowledgeRequest,
    ) -> Result<AppendResponse, ClientError> {
        self.post(&format!("/v1/alerts/{}/acknowledge", escaped(id)), request).await
    }

    /// Changes of alerts after a record; if there are none, waits for one.
    pub async fn alert_changes(&self, after: u64, wait_ms: u64) -> Result<AlertChanges, ClientError> {
        let address = Address::new("/v1/alerts/changes").with("after", Some(after));
        self.get(&address.with("wait_ms", Some(wait_ms)).text).await
    }

    /// Attempts to notify endpoints of changes; with `all`, including those that are settled.
    pub async fn deliveries(
        &self,
        alert: Option<&str>,
        endpoint: Option<&str>,
        all: bool,
        limit: usize,
        read: &Read,
    ) -> Result<DeliveryList, ClientError> {
        let address = Address::new("/v1/alerts/deliveries").with("alert", alert).with("endpoint", endpoint);
        let address = address.with("state", all.then_some("all")).with("limit", Some(limit));
        self.get(&address.read(read).text).await
    }

    /// Requests that a change of an alert be sent again.
    pub async fn resend(&self, alert: &str, request: &ResendRequest) -> Result<ResendResponse, ClientError> {
        self.post(&format!("/v1/alerts/{}/resend", escaped(alert)), request).await
    }

    /// Messages that the inbox refused, the latest first: those still waiting, or all.
    pub async fn quarantine(
        &self,
        all: bool,
        limit: usize,
        read: &Read,
    ) -> Result<QuarantineList, ClientError> {
        let address = Address::new("/v1/quarantine").with("tenant", self.tenant());
        let address = address.with("state", all.then_some("all")).with("limit", Some(limit));
        self.get(&address.read(read).text).await
    }

    /// One message that the inbox refused.
    pub async fn quarantined(&self, id: &str, read: &Read) -> Result<QuarantinedMessage, ClientError> {
        self.get(&Address::new(&format!("/v1/quarantine/{}", escaped(id))).read(read).text).await
    }

    /// Accepts a refused message after all.
    pub async fn redrive(
        &self,
        id: &str,
        request: &QuarantineEndRequest,
    ) -> Result<QuarantineEnded, ClientError> {
        self.post(&format!("/v1/quarantine/{}/redrive", escaped(id)), request).await
    }

    /// Discards a message.
    pub async fn drop_message(
        &self,
        id: &str,
        request: &QuarantineEndRequest,
    ) -> Result<QuarantineEnded, ClientError> {
        self.post(&format!("/v1/quarantine/{}/drop", escaped(id)), request).await
    }
}
