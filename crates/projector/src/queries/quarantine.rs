//! What the inbox refused, and what happened to it.

use serde::{Deserialize, Serialize};
use tollgate_projection::alerts::{Alerts, AlertsRow, QUARANTINE, Quarantined, quarantine_key};

use crate::query::Query;
use crate::rows::RowError;
use crate::seen::Seen;

/// Messages that the inbox refused, the latest first.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ListQuarantine {
    /// Only of this tenant.
    pub tenant: Option<String>,
    /// Also those that were redriven or dropped.
    pub all: bool,
    /// The most messages to return.
    pub limit: usize,
}

/// Some messages.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuarantinePage {
    /// The latest first.
    pub messages: Vec<Quarantined>,
    /// The number of further messages.
    pub more: u64,
}

/// One message by the id of its rejection.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OneQuarantined {
    /// The id.
    pub id: String,
}

impl Query<Alerts> for ListQuarantine {
    const VERB: &'static str = "quarantine";
    const OVER_MANY: bool = true;
    type Answer = QuarantinePage;

    fn answer(&self, view: &Seen<'_, Alerts>) -> Result<QuarantinePage, RowError> {
        let mut page = QuarantinePage::default();
        for row in view.scan(QUARANTINE, None) {
            let (_, row) = row?;
            let Some(message) = row.quarantined() else { continue };
            let wanted = self.tenant.as_ref().is_none_or(|tenant| *tenant == message.tenant);
            if wanted && (self.all || message.ended.is_none()) {
                page.messages.push(message.clone());
            }
            // Payloads are large: at most twice the requested number is held, enough to select from.
            if page.messages.len() > self.limit.saturating_mul(2) {
                page.cut(self.limit);
            }
        }
        page.cut(self.limit);
        Ok(page)
    }
}

impl QuarantinePage {
    /// Adds the messages of other partitions, and keeps the latest.
    pub fn merge(&mut self, other: Self, limit: usize) {
        self.more += other.more;
        self.messages.extend(other.messages);
        self.cut(limit);
    }

    fn cut(&mut self, limit: usize) {
        self.messages.sort_by(|a, b| (b.sequence, &b.id).cmp(&(a.sequence, &a.id)));
        self.more += self.messages.len().saturating_sub(limit) as u64;
        self.messages.truncate(limit);
    }
}

impl Query<Alerts> for OneQuarantined {
    const VERB: &'static str = "quarantined";
    type Answer = Option<Quarantined>;

    fn answer(&self, view: &Seen<'_, Alerts>) -> Result<Option<Quarantined>, RowError> {
        let row = view.get(&quarantine_key(&self.id))?;
        Ok(row.as_deref().and_then(AlertsRow::quarantined).cloned())
    }
}
