//! Alerts of windows that are over: usage counts when it happened, however late it is recorded, and a window may end
//! between two looks.
//!
//! The view knows in which quarters of an hour something was used lately, so a look is at the windows of those. The
//! first look of a server, and one after more was used than the view remembers, is at the last windows of each policy
//! that are over, and at all of which usage was recorded after their end: whoever recorded it, and however long nobody
//! looked.
//!
//! What late usage reached stays open until a person has seen it, or it is taken away again. What was recorded in time
//! and seen too late is told, and is over at the next look, as any window that ends.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use tollgate_domain::alert::{AlertRule, AlertScope, Condition};
use tollgate_domain::budget::{BudgetState, PastWindow, Policy, SpentIn, Threshold, past_window};
use tollgate_domain::event::{ConditionObserved, PolicyFigures};
use tollgate_domain::ids::TenantId;
use tollgate_domain::position::Position;
use tollgate_domain::time::Timestamp;
use tollgate_domain::zone::Span;
use tollgate_projector::queries::{Raised, RecordedLate};

use super::BudgetDecisions;
use super::alerts::{levels, levels_of, percent};
use crate::problem::Answer;

/// How many windows of a policy are looked at, the latest, without knowing that usage of them was recorded late.
const MOST_WINDOWS: usize = 100;

/// How many windows of a policy are looked at of which usage was recorded late, the latest: who imports years of
/// history is told of these.
const MOST_LATE: usize = 1_000;

/// How many windows are added up together.
const TOGETHER: usize = 500;

/// All of them are looked at again only so much later, in milliseconds.
const ALL_EVERY_MS: i64 = 60_000;

/// Up to where each tenant's usage was looked at.
#[derive(Clone, Default)]
pub(super) struct Late(Arc<Mutex<HashMap<TenantId, Look>>>);

/// A look at it.
#[derive(Clone)]
struct Look {
    /// What was used up to here was seen.
    through: Position,
    /// When all windows were looked at.
    all_at: Timestamp,
}

