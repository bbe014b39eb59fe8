//! Events about alerts: acknowledged, observed by the clock, delivered.

use serde_json::Value;
use serde_json::value::RawValue;
use tollgate_domain::alert::{AlertRule, AlertScope, Condition};
use tollgate_domain::event::{
    AlertAcknowledged, Change, ConditionObserved, DeliveryAttempted, DeliveryOutcome, DeliveryRequested,
};
use tollgate_domain::phase::ExecutionId;
use tollgate_domain::position::{PartitionId, Sequence};
use tollgate_domain::time::Timestamp;

use super::{Beside, Kind, Sent};
use crate::decoded::TextLength;
use crate::error::FieldError;
use crate::object::Object;
use crate::out::{Out, whole};
use crate::proto::{self, Added, scope::Of};
use crate::rules::{optional_text, text};
use crate::values::{optional, or_empty, phase, time_from_proto, time_to_proto, word};

impl Kind for AlertAcknowledged {
    type Proto = proto::AlertAcknowledged;

    fn to_domain(sent: Self::Proto, _beside: &mut Beside) -> Result<Self, FieldError> {
        Ok(Self { alert: sent.alert, by: sent.by, note: optional(sent.note) })
    }

    fn content(&self, _text_length: Option<TextLength>) -> Self::Proto {
        proto::AlertAcknowledged {
            alert: self.alert.clone(),
            by: self.by.clone(),
            note: or_empty(self.note.as_ref()),
        }
    }

    fn check(&self, _text_length: Option<TextLength>) -> Result<(), FieldError> {
        check_id(&self.alert)?;
        text("by", &self.by)?;
        optional_text("note", self.note.as_ref())
    }

    fn write(out: &mut Out, content: &Self::Proto, _added: Option<&Added>) {
        out.text("alert", &content.alert);
        out.text("by", &content.by);
        out.text("note", &content.note);
    }
}

impl Kind for ConditionObserved {
    type Proto = proto::ConditionObserved;

    fn to_domain(stored: Self::Proto, _beside: &mut Beside) -> Result<Self, FieldError> {
        let rule = word("rule", &stored.rule, AlertRule::NAMES, AlertRule::from_word)?;
        let scope = scope(stored.scope).map_err(|error| error.within("scope"))?;
        Ok(Self {
            condition: Condition { rule, scope, level: stored.level },
            active: stored.active,
            since: time("since", stored.since)?.ok_or_else(|| FieldError::missing("since"))?,
            threshold_ms: stored.threshold_ms,
            detail: stored.detail,
        })
    }

    fn content(&self, _text_length: Option<TextLength>) -> Self::Proto {
        proto::ConditionObserved {
            rule: self.rule().as_str().to_owned(),
            scope: scope_content(self.scope()),
            level: self.condition.level,
            active: self.active,
            since: Some(time_to_proto(self.since)),
            threshold_ms: self.threshold_ms,
            detail: self.detail.clone(),
        }
    }

    fn write(out: &mut Out, content: &Self::Proto, _added: Option<&Added>) {
        out.text("rule", &content.rule);
        out.value("scope", written_scope(content.scope.as_ref()));
        out.count("level", content.level);
        out.value("active", content.active.into());
        out.time("since", content.since);
        out.count("threshold_ms", content.threshold_ms);
        out.text("detail", &content.detail);
    }
}

impl Kind for DeliveryAttempted {
    type Proto = proto::DeliveryAttempted;

