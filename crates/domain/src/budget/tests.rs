//! What policies say: given these policies, this usage and these allocations, when this is asked, then …

mod commands;
mod past;
mod reserved;

use std::collections::BTreeMap;

use super::testing::{begin, policy, request};
use super::*;
use crate::event::{AllocationRequest, BudgetEvent, Ruling};
use crate::money::Usd;
use crate::time::Timestamp;

const HOUR_MS: i64 = 60 * 60 * 1000;

fn usd(text: &str) -> Usd {
    text.parse().unwrap()
}

fn money(limit: &str) -> AmountLimit {
    AmountLimit { tokens: None, usd: Some(usd(limit)) }
}

fn scope(values: &[(&str, &str)]) -> Scope {
    Scope::new(values.iter().copied()).unwrap()
}

/// A tenant: its decisions, and usage that is known in full.
#[derive(Default)]
struct Tenant {
    state: BudgetState,
    usage: Vec<(BTreeMap<String, String>, Timestamp, Spent)>,
    used: Vec<(String, Amount)>,
}

impl Tenant {
    fn of(policies: Vec<Policy>) -> Self {
        let mut tenant = Self::default();
        for policy in policies {
            tenant.apply(&decide::set_policy(&tenant.state, policy, None, None, None).unwrap());
        }
        tenant
    }

    fn apply(&mut self, event: &BudgetEvent) {
        self.state.apply(event);
    }

    /// Usage of these labels, under an allocation or none.
    fn uses(&mut self, labels: &[(&str, &str)], at: Timestamp, spent: Spent, allocation: Option<&str>) {
        let labels = labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        if let Some(name) = allocation {
            self.used.push((name.to_owned(), Amount::from(&spent)));
        }
        self.usage.push((labels, at, spent));
    }

    fn figures(&self, request: &AllocationRequest, at: Timestamp) -> Figures {
        let mut figures = Figures::default();
        for sum in needed(&self.state, request, at) {
            let mut spent = Spent::default();
            for (labels, at, usage) in &self.usage {
                let task = labels.get("task").map(String::as_str).unwrap_or_default();
                let model = labels.get("model").map(String::as_str);
                let dimensions = Dimensions {
                    task,
                    phase: None,
                    component: None,
                    provider: None,
                    model,
                    labels,
                    also: AlsoNamed::default(),
                };
                if sum.scope.contains(&dimensions) && sum.span.is_none_or(|span| span.contains(*at)) {
                    spent.add(usage);
                }
            }
            // Unpriced tokens cost at most a cent each.
            let most = usd("0.01").checked_times(spent.unpriced_tokens()).unwrap();
            figures.spent.insert(sum, (spent, most));
        }
        for (name, amount) in &self.used {
            let sum = figures.used(name).plus(*amount);
            figures.used.insert(name.clone(), sum);
        }
        figures
    }

    fn rulings(&self, request: &AllocationRequest, at: Timestamp) -> Vec<(String, Ruling)> {
        let figures = self.figures(request, at);
        let judged = judge(&self.state, request, request.amount, &figures, at);
        judged.policies.into_iter().map(|figures| (figures.policy, figures.ruling)).collect()
    }

    fn allocates(
        &mut self,
        request: AllocationRequest,
        others: &[AllocationRequest],
        at: Timestamp,
    ) -> BudgetEvent {
        let mut figures = self.figures(&request, at);
        for other in others {
            figures.spent.extend(self.figures(other, at).spent);
        }
        let event = decide::allocate(&self.state, request, others, &figures, at).unwrap();
        self.apply(&event);
        event
    }
}

fn tokens(count: i128) -> Spent {
    Spent { events: 1, tokens: count, ..Spent::default() }
}

fn costs(amount: &str) -> Spent {
    Spent { events: 1, usd: usd(amount), ..Spent::default() }
}

#[track_caller]
fn says(tenant: &Tenant, request: &AllocationRequest, at: Timestamp, expected: &[(&str, Ruling)]) {
    let expected: Vec<_> = expected.iter().map(|(name, ruling)| ((*name).to_owned(), *ruling)).collect();
    assert_eq!(tenant.rulings(request, at), expected, "{request:?}");
}

