//! The demo's budget: what the fleet may spend in a day, and a component that asks before it spends.

use serde_json::{Value, json};
use tollgate_client::{Client, SummaryQuery};
use tollgate_clock::{Clock, ManualClock};
use tollgate_domain::budget::BudgetEnforcement;
use tollgate_domain::money::Usd;
use tollgate_domain::time::Timestamp;
use tollgate_wire::api::{
    AllocateRequest, AllocationStateWord, AllocationView, PolicyRequest, PolicyRule, ReleaseRequest,
    RouteRequest, RouteView,
};

use super::day::START;
use super::{send, tail};
use crate::exit::Failure;
use crate::output::{grouped, line};

/// The policy, and its limit a day in US dollars.
pub(super) const POLICY: &str = "fleet-daily";
const LIMIT_USD: &str = "0.75";

/// The component that asks, the task it works on, and what it asks for first.
const REVIEWER: &str = "reviewer";
const TASK: &str = "T-110";
pub(super) const REFUSED: &str = "review-1";

/// The models that the reviewer may use.
const MODELS: [&str; 2] = ["gpt-5", "gpt-5-mini"];

/// How many characters a bar of the whole limit has.
const BAR: i128 = 30;

/// What became of the budget.
pub(super) struct Story {
    refused: AllocationView,
    proposed: RouteView,
    settled: AllocationView,
    /// When the reviewer asked.
    began: Timestamp,
    /// What was left at the end of each hour, and when the reviewer asked.
    left: Vec<(Timestamp, Usd)>,
    pub(super) appended: u64,
}

/// Sets the limit, before anything is spent.
pub(super) async fn set(client: &Client) -> Result<(), Failure> {
    let rule = PolicyRule {
        window: "daily".to_owned(),
        limit_usd: Some(LIMIT_USD.to_owned()),
        enforcement: Some(BudgetEnforcement::HardLimit),
        ..PolicyRule::default()
    };
    let request = PolicyRequest {
        rule,
        author: Some("grace".to_owned()),
        reason: Some("what the fleet may spend in a day".to_owned()),
        ..PolicyRequest::default()
    };
    client.set_policy(POLICY, &request).await.map(|_| ()).map_err(Failure::from)
}

/// The reviewer asks for more than is left, is refused, looks for a cheaper model, and uses that.
pub(super) async fn review(client: &Client, clock: &ManualClock) -> Result<Story, Failure> {
    let began = clock.now().plus_millis(20_000);
    clock.set(began);
    event(client, "task_opened", json!({"title": "review the merges of the day", "complexity": "Small", "importance": "medium", "author": REVIEWER})).await?;
    let left = left(client, began).await?;
    let refused = client.allocate(&asked(REFUSED, MODELS[0])).await?;
    let route = RouteRequest {
        request: AllocateRequest { allocation: None, ..asked(REFUSED, MODELS[0]) },
        models: MODELS.map(str::to_owned).to_vec(),
        ..RouteRequest::default()
    };
    let proposed = client.route(&route).await?.chosen;
    let proposed =
        proposed.ok_or_else(|| Failure::failed("no model fits what is left of the demo's budget"))?;
    clock.set(began.plus_millis(1_000));
    let given = client.allocate(&asked("review-2", &proposed.model)).await?;
    clock.set(began.plus_millis(75_000));
    let usage = json!({"phase": "REVIEW", "component": REVIEWER, "provider": "openai", "model": proposed.model,
        "allocation": given.allocation, "tokens": {"input_uncached": 5_200, "output": 1_450}});
    event(client, "usage_recorded", usage).await?;
    clock.set(began.plus_millis(76_000));
    let release = ReleaseRequest { author: Some(REVIEWER.to_owned()), ..ReleaseRequest::default() };
    let settled = client.release_allocation(&given.allocation, &release).await?;
    event(
        client,
        "task_closed",
        json!({"outcome": "completed", "reason": "no findings", "author": REVIEWER}),
    )
    .await?;
    Ok(Story { refused, proposed, settled, began, left, appended: 6 })
}

