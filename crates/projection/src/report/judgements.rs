//! What the gate decided about a task, what people overrode and what they explained, as in API answers.

use tollgate_domain::gate::{ReasonCode, Verdict};
use tollgate_wire::api::{DecisionView, ExplanationView, OverrideView, ReasonView};

use super::utilization_view;
use super::words::with_thousands;
use crate::status::{Decision, Explanation, Override};

/// A decision of the gate.
pub(super) fn decision_view(decision: &Decision) -> DecisionView {
    let reason = |(code, verdict, message): &(ReasonCode, Verdict, String)| ReasonView {
        code: code.as_str().to_owned(),
        verdict: *verdict,
        message: message.clone(),
    };
    DecisionView {
        sequence: decision.sequence.0,
        at: decision.at.to_string(),
        advance_to: decision.advance.to_string(),
        verdict: decision.verdict,
        ruled: decision.ruled,
        reasons: decision.reasons.iter().map(reason).collect(),
        requirements: decision
            .requirements
            .iter()
            .map(|requirement| requirement.as_str().to_owned())
            .collect(),
        tokens: decision.tokens.as_ref().map(utilization_view),
        latency_ms: decision.latency.as_ref().map(utilization_view),
        config_hash: decision.config_hash.clone(),
        as_of: decision.as_of.clone(),
        stale: decision.stale,
    }
}

/// An override that a person granted.
pub(super) fn override_view(granted: &Override) -> OverrideView {
    OverrideView {
        sequence: granted.sequence.0,
        at: granted.at.to_string(),
        what: with_thousands(&granted.what),
        approver: granted.approver.clone(),
        reason: granted.reason.clone(),
    }
}

/// An explanation that a person gave.
pub(super) fn explanation_view(given: &Explanation) -> ExplanationView {
    ExplanationView {
        sequence: given.sequence.0,
        at: given.at.to_string(),
        phase: given.execution.phase.as_str().to_owned(),
        attempt: given.execution.attempt,
        author: given.author.clone(),
        explanation: given.text.clone(),
    }
}
