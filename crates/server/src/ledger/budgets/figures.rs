//! What was spent, as far as a decision has to know it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tollgate_domain::budget::{Amount, BudgetState, Figures, Spent, SpentIn, allocations_needed, needed};
use tollgate_domain::event::AllocationRequest;
use tollgate_domain::ids::TenantId;
use tollgate_domain::money::Usd;
use tollgate_domain::price::PriceBook;
use tollgate_domain::time::Timestamp;
use tollgate_projector::queries::{SpentAsk, SpentOf};

use crate::ledger::ask::Queries;
use crate::problem::{Answer, NO_PROJECTOR, STALE};

/// The sums that judgements of these requests need, as of a position that contains the log's end.
///
/// # Errors
///
/// The problem to answer with. A view that is behind is none: then nothing is known.
pub(super) async fn figures(
    ask: &Queries,
    tenant: &TenantId,
    state: &BudgetState,
    requests: &[&AllocationRequest],
    at: Timestamp,
    up_to: Duration,
) -> Answer<Figures> {
    let needed = requests.iter().flat_map(|request| needed(state, request, at)).collect();
    let open = requests.iter().flat_map(|request| allocations_needed(state, request, at)).collect();
    match sums(ask, tenant, needed, open, up_to).await {
        Err(problem) if [STALE.code, NO_PROJECTOR.code].contains(&problem.code.as_str()) => {
            Ok(Figures::default())
        }
        answered => answered,
    }
}

/// These sums and what was used of these allocations, as of a position that contains the log's end.
///
/// # Errors
///
/// The problem to answer with.
pub(super) async fn sums(
    ask: &Queries,
    tenant: &TenantId,
    sums: Vec<SpentIn>,
    open: Vec<&str>,
    up_to: Duration,
) -> Answer<Figures> {
    let (sums, open): (BTreeSet<SpentIn>, BTreeSet<&str>) =
        (sums.into_iter().collect(), open.into_iter().collect());
    let asks = sums.iter().map(|sum| SpentAsk {
        scope: sum.scope.clone(),
        from: sum.span.map(|span| span.from),
        to: sum.span.map(|span| span.to),
    });
    let query = SpentOf {
        tenant: tenant.as_str().to_owned(),
        asks: asks.collect(),
        allocations: open.iter().map(|&name| name.to_owned()).collect(),
    };
    let end = ask.end().await?;
    let (answer, as_of) = ask.spent(query, Some(&end), up_to).await?;
    let settings = ask.settings();
    let mut most = Exposure { prices: &settings.prices, at: ask.now(), by_model: BTreeMap::new() };
    let spent = answer.spent.into_iter().map(|spent| {
        let exposure = most.of(&spent);
        (spent, exposure)
    });
    let spent = sums.into_iter().zip(spent).collect();
    let used = open.into_iter().map(str::to_owned).zip(answer.used.iter().map(Amount::from));
    Ok(Figures { spent, used: used.collect(), as_of: as_of.to_string() })
}

/// What unpriced tokens cost at most. A model is looked up once.
struct Exposure<'a> {
    prices: &'a PriceBook,
    at: Timestamp,
    by_model: BTreeMap<String, Usd>,
}

impl Exposure<'_> {
    fn of(&mut self, spent: &Spent) -> Usd {
        let (prices, at) = (self.prices, self.at);
        let by_model = &mut self.by_model;
        let each = spent.unpriced.iter().map(|(model, tokens)| {
            let rate = by_model.entry(model.clone()).or_insert_with(|| prices.exposure(model, 1, at));
            rate.checked_times((*tokens).max(0)).unwrap_or(Usd::from_units(i128::MAX))
        });
        each.fold(Usd::ZERO, Usd::saturating_add)
    }
}
