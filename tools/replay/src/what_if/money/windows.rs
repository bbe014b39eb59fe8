//! What policies would have said: each of their windows, quarter by quarter, judged as the ledger judges them; the
//! quarter in which a limit was crossed also use by use.

use std::collections::{BTreeMap, BTreeSet};

use tollgate_domain::breach::Utilization;
use tollgate_domain::budget::{Amount, BudgetState, Dimension, Figures, Policy, Scope, Spent, judge, needed};
use tollgate_domain::event::{AllocationRequest, PolicyFigures, Ruling};
use tollgate_domain::money::Usd;
use tollgate_domain::time::Timestamp;
use tollgate_domain::zone::Span;
use tollgate_projection::fold::read_task_key;
use tollgate_projection::report::unit_totals;

use super::Policies;
use super::fold::{PolicyFold, WindowCells, WindowKey};
use super::ordered::{Names, Ordered, Step, TaskAt};
use super::simulated::Simulated;
use super::state_of;
use crate::what_if::figures::shown;
use crate::what_if::result::{Amounts, ExceededWindow, LeftTokens, LeftUsd, PolicyHeadroom, PolicyResult};

/// Tasks of a window that are named.
const NAMED_TASKS: usize = 20;

/// One result for each policy, in their order.
pub(super) fn policy_results(
    given: &Policies,
    ordered: &Ordered<'_>,
    simulated: &Simulated,
    names: &Names,
) -> Vec<PolicyResult> {
    let mut fold = PolicyFold::default();
    for step in &ordered.steps {
        match step {
            Step::Used(used) => fold.take(used, &given.policies),
            Step::Decided(_) => {}
        }
    }
    let judged = given.policies.iter().enumerate().map(|(nth, policy)| PolicyResult {
        refused_requests: simulated.refused.get(&policy.id).copied().unwrap_or_default(),
        ..PolicyJudge::new(nth, policy, &fold, names).result()
    });
    judged.collect()
}

/// What windows left of their limits.
#[derive(Default)]
struct Left {
    windows: u64,
    /// Limit, what was left of it, and what the fullest left.
    tokens: Option<(u128, u128, u128)>,
    usd: Option<(Usd, Usd, Usd)>,
}

impl Left {
    fn add(&mut self, window: &PolicyFigures) {
        self.windows = self.windows.saturating_add(1);
        let unused = window.limit.left_after(window.booked);
        if let Some(limit) = window.limit.tokens {
            let unused = u128::try_from(unused.tokens).unwrap_or_default();
            let (limits, all, least) = self.tokens.unwrap_or((0, 0, u128::MAX));
            let limits = limits.saturating_add(limit.into());
            self.tokens = Some((limits, all.saturating_add(unused), least.min(unused)));
        }
        if let Some(limit) = window.limit.usd {
            let (limits, all, least) = self.usd.unwrap_or((Usd::ZERO, Usd::ZERO, unused.usd));
            let sums = (limits.saturating_add(limit), all.saturating_add(unused.usd));
            self.usd = Some((sums.0, sums.1, least.min(unused.usd)));
        }
    }

    fn result(self) -> PolicyHeadroom {
        let small = |tokens: u128| u64::try_from(tokens).unwrap_or(u64::MAX);
        let units = |usd: Usd| u128::try_from(usd.units()).unwrap_or_default();
        PolicyHeadroom {
            windows: self.windows,
            tokens: self.tokens.map(|(limit, unused, least)| LeftTokens {
                limit: small(limit),
                unused: small(unused),
                unused_percent: Utilization { used: unused, limit }.shown_percent(),
                least: small(least),
            }),
            usd: self.usd.map(|(limit, unused, least)| LeftUsd {
                limit: limit.to_string(),
                unused: unused.to_string(),
                unused_percent: Utilization { used: units(unused), limit: units(limit) }.shown_percent(),
                least: least.to_string(),
            }),
        }
    }
}

struct PolicyJudge<'a> {
    nth: usize,
    policy: &'a Policy,
    fold: &'a PolicyFold,
    names: &'a Names,
    /// The policy alone, over usage that was already found to be in its scope.
    state: BudgetState,
}

/// When a window's limit was exceeded, and what the policy said then.
struct Exceeded {
    at: Timestamp,
    ruling: Ruling,
}

impl<'a> PolicyJudge<'a> {
    fn new(nth: usize, policy: &'a Policy, fold: &'a PolicyFold, names: &'a Names) -> Self {
        let alone = Policy { scope: Scope::default(), budget: None, ..policy.clone() };
        let state = state_of([alone]);
        Self { nth, policy, fold, names, state }
    }

    fn result(&self) -> PolicyResult {
        let begin = |policy| WindowKey { policy, span: None, of: None };
        let (mut windows, mut warned, mut exceeded, mut left) = (0, 0, Vec::new(), Left::default());
        let mut affected: BTreeSet<TaskAt> = BTreeSet::new();
        for (key, cells) in self.fold.windows.range(begin(self.nth)..begin(self.nth.saturating_add(1))) {
            windows += 1;
            let (first, last) = self.judge_quarters(key, cells);
            match (first, last) {
                (Some(first), Some(last)) => {
                    let later = cells.tasks.iter().filter(|(_, last)| **last >= first.at);
                    let tasks: Vec<TaskAt> = later.map(|(task, _)| *task).collect();
                    exceeded.push(self.window(key, cells, &first, &last, &tasks));
                    affected.extend(tasks);
                }
                (None, Some(last)) => {
                    warned += u64::from(last.ruling == Ruling::Warns);
                    left.add(&last);
                }
                (_, None) => {}
            }
        }
        PolicyResult {
            policy: self.policy.id.clone(),
            window: self.policy.window.as_str(),
            enforcement: self.policy.enforcement.as_str(),
            refused_requests: 0,
            windows,
            warned_windows: warned,
            headroom: left.result(),
            exceeded,
            affected_tasks: affected.len() as u64,
        }
    }