#[test]
fn who_says_only_what_it_costs_passes_no_limit_of_tokens_that_is_used_up() {
    let at = begin().plus_millis(HOUR_MS);
    let mut tenant = Tenant::of(vec![policy("p")]);
    let asked = |usd_text: &str, tokens_unsaid: bool| AllocationRequest {
        amount: Amount { tokens: 0, usd: usd(usd_text) },
        tokens_unsaid,
        ..request("a", 0)
    };
    tenant.uses(&[], at, tokens(999), None);
    says(&tenant, &asked("0.5", true), at, &[("p", Ruling::Warns)]);
    tenant.uses(&[], at, tokens(1), None);
    says(&tenant, &asked("0.5", true), at, &[("p", Ruling::Refused)]);
    // What uses no tokens at all says so, and an allocation that only lasts longer asks for nothing more.
    says(&tenant, &asked("0.5", false), at, &[("p", Ruling::Warns)]);
    says(&tenant, &asked("0", true), at, &[("p", Ruling::Warns)]);
}

#[test]
fn each_enforcement_says_its_own_at_the_limit() {
    let at = begin().plus_millis(HOUR_MS);
    for (enforcement, within, above) in [
        (BudgetEnforcement::Ignore, Ruling::Fits, Ruling::Ignored),
        (BudgetEnforcement::Warn, Ruling::Fits, Ruling::Over),
        (BudgetEnforcement::SoftLimit, Ruling::Fits, Ruling::OverSoft),
        (BudgetEnforcement::HardLimit, Ruling::Fits, Ruling::Refused),
        (BudgetEnforcement::Degrade, Ruling::Fits, Ruling::Refused),
        (BudgetEnforcement::Throttle, Ruling::Fits, Ruling::Throttled),
    ] {
        let models =
            if enforcement == BudgetEnforcement::Degrade { vec!["small".to_owned()] } else { Vec::new() };
        let rate = (enforcement == BudgetEnforcement::Throttle).then_some(2);
        let policy = Policy { enforcement, degrade_to: models, throttle_per_minute: rate, ..policy("p") };
        let mut tenant = Tenant::of(vec![policy]);
        tenant.uses(&[], at, tokens(500), None);
        for (more, ruling) in [(299, within), (300, Ruling::Warns), (500, Ruling::Warns), (501, above)] {
            says(&tenant, &request("a", more), at, &[("p", ruling)]);
        }
    }
}

#[test]
fn what_is_reserved_is_not_given_twice_and_use_moves_it() {
    let at = begin().plus_millis(HOUR_MS);
    let mut tenant = Tenant::of(vec![policy("p")]);
    let made = tenant.allocates(request("a", 600), &[], at);
    assert!(matches!(made, BudgetEvent::Allocated(_)), "{made:?}");
    says(&tenant, &request("b", 400), at, &[("p", Ruling::Warns)]);
    says(&tenant, &request("b", 401), at, &[("p", Ruling::Refused)]);
    // Its own use changes nothing for others, until it is above what was allocated.
    tenant.uses(&[], at, tokens(600), Some("a"));
    says(&tenant, &request("b", 400), at, &[("p", Ruling::Warns)]);
    tenant.uses(&[], at, tokens(1), Some("a"));
    says(&tenant, &request("b", 400), at, &[("p", Ruling::Refused)]);
    says(&tenant, &request("b", 399), at, &[("p", Ruling::Warns)]);
}

#[test]
fn all_policies_are_asked_and_one_that_refuses_is_enough() {
    let at = begin().plus_millis(HOUR_MS);
    let team = Policy { scope: scope(&[("team", "search")]), limit: money("2"), ..policy("team") };
    let model = Policy { scope: scope(&[("model", "big")]), limit: money("1"), ..policy("model") };
    let mut tenant = Tenant::of(vec![team, model, policy("tenant")]);
    tenant.uses(&[("team", "search"), ("model", "big")], at, costs("0.75"), None);
    let labels = BTreeMap::from([("team".to_owned(), "search".to_owned())]);
    let asked = AllocationRequest {
        labels,
        model: Some("big".to_owned()),
        amount: Amount { tokens: 10, usd: usd("0.5") },
        ..request("a", 10)
    };
    says(
        &tenant,
        &asked,
        at,
        &[("model", Ruling::Refused), ("team", Ruling::Fits), ("tenant", Ruling::Fits)],
    );
    let refused = tenant.allocates(asked.clone(), &[], at);
    assert!(matches!(refused, BudgetEvent::AllocationRefused(_)), "{refused:?}");
    assert!(tenant.state.all_open().is_empty(), "nothing is reserved under the others either");
    let small = AllocationRequest { model: Some("small".to_owned()), ..asked };
    says(&tenant, &small, at, &[("team", Ruling::Fits), ("tenant", Ruling::Fits)]);
}

