//! Questions about alerts, and waiting for their changes.

use std::time::Duration;

use tollgate_domain::position::Sequence;
use tollgate_log::clock::Stopwatch;
use tollgate_projection::alerts::{Alert, Alerts, AlertsRow, CHANGES, alert_key, change_after};
use tollgate_projector::{View, Wait};
use tollgate_wire::api::{AlertChangeView, AlertChanges, AlertList, AlertView};

use super::{Ledger, Read};
use crate::problem::{Answer, of_query, of_row};

/// Changes of one answer, about: those of one record stay together.
const PAGE: usize = 500;

/// Which alerts are asked for.
#[derive(Clone, Debug, Default)]
pub struct AlertQuery {
    /// Only of this tenant.
    pub tenant: Option<String>,
    /// Only of this task.
    pub task: Option<String>,
    /// Those that ended too.
    pub all: bool,
    /// At most so many.
    pub limit: usize,
}

impl AlertQuery {
    fn wants(&self, alert: &Alert) -> bool {
        (self.all || alert.resolved.is_none())
            && self.tenant.as_ref().is_none_or(|tenant| *tenant == alert.tenant)
            && self.task.as_ref().is_none_or(|task| *task == alert.task)
    }
}

impl Ledger {
    /// Alerts, the latest first.
    ///
    /// # Errors
    ///
    /// The problem to answer with.
    pub async fn alerts(&self, query: &AlertQuery, read: &Read) -> Answer<AlertList> {
        let at_least = self.wanted(read).await?;
        let wait = Wait { at_least: at_least.as_ref(), up_to: read.wait };
        let list = self.alerts.read(wait, |view| {
            let mut found = Vec::new();
            for row in view.scan(&alert_key(""), None) {
                let (_, row) = row.map_err(|error| of_row(&error))?;
                if let AlertsRow::Alert(alert) = &*row
                    && query.wants(alert)
                {
                    found.push(alert_view(alert));
                }
            }
            found.sort_by(|a, b| (b.raised, &b.id).cmp(&(a.raised, &a.id)));
            let more = found.len().saturating_sub(query.limit) as u64;
            found.truncate(query.limit);
            Ok(AlertList { alerts: found, more, as_of: view.position().to_string() })
        });
        list.await.map_err(|error| of_query(&error))?
    }

    /// What happened to alerts after a record, in the order of the log. Where nothing did, waits for something.
    ///
    /// # Errors
    ///
    /// The problem to answer with.
    pub async fn alert_changes(&self, after: u64, up_to: Duration) -> Answer<AlertChanges> {
        let waited = Stopwatch::start();
        loop {
            let seen = self.alerts.position();
            let wait = Wait { at_least: None, up_to: Read::default().wait };
            let read = self.alerts.read(wait, |view| changes(view, after)).await;
            let found = read.map_err(|error| of_query(&error))??;
            let left = up_to.saturating_sub(waited.elapsed());
            if !found.changes.is_empty() || left.is_zero() || self.is_closing() {
                return Ok(found);
            }
            self.wait_up_to(left, self.alerts.moved_from(&seen, left)).await;
        }
    }
}

fn changes(view: &View<Alerts>, after: u64) -> Answer<AlertChanges> {
    let mut found = AlertChanges { changes: Vec::new(), last: after, as_of: view.position().to_string() };
    for row in view.scan(CHANGES, Some(&change_after(Sequence(after)))) {
        let (key, row) = row.map_err(|error| of_row(&error))?;
        let AlertsRow::Change(change) = &*row else { continue };
        let Some(sequence) = key.get(1..9).and_then(|bytes| bytes.try_into().ok()).map(u64::from_be_bytes)
        else {
            continue;
        };
        if found.changes.len() >= PAGE && sequence != found.last {
            break;
        }
        let alert = view.get(&alert_key(&change.alert)).map_err(|error| of_row(&error))?;
        let Some(AlertsRow::Alert(alert)) = alert.as_deref() else { continue };
        let change = if change.raised { "raised" } else { "resolved" }.to_owned();
        found.changes.push(AlertChangeView { sequence, change, alert: alert_view(alert) });
        found.last = sequence;
    }
    Ok(found)
}

fn alert_view(alert: &Alert) -> AlertView {
    let end = alert.resolved.as_ref();
    AlertView {
        id: alert.id.clone(),
        rule: alert.condition.rule.to_string(),
        severity: alert.severity.as_str().to_owned(),
        tenant: alert.tenant.clone(),
        task: alert.task.clone(),
        scope: alert.condition.scope.to_string(),
        level: alert.condition.level,
        generation: alert.generation,
        message: alert.message.clone(),
        state: if end.is_some() { "resolved" } else { "raised" }.to_owned(),
        raised: alert.raised.0,
        raised_at: alert.raised_at.to_string(),
        resolved: end.map(|end| end.by.0),
        resolved_at: end.map(|end| end.at.to_string()),
        resolution: end.map(|end| end.why.clone()),
    }
}
