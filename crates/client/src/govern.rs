//! Figures of many tasks as typed calls.

use tollgate_wire::api::{AcknowledgeRequest, AppendResponse, BreakerState, BudgetHealth};

use crate::address::{Address, Read};
use crate::client::Client;
use crate::error::ClientError;

impl Client {
    /// How well tasks opened in the latest weeks kept to their budgets; only for the client's tenant if it
    /// has one.
    ///
    /// # Errors
    ///
    /// [`ClientError`], as for all calls.
    pub async fn budget_health(&self, weeks: Option<u32>, read: &Read) -> Result<BudgetHealth, ClientError> {
        let address = Address::new("/v1/health/budgets").with("tenant", self.tenant()).with("weeks", weeks);
        self.get(&address.read(read).text).await
    }

    /// Whether the circuit breaker is keeping the gate from blocking.
    ///
    /// # Errors
    ///
    /// [`ClientError`], as for all calls.
    pub async fn breaker(&self) -> Result<BreakerState, ClientError> {
        self.get("/v1/breaker").await
    }

    /// Closes the circuit breaker, on behalf of a person who has seen why it opened.
    ///
    /// # Errors
    ///
    /// [`ClientError`]; `breaker_closed` if it is not open.
    pub async fn reset_breaker(&self, request: &AcknowledgeRequest) -> Result<AppendResponse, ClientError> {
        self.post("/v1/breaker/reset", request).await
    }
}
