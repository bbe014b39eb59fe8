//! What is noted about alerts, their delivery, transitions and the inbox, as JSON.

use serde_json::Value;
use tollgate_domain::time::Timestamp;

use super::write::{Out, whole};
use crate::convert;
use crate::proto::{self, scope::Of};

pub(super) fn acknowledged(out: &mut Out, acknowledged: &proto::AlertAcknowledged) {
    out.text("alert", &acknowledged.alert);
    out.text("by", &acknowledged.by);
    out.text("note", &acknowledged.note);
}

pub(super) fn observed(out: &mut Out, observed: &proto::ConditionObserved) {
    out.text("rule", &observed.rule);
    out.value("scope", scope(observed.scope.as_ref()));
    out.count("level", observed.level);
    out.value("active", observed.active.into());
    time(out, "since", observed.since);
    out.count("threshold_ms", observed.threshold_ms);
    out.text("detail", &observed.detail);
}

/// `task` and `inbox` are words; the others objects that name what they are.
fn scope(scope: Option<&proto::Scope>) -> Value {
    let mut out = Out::default();
    match scope.and_then(|scope| scope.of.as_ref()) {
        None => return "task".into(),
        Some(Of::Inbox(_)) => return "inbox".into(),
        Some(Of::Execution(execution)) => out.execution(&execution.phase, Some(execution.attempt)),
        Some(Of::Reader(name)) => out.text("reader", name),
        Some(Of::View(view)) => {
            out.text("view", &view.name);
            out.optional("partition", view.partition.map(whole));
        }
    }
    out.object()
}

pub(super) fn measured(out: &mut Out, measured: &proto::TransitionsMeasured) {
    out.count("span_ms", measured.span_ms);
    out.count("transitions", measured.transitions);
    out.count("p50_us", measured.p50_us);
    out.count("p95_us", measured.p95_us);
    out.count("longest_us", measured.longest_us);
    out.text("rollout", &measured.rollout);
}

pub(super) fn attempted(out: &mut Out, attempted: &proto::DeliveryAttempted) {
    out.text("alert", &attempted.alert);
    out.text("change", &attempted.change);
    out.count("through", attempted.through);
    out.text("endpoint", &attempted.endpoint);
    out.count("attempt", attempted.attempt);
    out.text("outcome", &attempted.outcome);
    out.optional("status_code", attempted.status_code.map(whole));
    out.text("error", &attempted.error);
    time(out, "next_attempt_at", attempted.next_attempt_at);
}

pub(super) fn requested(out: &mut Out, requested: &proto::DeliveryRequested) {
    out.text("alert", &requested.alert);
    out.text("change", &requested.change);
    out.text("endpoint", &requested.endpoint);
    out.text("by", &requested.by);
    out.text("reason", &requested.reason);
}

/// The payload as text where it is one, else as hex digits.
pub(super) fn rejected(out: &mut Out, rejected: &proto::InboxRejected) {
    out.text("subject", &rejected.subject);
    out.count("received_sequence", rejected.received_sequence);
    match std::str::from_utf8(&rejected.payload) {
        Ok(text) => out.value("payload", text.into()),
        Err(_) => {
            let hex: String = rejected.payload.iter().map(|byte| format!("{byte:02x}")).collect();
            out.value("payload_hex", hex.into());
        }
    }
    out.count("payload_bytes", rejected.payload_bytes);
    out.text("payload_hash", &rejected.payload_hash);
    out.text("code", &rejected.code);
    out.text("reason", &rejected.reason);
    let headers = rejected.headers.iter().map(|(name, value)| (name.clone(), value.as_str().into()));
    out.filled("headers", headers.collect());
}

pub(super) fn resolved(out: &mut Out, resolved: &proto::InboxResolved) {
    out.text("rejection", &resolved.rejection);
    out.text("action", &resolved.action);
    out.text("by", &resolved.by);
    out.text("reason", &resolved.reason);
}

pub(super) fn report_read(out: &mut Out, read: &proto::ReportRead) {
    out.text("report", &read.report);
    out.text("task", &read.task);
    out.text("reader", &read.reader);
    out.text("address", &read.address);
    out.text("format", &read.format);
    out.value("redacted", read.redacted.into());
}

fn time(out: &mut Out, key: &str, time: Option<prost_types::Timestamp>) {
    let time: Option<Timestamp> = time.and_then(|time| convert::time_from_proto(time).ok());
    out.text(key, &time.map(|time| time.to_string()).unwrap_or_default());
}
