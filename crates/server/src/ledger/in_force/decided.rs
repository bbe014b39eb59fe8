//! What was decided about prices, out of the view that has it.

use std::sync::Arc;

use tollgate_domain::position::{PartitionId, Sequence};
use tollgate_domain::price::PriceHistory;
use tollgate_projection::reports::Reports;
use tollgate_projector::queries::PricesDecided;
use tollgate_projector::{QueryError, Source, Wait};

/// What was decided about prices up to a record.
#[derive(Clone, Debug, Default)]
pub(in crate::ledger) struct Decided {
    /// The record of the last event about prices.
    pub(super) mark: Sequence,
    /// The decisions. Shared: what is the same is the same.
    pub(super) history: Arc<PriceHistory>,
}

/// What was decided, a page at a time, unless it is what the asker has. Decisions that come while pages are
/// read may or may not be in it; the next check sees that the mark has moved on.
pub(super) async fn ask(
    reports: &Source<Reports>,
    partition: PartitionId,
    wait: Wait<'_>,
    have: Option<&Decided>,
) -> Result<Decided, QueryError> {
    let mut query = PricesDecided { have: have.map(|have| have.mark), after: None };
    let first = reports.ask(partition, wait, &query).await?.answer;
    if let Some(have) = have.filter(|have| have.mark == first.mark) {
        return Ok(have.clone());
    }
    let mut history = PriceHistory { update_begun: first.update_begun, ..PriceHistory::default() };
    history.sources.extend(first.sources);
    history.entries.extend(first.entries);
    query.after = first.next;
    while query.after.is_some() {
        let page = reports.ask(partition, wait, &query).await?.answer;
        history.entries.extend(page.entries);
        query.after = page.next;
    }
    Ok(Decided { mark: first.mark, history: Arc::new(history) })
}
