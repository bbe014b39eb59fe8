//! Finding what a request or a usage falls under, and its price: beside looking at each, and beside a plain map.

use std::collections::{BTreeMap, HashMap};
use std::hint::black_box;

use tollgate_clock::Stopwatch;
use tollgate_domain::budget::{
    AlsoNamed, AmountLimit, BudgetEnforcement, BudgetState, Dimensions, Measure, OnStale, Policy, Rollover,
    Scope, Spent, Threshold, Window,
};
use tollgate_domain::event::PolicySet;
use tollgate_domain::ids::DEFAULT_TENANT;
use tollgate_domain::position::Position;
use tollgate_domain::price::{Call, PriceBook};
use tollgate_domain::time::Timestamp;
use tollgate_domain::tokens::TokenCounts;
use tollgate_domain::usage::Cost;
use tollgate_domain::zone::{Zone, quarter};
use tollgate_projection::spending::{Asked, Counted, SpentAsk, UsageSums};
use uuid::Uuid;

use super::work::{policy_name, scopes, values};
use crate::driver::nanoseconds;
use crate::stats::Samples;
use crate::usage::time;
use crate::work::mix;

/// Policies of a tenant: from those of a small one to those of a large one.
const SIZES: [u64; 3] = [10, 1_000, 10_000];

/// Requests of each kind in a round.
const REQUESTS: u64 = 50_000;

/// The same where each looks at every policy.
const SCANS: u64 = 200;

/// Prices that are looked up in a round.
const PRICES: u64 = 200_000;

/// Times of one round, in nanoseconds.
struct Matching {
    request: f64,
    scan: f64,
    usage: f64,
}

/// One round of all look-ups.
pub(super) fn round(figures: &mut Samples, ratios: &mut Samples) {
    let found = SIZES.map(matching);
    for (size, matching) in SIZES.iter().zip(&found) {
        figures.add(format!("match_request_{size}_policies_nanoseconds"), matching.request);
        figures.add(format!("match_usage_{size}_sums_nanoseconds"), matching.usage);
        figures.add(format!("match_request_{size}_policies_scan_nanoseconds"), matching.scan);
        ratios.add(format!("match_request_{size}_policies_vs_scan"), matching.request / matching.scan);
    }
    let [small, .., large] = &found;
    ratios.add("match_request_10000_vs_10_policies", large.request / small.request);
    ratios.add("match_usage_10000_vs_10_sums", large.usage / small.usage);
    prices(figures, ratios);
}

/// What usage of a request can be told apart by.
struct Told {
    values: [String; 4],
    labels: BTreeMap<String, String>,
}

impl Told {
    fn of(request: u64, policies: u64) -> Self {
        let values = values(request, policies);
        let labels = [("team", &values[0]), ("user", &values[2])];
        let labels = labels.map(|(name, value)| (name.to_owned(), value.clone())).into();
        Self { values, labels }
    }

    fn dimensions(&self) -> Dimensions<'_> {
        let [_, model, _, component] = &self.values;
        let (component, model) = (Some(component.as_str()), Some(model.as_str()));
        Dimensions {
            task: "T",
            phase: None,
            component,
            provider: None,
            model,
            labels: &self.labels,
            also: AlsoNamed::default(),
        }
    }
}

fn matching(policies: u64) -> Matching {
    let mut state = BudgetState::default();
    let made: Vec<Policy> = scopes(policies).into_iter().map(policy).collect();
    for policy in &made {
        let set = PolicySet { version: 1, policy: policy.clone(), author: None, reason: None };
        state.apply(&set.into());
    }
    let requests: Vec<Told> = (0..1_000).map(|request| Told::of(request, policies)).collect();
    let now = time(0);
    let matching = |told: &Told| state.ruling(&told.dimensions(), now).len();
    let scanning = |told: &Told| {
        let usage = told.dimensions();
        made.iter().filter(|policy| policy.scope.contains(&usage) && policy.rules_at(now)).count()
    };
    Matching {
        request: each(REQUESTS, &requests, matching),
        scan: each(SCANS, &requests, scanning),
        usage: counting(&made, &requests),
    }
}

/// Time per call, where each must find five policies.
fn each(calls: u64, requests: &[Told], mut find: impl FnMut(&Told) -> usize) -> f64 {
    // Once for all, so that it is in the caches that it fits into.
    let found: usize = requests.iter().take(calls as usize).map(&mut find).sum();
    assert_eq!(found, requests.len().min(calls as usize) * 5, "each falls under five policies");
    let took = Stopwatch::start();
    for call in 0..calls {
        black_box(find(&requests[(call % requests.len() as u64) as usize]));
    }
    nanoseconds(took.elapsed()) as f64 / calls as f64
}

