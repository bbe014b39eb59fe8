//! Queries on the view `alerts` about deliveries to endpoints.

use serde::{Deserialize, Serialize};
use tollgate_deliver::config::Filter;
use tollgate_domain::event::{Change, DeliveryOutcome};
use tollgate_domain::position::Sequence;
use tollgate_projection::alerts::{
    Alert, AlertChange, Alerts, AlertsRow, CHANGES, DELIVERIES, Delivery, EndpointState, alert_key,
    change_after, change_sequence, deliveries_of, delivery_key, states_of,
};

use crate::query::Query;
use crate::rows::RowError;
use crate::seen::Seen;

/// The most rows that one query reads: the view does not move on meanwhile.
const SCAN: usize = 2000;

/// The progress of an endpoint: one row per partition in which something was tried.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EndpointOf {
    /// Its name.
    pub endpoint: String,
}

/// Changes to be delivered to an endpoint, in log order.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ChangesFor {
    /// Its name.
    pub endpoint: String,
    /// Which alerts it receives.
    pub filter: Filter,
    /// After this record.
    pub after: Sequence,
    /// Up to this record.
    pub through: Sequence,
    /// Only changes without a delivery of their own and without a request to resend: what a digest covers.
    pub for_digest: bool,
    /// The most changes, approximately: those of one record stay together.
    pub limit: usize,
}

/// A change, or a request to resend one, with its alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeToDeliver {
    /// Its record.
    pub sequence: Sequence,
    /// The change to be delivered.
    pub change: AlertChange,
    /// The current state of the alert.
    pub alert: Alert,
    /// The delivery of this change to the endpoint so far, if there is one.
    pub delivery: Option<Delivery>,
}

/// Some changes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangesToDeliver {
    /// In log order.
    pub changes: Vec<ChangeToDeliver>,
    /// Everything up to this record was examined; `None` if everything was.
    pub cut_at: Option<Sequence>,
}

/// Deliveries to an endpoint, by alert and change.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DeliveriesOf {
    /// Its name.
    pub endpoint: String,
    /// Which ones.
    pub names: Vec<(String, Change)>,
}

/// A delivery and its alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedDelivery {
    /// What was done.
    pub delivery: Delivery,
    /// The current state of the alert; absent for a digest.
    pub alert: Option<Alert>,
}

/// Deliveries, the latest first.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ListDeliveries {
    /// Only of this alert.
    pub alert: Option<String>,
    /// Only to this endpoint.
    pub endpoint: Option<String>,
    /// Also those that are settled: delivered, or not to be sent.
    pub all: bool,
    /// The most deliveries to return.
    pub limit: usize,
}

/// Some deliveries.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryPage {
    /// The latest first.
    pub deliveries: Vec<Delivery>,
    /// The number of further deliveries.
    pub more: u64,
}

impl Query<Alerts> for EndpointOf {
    const VERB: &'static str = "endpoint";
    type Answer = Vec<EndpointState>;

    fn answer(&self, view: &Seen<'_, Alerts>) -> Result<Self::Answer, RowError> {
        let mut states = Vec::new();
        for row in view.scan(&states_of(&self.endpoint), None) {
            if let AlertsRow::Endpoint(state) = &*row?.1 {
                states.push((**state).clone());
            }
        }
        Ok(states)
    }
}

impl ChangesFor {
    fn wants(&self, told: &ChangeToDeliver) -> bool {
        let ChangeToDeliver { change, alert, delivery, .. } = told;
        if !alert.rules().any(|rule| self.filter.wants(rule, alert.severity, &alert.tenant)) {
            return false;
        }
        match &change.resend {
            Some(resend) => {
                let ours = resend.endpoint.as_ref().is_none_or(|endpoint| *endpoint == self.endpoint);
                ours && !self.for_digest
            }
            None if self.for_digest => delivery.is_none(),
            None => true,
        }
    }
}

impl Query<Alerts> for ChangesFor {
    const VERB: &'static str = "changes_for";
    type Answer = ChangesToDeliver;

