//! Alerts.

use tollgate_domain::alert::Severity;
use tollgate_wire::api::{AlertView, PolicyRule};

use crate::json::{Json, object};

/// An alert, and what its policy says, if it is one of a policy.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) alert: AlertView,
    /// The policy, and what it says.
    pub(crate) policy: Option<(String, PolicyRule)>,
}

/// From which level on a limit is exceeded, in percent.
const LIMIT: u32 = 100;

/// The policy that an alert is about, from what it says it is about.
pub(crate) fn policy_of(alert: &AlertView) -> Option<&str> {
    let rest = alert.scope.strip_prefix("policy ")?;
    let end = [" from ", " of "].iter().filter_map(|word| rest.rfind(word)).max().unwrap_or(rest.len());
    Some(&rest[..end])
}

impl Told {
    /// Tekton's word for what it is about; for what Tekton has no word, the ledger's.
    pub(crate) fn kind(&self) -> String {
        let Some((_, rule)) = &self.policy else { return self.alert.rule.clone() };
        let what = if rule.limit_usd.is_some() { "cost" } else { "token" };
        let reached = if self.alert.level >= LIMIT { "exceeded" } else { "approaching" };
        format!("{what}_limit_{reached}")
    }

    /// One of `info`, `warning` and `error`.
    pub(crate) fn severity(&self) -> &'static str {
        if self.policy.is_some() {
            return if self.alert.level >= LIMIT { "error" } else { "warning" };
        }
        match self.alert.severity {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Error | Severity::Critical => "error",
        }
    }

    /// The budget of its policy.
    pub(crate) fn budget(&self) -> Option<&String> {
        self.policy.as_ref().and_then(|(_, rule)| rule.budget.as_ref())
    }

    /// Whether somebody has acknowledged it.
    pub(crate) const fn is_acknowledged(&self) -> bool {
        self.alert.acknowledged_by.is_some()
    }

    fn title(&self) -> String {
        let kind = self.kind().replace('_', " ");
        let mut letters = kind.chars();
        letters
            .next()
            .map(|first| first.to_uppercase().collect::<String>() + letters.as_str())
            .unwrap_or_default()
    }

    /// The alert.
    pub(crate) fn json(&self) -> Json {
        let rule = self.policy.as_ref().map(|(_, rule)| rule);
        let details = object! {
            "rule" => &self.alert.rule,
            "state" => self.alert.state.as_str(),
            "scope" => &self.alert.scope,
            "level_percent" => self.alert.level,
            "period" => rule.map(|rule| &rule.window),
            "token_limit" => rule.and_then(|rule| rule.limit_tokens),
            "cost_limit" => rule.and_then(|rule| rule.limit_usd.as_deref()).map(Json::money),
        };
        object! {
            "alert_id" => &self.alert.id,
            "budget_id" => self.budget(),
            "policy_id" => self.policy.as_ref().map(|(id, _)| id),
            "severity" => self.severity(),
            "type" => self.kind(),
            "message" => &self.alert.message,
            "details" => details.without_nulls(),
            "timestamp" => &self.alert.raised_at,
            "acknowledged" => self.is_acknowledged(),
            "acknowledged_by" => self.alert.acknowledged_by.as_ref(),
            "acknowledged_at" => self.alert.acknowledged_at.as_ref(),
            "title" => self.title(),
        }
    }
}
