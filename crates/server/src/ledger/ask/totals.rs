//! Ledger-wide totals, over all parts of the view.

use tollgate_domain::position::Position;
use tollgate_projector::Wait;
use tollgate_projector::queries::{LedgerTotalsOf, TotalsOf};
use tollgate_wire::api::{LedgerReport, ReportPeriod};

use super::Queries;
use super::dimensions::By;
use super::period::{PeriodQuery, known_on};
use super::query::Read;
use crate::problem::{Answer, INVALID, of_query};

/// Which totals to return.
#[derive(Clone, Debug, Default)]
pub struct TotalsQuery {
    /// Only of this tenant; `None`: of all tenants.
    pub tenant: Option<String>,
    /// How many groups each list has, other than that of periods: those with the most tokens.
    pub top: usize,
    /// Which time to cover; `by` names periods and may name one dimension.
    pub period: PeriodQuery,
    /// Only what was recorded by the end of this UTC day.
    pub known_on: Option<String>,
}

impl Queries {
    /// Totals of the ledger; of one tenant if one is named.
    pub async fn ledger_report(&self, asked: &TotalsQuery, read: &Read) -> Answer<LedgerReport> {
        let By { period, mut dimensions } = By::of(asked.period.by.as_deref())?;
        let period = PeriodQuery { by: period, ..asked.period.clone() };
        let periods = period.checked(&self.settings().config.reports.time_zone)?;
        let known_on = known_on(asked.known_on.as_deref(), self.now())?;
        let chosen = dimensions.pop();
        if let (Some(second), Some(first)) = (&chosen, dimensions.first()) {
            let rule = format!(
                "must name one dimension, and `{first}` is another: `tollgate report export` takes several"
            );
            return Err(INVALID.of_field("by", &second.to_string(), &rule));
        }
        let at_least = self.wanted(read).await?;
        let wait = Wait { at_least: at_least.as_ref(), up_to: read.wait };
        let mut question = TotalsOf {
            tenant: asked.tenant.clone(),
            by: periods.by,
            zone: periods.zone.clone(),
            span: periods.span(),
            chosen: chosen.clone(),
            known_on,
            top: Some(asked.top),
            listed: None,
        };
        let (mut found, mut as_of, parts) = self.totals(&question, wait).await?;
        if parts > 1 && found.totals.is_cut() {
            // What is among the largest in one part may be in another's remainder: all parts are asked for
            // the same groups, so that each row is complete.
            question.listed = Some(found.totals.largest(asked.top));
            (found, as_of, _) = self.totals(&question, wait).await?;
        }
        let made = self.make(move || {
            let databases: Vec<String> = found.zone_databases.into_iter().collect();
            let period = ReportPeriod {
                by: periods.by.to_string(),
                time_zone: periods.zone.to_string(),
                time_zone_database: databases.join(", "),
                since: periods.since.map(|since| since.to_string()),
                until: periods.until.map(|until| until.to_string()),
                known_on: known_on.map(|day| day.to_string()),
            };
            let chosen = chosen.map(|dimension| dimension.to_string());
            found.totals.report(period, chosen, found.tasks, found.degraded, as_of.to_string())
        });
        let mut report = made.await?;
        let models: Vec<&str> = report.by_model.iter().map(|group| group.key.as_str()).collect();
        report.price_warnings = self.settings().doubts_about(&models, self.now());
        Ok(report)
    }

    /// Totals over all parts, and the number of parts.
    async fn totals(&self, question: &TotalsOf, wait: Wait<'_>) -> Answer<(LedgerTotalsOf, Position, usize)> {
        let asked = self.reports().ask_all(wait, question).await;
        let (parts, as_of) = asked.map_err(|error| of_query(&error))?;
        self.make(move || {
            let mut found = LedgerTotalsOf::default();
            parts.iter().for_each(|part| found.merge(part));
            found.totals.list_periods();
            (found, as_of, parts.len())
        })
        .await
    }
}