#[test]
fn a_degrading_policy_gives_the_first_model_that_fits() {
    let at = begin().plus_millis(HOUR_MS);
    let big = Policy {
        scope: scope(&[("model", "big")]),
        limit: money("1"),
        enforcement: BudgetEnforcement::Degrade,
        degrade_to: vec!["medium".to_owned(), "small".to_owned()],
        ..policy("big")
    };
    let medium = Policy { scope: scope(&[("model", "medium")]), limit: money("0.1"), ..policy("medium") };
    let mut tenant = Tenant::of(vec![big, medium]);
    let of = |model: &str, cost: &str| AllocationRequest {
        model: Some(model.to_owned()),
        amount: Amount { tokens: 10, usd: usd(cost) },
        ..request("a", 10)
    };
    let others = [of("medium", "0.2"), of("small", "0.05")];
    let BudgetEvent::Allocated(made) = tenant.allocates(of("big", "1.5"), &others, at) else { panic!() };
    assert_eq!(made.instead_of.as_deref(), Some("big"));
    assert_eq!(made.request.model.as_deref(), Some("small"), "medium does not fit its own policy");
    assert_eq!(made.request.amount.usd, usd("0.05"));
    // One whose price is not known does not take over.
    let mut tenant = Tenant::of(vec![Policy {
        limit: money("1"),
        enforcement: BudgetEnforcement::Degrade,
        degrade_to: vec!["small".to_owned()],
        ..policy("p")
    }]);
    let other = [AllocationRequest { is_priced: false, ..of("small", "0") }];
    let refused = tenant.allocates(of("big", "1.5"), &other, at);
    assert!(matches!(refused, BudgetEvent::AllocationRefused(_)), "{refused:?}");
}

#[test]
fn throttling_allows_a_stated_rate_beyond_the_limit() {
    let at = begin().plus_millis(HOUR_MS);
    let throttle =
        Policy { enforcement: BudgetEnforcement::Throttle, throttle_per_minute: Some(2), ..policy("p") };
    let mut tenant = Tenant::of(vec![throttle]);
    tenant.uses(&[], at, tokens(1000), None);
    tenant.allocates(request("a", 10), &[], at);
    // The second one of the minute may come at any time.
    says(&tenant, &request("b", 10), at, &[("p", Ruling::Throttled)]);
    // An extension is a decision of the same rate.
    let (later, by) = (at.plus_millis(1_000), Amount { tokens: 10, usd: Usd::ZERO });
    let extension = decide::Extension { by, is_priced: true, expires_at: None };
    let figures = tenant.figures(&request("a", 10), later);
    let event = decide::extend(&tenant.state, "a", extension, &figures, later).unwrap().unwrap();
    tenant.apply(&event);
    says(&tenant, &request("b", 10), at.plus_millis(59_999), &[("p", Ruling::Refused)]);
    says(&tenant, &request("b", 10), at.plus_millis(60_000), &[("p", Ruling::Throttled)]);
    // A refusal says when the next one passes: a minute after the first of the two.
    let BudgetEvent::AllocationRefused(refused) = tenant.allocates(request("b", 10), &[], later) else {
        panic!()
    };
    assert_eq!(refused.policies[0].retry_at, Some(at.plus_millis(60_000)));
}

#[test]
fn priority_passes_a_hard_limit_only_where_the_policy_says_so() {
    let at = begin().plus_millis(HOUR_MS);
    let passes = Policy { passes_from: Some(9), ..policy("passes") };
    let tenant = Tenant::of(vec![passes]);
    let asked = |priority| AllocationRequest { priority, ..request("a", 1001) };
    says(&tenant, &asked(8), at, &[("passes", Ruling::Refused)]);
    says(&tenant, &asked(9), at, &[("passes", Ruling::Passed)]);
    let tenant = Tenant::of(vec![policy("strict")]);
    says(&tenant, &asked(10), at, &[("strict", Ruling::Refused)]);
}