    fn answer(&self, view: &Seen<'_, Alerts>) -> Result<ChangesToDeliver, RowError> {
        let mut page = ChangesToDeliver::default();
        let mut last = self.after;
        for (looked_at, row) in view.scan(CHANGES, Some(&change_after(self.after))).enumerate() {
            let (key, row) = row?;
            let AlertsRow::Change(change) = &*row else { continue };
            let Some(sequence) = change_sequence(&key) else { continue };
            if sequence > self.through {
                break;
            }
            if sequence != last && (page.changes.len() >= self.limit || looked_at >= SCAN) {
                page.cut_at = Some(last);
                break;
            }
            last = sequence;
            let alert = view.get(&alert_key(&change.alert))?;
            let Some(AlertsRow::Alert(alert)) = alert.as_deref() else { continue };
            let delivery = view.get(&delivery_key(&change.alert, change.change, &self.endpoint))?;
            let delivery = match delivery.as_deref() {
                Some(AlertsRow::Delivery(delivery)) => Some((**delivery).clone()),
                Some(_) | None => None,
            };
            let told =
                ChangeToDeliver { sequence, change: change.clone(), alert: (**alert).clone(), delivery };
            if self.wants(&told) {
                page.changes.push(told);
            }
        }
        Ok(page)
    }
}

impl ChangesToDeliver {
    /// Adds the changes of other partitions. What lies beyond the cut of one page is left out of the other
    /// too.
    pub fn merge(&mut self, other: Self) {
        self.cut_at = match (self.cut_at, other.cut_at) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        self.changes.extend(other.changes);
        self.changes.sort_by_key(|told| told.sequence);
        if let Some(last) = self.cut_at {
            self.changes.retain(|told| told.sequence <= last);
        }
    }
}

impl Query<Alerts> for DeliveriesOf {
    const VERB: &'static str = "deliveries_of";
    type Answer = Vec<RecordedDelivery>;

    fn answer(&self, view: &Seen<'_, Alerts>) -> Result<Self::Answer, RowError> {
        let mut found = Vec::new();
        for (alert, change) in &self.names {
            let row = view.get(&delivery_key(alert, *change, &self.endpoint))?;
            let Some(AlertsRow::Delivery(delivery)) = row.as_deref() else { continue };
            let alert = match view.get(&alert_key(alert))?.as_deref() {
                Some(AlertsRow::Alert(alert)) => Some((**alert).clone()),
                Some(_) | None => None,
            };
            found.push(RecordedDelivery { delivery: (**delivery).clone(), alert });
        }
        Ok(found)
    }
}

impl Query<Alerts> for ListDeliveries {
    const VERB: &'static str = "deliveries";
    const OVER_MANY: bool = true;
    type Answer = DeliveryPage;

    fn answer(&self, view: &Seen<'_, Alerts>) -> Result<DeliveryPage, RowError> {
        let mut page = DeliveryPage::default();
        let prefix = self.alert.as_ref().map_or_else(|| DELIVERIES.to_vec(), |alert| deliveries_of(alert));
        for row in view.scan(&prefix, None) {
            let (_, row) = row?;
            if let AlertsRow::Delivery(delivery) = &*row
                && self.endpoint.as_ref().is_none_or(|endpoint| *endpoint == delivery.endpoint)
                && (self.all
                    || !matches!(delivery.outcome, DeliveryOutcome::Delivered | DeliveryOutcome::Skipped))
            {
                page.deliveries.push((**delivery).clone());
            }
        }
        page.cut(self.limit);
        Ok(page)
    }
}

impl DeliveryPage {
    /// Adds the deliveries of other partitions, and keeps the latest.
    pub fn merge(&mut self, other: Self, limit: usize) {
        self.more += other.more;
        self.deliveries.extend(other.deliveries);
        self.cut(limit);
    }

    fn cut(&mut self, limit: usize) {
        let latest = |delivery: &Delivery| delivery.history.last().map(|attempt| attempt.at);
        self.deliveries.sort_by(|a, b| (latest(b), &b.alert, b.change).cmp(&(latest(a), &a.alert, a.change)));
        self.more += self.deliveries.len().saturating_sub(limit) as u64;
        self.deliveries.truncate(limit);
    }
}
