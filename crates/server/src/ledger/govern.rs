//! Questions about many tasks: the target figures of a healthy set-up.

use tollgate_projection::overview::{HealthConfig, Overview, health};
use tollgate_projector::Wait;
use tollgate_projector::queries::OverviewOf;
use tollgate_wire::api::BudgetHealth;

use super::{Ledger, Read};
use crate::problem::{Answer, of_query};

impl Ledger {
    /// How the budgets do: of the tasks that were opened in the latest weeks, of one tenant where one is named.
    ///
    /// # Errors
    ///
    /// The problem to answer with.
    pub async fn budget_health(&self, tenant: Option<&str>, weeks: u32, read: &Read) -> Answer<BudgetHealth> {
        let settings = self.settings();
        let question = OverviewOf {
            tenant: tenant.map(str::to_owned),
            now: self.clock.now(),
            stuck_after_ms: settings.config.alerts.stuck_after_ms,
        };
        let at_least = self.wanted(read).await?;
        let wait = Wait { at_least: at_least.as_ref(), up_to: read.wait };
        let asked = self.status().ask_all(wait, &question).await;
        let (parts, as_of) = asked.map_err(|error| of_query(&error))?;
        let mut overview = Overview::default();
        parts.into_iter().for_each(|part| overview.merge(part));
        Ok(health(&overview, &HealthConfig::of(&settings.config, weeks), as_of.to_string()))
    }
}
