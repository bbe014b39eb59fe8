//! Decisions of the gate.

use tollgate_domain::breach::Utilization;
use tollgate_domain::config::Rollout;
use tollgate_domain::gate::{GateDecided, Reason, ReasonCode, Requirement, Verdict};
use tollgate_domain::phase::ExecutionId;

use super::text::{advance, digits, phase, word};
use crate::error::FieldError;
use crate::proto;

const VERDICTS: [&str; 3] = ["allow", "warn", "block"];

pub(super) fn decided(stored: proto::GateDecided) -> Result<GateDecided, FieldError> {
    let reasons = stored.reasons.into_iter().enumerate();
    let reasons = reasons.map(|(nth, stored)| {
        reason(stored).map_err(|error| error.within(&format!("[{nth}]")).within("reasons"))
    });
    let requirements = stored.requirements.iter().map(|code| {
        let rule = "must be a requirement that this version knows";
        Requirement::from_code(code).ok_or_else(|| FieldError::new("requirements", code, rule))
    });
    Ok(GateDecided {
        advance: advance("advance", &stored.advance)?,
        verdict: word("verdict", &stored.verdict, &VERDICTS, Verdict::from_word)?,
        ruled: word("ruled", &stored.ruled, &VERDICTS, Verdict::from_word)?,
        reasons: reasons.collect::<Result<_, _>>()?,
        requirements: requirements.collect::<Result<_, _>>()?,
        tokens: utilization("tokens", stored.tokens)?,
        latency: utilization("latency", stored.latency)?,
        active: stored
            .active
            .map(|active| {
                Ok(ExecutionId { phase: phase("active.phase", &active.phase)?, attempt: active.attempt })
            })
            .transpose()?,
        remaining_tokens: stored.remaining_tokens,
        remaining_latency_ms: stored.remaining_latency_ms,
        config_hash: stored.config_hash,
        as_of: stored.as_of,
        stale: stored.stale,
        rollout: rollout(&stored.rollout)?,
    })
}

pub(super) fn decided_content(decided: &GateDecided) -> proto::GateDecided {
    let reason = |reason: &Reason| proto::Reason {
        code: reason.code.as_str().to_owned(),
        verdict: reason.verdict.as_str().to_owned(),
        message: reason.message.clone(),
    };
    let active = |active: &ExecutionId| proto::Execution {
        phase: active.phase.as_str().to_owned(),
        attempt: active.attempt,
    };
    proto::GateDecided {
        advance: decided.advance.to_string(),
        verdict: decided.verdict.as_str().to_owned(),
        ruled: decided.ruled.as_str().to_owned(),
        reasons: decided.reasons.iter().map(reason).collect(),
        requirements: decided.requirements.iter().map(|code| code.as_str().to_owned()).collect(),
        tokens: decided.tokens.map(utilization_to_proto),
        latency: decided.latency.map(utilization_to_proto),
        active: decided.active.as_ref().map(active),
        remaining_tokens: decided.remaining_tokens,
        remaining_latency_ms: decided.remaining_latency_ms,
        config_hash: decided.config_hash.clone(),
        as_of: decided.as_of.clone(),
        stale: decided.stale,
        rollout: decided.rollout.map(|rollout| rollout.as_str().to_owned()).unwrap_or_default(),
    }
}

/// Empty: not noted.
fn rollout(stored: &str) -> Result<Option<Rollout>, FieldError> {
    if stored.is_empty() {
        return Ok(None);
    }
    word("rollout", stored, Rollout::NAMES, Rollout::from_word).map(Some)
}

fn reason(stored: proto::Reason) -> Result<Reason, FieldError> {
    let code = ReasonCode::from_code(&stored.code)
        .ok_or_else(|| FieldError::new("code", &stored.code, "must be a reason that this version knows"))?;
    let verdict = word("verdict", &stored.verdict, &VERDICTS, Verdict::from_word)?;
    Ok(Reason { code, verdict, message: stored.message })
}

fn utilization(field: &str, stored: Option<proto::Utilization>) -> Result<Option<Utilization>, FieldError> {
    let Some(stored) = stored else { return Ok(None) };
    let read = |name: &str, text: &str| digits(name, text).map_err(|error| error.within(field));
    Ok(Some(Utilization { used: read("used", &stored.used)?, limit: read("limit", &stored.limit)? }))
}

fn utilization_to_proto(utilization: Utilization) -> proto::Utilization {
    proto::Utilization { used: utilization.used.to_string(), limit: utilization.limit.to_string() }
}