#[test]
fn failure_10_unpriced_usage_is_exposure_and_stops_where_the_policy_measures_the_worst() {
    let at = begin().plus_millis(HOUR_MS);
    let reserved = Policy { limit: money("1"), ..policy("reserved") };
    let worst = Policy { measure: Measure::Worst, ..Policy { id: "worst".to_owned(), ..reserved.clone() } };
    let mut tenant = Tenant::of(vec![reserved, worst]);
    let unpriced =
        Spent { tokens: 90, unpriced: BTreeMap::from([("new-model".to_owned(), 90)]), ..Spent::default() };
    tenant.uses(&[], at, unpriced, None);
    let asked = AllocationRequest { amount: Amount { tokens: 1, usd: usd("0.2") }, ..request("a", 1) };
    says(&tenant, &asked, at, &[("reserved", Ruling::Fits), ("worst", Ruling::Refused)]);
    // When the price has come, the exposure is gone: 90 tokens were 0.1 USD.
    let settled = Spent {
        usd: usd("0.1"),
        unpriced: BTreeMap::from([("new-model".to_owned(), -90)]),
        ..Spent::default()
    };
    tenant.uses(&[], at, settled, None);
    says(&tenant, &asked, at, &[("reserved", Ruling::Fits), ("worst", Ruling::Fits)]);
    // A request whose cost is not known can't be promised within a limit of money.
    let unknown = AllocationRequest { is_priced: false, ..request("a", 1) };
    says(&tenant, &unknown, at, &[("reserved", Ruling::Unpriced), ("worst", Ruling::Unpriced)]);
}

#[test]
fn failure_08_windows_begin_by_event_time_and_late_usage_lands_in_its_own() {
    let zone: crate::zone::Zone = "Europe/Berlin".parse().unwrap();
    let mut tenant = Tenant::of(vec![Policy { zone, ..policy("p") }]);
    // 23:30 in Berlin, told an hour later.
    let late: Timestamp = "2026-11-04T22:30:00Z".parse().unwrap();
    let next_day = late.plus_millis(HOUR_MS);
    tenant.uses(&[], late, tokens(1000), None);
    let asked = AllocationRequest { expires_at: next_day.plus_millis(HOUR_MS), ..request("a", 700) };
    says(&tenant, &asked, late, &[("p", Ruling::Refused)]);
    says(&tenant, &asked, next_day, &[("p", Ruling::Fits)]);
    // What was allocated before midnight and not used may be used after it: it counts then, too.
    tenant.allocates(asked, &[], next_day);
    let day_after: Timestamp = "2026-11-05T23:00:00Z".parse().unwrap();
    let asked = |name| AllocationRequest { expires_at: day_after.plus_millis(HOUR_MS), ..request(name, 700) };
    says(&tenant, &asked("b"), day_after, &[("p", Ruling::Fits)]);
    let mut tenant = Tenant::of(vec![policy("p")]);
    tenant.allocates(asked("a"), &[], day_after.plus_millis(-HOUR_MS));
    says(&tenant, &asked("b"), day_after.plus_millis(HOUR_MS / 2), &[("p", Ruling::Refused)]);
}

#[test]
fn what_was_left_rolls_over_once() {
    let (first, second, third) =
        (begin().plus_millis(HOUR_MS), begin().plus_millis(25 * HOUR_MS), begin().plus_millis(49 * HOUR_MS));
    let rolls = |rollover| Policy { rollover, ..policy("p") };
    let cap = AmountLimit { tokens: Some(250), usd: None };
    for (rollover, most) in [(Rollover::Nothing, 1000), (Rollover::All, 1600), (Rollover::UpTo(cap), 1250)] {
        let mut tenant = Tenant::of(vec![rolls(rollover)]);
        tenant.uses(&[], first, tokens(400), None);
        let asked =
            |tokens| AllocationRequest { expires_at: third.plus_millis(HOUR_MS), ..request("a", tokens) };
        says(&tenant, &asked(most), second, &[("p", Ruling::Warns)]);
        says(&tenant, &asked(most + 1), second, &[("p", Ruling::Refused)]);
        // On the third day only what the second left of its own limit counts.
        let most = if rollover == Rollover::All { 2000 } else { most };
        says(&tenant, &asked(most), third, &[("p", Ruling::Warns)]);
        says(&tenant, &asked(most + 1), third, &[("p", Ruling::Refused)]);
    }
}

