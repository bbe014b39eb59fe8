//! Alerts of windows that are over: usage counts when it happened, however late it is recorded, and a window may end
//! between two looks.
//!
//! The view knows in which quarters of an hour something was used lately, so a look is at the windows of those. The
//! first look of a server, and one after more was used than the view remembers, is at the last windows of each policy
//! that are over.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use tollgate_domain::budget::{BudgetState, PastWindow, SpentIn, past_window};
use tollgate_domain::event::ConditionObserved;
use tollgate_domain::ids::TenantId;
use tollgate_domain::position::Position;
use tollgate_domain::time::Timestamp;

use super::BudgetDecisions;
use super::alerts::levels;
use crate::problem::Answer;

/// How many windows of a policy are looked at, the latest: who imports years of history is told of these.
const MOST_WINDOWS: usize = 100;

/// How many windows of a policy are looked at without knowing what was used lately, the last that are over.
const LAST_WINDOWS: usize = 14;

/// How many windows are added up together.
const TOGETHER: usize = 500;

/// Up to where each tenant's usage was looked at.
#[derive(Clone, Default)]
pub(super) struct Late(Arc<Mutex<HashMap<TenantId, Position>>>);

impl Late {
    fn of(&self, tenant: &TenantId) -> Option<Position> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(tenant).cloned()
    }

    fn note(&self, tenant: &TenantId, through: Position) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(tenant.clone(), through);
    }
}

impl BudgetDecisions {
    /// Records each level that a policy of a tenant reached in a window that is over, once; returns how many.
    pub(super) async fn observe_late(
        &self,
        tenant: &TenantId,
        state: &BudgetState,
        end: &Position,
    ) -> Answer<usize> {
        let now = self.ask.now();
        let before = self.late.of(tenant);
        let since = before.as_ref().unwrap_or(end).clone();
        let (touched, through) = self.ask.touched_since(tenant, since, end).await?;
        let names = state.policies().keys().map(String::as_str);
        let windows: Vec<PastWindow<'_>> = match before.and(touched) {
            Some(touched) => {
                let quarters: Vec<Timestamp> =
                    touched.quarters.iter().rev().filter_map(|at| second(*at)).collect();
                names.flat_map(|name| over(state, name, &quarters, now)).collect()
            }
            None => names.flat_map(|name| lately_over(state, name, now)).collect(),
        };
        let mut recorded = 0;
        for windows in windows.chunks(TOGETHER) {
            recorded += self.observe_windows(tenant, state, windows, end).await?;
        }
        self.late.note(tenant, through);
        Ok(recorded)
    }

    async fn observe_windows(
        &self,
        tenant: &TenantId,
        state: &BudgetState,
        windows: &[PastWindow<'_>],
        end: &Position,
    ) -> Answer<usize> {
        let sums: BTreeSet<SpentIn> = windows.iter().flat_map(|past| past.needed(state)).collect();
        let figures = self.figures_once(tenant, sums, Vec::new(), end).await?;
        let found =
            windows.iter().filter_map(|past| Some(levels(past.policy, &past.stood(state, &figures)?)));
        let late = |seen: ConditionObserved| {
            let detail = format!(
                "{}: seen after that, by usage that was recorded late or just before it",
                seen.detail
            );
            ConditionObserved { detail, ..seen }
        };
        self.observe_once(tenant, found.flatten().map(late).collect(), end).await
    }
}

/// The windows of a policy that are over, in which it ruled, and that contain one of these moments, which are given in
/// descending order.
fn over<'a>(
    state: &'a BudgetState,
    name: &'a str,
    moments: &[Timestamp],
    now: Timestamp,
) -> Vec<PastWindow<'a>> {
    let mut found: Vec<PastWindow<'a>> = Vec::new();
    for &moment in moments {
        if found.len() >= MOST_WINDOWS || found.last().is_some_and(|last| last.span.contains(moment)) {
            continue;
        }
        found.extend(past_window(state, name, moment, now).filter(|past| past.ruled));
    }
    found
}

/// The last windows of a policy that are over.
fn lately_over<'a>(state: &'a BudgetState, name: &'a str, now: Timestamp) -> Vec<PastWindow<'a>> {
    let span_at = |at: Timestamp| {
        let history = state.policy(name)?;
        let (_, policy) = history.ruling_at(at).or_else(|| history.ruling_at(now))?;
        policy.window.span_at(&policy.zone, at)
    };
    let (mut found, mut at) = (Vec::new(), now);
    for _ in 0..LAST_WINDOWS {
        let Some(span) = span_at(at) else { break };
        // A fixed window that is over has none before it.
        let before = if span.to <= at { span.from } else { span.from.plus_millis(-1) };
        let Some(past) = past_window(state, name, before, now).filter(|past| past.ruled) else { break };
        if past.span.from >= at {
            break;
        }
        found.push(past);
        at = past.span.from;
    }
    found
}

fn second(at: i64) -> Option<Timestamp> {
    Timestamp::from_micros(at.checked_mul(1_000_000)?).ok()
}
