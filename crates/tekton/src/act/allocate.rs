//! Tokens are reserved, and set free.

use std::collections::BTreeMap;

use tollgate_wire::api::{AllocateRequest, AllocationStateWord, AllocationView, ReleaseRequest};

use crate::app::{Tekton, of_unknown};
use crate::fault::{Fault, Handled};
use crate::names::{BUDGET, CONTEXT, METADATA, TASK_TYPE, TIER, task_of};
use crate::views::allocation::is_active;

/// What somebody asks to reserve.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wish {
    /// Its id, if it has one.
    pub(crate) id: Option<String>,
    pub(crate) budget: Option<String>,
    pub(crate) context: String,
    pub(crate) component: String,
    pub(crate) task_type: String,
    pub(crate) tier: Option<&'static str>,
    pub(crate) provider: Option<String>,
    pub(crate) model: Option<String>,
    pub(crate) priority: u64,
    /// How many tokens; 0: as many as such a task gets.
    pub(crate) tokens: u64,
    pub(crate) ttl_s: Option<u64>,
    pub(crate) metadata: Option<String>,
}

/// What is kept of a context besides its task.
pub(crate) fn context_label(context: &str, task: &str) -> Option<(String, String)> {
    (context != task).then(|| (CONTEXT.to_owned(), context.to_owned()))
}

impl Wish {
    fn request(self) -> AllocateRequest {
        let task = task_of(&self.context);
        let mut labels = BTreeMap::from([(TASK_TYPE.to_owned(), self.task_type)]);
        labels.extend(context_label(&self.context, &task));
        let tier = self.tier.filter(|_| self.model.is_none()).map(str::to_owned);
        for (name, value) in [(TIER, tier), (BUDGET, self.budget), (METADATA, self.metadata)] {
            labels.extend(value.map(|value| (name.to_owned(), value)));
        }
        AllocateRequest {
            allocation: self.id,
            context: Some(task.clone()),
            task: Some(task),
            component: Some(self.component).filter(|text| !text.is_empty()),
            provider: self.provider,
            model: self.model,
            labels,
            priority: u8::try_from(self.priority.clamp(1, 10)).ok(),
            tokens: Some(self.tokens).filter(|tokens| *tokens > 0),
            ttl_s: self.ttl_s,
            ..AllocateRequest::default()
        }
    }
}

impl Tekton {
    /// Reserves tokens.
    ///
    /// # Errors
    ///
    /// With 409 and the reasons if a policy refuses it.
    pub(crate) async fn allocate(&self, wish: Wish) -> Handled<AllocationView> {
        let made = self.ledger.allocate(&wish.request()).await?;
        if made.state != AllocationStateWord::Refused {
            return Ok(made);
        }
        let reasons = made.policies.iter().filter(|policy| policy.ruling.refuses());
        let reasons: Vec<&str> = reasons.map(|policy| policy.sentence.as_str()).collect();
        Err(Fault::of(axum::http::StatusCode::CONFLICT, format!("Allocation denied: {}", reasons.join("; "))))
    }

    /// Sets free what an allocation has left; returns how many tokens that were.
    pub(crate) async fn release(&self, id: &str) -> Handled<i64> {
        let found = self.allocation(id).await?;
        if !is_active(&found) {
            return Ok(0);
        }
        let released = self.ledger.release_allocation(id, &ReleaseRequest::default()).await;
        let released = released.map_err(|error| of_unknown(error, "allocation_unknown", "Allocation", id))?;
        let released = match released.released {
            Some(released) => Some(released),
            // Not known when it was released.
            None => self.allocation(id).await?.released,
        };
        Ok(released.map_or(0, |released| released.tokens))
    }
}
