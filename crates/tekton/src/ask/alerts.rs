//! Alerts, with what the policies say that they are about.

use std::collections::BTreeMap;

use tollgate_client::{AlertFilter, Read};
use tollgate_domain::event::Change;
use tollgate_wire::api::{AlertView, PolicyRule};

use crate::app::{PAGE, Tekton, of_unknown};
use crate::fault::Handled;
use crate::views::alert::{Told, policy_of};
use crate::views::policy::rule;

/// Which alerts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) budget: Option<String>,
    pub(crate) severity: Option<String>,
    pub(crate) kind: Option<String>,
    /// Absent: only those that nobody has acknowledged.
    pub(crate) acknowledged: Option<bool>,
    pub(crate) period: Option<String>,
}

impl Wanted {
    fn has(&self, told: &Told) -> bool {
        let same =
            |wanted: &Option<String>, found: &str| wanted.as_ref().is_none_or(|wanted| wanted == found);
        let period = told.policy.as_ref().map_or("", |(_, rule)| rule.window.as_str());
        self.budget.as_ref().is_none_or(|wanted| told.budget() == Some(wanted))
            && same(&self.severity, told.severity())
            && same(&self.kind, &told.kind())
            && same(&self.period, period)
            && told.is_acknowledged() == self.acknowledged.unwrap_or(false)
    }
}

impl Tekton {
    /// Alerts, the latest first. Those that nobody acknowledged are listed as long as they hold.
    pub(crate) async fn alerts(&self, wanted: &Wanted) -> Handled<Vec<Told>> {
        let state = if wanted.acknowledged == Some(true) { "all" } else { "unacknowledged" };
        let filter = AlertFilter { state: Some(state.to_owned()), ..AlertFilter::default() };
        let found = self.ledger.alerts(&filter, PAGE, &Self::latest()).await?.alerts;
        Ok(self.with_policies(found).await?.into_iter().filter(|told| wanted.has(told)).collect())
    }

    /// An alert.
    pub(crate) async fn alert(&self, id: &str, read: &Read) -> Handled<Told> {
        let found = self.ledger.alert(id, read).await;
        let found = found.map_err(|error| of_unknown(error, "alert_unknown", "Alert", id))?;
        let mut told = self.with_policies(vec![found.clone()]).await?;
        Ok(told.pop().unwrap_or(Told { alert: found, policy: None }))
    }

    /// Alerts that were raised since the last check told of some.
    pub(crate) async fn checked(&self, wanted: &Wanted) -> Handled<Vec<Told>> {
        self.ledger.look_at_policies().await?;
        // The view has what was found.
        self.ledger.alerts(&AlertFilter::default(), 1, &Self::latest()).await?;
        let (mut raised, mut after) = (Vec::new(), self.checked_from(0));
        loop {
            let page = self.ledger.alert_changes(after, 0).await?;
            let more = page.changes.into_iter().filter(|change| change.change == Change::Raised);
            raised.extend(more.map(|change| change.alert).filter(|alert| alert.tenant == self.tenant));
            if page.last <= after {
                break;
            }
            after = page.last;
        }
        self.checked_from(after);
        Ok(self.with_policies(raised).await?.into_iter().filter(|told| wanted.has(told)).collect())
    }

    /// With what their policies say.
    pub(crate) async fn with_policies(&self, alerts: Vec<AlertView>) -> Handled<Vec<Told>> {
        let is_needed = alerts.iter().any(|alert| policy_of(alert).is_some());
        let policies = if is_needed { self.policies(None).await? } else { Vec::new() };
        let rules: BTreeMap<&str, PolicyRule> =
            policies.iter().map(|policy| (policy.policy.as_str(), rule(policy))).collect();
        let told = alerts.into_iter().map(|alert| {
            let name = policy_of(&alert).map(str::to_owned);
            let policy = name.and_then(|name| Some((name.clone(), rules.get(name.as_str())?.clone())));
            Told { alert, policy }
        });
        Ok(told.collect())
    }
}