impl Late {
    fn of(&self, tenant: &TenantId) -> Option<Look> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(tenant).cloned()
    }

    fn note(&self, tenant: &TenantId, look: Look) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(tenant.clone(), look);
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
        let since = before.as_ref().map_or(end, |look| &look.through).clone();
        let (touched, through) = self.ask.touched_since(tenant, since, end).await?;
        let names = || state.policies().keys().map(String::as_str);
        let (windows, late, all_at) = match (&before, touched) {
            (Some(look), Some(touched)) => {
                let moments = moments(&touched.quarters);
                let windows: Vec<PastWindow<'_>> =
                    names().flat_map(|name| over(state, name, &moments, now)).collect();
                let spans: BTreeSet<(Timestamp, Timestamp)> =
                    windows.iter().map(|past| (past.span.from, past.span.to)).collect();
                let spans = spans.into_iter().map(|(from, to)| Span { from, to }).collect();
                let late = if windows.is_empty() {
                    RecordedLate::default()
                } else {
                    self.ask.recorded_late(tenant, Some(spans), end).await?
                };
                (windows, late, look.all_at)
            }
            (Some(look), None) if now < look.all_at.plus_millis(ALL_EVERY_MS) => return Ok(0),
            (Some(_) | None, _) => {
                let late = self.ask.recorded_late(tenant, None, end).await?;
                let moments = moments(&late.quarters());
                let all = names().flat_map(|name| {
                    let mut found = over(state, name, &moments, now);
                    found.retain(|past| late.is_after(past.span));
                    let known: BTreeSet<Timestamp> = found.iter().map(|past| past.at).collect();
                    let last = lately_over(state, name, now).into_iter();
                    found.extend(last.filter(|past| !known.contains(&past.at)));
                    found
                });
                (all.collect(), late, now)
            }
        };
        let mut recorded = 0;
        for windows in windows.chunks(TOGETHER) {
            recorded += self.observe_windows(tenant, state, (windows, &late), end).await?;
        }
        self.late.note(tenant, Look { through, all_at });
        Ok(recorded)
    }

    async fn observe_windows(
        &self,
        tenant: &TenantId,
        state: &BudgetState,
        (windows, late): (&[PastWindow<'_>], &RecordedLate),
        end: &Position,
    ) -> Answer<usize> {
        let sums: BTreeSet<SpentIn> = windows.iter().flat_map(|past| past.needed(state)).collect();
        let figures = self.figures_once(tenant, sums, Vec::new(), end).await?;
        let (mut in_time, mut seen) = (Vec::new(), Vec::new());
        for past in windows {
            let Some(found) = past.stood(state, &figures) else { continue };
            if late.is_after(past.span) {
                seen.extend(of_late(past, &found));
            } else {
                in_time.extend(levels(past.policy, &found).into_iter().map(told_later));
            }
        }
        let recorded = self.observe_once(tenant, in_time, end).await?;
        Ok(recorded + self.observe_late_levels(tenant, seen, end).await?)
    }

    /// Records the levels that late usage reached and that have raised no alert before, in their window or after it,
    /// and of those that have, which are no longer reached; returns how many.
    async fn observe_late_levels(
        &self,
        tenant: &TenantId,
        seen: Vec<ConditionObserved>,
        end: &Position,
    ) -> Answer<usize> {
        if seen.is_empty() {
            return Ok(0);
        }
        let in_window = |condition: &Condition| Condition { rule: AlertRule::Budget, ..condition.clone() };
        let conditions =
            seen.iter().flat_map(|seen| [seen.condition.clone(), in_window(&seen.condition)]).collect();
        let raised = self.ask.raised_before(tenant, conditions, end).await?;
        let mut recorded = 0;
        for (seen, raised) in seen.into_iter().zip(raised.chunks(2)) {
            let is_new = if seen.active {
                raised.iter().all(|raised| *raised == Raised::Never)
            } else {
                raised.first() == Some(&Raised::Open)
            };
            if is_new {
                recorded += self.observe(tenant, seen).await?;
            }
        }
        Ok(recorded)
    }
}

/// Every level of a policy in a window that late usage changed: whether it is reached.
fn of_late(past: &PastWindow<'_>, found: &PolicyFigures) -> Vec<ConditionObserved> {
    let reached = levels(past.policy, found);
    let is_reached = |level: &Threshold| reached.iter().any(|seen| seen.condition.level == percent(*level));
    let missed = levels_of(past.policy).into_iter().filter(|level| !is_reached(level)).map(|level| {
        let detail = format!(
            "policy `{}` is below {}% of what it allows until {} again: usage of that window was taken away",
            past.name,
            percent(level),
            past.span.to
        );
        let scope = AlertScope::Policy { name: past.name.to_owned(), from: Some(past.span.from), of: None };
        let condition = Condition { rule: AlertRule::LateUsage, scope, level: percent(level) };
        ConditionObserved { condition, active: false, since: past.span.from, threshold_ms: 0, detail }
    });
    let missed: Vec<ConditionObserved> = missed.collect();
    let late = |seen: ConditionObserved| {
        let condition = Condition { rule: AlertRule::LateUsage, ..seen.condition };
        let detail = format!("{}: seen after that, by usage that was recorded late", seen.detail);
        ConditionObserved { condition, detail, ..seen }
    };
    reached.into_iter().map(late).chain(missed).collect()
}

fn told_later(seen: ConditionObserved) -> ConditionObserved {
    let detail = format!("{}: seen after that, by usage that was recorded just before it", seen.detail);
    ConditionObserved { detail, ..seen }
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
    let begin = first_window(state, name);
    for &moment in moments.iter().take_while(|moment| begin.is_some_and(|begin| begin <= **moment)) {
        if found.len() >= MOST_LATE {
            break;
        }
        if found.last().is_none_or(|last| !last.span.contains(moment)) {
            found.extend(past_window(state, name, moment, now).filter(|past| past.ruled));
        }
    }
    found
}

/// When the first window of a policy began.
fn first_window(state: &BudgetState, name: &str) -> Option<Timestamp> {
    let history = state.policy(name)?;
    let begins = |version: &Policy| {
        let span = version.window.span_at(&version.zone, version.from);
        span.map_or(version.from, |span| span.from.min(version.from))
    };
    history.versions.iter().map(begins).min()
}

/// The last windows of a policy that are over.
fn lately_over<'a>(state: &'a BudgetState, name: &'a str, now: Timestamp) -> Vec<PastWindow<'a>> {
    let span_at = |at: Timestamp| {
        let history = state.policy(name)?;
        let (_, policy) = history.ruling_at(at).or_else(|| history.ruling_at(now))?;
        policy.window.span_at(&policy.zone, at)
    };
    let (mut found, mut at) = (Vec::new(), now);
    for _ in 0..MOST_WINDOWS {
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

/// Quarters of an hour as moments, the latest first.
fn moments(quarters: &BTreeSet<i64>) -> Vec<Timestamp> {
    let moment = |at: &i64| Timestamp::from_micros(at.checked_mul(1_000_000)?).ok();
    quarters.iter().rev().filter_map(moment).collect()
}