    fn to_domain(stored: Self::Proto, _beside: &mut Beside) -> Result<Self, FieldError> {
        Ok(Self {
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

    fn content(&self, _text_length: Option<TextLength>) -> Self::Proto {
        proto::DeliveryAttempted {
            alert: self.alert.clone(),
            change: self.change.as_str().to_owned(),
            through: self.through.0,
            endpoint: self.endpoint.clone(),
            attempt: self.attempt,
            outcome: self.outcome.as_str().to_owned(),
            status_code: self.status_code,
            error: or_empty(self.error.as_ref()),
            next_attempt_at: self.next_attempt_at.map(time_to_proto),
        }
    }

    fn write(out: &mut Out, content: &Self::Proto, _added: Option<&Added>) {
        out.text("alert", &content.alert);
        out.text("change", &content.change);
        out.count("through", content.through);
        out.text("endpoint", &content.endpoint);
        out.count("attempt", content.attempt);
        out.text("outcome", &content.outcome);
        out.optional("status_code", content.status_code.map(whole));
        out.text("error", &content.error);
        out.time("next_attempt_at", content.next_attempt_at);
    }
}

impl Kind for DeliveryRequested {
    type Proto = proto::DeliveryRequested;

    fn to_domain(stored: Self::Proto, _beside: &mut Beside) -> Result<Self, FieldError> {
        Ok(Self {
            alert: stored.alert,
            change: word("change", &stored.change, Change::NAMES, Change::from_word)?,
            endpoint: optional(stored.endpoint),
            by: stored.by,
            reason: stored.reason,
        })
    }

    fn content(&self, _text_length: Option<TextLength>) -> Self::Proto {
        proto::DeliveryRequested {
            alert: self.alert.clone(),
            change: self.change.as_str().to_owned(),
            endpoint: or_empty(self.endpoint.as_ref()),
            by: self.by.clone(),
            reason: self.reason.clone(),
        }
    }

    fn check(&self, _text_length: Option<TextLength>) -> Result<(), FieldError> {
        text("by", &self.by)?;
        text("reason", &self.reason)
    }

    fn write(out: &mut Out, content: &Self::Proto, _added: Option<&Added>) {
        out.text("alert", &content.alert);
        out.text("change", &content.change);
        out.text("endpoint", &content.endpoint);
        out.text("by", &content.by);
        out.text("reason", &content.reason);
    }
}

impl Sent for AlertAcknowledged {
    fn read(raw: &RawValue) -> Result<Self::Proto, FieldError> {
        let acknowledged = Object::of(raw, &["alert", "by", "note"])?;
        Ok(proto::AlertAcknowledged {
            alert: acknowledged.text("alert")?,
            by: acknowledged.text("by")?,
            note: acknowledged.text("note")?,
        })
    }
}

fn check_id(id: &str) -> Result<(), FieldError> {
    if id.is_empty() {
        return Err(FieldError::missing("alert"));
    }
    if id.len() == 32 && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
        return Ok(());
    }
    Err(FieldError::new(
        "alert",
        id,
        "must be the id of an alert: 32 hex digits, as `GET /v1/alerts` shows it",
    ))
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
        Some(Of::Policy(policy)) => {
            let from = time("policy.from", policy.from)?;
            Ok(AlertScope::Policy { name: policy.name, from, of: optional(policy.of) })
        }
        Some(Of::Price(entry)) => Ok(AlertScope::Price(entry)),
        Some(Of::Allocation(name)) => Ok(AlertScope::Allocation(name)),
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
        AlertScope::Policy { name, from, of } => Of::Policy(proto::PolicyScope {
            name: name.clone(),
            from: from.map(time_to_proto),
            of: or_empty(of.as_ref()),
        }),
        AlertScope::Price(entry) => Of::Price(entry.clone()),
        AlertScope::Allocation(name) => Of::Allocation(name.clone()),
    };
    Some(proto::Scope { of: Some(of) })
}

/// `task` and `inbox` are strings; the others are objects whose key is their kind.
fn written_scope(scope: Option<&proto::Scope>) -> Value {
    let mut out = Out::default();
    match scope.and_then(|scope| scope.of.as_ref()) {
        None => return "task".into(),
        Some(Of::Inbox(_)) => return "inbox".into(),
        Some(Of::Execution(execution)) => out.execution(&execution.phase, Some(execution.attempt)),
        Some(Of::Reader(name)) => out.text("reader", name),
        Some(Of::Policy(policy)) => {
            out.text("policy", &policy.name);
            out.time("from", policy.from);
            out.text("of", &policy.of);
        }
        Some(Of::Price(entry)) => out.text("price", entry),
        Some(Of::Allocation(name)) => out.text("allocation", name),
        Some(Of::View(view)) => {
            out.text("view", &view.name);
            out.optional("partition", view.partition.map(whole));
        }
    }
    out.object()
}

fn time(field: &str, stored: Option<prost_types::Timestamp>) -> Result<Option<Timestamp>, FieldError> {
    stored.map(|time| time_from_proto(time).map_err(|error| error.within(field))).transpose()
}