    /// When the limit was exceeded first, and how the window stood at its end.
    fn judge_quarters(
        &self,
        key: &WindowKey,
        cells: &WindowCells,
    ) -> (Option<Exceeded>, Option<PolicyFigures>) {
        let request = self.request(key.of.as_deref());
        let (mut so_far, mut first, mut last) = (Spent::default(), None, None);
        for (&quarter, spent) in &cells.quarters {
            let before = so_far.clone();
            so_far.add(spent);
            let judged = self.judge_at(key, &request, &so_far, moment(quarter));
            if let Some(judged) = &judged
                && first.is_none()
                && exceeds(judged.ruling)
            {
                let at = self.crossing(key, &request, before, cells.uses.get(&quarter));
                first = Some(Exceeded { at: at.unwrap_or_else(|| moment(quarter)), ruling: judged.ruling });
            }
            last = judged.or(last);
        }
        (first, last)
    }

    /// What the policy says of a window in which so much was used.
    fn judge_at(
        &self,
        key: &WindowKey,
        request: &AllocationRequest,
        so_far: &Spent,
        at: Timestamp,
    ) -> Option<PolicyFigures> {
        let mut figures = Figures::default();
        for sum in needed(&self.state, request, at) {
            let spent = if sum.span == key.span { so_far.clone() } else { self.whole(sum.span, &key.of) };
            figures.spent.insert(sum, (spent, Usd::ZERO));
        }
        judge(&self.state, request, Amount::NOTHING, &figures, at).policies.pop()
    }

    /// When, within a quarter at whose end the limit was exceeded, it was crossed: what happened at the same moment
    /// counts together, so that no order matters. `so_far`: what was used before the quarter.
    fn crossing(
        &self,
        key: &WindowKey,
        request: &AllocationRequest,
        mut so_far: Spent,
        uses: Option<&Vec<(Timestamp, Amount)>>,
    ) -> Option<Timestamp> {
        let uses = uses?;
        for together in uses.chunk_by(|(one, _), (other, _)| one == other) {
            let (at, _) = *together.first()?;
            for (_, Amount { tokens, usd }) in together.iter().copied() {
                so_far.add(&Spent { events: 1, tokens, usd, ..Spent::default() });
            }
            let judged = self.judge_at(key, request, &so_far, at);
            if judged.is_some_and(|judged| exceeds(judged.ruling)) {
                return Some(at);
            }
        }
        uses.last().map(|(last, _)| *last)
    }

    /// What was used in another window, as far as anything was.
    fn whole(&self, span: Option<Span>, of: &Option<String>) -> Spent {
        let key = WindowKey { policy: self.nth, span, of: of.clone() };
        let mut sum = Spent::default();
        if let Some(cells) = self.fold.windows.get(&key) {
            cells.quarters.values().for_each(|spent| sum.add(spent));
        }
        sum
    }

    /// A question for nothing more, about the task or session that the window is about.
    fn request(&self, of: Option<&str>) -> AllocationRequest {
        let mut request = AllocationRequest { is_priced: true, ..AllocationRequest::default() };
        match (self.policy.window.dimension(), of) {
            (Some(Dimension::Task), Some(of)) => request.task = Some(of.to_owned()),
            (Some(_), Some(of)) => request.labels = BTreeMap::from([("session".to_owned(), of.to_owned())]),
            (_, _) => {}
        }
        request
    }

    fn window(
        &self,
        key: &WindowKey,
        cells: &WindowCells,
        first: &Exceeded,
        last: &PolicyFigures,
        tasks: &[TaskAt],
    ) -> ExceededWindow {
        let used = self.whole(key.span, &key.of);
        let over_tokens = last.limit.tokens.map(|limit| used.tokens.saturating_sub(limit.into()).max(0));
        let over_usd = last.limit.usd.map(|limit| used.usd.checked_sub(limit).unwrap_or_default());
        let names: BTreeSet<&str> = tasks
            .iter()
            .filter_map(|task| read_task_key(self.names.get(task)?).map(|(_, name)| name))
            .collect();
        ExceededWindow {
            from: key.span.map(|span| span.from.to_string()),
            to: key.span.map(|span| span.to.to_string()),
            of: key.of.clone(),
            exceeded_at: first.at.to_string(),
            ruling: first.ruling.as_str(),
            limit_tokens: last.limit.tokens,
            limit_usd: last.limit.usd.map(|usd| usd.to_string()),
            used: Amounts {
                tasks: cells.tasks.len() as u64,
                tokens: shown(used.tokens),
                cost_usd: used.usd.to_string(),
                unpriced_tokens: shown(used.unpriced_tokens()),
                unpriced_units: unit_totals(&used.all_unpriced_units()),
            },
            over_tokens: over_tokens.map(shown),
            over_usd: over_usd.map(|usd| usd.max(Usd::ZERO).to_string()),
            tasks: names.into_iter().take(NAMED_TASKS).map(str::to_owned).collect(),
        }
    }
}

fn exceeds(ruling: Ruling) -> bool {
    match ruling {
        Ruling::Ignored
        | Ruling::Over
        | Ruling::OverSoft
        | Ruling::Passed
        | Ruling::Throttled
        | Ruling::Refused => true,
        Ruling::Fits
        | Ruling::Warns
        | Ruling::Unpriced
        | Ruling::Unnamed
        | Ruling::Stale
        | Ruling::StaleAllowed => false,
    }
}

fn moment(second: i64) -> Timestamp {
    Timestamp::from_micros(second.saturating_mul(1_000_000)).unwrap_or_default()
}
