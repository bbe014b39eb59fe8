//! Allocations: which there are, and what was used of them by direction.

use std::collections::BTreeMap;

use tollgate_client::{AllocationSearch, SummaryQuery, UsageQuery};
use tollgate_wire::api::{AllocationStateWord, AllocationView};

use crate::app::{PAGE, Tekton, of_unknown};
use crate::fault::{Fault, Handled};
use crate::json::Json;
use crate::names::{CONTEXT, task_of};
use crate::views::allocation::{Split, allocation, used};

/// How many pages of usage are looked at for the directions of one allocation.
const LOOKED_AT: usize = 20;

impl Tekton {
    /// All allocations that were made, the latest first. Refused ones are none for Tekton.
    pub(crate) async fn allocations(&self, wanted: AllocationSearch) -> Handled<Vec<AllocationView>> {
        let mut wanted = AllocationSearch { limit: Some(PAGE), ..wanted };
        let mut allocations = Vec::new();
        loop {
            let page = self.ledger.allocations(&wanted, &Self::latest()).await?;
            let made = page.allocations.into_iter().filter(|it| it.state != AllocationStateWord::Refused);
            allocations.extend(made);
            match page.next {
                Some(next) => wanted.before = Some(next),
                None => return Ok(allocations),
            }
        }
    }

    /// An allocation.
    pub(crate) async fn allocation(&self, id: &str) -> Handled<AllocationView> {
        let found = self.ledger.allocation(id, &Self::latest()).await;
        let found = found.map_err(|error| of_unknown(error, "allocation_unknown", "Allocation", id))?;
        match found.state {
            AllocationStateWord::Refused => Err(Fault::unknown("Allocation", id)),
            AllocationStateWord::Open | AllocationStateWord::Released | AllocationStateWord::Expired => {
                Ok(found)
            }
        }
    }

    /// The open allocation that was made for a context last.
    pub(crate) async fn allocation_of(&self, context: &str) -> Handled<Option<AllocationView>> {
        let wanted = AllocationSearch {
            context: Some(task_of(context)),
            state: Some("open".to_owned()),
            limit: Some(PAGE),
            ..AllocationSearch::default()
        };
        let is_of = |it: &AllocationView| it.labels.get(CONTEXT).is_none_or(|named| named == context);
        Ok(self.ledger.allocations(&wanted, &Self::latest()).await?.allocations.into_iter().find(is_of))
    }

    /// An allocation in Tekton's form.
    pub(crate) async fn told_allocation(&self, found: &AllocationView) -> Handled<Json> {
        Ok(allocation(found, self.split(found).await?))
    }

    /// What was used of an allocation, by direction.
    async fn split(&self, found: &AllocationView) -> Handled<Split> {
        let used = used(found);
        let Some(task) = found.task.as_ref().filter(|_| used != 0) else { return Ok(Split::default()) };
        let of_task = BTreeMap::from([("task".to_owned(), task.clone())]);
        // Mostly a context has one allocation, and all of its usage is of that.
        let sums = SummaryQuery { scope: of_task.clone(), ..SummaryQuery::default() };
        let totals = self.ledger.usage_summary(&sums, &Self::latest()).await?.totals.tokens;
        if totals.total == used {
            return Ok(Split { input: totals.total - totals.output, output: totals.output });
        }
        let mut wanted = UsageQuery {
            scope: of_task,
            allocation: Some(found.allocation.clone()),
            limit: Some(PAGE),
            ..UsageQuery::default()
        };
        let mut split = Split::default();
        for _ in 0..LOOKED_AT {
            let page = self.ledger.usage_records(&wanted).await?;
            for record in page.records {
                split.output += record.tokens.output;
                split.input += record.tokens.total - record.tokens.output;
            }
            match page.next {
                Some(next) if split.input + split.output < used => wanted.before = Some(next),
                _ => break,
            }
        }
        Ok(split)
    }
}
