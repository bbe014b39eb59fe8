//! Queries on the view `alerts`.

use serde::{Deserialize, Serialize};
use tollgate_domain::alert::{AlertRule, Condition, Severity};
use tollgate_domain::position::Sequence;
use tollgate_projection::alerts::{
    Alert, Alerts, AlertsRow, CHANGES, alert_key, change_after, change_sequence,
};
use tollgate_wire::api::{AlertChangeView, AlertState, AlertView, FoldedView};

use crate::query::Query;
use crate::rows::RowError;
use crate::seen::Seen;

/// Alerts, the latest first.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ListAlerts {
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
    /// The most alerts to return.
    pub limit: usize,
}

/// Which alerts to list, by their state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum AlertStateFilter {
    /// Its condition is true, whether or not a person has seen it.
    #[default]
    Raised,
    /// Its condition is true, and no person has acknowledged it.
    Unacknowledged,
    /// Its condition is true, and a person has acknowledged it.
    Acknowledged,
    /// Its condition is no longer true.
    Resolved,
    /// Any.
    All,
}

impl AlertStateFilter {
    /// The names, in order.
    pub const NAMES: [&'static str; 5] = ["raised", "unacknowledged", "acknowledged", "resolved", "all"];

    /// The filter with this name, if there is one.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "raised" => Some(Self::Raised),
            "unacknowledged" => Some(Self::Unacknowledged),
            "acknowledged" => Some(Self::Acknowledged),
            "resolved" => Some(Self::Resolved),
            "all" => Some(Self::All),
            _ => None,
        }
    }

    const fn holds(self, alert: &Alert) -> bool {
        let (raised, seen) = (alert.resolved.is_none(), alert.acknowledged.is_some());
        match self {
            Self::Raised => raised,
            Self::Unacknowledged => raised && !seen,
            Self::Acknowledged => raised && seen,
            Self::Resolved => !raised,
            Self::All => true,
        }
    }
}

/// One alert by its id.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OneAlert {
    /// Its id.
    pub id: String,
}

/// Some alerts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertPage {
    /// The latest first.
    pub alerts: Vec<AlertView>,
    /// The number of further alerts.
    pub more: u64,
}

/// Changes of alerts after a record, in log order.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct ChangesAfter {
    /// The record.
    pub after: u64,
    /// The most changes, approximately: those of one record stay together.
    pub limit: usize,
}

/// Some changes of alerts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangePage {
    /// In log order.
    pub changes: Vec<AlertChangeView>,
    /// The record of the last one, if more follow.
    pub cut_at: Option<u64>,
}

impl ListAlerts {
    fn wants(&self, alert: &Alert) -> bool {
        self.state.holds(alert)
            && self.rule.is_none_or(|rule| alert.rules().any(|of_it| of_it == rule))
            && self.severity.is_none_or(|least| alert.severity >= least)
            && self.tenant.as_ref().is_none_or(|tenant| *tenant == alert.tenant)
            && self.task.as_ref().is_none_or(|task| *task == alert.task)
    }
}

impl Query<Alerts> for ListAlerts {
    const VERB: &'static str = "alerts";
    const OVER_MANY: bool = true;
    type Answer = AlertPage;

    fn answer(&self, view: &Seen<'_, Alerts>) -> Result<AlertPage, RowError> {
        let mut page = AlertPage::default();
        for row in view.scan(&alert_key(""), None) {
            let (_, row) = row?;
            if let Some(alert) = row.alert()
                && self.wants(alert)
            {
                page.alerts.push(alert_view(alert));
            }
        }
        page.cut(self.limit);
        Ok(page)
    }
}

impl Query<Alerts> for OneAlert {
    const VERB: &'static str = "alert";
    type Answer = Option<AlertView>;

    fn answer(&self, view: &Seen<'_, Alerts>) -> Result<Option<AlertView>, RowError> {
        Ok(view.get(&alert_key(&self.id))?.as_deref().and_then(AlertsRow::alert).map(alert_view))
    }
}

impl AlertPage {
    /// Adds the alerts of other partitions, and keeps the latest.
    pub fn merge(&mut self, other: Self, limit: usize) {
        self.more += other.more;
        self.alerts.extend(other.alerts);
        self.cut(limit);
    }

    fn cut(&mut self, limit: usize) {
        // The latest first; within one record the most severe first.
        let place = |alert: &AlertView| (alert.raised, alert.severity);
        self.alerts.sort_by(|a, b| (place(b), &b.id).cmp(&(place(a), &a.id)));
        self.more += self.alerts.len().saturating_sub(limit) as u64;
        self.alerts.truncate(limit);
    }
}

impl Query<Alerts> for ChangesAfter {
    const VERB: &'static str = "changes";
    type Answer = ChangePage;

    fn answer(&self, view: &Seen<'_, Alerts>) -> Result<ChangePage, RowError> {
        let mut page = ChangePage::default();
        let mut last = self.after;
        for row in view.scan(CHANGES, Some(&change_after(Sequence(self.after)))) {
            let (key, row) = row?;
            let (Some(change), Some(Sequence(sequence))) = (row.change(), change_sequence(&key)) else {
                continue;
            };
            // A person's request to resend is not a change of the alert.
            if change.resend.is_some() {
                continue;
            }
            if page.changes.len() >= self.limit && sequence != last {
                page.cut_at = Some(last);
                break;
            }
            let alert = view.get(&alert_key(&change.alert))?;
            let Some(alert) = alert.as_deref().and_then(AlertsRow::alert) else { continue };
            let change = change.change;
            page.changes.push(AlertChangeView { sequence, change, alert: alert_view(alert) });
            last = sequence;
        }
        Ok(page)
    }
}

impl ChangePage {
    /// Adds the changes of other partitions. What lies beyond the cut of one page is left out of the other
    /// too: it comes with the next pages, in order.
    pub fn merge(&mut self, other: Self) {
        self.cut_at = match (self.cut_at, other.cut_at) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        self.changes.extend(other.changes);
        self.changes.sort_by_key(|change| change.sequence);
        if let Some(last) = self.cut_at {
            self.changes.retain(|change| change.sequence <= last);
        }
    }
}

fn folded_view(condition: &Condition) -> FoldedView {
    FoldedView {
        rule: condition.rule.to_string(),
        scope: condition.scope.to_string(),
        level: condition.level,
    }
}

fn alert_view(alert: &Alert) -> AlertView {
    let (seen, end) = (alert.acknowledged.as_ref(), alert.resolved.as_ref());
    AlertView {
        id: alert.id.clone(),
        rule: alert.condition.rule.to_string(),
        severity: alert.severity,
        tenant: alert.tenant.clone(),
        task: alert.task.clone(),
        scope: alert.condition.scope.to_string(),
        level: alert.condition.level,
        folded: alert.folded.iter().map(folded_view).collect(),
        generation: alert.generation,
        message: alert.message.clone(),
        state: if end.is_some() { AlertState::Resolved } else { AlertState::Raised },
        raised: alert.raised.0,
        raised_at: alert.raised_at.to_string(),
        acknowledged_by: seen.map(|seen| seen.by.clone()),
        acknowledged_at: seen.map(|seen| seen.at.to_string()),
        note: seen.and_then(|seen| seen.note.clone()),
        resolved: end.map(|end| end.by.0),
        resolved_at: end.map(|end| end.at.to_string()),
        resolution: end.map(|end| end.why.clone()),
    }
}