fn asked(allocation: &str, model: &str) -> AllocateRequest {
    AllocateRequest {
        allocation: Some(allocation.to_owned()),
        task: Some(TASK.to_owned()),
        phase: Some("REVIEW".to_owned()),
        component: Some(REVIEWER.to_owned()),
        provider: Some("openai".to_owned()),
        model: Some(model.to_owned()),
        tokens: Some(8_000),
        input_tokens: Some(6_000),
        wait_ms: Some(10_000),
        ..AllocateRequest::default()
    }
}

async fn event(client: &Client, kind: &str, body: Value) -> Result<(), Failure> {
    send(client, REVIEWER, json!({"id": format!("review-{kind}"), "task": TASK, kind: body})).await
}

/// What was left of the limit at the start, at the end of each hour, and now.
async fn left(client: &Client, now: Timestamp) -> Result<Vec<(Timestamp, Usd)>, Failure> {
    let start: Timestamp = START.parse().unwrap_or_default();
    let wanted = SummaryQuery { by: Some("hour".to_owned()), ..SummaryQuery::default() };
    let sums = client.usage_summary(&wanted, &tail()).await?;
    let mut left: Usd = LIMIT_USD.parse().unwrap_or_default();
    let mut hours = vec![(start, left)];
    let mut hour = start;
    while hour < now {
        let end = hour.plus_millis(60 * 60 * 1000);
        // The name of an hour is its beginning, such as `2026-03-17T08:00+00:00`.
        let name = hour.to_string();
        let of = |period: Option<&String>| period.and_then(|period| period.get(..13)) == name.get(..13);
        if let Some(group) = sums.groups.iter().find(|group| of(group.period.as_ref())) {
            let spent: Usd = group.totals.cost_usd.parse().unwrap_or_default();
            left = Usd::from_units(left.units().saturating_sub(spent.units()));
        }
        hours.push((end.min(now), left));
        hour = end;
    }
    Ok(hours)
}

impl Story {
    /// For programs.
    pub(super) fn json(&self) -> Value {
        let left =
            self.left.iter().map(|(at, left)| json!({"at": at.to_string(), "left_usd": left.to_string()}));
        let left: Vec<Value> = left.collect();
        json!({"policy": POLICY, "limit_usd": LIMIT_USD, "left": left, "refused": self.refused,
            "proposed": self.proposed, "settled": self.settled})
    }

    /// For people.
    pub(super) fn tell(&self) {
        line(&format!(
            "The fleet may spend {LIMIT_USD} USD a day (policy `{POLICY}`, a hard limit). The coding agents report what they spend; this was left:"
        ));
        let limit: Usd = LIMIT_USD.parse().unwrap_or_default();
        for (at, left) in &self.left {
            let length = left.units().max(0).saturating_mul(BAR) / limit.units().max(1);
            let bar = "█".repeat(usize::try_from(length).unwrap_or_default());
            line(format!("  {}  {:<12} USD  {bar}", clock_time(*at), left.to_string()).trim_end());
        }
        let Self { refused, proposed, settled, .. } = self;
        line(&format!(
            "\nAt {} the component `{REVIEWER}` asked before it spent: {} tokens of {}, {} USD",
            clock_time(self.began),
            grouped(refused.amount.tokens),
            MODELS[0],
            refused.amount.usd
        ));
        let is_refused = refused.state == AllocationStateWord::Refused;
        let why = refused.policies.first().map(|policy| policy.sentence.as_str()).unwrap_or_default();
        line(&format!("  {:<10} {why}", if is_refused { "refused" } else { "allocated" }));
        line(&format!("  {:<10} {}, which fits: {}", "proposed", proposed.model, proposed.arithmetic));
        line(&format!("  {:<10} {} USD for {}", "allocated", settled.amount.usd, proposed.model));
        if let (Some(used), Some(released)) = (&settled.used, &settled.released) {
            line(&format!(
                "  {:<10} {} USD of it; the other {} USD were released",
                "used", used.usd, released.usd
            ));
        }
    }
}

/// The time of day.
fn clock_time(at: Timestamp) -> String {
    at.to_string().get(11..16).unwrap_or_default().to_owned()
}
