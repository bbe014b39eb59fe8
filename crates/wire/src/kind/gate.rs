//! Decisions of the gate.

use serde_json::Value;
use tollgate_domain::breach::Utilization;
use tollgate_domain::config::Rollout;
use tollgate_domain::event::GateDecided;
use tollgate_domain::gate::{Reason, ReasonCode, Requirement, Verdict};
use tollgate_domain::phase::ExecutionId;

use super::{Beside, Kind, progress};
use crate::decoded::TextLength;
use crate::error::FieldError;
use crate::out::{Out, whole};
use crate::proto::{self, Added};
use crate::values::{advance, digits, phase, word};

const VERDICTS: [&str; 3] = ["allow", "warn", "block"];

impl Kind for GateDecided {
    type Proto = proto::GateDecided;

    fn to_domain(stored: Self::Proto, _beside: &mut Beside) -> Result<Self, FieldError> {
        let reasons = stored.reasons.into_iter().enumerate();
        let reasons = reasons.map(|(nth, stored)| {
            reason(stored).map_err(|error| error.within(&format!("[{nth}]")).within("reasons"))
        });
        let requirements = stored.requirements.iter().map(|code| {
            let rule = "must be a requirement that this version knows";
            Requirement::from_code(code).ok_or_else(|| FieldError::new("requirements", code, rule))
        });
        Ok(Self {
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
            policies: stored.policies,
            policies_unknown: stored.policies_unknown,
            progress: stored
                .progress
                .map(|figures| {
                    progress::figures(figures).map(Box::new).map_err(|error| error.within("progress"))
                })
                .transpose()?,
            drawn_tokens: stored.drawn_tokens,
        })
    }

    fn content(&self, _text_length: Option<TextLength>) -> Self::Proto {
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
            advance: self.advance.to_string(),
            verdict: self.verdict.as_str().to_owned(),
            ruled: self.ruled.as_str().to_owned(),
            reasons: self.reasons.iter().map(reason).collect(),
            requirements: self.requirements.iter().map(|code| code.as_str().to_owned()).collect(),
            tokens: self.tokens.map(utilization_to_proto),
            latency: self.latency.map(utilization_to_proto),
            active: self.active.as_ref().map(active),
            remaining_tokens: self.remaining_tokens,
            remaining_latency_ms: self.remaining_latency_ms,
            config_hash: self.config_hash.clone(),
            as_of: self.as_of.clone(),
            stale: self.stale,
            rollout: self.rollout.map(|rollout| rollout.as_str().to_owned()).unwrap_or_default(),
            policies: self.policies.clone(),
            policies_unknown: self.policies_unknown,
            progress: self.progress.as_deref().map(progress::figures_to_proto),
            drawn_tokens: self.drawn_tokens,
        }
    }

    fn write(out: &mut Out, content: &Self::Proto, _added: Option<&Added>) {
        out.text("advance", &content.advance);
        out.text("verdict", &content.verdict);
        out.text("ruled", &content.ruled);
        let reason = |reason: &proto::Reason| {
            let mut out = Out::default();
            out.text("code", &reason.code);
            out.text("verdict", &reason.verdict);
            out.text("message", &reason.message);
            out.object()
        };
        out.value("reasons", content.reasons.iter().map(reason).collect());
        out.texts("requirements", &content.requirements);
        out.optional("tokens", content.tokens.as_ref().map(written_utilization));
        out.optional("latency", content.latency.as_ref().map(written_utilization));
        out.optional(
            "active",
            content.active.as_ref().map(|active| {
                let mut out = Out::default();
                out.execution(&active.phase, Some(active.attempt));
                out.object()
            }),
        );
        out.optional("remaining_tokens", content.remaining_tokens.map(whole));
        out.optional("remaining_latency_ms", content.remaining_latency_ms.map(whole));
        out.text("config_hash", &content.config_hash);
        out.text("as_of", &content.as_of);
        out.value("stale", content.stale.into());
        out.text("rollout", &content.rollout);
        out.texts("policies", &content.policies);
        if content.policies_unknown {
            out.value("policies_unknown", true.into());
        }
        out.optional("progress", content.progress.as_ref().map(progress::written_figures));
        if content.drawn_tokens > 0 {
            out.count("drawn_tokens", content.drawn_tokens);
        }
    }
}

/// Empty: not recorded.
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

fn written_utilization(utilization: &proto::Utilization) -> Value {
    let digits =
        |text: &String| text.parse().map_or_else(|_| Value::from(text.as_str()), |value: i128| whole(value));
    let mut out = Out::default();
    out.value("used", digits(&utilization.used));
    out.value("limit", digits(&utilization.limit));
    out.object()
}
