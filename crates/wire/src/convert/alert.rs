//! What is noted about alerts: acknowledged, observed by the clock, delivered.

use tollgate_domain::alert::{AlertRule, AlertScope, Condition};
use tollgate_domain::event::{
    AlertAcknowledged, Change, ConditionObserved, DeliveryAttempted, DeliveryOutcome, DeliveryRequested,
};
use tollgate_domain::phase::ExecutionId;
use tollgate_domain::position::{PartitionId, Sequence};
use tollgate_domain::time::Timestamp;

use super::text::{optional, or_empty, phase, time_from_proto, time_to_proto, word};
use crate::error::FieldError;
use crate::proto::{self, scope::Of};

pub(super) fn acknowledged(sent: proto::AlertAcknowledged) -> AlertAcknowledged {
    AlertAcknowledged { alert: sent.alert, by: sent.by, note: optional(sent.note) }
}

pub(super) fn acknowledged_content(acknowledged: &AlertAcknowledged) -> proto::AlertAcknowledged {
    proto::AlertAcknowledged {
        alert: acknowledged.alert.clone(),
        by: acknowledged.by.clone(),
        note: or_empty(acknowledged.note.as_ref()),
    }
}

pub(super) fn observed(stored: proto::ConditionObserved) -> Result<ConditionObserved, FieldError> {
    let rule = word("rule", &stored.rule, &AlertRule::NAMES, AlertRule::from_word)?;
    let scope = scope(stored.scope).map_err(|error| error.within("scope"))?;
    Ok(ConditionObserved {
        condition: Condition { rule, scope, level: stored.level },
        active: stored.active,
        since: time("since", stored.since)?.ok_or_else(|| FieldError::missing("since"))?,
        threshold_ms: stored.threshold_ms,
        detail: stored.detail,
    })
}

pub(super) fn observed_content(observed: &ConditionObserved) -> proto::ConditionObserved {
    proto::ConditionObserved {
        rule: observed.rule().as_str().to_owned(),
        scope: scope_content(observed.scope()),
        level: observed.condition.level,
        active: observed.active,
        since: Some(time_to_proto(observed.since)),
        threshold_ms: observed.threshold_ms,
        detail: observed.detail.clone(),
    }
}

fn scope(stored: Option<proto::Scope>) -> Result<AlertScope, FieldError> {
    let Some(stored) = stored else { return Ok(AlertScope::Task) };
    match stored.of {
        Some(Of::Execution(execution)) => Ok(AlertScope::Execution(ExecutionId {
            phase: phase("execution.phase", &execution.phase)?,
            attempt: execution.attempt,
        })),
        Some(Of::View(view)) => {
            let partition = |number: u32| {
                u8::try_from(number).ok().and_then(PartitionId::new).ok_or_else(|| {
                    FieldError::new("view.partition", &number.to_string(), "must be from 0 to 15")
                })
            };
            Ok(AlertScope::View { name: view.name, partition: view.partition.map(partition).transpose()? })
        }
        Some(Of::Inbox(_)) => Ok(AlertScope::Inbox),
        Some(Of::Reader(name)) => Ok(AlertScope::Reader(name)),
        None => Err(FieldError::new("", "nothing", "must be a scope that this version knows")),
    }
}

fn scope_content(scope: &AlertScope) -> Option<proto::Scope> {
    let of = match scope {
        AlertScope::Task => return None,
        AlertScope::Execution(ExecutionId { phase, attempt }) => {
            Of::Execution(proto::ExecutionScope { phase: phase.as_str().to_owned(), attempt: *attempt })
        }
        AlertScope::View { name, partition } => Of::View(proto::ViewScope {
            name: name.clone(),
            partition: partition.map(|partition| partition.number().into()),
        }),
        AlertScope::Inbox => Of::Inbox(true),
        AlertScope::Reader(name) => Of::Reader(name.clone()),
    };
    Some(proto::Scope { of: Some(of) })
}

pub(super) fn attempted(stored: proto::DeliveryAttempted) -> Result<DeliveryAttempted, FieldError> {
    Ok(DeliveryAttempted {
        alert: stored.alert,
        change: word("change", &stored.change, Change::NAMES, Change::from_word)?,
        through: Sequence(stored.through),
        endpoint: stored.endpoint,
        attempt: stored.attempt,
        outcome: word("outcome", &stored.outcome, DeliveryOutcome::NAMES, DeliveryOutcome::from_word)?,
        status_code: stored.status_code,
        error: optional(stored.error),
        next_attempt_at: time("next_attempt_at", stored.next_attempt_at)?,
    })
}

pub(super) fn attempted_content(attempted: &DeliveryAttempted) -> proto::DeliveryAttempted {
    proto::DeliveryAttempted {
        alert: attempted.alert.clone(),
        change: attempted.change.as_str().to_owned(),
        through: attempted.through.0,
        endpoint: attempted.endpoint.clone(),
        attempt: attempted.attempt,
        outcome: attempted.outcome.as_str().to_owned(),
        status_code: attempted.status_code,
        error: or_empty(attempted.error.as_ref()),
        next_attempt_at: attempted.next_attempt_at.map(time_to_proto),
    }
}

pub(super) fn requested(stored: proto::DeliveryRequested) -> Result<DeliveryRequested, FieldError> {
    Ok(DeliveryRequested {
        alert: stored.alert,
        change: word("change", &stored.change, Change::NAMES, Change::from_word)?,
        endpoint: optional(stored.endpoint),
        by: stored.by,
        reason: stored.reason,
    })
}

pub(super) fn requested_content(requested: &DeliveryRequested) -> proto::DeliveryRequested {
    proto::DeliveryRequested {
        alert: requested.alert.clone(),
        change: requested.change.as_str().to_owned(),
        endpoint: or_empty(requested.endpoint.as_ref()),
        by: requested.by.clone(),
        reason: requested.reason.clone(),
    }
}

fn time(field: &str, stored: Option<prost_types::Timestamp>) -> Result<Option<Timestamp>, FieldError> {
    stored.map(|time| time_from_proto(time).map_err(|error| error.within(field))).transpose()
}
