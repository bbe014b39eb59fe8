//! Queries for alerts, and waiting for their changes.

use std::time::Duration;

use tollgate_clock::Stopwatch;
use tollgate_domain::alert::{AlertRule, Severity};
use tollgate_domain::position::Position;
use tollgate_projector::queries::{
    AlertPage, AlertStateFilter, ChangePage, ChangesAfter, ListAlerts, OneAlert,
};
use tollgate_projector::{Source, Wait};
use tollgate_wire::api::{AlertChanges, AlertList, AlertView};

use super::{Queries, Read};
use crate::problem::{ALERT_UNKNOWN, Answer, of_query, of_read};

/// Approximate number of changes per answer: those of one record stay together.
const PAGE: usize = 500;

/// Which alerts to return.
#[derive(Clone, Debug, Default)]
pub struct AlertQuery {
    /// Only of this tenant.
    pub tenant: Option<String>,
    /// Only of this task.
    pub task: Option<String>,
    /// Only of this rule.
    pub rule: Option<AlertRule>,
    /// Only of this severity or above.
    pub severity: Option<Severity>,
    /// Only in this state.
    pub state: AlertStateFilter,
    /// Maximum number of alerts to return.
    pub limit: usize,
}

impl Queries {
    /// Alerts, latest first.
    ///
    /// # Errors
    ///
    /// The problem to answer with.
    pub async fn alerts(&self, query: &AlertQuery, read: &Read) -> Answer<AlertList> {
        let at_least = self.wanted(read).await?;
        let wait = Wait { at_least: at_least.as_ref(), up_to: read.wait };
        let question = ListAlerts {
            tenant: query.tenant.clone(),
            task: query.task.clone(),
            rule: query.rule,
            severity: query.severity,
            state: query.state,
            limit: query.limit,
        };
        let asked = self.alerts.ask_all(wait, &question).await;
        let (parts, as_of) = asked.map_err(|error| of_query(&error))?;
        let mut page = AlertPage::default();
        parts.into_iter().for_each(|part| page.merge(part, query.limit));
        Ok(AlertList { alerts: page.alerts, more: page.more, as_of: as_of.to_string() })
    }

    /// One alert, and the position up to which that is true.
    ///
    /// # Errors
    ///
    /// The problem to answer with.
    pub async fn alert(&self, id: &str, read: &Read) -> Answer<AlertView> {
        let at_least = self.wanted(read).await?;
        let wait = Wait { at_least: at_least.as_ref(), up_to: read.wait };
        let asked = self.alerts.ask_all(wait, &OneAlert { id: id.to_owned() }).await;
        let (parts, as_of) = asked.map_err(|error| of_query(&error))?;
        parts.into_iter().flatten().next().ok_or_else(|| {
            let shown: String = id.chars().take(80).collect();
            let mut problem = ALERT_UNKNOWN.with(format!(
                "alert `{shown}`: not found as of {}; GET /v1/alerts lists alerts",
                as_of.in_words()
            ));
            problem.as_of = Some(as_of.to_string());
            problem
        })
    }

    /// What happened to alerts after a record, in log order. If nothing did, waits for a change.
    ///
    /// # Errors
    ///
    /// The problem to answer with.
    pub async fn alert_changes(&self, after: u64, up_to: Duration) -> Answer<AlertChanges> {
        let waited = Stopwatch::start();
        loop {
            let (found, as_of) = self.changes_now(after).await?;
            let left = up_to.saturating_sub(waited.elapsed());
            if !found.changes.is_empty() || left.is_zero() || self.is_closing() {
                return Ok(found);
            }
            self.wait_up_to(left, self.alerts.moved_from(&as_of, left)).await;
        }
    }

    async fn changes_now(&self, after: u64) -> Answer<(AlertChanges, Position)> {
        self.metrics.changes_read();
        // Up to here every part is complete: a change from a part that is further ahead may be preceded by
        // others that are still to come.
        let complete = match &*self.alerts {
            Source::Local(_) => None,
            Source::Remote(_) => Some(self.log.tail().await.map_err(|error| of_read(&error))?),
        };
        let wait = Wait { at_least: complete.as_ref(), up_to: Read::default().wait };
        let asked = self.alerts.ask_all(wait, &ChangesAfter { after, limit: PAGE }).await;
        let (parts, as_of) = asked.map_err(|error| of_query(&error))?;
        let mut page = ChangePage::default();
        parts.into_iter().for_each(|part| page.merge(part));
        if let Some(complete) = complete {
            page.changes.retain(|change| change.sequence <= complete.highest().0);
        }
        let last = page.changes.last().map_or(after, |change| change.sequence);
        Ok((AlertChanges { changes: page.changes, last, as_of: as_of.to_string() }, as_of))
    }
}