/// Time per usage that is added to the sums of its policies.
fn counting(policies: &[Policy], requests: &[Told]) -> f64 {
    let (mut asked, begin) = (Asked::default(), Position::start(Uuid::nil()));
    for policy in policies {
        let ask = SpentAsk { scope: policy.scope.clone(), from: None, to: None };
        asked.begin(DEFAULT_TENANT, &ask, &begin);
        asked.fill(DEFAULT_TENANT, &ask, &begin, Spent::default());
    }
    let spent = Spent { events: 1, tokens: 1, ..Spent::default() };
    let sums = UsageSums { spent, ..UsageSums::default() };
    let quarter = quarter(time(0));
    let usages: Vec<Counted<'_>> = requests
        .iter()
        .map(|told| Counted {
            tenant: DEFAULT_TENANT,
            at: time(0),
            quarter,
            dimensions: told.dimensions(),
            allocation: None,
            sums: sums.clone(),
            earlier: None,
        })
        .collect();
    let took = Stopwatch::start();
    for call in 0..REQUESTS {
        asked.count(&usages[(call % usages.len() as u64) as usize]);
    }
    let took = nanoseconds(took.elapsed()) as f64 / REQUESTS as f64;
    let counted: u64 = policies
        .iter()
        .map(|policy| {
            let ask = SpentAsk { scope: policy.scope.clone(), from: None, to: None };
            asked.sum(DEFAULT_TENANT, &ask).expect("it is kept").events
        })
        .sum();
    assert_eq!(counted, REQUESTS * 5, "each usage counts in five sums");
    took
}

fn policy(scope: Option<(&'static str, String)>) -> Policy {
    Policy {
        id: policy_name(scope.as_ref()),
        budget: None,
        scope: Scope::new(scope.as_ref().map(|(name, value)| (*name, value.as_str()))).expect("a scope"),
        window: Window::Monthly,
        zone: Zone::utc(),
        limit: AmountLimit { tokens: Some(1_000_000), usd: None },
        enforcement: BudgetEnforcement::HardLimit,
        warn_at: Threshold::WARN,
        act_at: Threshold::ACT,
        measure: Measure::Reserved,
        rollover: Rollover::Nothing,
        passes_from: None,
        degrade_to: Vec::new(),
        throttle_per_minute: None,
        on_stale: OnStale::Refuse,
        from: time(0),
        to: None,
        enabled: true,
    }
}

/// What a call costs: models of the shipped book in any order, with their provider and without, beside a map that
/// only finds the name.
fn prices(figures: &mut Samples, ratios: &mut Samples) {
    let book = PriceBook::shipped();
    let at = time(0);
    let priced: Vec<(String, Option<String>)> = book
        .entries(at)
        .filter(|entry| entry.is_priced())
        .map(|entry| {
            let model = entry.name.split_once('/').map_or(entry.name, |(_, model)| model);
            (model.to_owned(), entry.provider().map(str::to_owned))
        })
        .filter(|(model, provider)| {
            cost(&book, model, provider.as_deref(), at) && cost(&book, model, None, at)
        })
        .collect();
    assert!(priced.len() > 100, "the shipped book prices many models: {}", priced.len());
    let plain: HashMap<&str, usize> =
        priced.iter().zip(0..).map(|((model, _), nth)| (model.as_str(), nth)).collect();
    let any = |call: u64| &priced[(mix(call) % priced.len() as u64) as usize];
    let by_model = timed(|call| cost(&book, &any(call).0, None, at));
    let by_provider = timed(|call| {
        let (model, provider) = any(call);
        cost(&book, model, provider.as_deref(), at)
    });
    let map = timed(|call| plain.contains_key(any(call).0.as_str()));
    figures.add("price_by_model_nanoseconds", by_model);
    figures.add("price_by_provider_and_model_nanoseconds", by_provider);
    figures.add("price_plain_map_nanoseconds", map);
    ratios.add("price_by_model_vs_plain_map", by_model / map);
    ratios.add("price_by_provider_and_model_vs_plain_map", by_provider / map);
}

/// Whether the call has a price.
fn cost(book: &PriceBook, model: &str, provider: Option<&str>, at: Timestamp) -> bool {
    let tokens = TokenCounts { input_uncached: 1_200, output: 800, ..TokenCounts::default() };
    let call = Call { provider, model: Some(model), service_tier: None, at };
    matches!(book.cost(call, &tokens), Cost::Priced { .. })
}

/// Time per look-up that finds something.
fn timed(mut find: impl FnMut(u64) -> bool) -> f64 {
    let took = Stopwatch::start();
    let found = (0..PRICES).filter(|&call| black_box(find(call))).count() as u64;
    assert_eq!(found, PRICES, "every model has a price");
    nanoseconds(took.elapsed()) as f64 / PRICES as f64
}
