//! Recording that allocations have expired. They were free from then on: this says so, and lets the state forget
//! them.

use tollgate_domain::ids::TenantId;

use super::BudgetDecisions;
use super::command::{Command, Done, What};
use super::request::id;
use crate::problem::Answer;

impl BudgetDecisions {
    /// Records of every tenant what has expired by now; returns how many.
    ///
    /// # Errors
    ///
    /// The problem with the view or the log. What was recorded until then is.
    pub async fn record_expired(&self) -> Answer<usize> {
        let mut recorded = 0;
        for (tenant, allocation) in self.ask.expired(self.ask.now()).await? {
            let Ok(tenant) = TenantId::new(tenant) else { continue };
            let what = What::Expire { allocation: allocation.clone() };
            let command = Command::new(id("expire", "allocation", &allocation)?, what);
            match self.decided(&tenant, command).await {
                Ok(Done::Recorded(done)) => recorded += usize::from(!done.repeated),
                Ok(
                    Done::Unchanged
                    | Done::Drawn(_)
                    | Done::NotDrawn(_)
                    | Done::DoesNotFit { .. }
                    | Done::Judged(_)
                    | Done::Routed { .. }
                    | Done::Exhausted(_),
                ) => {}
                // It was released or extended meanwhile.
                Err(problem) if problem.status == 422 => {}
                Err(problem) => return Err(problem),
            }
        }
        Ok(recorded)
    }
}
