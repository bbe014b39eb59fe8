//! What usage adds up to, by groups and periods.

use tollgate_domain::budget::{Dimension, Scope};
use tollgate_domain::time::Timestamp;
use tollgate_projection::report::{narrow, token_totals, unit_totals};
use tollgate_projection::spending::{GroupKey, Grouping, SpentAsk, UsageSums};
use tollgate_projector::Wait;
use tollgate_projector::queries::{UsageSummaryOf, UsageSummaryPart};
use tollgate_wire::api::{ReportPeriod, UsageGroup, UsageSummary, UsageTotals};

use super::Queries;
use super::period::PeriodQuery;
use super::query::Read;
use crate::problem::{Answer, INVALID, of_query};

/// The most dimensions that groups may share.
const MAX_GROUPED: usize = 8;

/// Which sums to return.
#[derive(Clone, Debug, Default)]
pub struct SummaryQuery {
    /// Owner of the tasks.
    pub tenant: String,
    /// Which usage.
    pub scope: Scope,
    /// What groups share: names of dimensions, separated by commas.
    pub group_by: Option<String>,
    /// Which time to cover; without `by` there are no periods.
    pub period: PeriodQuery,
    /// Only groups after this one: the `next` of the previous page.
    pub after: Option<String>,
    /// The most groups to return.
    pub limit: usize,
}

impl Queries {
    /// Usage of a tenant, by groups and periods.
    ///
    /// # Errors
    ///
    /// The problem to answer with.
    pub async fn usage_summary(&self, asked: &SummaryQuery, read: &Read) -> Answer<UsageSummary> {
        let periods = asked.period.checked(&self.settings().config.reports.time_zone)?;
        let by = dimensions(asked.group_by.as_deref().unwrap_or_default())?;
        let grained = asked.period.by.is_some();
        let after = asked.after.as_deref().map(|text| cursor(text, by.len(), grained)).transpose()?;
        let ask = SpentAsk { scope: asked.scope.clone(), from: periods.since, to: periods.until };
        let grain = grained.then(|| (periods.by, periods.zone.clone()));
        let limit = asked.limit;
        let grouping = Grouping { ask, by: by.clone(), periods: grain, after, limit };
        let question = UsageSummaryOf { tenant: asked.tenant.clone(), grouping };
        let at_least = self.wanted(read).await?;
        let wait = Wait { at_least: at_least.as_ref(), up_to: read.wait };
        let asked = self.spending.ask_all(wait, &question).await;
        let (parts, as_of) = asked.map_err(|error| of_query(&error))?;
        self.make(move || {
            let mut found = UsageSummaryPart::default();
            parts.into_iter().for_each(|part| found.merge(part, limit));
            let written = |at: Option<Timestamp>| at.map(|at| at.to_string());
            let databases: Vec<String> = found.zone_databases.into_iter().collect();
            let summary = found.summary;
            let last = summary.groups.last_key_value().filter(|_| summary.more);
            UsageSummary {
                as_of: as_of.to_string(),
                period: ReportPeriod {
                    by: if grained { periods.by.to_string() } else { String::new() },
                    time_zone: periods.zone.to_string(),
                    time_zone_database: databases.join(", "),
                    since: written(periods.since),
                    until: written(periods.until),
                    known_on: None,
                },
                // A key holds texts and numbers.
                next: last.map(|(key, _)| serde_json::to_string(key).unwrap_or_default()),
                groups: summary.groups.iter().map(|(key, sums)| group(&by, key, sums)).collect(),
                group_by: by.iter().map(Dimension::to_string).collect(),
                totals: totals(&summary.total),
                degraded_tasks: found.degraded,
            }
        })
        .await
    }
}

/// `team,model`.
fn dimensions(text: &str) -> Answer<Vec<Dimension>> {
    let mut found: Vec<Dimension> = Vec::new();
    for name in text.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        let dimension = name.parse().map_err(|error: tollgate_domain::budget::InvalidDimension| {
            INVALID.of_field(
                "group_by",
                name,
                error.to_string().split_once(": ").map_or("", |(_, rule)| rule),
            )
        })?;
        if found.contains(&dimension) {
            return Err(INVALID.of_field("group_by", name, "must be named once"));
        }
        found.push(dimension);
    }
    if found.len() > MAX_GROUPED {
        return Err(INVALID.of_field("group_by", text, "must name at most 8 dimensions"));
    }
    Ok(found)
}

fn cursor(text: &str, values: usize, grained: bool) -> Answer<GroupKey> {
    let read = serde_json::from_str::<GroupKey>(text).ok();
    let fits = |key: &GroupKey| key.values.len() == values && key.period.is_some() == grained;
    let rule = "must be the `next` of a page of the same question";
    read.filter(fits).ok_or_else(|| INVALID.of_field("after", text, rule))
}

fn group(by: &[Dimension], key: &GroupKey, sums: &UsageSums) -> UsageGroup {
    let value =
        |(dimension, value): (&Dimension, &Option<String>)| Some((dimension.to_string(), value.clone()?));
    UsageGroup {
        period: key.period.as_ref().map(|period| period.name.clone()),
        values: by.iter().zip(&key.values).filter_map(value).collect(),
        totals: totals(sums),
    }
}

fn totals(sums: &UsageSums) -> UsageTotals {
    UsageTotals {
        usage_events: sums.spent.events,
        tokens: token_totals(&sums.tokens),
        cost_usd: sums.spent.usd.to_string(),
        unpriced_tokens: narrow(sums.spent.unpriced_tokens()),
        priced_later_tokens: narrow(sums.priced_later),
        units: unit_totals(&sums.spent.units),
        unpriced_units: unit_totals(&sums.spent.all_unpriced_units()),
    }
}
