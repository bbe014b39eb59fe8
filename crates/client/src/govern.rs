//! Figures of many tasks as typed calls.

use tollgate_wire::api::BudgetHealth;

use crate::client::{Address, Client, Read};
use crate::error::ClientError;

impl Client {
    /// How the budgets do, of the tasks that were opened in the latest weeks; of the client's tenant where it has one.
    ///
    /// # Errors
    ///
    /// [`ClientError`], as of all calls.
    pub async fn budget_health(&self, weeks: Option<u32>, read: &Read) -> Result<BudgetHealth, ClientError> {
        let address = Address::new("/v1/health/budgets").with("tenant", self.tenant()).with("weeks", weeks);
        self.get(&address.read(read).text).await
    }
}
