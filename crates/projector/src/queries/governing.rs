//! What holds for the ledger as a whole, according to its log.

use serde::{Deserialize, Serialize};
use tollgate_domain::alert::{AlertRule, Condition};
use tollgate_domain::ids::LEDGER_TENANT;
use tollgate_projection::alerts::{Alerts, AlertsRow, Observed, Transitions, watch_key};

use crate::query::Query;
use crate::rows::RowError;
use crate::seen::Seen;

/// What holds for the ledger as a whole, and how long its transitions take.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct GoverningOf {}

/// What holds for the ledger as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Governing {
    /// Conditions of ledger-wide rules, each with what was observed.
    pub observed: Vec<(Condition, Observed)>,
    /// The alert of the circuit breaker, if it is open.
    pub breaker: Option<String>,
    /// What was measured of transitions.
    pub transitions: Transitions,
}

impl Query<Alerts> for GoverningOf {
    const VERB: &'static str = "governing";
    type Answer = Governing;

    fn answer(&self, view: &Seen<'_, Alerts>) -> Result<Governing, RowError> {
        let row = view.get(&watch_key(LEDGER_TENANT, LEDGER_TENANT))?;
        let Some(watch) = row.as_deref().and_then(AlertsRow::watch) else { return Ok(Governing::default()) };
        let observed = watch.observed.iter().filter(|(condition, _)| condition.rule.is_ledger_wide());
        let breaker = watch.open.iter().find(|(condition, _)| condition.rule == AlertRule::Breaker);
        Ok(Governing {
            observed: observed.map(|(condition, observed)| (condition.clone(), observed.clone())).collect(),
            breaker: breaker.map(|(_, alert)| alert.clone()),
            transitions: watch.transitions.clone(),
        })
    }
}