#[test]
fn a_version_of_today_keeps_what_yesterday_left_of_its_own_limit() {
    let second = begin().plus_millis(25 * HOUR_MS);
    let rolls = Policy { rollover: Rollover::All, ..policy("p") };
    let mut tenant = Tenant::of(vec![rolls.clone()]);
    tenant.uses(&[], begin().plus_millis(HOUR_MS), tokens(400), None);
    let limit = AmountLimit { tokens: Some(5000), usd: None };
    let larger = Policy { limit, from: second.plus_millis(-1), ..rolls };
    tenant.apply(&decide::set_policy(&tenant.state, larger, None, None, None).unwrap());
    let asked = |tokens| AllocationRequest { expires_at: second.plus_millis(1), ..request("a", tokens) };
    says(&tenant, &asked(5600), second, &[("p", Ruling::Warns)]);
    says(&tenant, &asked(5601), second, &[("p", Ruling::Refused)]);
}

/// Cells have no value that no scope can name: its usage would be counted as none.
#[test]
fn a_session_whose_name_is_too_long_for_a_scope_is_not_named() {
    let at = begin().plus_millis(HOUR_MS);
    let tenant = Tenant::of(vec![Policy { window: Window::PerSession, ..policy("p") }]);
    for (length, ruling) in [(MAX_VALUE_BYTES, Ruling::Fits), (MAX_VALUE_BYTES + 1, Ruling::Unnamed)] {
        let labels = BTreeMap::from([("session".to_owned(), "s".repeat(length))]);
        says(&tenant, &AllocationRequest { labels, ..request("a", 1) }, at, &[("p", ruling)]);
    }
}

#[test]
fn a_policy_that_counts_by_task_needs_one() {
    let at = begin().plus_millis(HOUR_MS);
    let hard = Policy { window: Window::PerTask, ..policy("hard") };
    let warns =
        Policy { window: Window::PerSession, enforcement: BudgetEnforcement::Warn, ..policy("warns") };
    let mut tenant = Tenant::of(vec![hard, warns]);
    tenant.uses(&[("task", "T-1")], begin().plus_millis(-100 * HOUR_MS), tokens(900), None);
    says(&tenant, &request("a", 200), at, &[("hard", Ruling::Unnamed)]);
    let of = |task: &str| AllocationRequest { task: Some(task.to_owned()), ..request("a", 200) };
    says(&tenant, &of("T-1"), at, &[("hard", Ruling::Refused), ("warns", Ruling::Over)]);
    says(&tenant, &of("T-2"), at, &[("hard", Ruling::Fits), ("warns", Ruling::Fits)]);
    tenant.allocates(AllocationRequest { allocation: "b".to_owned(), ..of("T-2") }, &[], at);
    says(&tenant, &of("T-2"), at, &[("hard", Ruling::Fits), ("warns", Ruling::Fits)]);
    let more = AllocationRequest { amount: Amount { tokens: 801, usd: Usd::ZERO }, ..of("T-2") };
    says(&tenant, &more, at, &[("hard", Ruling::Refused), ("warns", Ruling::Over)]);
}

#[test]
fn failure_05_figures_that_are_not_known_are_never_nothing() {
    let at = begin().plus_millis(HOUR_MS);
    let open = Policy { on_stale: OnStale::Allow, ..policy("open") };
    let tenant = Tenant::of(vec![open, policy("strict")]);
    let asked = request("a", 1);
    let judged = judge(&tenant.state, &asked, asked.amount, &Figures::default(), at);
    let rulings: Vec<_> = judged.policies.iter().map(|found| found.ruling).collect();
    assert_eq!(rulings, [Ruling::StaleAllowed, Ruling::Stale]);
    assert!(judged.policies.iter().all(|found| !found.ruling.has_figures()));
    assert!(!judged.is_allowed());
}
