//! Sums of usage: by provider, model, component and task type, and by day.

use std::collections::BTreeMap;

use tollgate_client::SummaryQuery;
use tollgate_domain::money::Usd;
use tollgate_domain::time::{Day, Timestamp};
use tollgate_domain::zone::Zone;
use tollgate_wire::api::{UsageGroup, UsageTotals};

use super::records::Wanted;
use crate::app::{PAGE, Tekton};
use crate::fault::Handled;
use crate::json::{Json, object};
use crate::number::{Share, share_of_money};
use crate::views::policy::rule;

/// The dimensions that usage is grouped by.
pub(crate) const DIMENSIONS: [&str; 4] = ["provider", "model", "component", "task_type"];

/// What usage is called that does not say a value.
pub(crate) const UNSAID: &str = "unknown";

/// Sums of one group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sums {
    pub(crate) input: i64,
    pub(crate) output: i64,
    pub(crate) total: i64,
    pub(crate) cost: Usd,
    pub(crate) count: u64,
}

impl Sums {
    pub(crate) fn of(totals: &UsageTotals) -> Self {
        let tokens = &totals.tokens;
        Self {
            input: tokens.total - tokens.output,
            output: tokens.output,
            total: tokens.total,
            cost: totals.cost_usd.parse().unwrap_or_default(),
            count: totals.usage_events,
        }
    }

    pub(crate) fn plus(&mut self, other: &Self) {
        self.input += other.input;
        self.output += other.output;
        self.total += other.total;
        self.cost = self.cost.saturating_add(other.cost);
        self.count += other.count;
    }

    /// The sums by name.
    pub(crate) fn json(&self) -> Json {
        object! {
            "input_tokens" => self.input,
            "output_tokens" => self.output,
            "total_tokens" => self.total,
            "cost" => self.cost,
            "count" => self.count,
        }
    }
}

/// Usage added up: in all, and by the values of the four dimensions.
#[derive(Clone, Debug, Default)]
pub(crate) struct Added {
    pub(crate) totals: Sums,
    /// Provider, model, component and task type, with what they have in common.
    pub(crate) rows: Vec<([String; 4], Sums)>,
}

impl Added {
    /// By some of the dimensions, the dearest first, then by name.
    pub(crate) fn by<const N: usize>(&self, nth: [usize; N]) -> Vec<([String; N], Sums)> {
        let mut groups: BTreeMap<[String; N], Sums> = BTreeMap::new();
        for (values, sums) in &self.rows {
            groups.entry(nth.map(|nth| values[nth].clone())).or_default().plus(sums);
        }
        let mut groups: Vec<_> = groups.into_iter().collect();
        groups.sort_by(|(_, a), (_, b)| b.cost.cmp(&a.cost).then(b.total.cmp(&a.total)));
        groups
    }
}

/// The values of a group, `unknown` where usage does not say.
pub(crate) fn values<const N: usize>(group: &UsageGroup, names: [&str; N]) -> [String; N] {
    names.map(|name| group.values.get(name).cloned().unwrap_or_else(|| UNSAID.to_owned()))
}

impl Tekton {
    /// All groups of sums, from every page.
    pub(crate) async fn groups(&self, query: SummaryQuery) -> Handled<(Vec<UsageGroup>, UsageTotals)> {
        let mut query = SummaryQuery { limit: Some(PAGE), ..query };
        let mut groups = Vec::new();
        loop {
            let page = self.ledger.usage_summary(&query, &Self::latest()).await?;
            groups.extend(page.groups);
            match page.next {
                Some(next) => query.after = Some(next),
                None => return Ok((groups, page.totals)),
            }
        }
    }

    /// Usage added up.
    pub(crate) async fn added(&self, wanted: &Wanted) -> Handled<Added> {
        let (groups, totals) = self.groups(wanted.sums(&DIMENSIONS.join(","))).await?;
        let rows = groups.iter().map(|group| (values(group, DIMENSIONS), Sums::of(&group.totals)));
        Ok(Added { totals: Sums::of(&totals), rows: rows.collect() })
    }

    /// What was spent on each of the last days, the oldest first, those without usage included.
    pub(crate) async fn daily(&self, wanted: &Wanted, days: u64) -> Handled<Vec<Json>> {
        let zone = &self.options.zone;
        let today = zone.day_of(self.now());
        let first = Day(today.0.saturating_sub(i32::try_from(days.saturating_sub(1)).unwrap_or(i32::MAX)));
        let query = SummaryQuery {
            scope: wanted.scope.clone(),
            by: Some("day".to_owned()),
            time_zone: Some(zone.name().to_owned()),
            since: zone.start_of(first).map(|at| at.to_string()),
            ..SummaryQuery::default()
        };
        let (groups, _) = self.groups(query).await?;
        let spent: BTreeMap<String, String> =
            groups.into_iter().filter_map(|group| Some((group.period?, group.totals.cost_usd))).collect();
        let limit = self.daily_limit().await?;
        let days = (first.0..=today.0).map(|day| {
            let date = Day(day).to_string();
            let cost = spent.get(&date).map_or_else(|| Json::from(Usd::ZERO), |usd| Json::money(usd));
            object! { "date" => date, "cost" => cost, "limit" => limit }
        });
        Ok(days.collect())
    }

    /// The daily limit of money of the first budget.
    pub(crate) async fn daily_limit(&self) -> Handled<Option<Usd>> {
        let budgets = self.budgets().await?;
        let Some(budget) = budgets.first() else { return Ok(None) };
        let rules = self.policies(Some(&budget.budget)).await?;
        let mut limits = rules
            .iter()
            .map(rule)
            .filter(|rule| rule.window == "daily" && rule.scope.is_empty() && rule.enabled != Some(false));
        Ok(limits.find_map(|rule| rule.limit_usd?.parse().ok()))
    }
}

/// What of all the money a group has spent, in percent.
pub(crate) fn percent_of(sums: &Sums, all: &Sums) -> Json {
    share_of_money(sums.cost, all.cost, Share::Percent)
}

/// The window of usage of a period, or the times that a request names.
pub(crate) fn span(
    zone: &Zone,
    period: &str,
    (since, until): (Option<Timestamp>, Option<Timestamp>),
    now: Timestamp,
) -> (Option<Timestamp>, Option<Timestamp>) {
    if since.is_some() || until.is_some() {
        return (since, until);
    }
    let window = super::times::window(period, zone, now);
    (window.map(|window| window.from), window.map(|window| window.to))
}
