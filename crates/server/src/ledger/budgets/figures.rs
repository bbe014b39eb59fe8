//! What was spent, as far as a decision has to know it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use tollgate_domain::budget::{Amount, BudgetState, Figures, Spent, SpentIn};
use tollgate_domain::event::AllocationRequest;
use tollgate_domain::ids::TenantId;
use tollgate_domain::money::Usd;
use tollgate_domain::price::PriceBook;
use tollgate_domain::time::Timestamp;
use tollgate_projector::queries::{SpentAsk, SpentOf};

use super::command::What;
use super::request::alternatives;
use crate::ledger::Settings;
use crate::ledger::ask::Queries;
use crate::problem::Answer;

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
    let query = SpentOf {
        tenant: tenant.as_str().to_owned(),
        asks: asks(&sums),
        allocations: open.iter().map(|&name| name.to_owned()).collect(),
    };
    let end = ask.end().await?;
    let (answer, as_of) = ask.spent(query, Some(&end), up_to).await?;
    let used = open.into_iter().map(str::to_owned).zip(answer.used.iter().map(Amount::from)).collect();
    Ok(Figures { spent: with_exposure(ask, sums, answer.spent), used, as_of: as_of.to_string() })
}

/// The questions for these sums, in their order.
pub(super) fn asks(sums: &BTreeSet<SpentIn>) -> Vec<SpentAsk> {
    let ask = |sum: &SpentIn| SpentAsk {
        scope: sum.scope.clone(),
        from: sum.span.map(|span| span.from),
        to: sum.span.map(|span| span.to),
    };
    sums.iter().map(ask).collect()
}

/// What was spent in each of these, with what of it has no price costs at most.
pub(super) fn with_exposure(
    ask: &Queries,
    sums: BTreeSet<SpentIn>,
    spent: Vec<Spent>,
) -> HashMap<SpentIn, (Spent, Usd)> {
    let settings = ask.settings();
    let mut most = Exposure { prices: &settings.prices, at: ask.now(), by_model: BTreeMap::new() };
    let spent = spent.into_iter().map(|spent| {
        let exposure = most.of(&spent);
        (spent, exposure)
    });
    sums.into_iter().zip(spent).collect()
}

/// What has no price costs at most. A model is looked up once.
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
        let units = spent.unpriced_units.iter();
        let units = units.map(|(model, units)| prices.unit_exposure(model, units, at));
        units.chain(each).fold(Usd::ZERO, Usd::saturating_add)
    }
}

/// The requests whose judgement a command depends on.
pub(super) fn requests_of(
    what: &What,
    settings: &Settings,
    state: &BudgetState,
    at: Timestamp,
) -> Vec<AllocationRequest> {
    let with_others = |request: &AllocationRequest| {
        let mut all = alternatives(settings, state, request, at);
        all.push(request.clone());
        all
    };
    match what {
        What::Allocate(request) | What::Check(request) => with_others(request),
        What::Extend { allocation, .. } if what.needs_figures() => {
            state.open(allocation).map(|open| open.request.clone()).into_iter().collect()
        }
        What::Route(candidates) => candidates.clone(),
        What::Exhausted { requests, .. } => requests.iter().flat_map(with_others).collect(),
        What::Budget(_)
        | What::Policy { .. }
        | What::Raise(_)
        | What::Withdraw { .. }
        | What::Extend { .. }
        | What::Release { .. }
        | What::Expire { .. }
        | What::Draw { .. }
        | What::Give { .. } => Vec::new(),
    }
}
