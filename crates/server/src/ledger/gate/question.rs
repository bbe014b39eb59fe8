//! What the gate is asked, and the format of its answers.

use tollgate_domain::gate::{GateDecided, Reason, ReasonCode, Verdict};
use tollgate_domain::ids::{EventId, ProducerId, TaskId, TenantId};
use tollgate_domain::limits::TaskLimits;
use tollgate_domain::nearest;
use tollgate_domain::phase::Advance;
use tollgate_domain::position::{PartitionId, Position};
use tollgate_log::contract::EventName;
use tollgate_projection::report::{report_path, utilization_view};
use tollgate_wire::api::{GateRequest, GateResponse, ReasonView};
use uuid::Uuid;

use crate::ledger::ask::names;
use crate::ledger::{OWN_PRODUCER, Settings};
use crate::problem::{Answer, CONFLICT, INVALID};

/// A question, validated.
pub(super) struct Question {
    pub(super) tenant: TenantId,
    pub(super) task: TaskId,
    pub(super) producer: ProducerId,
    pub(super) id: EventId,
    pub(super) advance: Advance,
}

impl Question {
    pub(super) fn name(&self) -> EventName {
        EventName {
            tenant: self.tenant.clone(),
            task: self.task.clone(),
            producer: self.producer.clone(),
            id: self.id.clone(),
        }
    }

    pub(super) fn partition(&self) -> PartitionId {
        PartitionId::of(self.tenant.as_str(), self.task.as_str())
    }
}

/// The decision while tracking is switched off.
pub(super) fn untracked(question: &Question, settings: &Settings) -> GateDecided {
    let message = "tracking is switched off: no data is recorded and no decision is made".to_owned();
    let reason = Reason { code: ReasonCode::TrackingOff, verdict: Verdict::Allow, message };
    without_numbers(question, vec![reason], settings, String::new(), false)
}

/// A decision that the rules did not make.
pub(super) fn without_numbers(
    question: &Question,
    reasons: Vec<Reason>,
    settings: &Settings,
    as_of: String,
    stale: bool,
) -> GateDecided {
    let verdict = reasons.iter().map(|reason| reason.verdict).max().unwrap_or(Verdict::Allow);
    GateDecided {
        advance: question.advance.clone(),
        verdict,
        ruled: verdict,
        reasons,
        requirements: Vec::new(),
        tokens: None,
        latency: None,
        active: None,
        remaining_tokens: None,
        remaining_latency_ms: None,
        config_hash: settings.config_hash.clone(),
        as_of,
        stale,
        rollout: Some(settings.config.rollout),
        policies: Vec::new(),
        policies_unknown: false,
        progress: None,
        drawn_tokens: 0,
    }
}

pub(super) fn question(tenant: &str, task: &str, request: &GateRequest) -> Answer<Question> {
    let (tenant, task) = names(tenant, task)?;
    let invalid =
        |error: tollgate_domain::ids::InvalidId| INVALID.of_field(error.field, &error.value, error.rule);
    let producer = request.producer.as_deref().unwrap_or(OWN_PRODUCER);
    let id = request.id.clone().unwrap_or_else(|| format!("gate-{}", Uuid::now_v7().simple()));
    let advance = request.advance_to.parse().map_err(|_| {
        INVALID.of_field("advance_to", &request.advance_to, "must be the phase to enter, or `completion`")
    })?;
    Ok(Question {
        tenant,
        task,
        producer: ProducerId::new(producer).map_err(invalid)?,
        id: EventId::new(id).map_err(invalid)?,
        advance,
    })
}

pub(super) fn unknown_phase(given: &str, limits: &TaskLimits) -> Box<tollgate_wire::api::Problem> {
    let known: Vec<&str> =
        limits.phases.iter().map(|limit| limit.phase.as_str()).chain(["completion"]).collect();
    let rule = format!("must be one of {}{}", known.join(", "), nearest::hint(given, &known));
    INVALID.of_field("advance_to", given, &rule)
}

pub(super) fn taken(question: &Question) -> Box<tollgate_wire::api::Problem> {
    CONFLICT.with(format!(
        "asking the gate: id `{}` of producer `{}` is already used by another event of task `{}`; a retry must ask the same \
         question, another question needs an id of its own",
        question.id, question.producer, question.task
    ))
}

pub(super) fn response(
    question: &Question,
    decided: GateDecided,
    position: Option<Position>,
) -> GateResponse {
    let (tenant, task) = (question.tenant.as_str().to_owned(), question.task.as_str().to_owned());
    let report = report_path(&tenant, &task);
    GateResponse {
        report,
        tenant,
        task,
        advance_to: decided.advance.to_string(),
        verdict: decided.verdict,
        ruled: decided.ruled,
        reasons: decided
            .reasons
            .into_iter()
            .map(|reason| ReasonView {
                code: reason.code.as_str().to_owned(),
                verdict: reason.verdict,
                message: reason.message,
            })
            .collect(),
        requirements: decided.requirements.iter().map(|asked| asked.as_str().to_owned()).collect(),
        tokens: decided.tokens.as_ref().map(utilization_view),
        latency_ms: decided.latency.as_ref().map(utilization_view),
        active: decided.active.map(|active| active.to_string()),
        remaining_tokens: decided.remaining_tokens,
        remaining_latency_ms: decided.remaining_latency_ms,
        config_hash: decided.config_hash,
        rollout: decided.rollout.map(|rollout| rollout.as_str().to_owned()).unwrap_or_default(),
        as_of: decided.as_of,
        stale: decided.stale,
        policies: decided.policies,
        policies_unknown: decided.policies_unknown,
        progress: decided.progress.as_deref().map(Into::into),
        drawn_tokens: (decided.drawn_tokens > 0).then_some(decided.drawn_tokens),
        position: position.map(|position| position.to_string()),
    }
}
