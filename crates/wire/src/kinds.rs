//! The names of the kinds of events, as JSON has them: those that producers send, and those that the ledger writes itself.

/// The kinds that producers send.
pub(crate) const BODIES: [&str; 13] = [
    "task_opened",
    "task_closed",
    "phase_started",
    "phase_ended",
    "override_granted",
    "importance_changed",
    "task_marked",
    "usage_recorded",
    "usage_adjusted",
    "wait_recorded",
    "signal_recorded",
    "alert_acknowledged",
    "phase_explained",
];

/// The kinds that the ledger writes itself.
pub(crate) const OWN_BODIES: [&str; 11] = [
    "gate_decided",
    "config_loaded",
    "config_rejected",
    "price_book_loaded",
    "transitions_measured",
    "condition_observed",
    "delivery_attempted",
    "delivery_requested",
    "inbox_rejected",
    "inbox_resolved",
    "report_read",
];

/// What every event has beside its body.
const ENVELOPE: [&str; 6] = ["tenant", "task", "producer", "id", "occurred_at", "trace_parent"];

/// The fields of an event that producers send: what every event has, then the bodies.
pub(crate) const FIELDS: [&str; ENVELOPE.len() + BODIES.len()] = {
    let mut fields = [""; ENVELOPE.len() + BODIES.len()];
    let mut nth = 0;
    while nth < fields.len() {
        fields[nth] = if nth < ENVELOPE.len() { ENVELOPE[nth] } else { BODIES[nth - ENVELOPE.len()] };
        nth += 1;
    }
    fields
};
