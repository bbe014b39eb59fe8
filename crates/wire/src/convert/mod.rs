//! Bodies between their protobuf form and the domain's.
//!
//! Only the form is checked here, never limits such as the length of a text: what was recorded under older limits
//! stays readable. The limits are [`crate::rules`], for events on their way in.

mod alert;
mod gate;
mod inbox;
mod ledger;
mod limits;
mod reading;
mod task;
mod text;
mod usage;

pub(crate) use text::{time_from_proto, time_to_proto};

use tollgate_domain::event::EventBody;
use tollgate_domain::tier::Importance;

use crate::decoded::TextLength;
use crate::error::FieldError;
use crate::proto::stored_event::Body;
use crate::proto::{self, Added};
use crate::upcast::SCHEMA_VERSION;

/// The domain's form of a body with what was added to it; and the text lengths, where usage came as such.
///
/// # Errors
///
/// The first field that has no meaning in this version.
pub(crate) fn to_domain(body: Body, added: Added) -> Result<(EventBody, Option<TextLength>), FieldError> {
    let body = match body {
        Body::UsageRecorded(usage) => {
            let (usage, text_length) =
                usage::recorded(usage, added).map_err(|error| error.within("usage_recorded"))?;
            return Ok((EventBody::UsageRecorded(usage), text_length));
        }
        Body::TaskOpened(opened) => task::opened(*opened, added.limits)
            .map(|opened| EventBody::TaskOpened(Box::new(opened)))
            .map_err(|error| error.within("task_opened")),
        Body::TaskClosed(closed) => {
            task::closed(closed).map(EventBody::TaskClosed).map_err(|error| error.within("task_closed"))
        }
        Body::PhaseStarted(started) => task::started(&started, added.attempt)
            .map(EventBody::PhaseStarted)
            .map_err(|error| error.within("phase_started")),
        Body::PhaseEnded(ended) => task::ended(&ended, added.attempt)
            .map(EventBody::PhaseEnded)
            .map_err(|error| error.within("phase_ended")),
        Body::OverrideGranted(granted) => task::granted(granted)
            .map(EventBody::OverrideGranted)
            .map_err(|error| error.within("override_granted")),
        Body::ImportanceChanged(changed) => task::importance(changed, &added.importance_from)
            .map(EventBody::ImportanceChanged)
            .map_err(|error| error.within("importance_changed")),
        Body::TaskMarked(marked) => {
            task::marked(marked).map(EventBody::TaskMarked).map_err(|error| error.within("task_marked"))
        }
        Body::UsageAdjusted(adjusted) => usage::adjusted(adjusted, added.resolved)
            .map(|adjusted| EventBody::UsageAdjusted(Box::new(adjusted)))
            .map_err(|error| error.within("usage_adjusted")),
        Body::WaitRecorded(wait) => {
            usage::wait(wait).map(EventBody::WaitRecorded).map_err(|error| error.within("wait_recorded"))
        }
        Body::SignalRecorded(signal) => usage::signal(signal)
            .map(EventBody::SignalRecorded)
            .map_err(|error| error.within("signal_recorded")),
        Body::PhaseExplained(explained) => reading::explained(explained)
            .map(EventBody::PhaseExplained)
            .map_err(|error| error.within("phase_explained")),
        Body::ReportRead(read) => reading::read(read)
            .map(|read| EventBody::ReportRead(Box::new(read)))
            .map_err(|error| error.within("report_read")),
        Body::GateDecided(decided) => gate::decided(*decided)
            .map(|decided| EventBody::GateDecided(Box::new(decided)))
            .map_err(|error| error.within("gate_decided")),
        Body::ConfigLoaded(loaded) => Ok(EventBody::ConfigLoaded(ledger::config_loaded(loaded))),
        Body::ConfigRejected(rejected) => Ok(EventBody::ConfigRejected(ledger::config_rejected(rejected))),
        Body::PriceBookLoaded(loaded) => Ok(EventBody::PriceBookLoaded(ledger::price_book_loaded(loaded))),
        Body::TransitionsMeasured(measured) => ledger::measured(measured)
            .map(EventBody::TransitionsMeasured)
            .map_err(|error| error.within("transitions_measured")),
        Body::AlertAcknowledged(sent) => Ok(EventBody::AlertAcknowledged(alert::acknowledged(sent))),
        Body::ConditionObserved(observed) => alert::observed(*observed)
            .map(|observed| EventBody::ConditionObserved(Box::new(observed)))
            .map_err(|error| error.within("condition_observed")),
        Body::DeliveryAttempted(attempted) => alert::attempted(*attempted)
            .map(|attempted| EventBody::DeliveryAttempted(Box::new(attempted)))
            .map_err(|error| error.within("delivery_attempted")),
        Body::DeliveryRequested(requested) => alert::requested(*requested)
            .map(|requested| EventBody::DeliveryRequested(Box::new(requested)))
            .map_err(|error| error.within("delivery_requested")),
        Body::InboxRejected(rejected) => Ok(EventBody::InboxRejected(Box::new(inbox::rejected(*rejected)))),
        Body::InboxResolved(resolved) => inbox::resolved(resolved)
            .map(EventBody::InboxResolved)
            .map_err(|error| error.within("inbox_resolved")),
    };
    body.map(|body| (body, None))
}

/// The content of a body: what a producer sends of it, in the one form that is hashed.
pub(crate) fn content(body: &EventBody, text_length: Option<TextLength>) -> Body {
    match body {
        EventBody::TaskOpened(opened) => Body::TaskOpened(Box::new(task::opened_content(&opened.metadata))),
        EventBody::TaskClosed(closed) => Body::TaskClosed(task::closed_content(closed)),
        EventBody::PhaseStarted(started) => {
            Body::PhaseStarted(proto::PhaseStarted { phase: started.phase.as_str().to_owned() })
        }
        EventBody::PhaseEnded(ended) => Body::PhaseEnded(proto::PhaseEnded {
            phase: ended.phase.as_str().to_owned(),
            attempt: ended.attempt,
        }),
        EventBody::OverrideGranted(granted) => Body::OverrideGranted(task::granted_content(granted)),
        EventBody::ImportanceChanged(changed) => Body::ImportanceChanged(task::importance_content(changed)),
        EventBody::TaskMarked(marked) => Body::TaskMarked(task::marked_content(marked)),
        EventBody::UsageRecorded(usage) => Body::UsageRecorded(usage::recorded_content(usage, text_length)),
        EventBody::UsageAdjusted(adjusted) => Body::UsageAdjusted(usage::adjusted_content(adjusted)),
        EventBody::WaitRecorded(wait) => Body::WaitRecorded(usage::wait_content(wait)),
        EventBody::SignalRecorded(signal) => Body::SignalRecorded(usage::signal_content(signal)),
        EventBody::PhaseExplained(explained) => Body::PhaseExplained(reading::explained_content(explained)),
        EventBody::ReportRead(read) => Body::ReportRead(reading::read_content(read)),
        EventBody::GateDecided(decided) => Body::GateDecided(Box::new(gate::decided_content(decided))),
        EventBody::ConfigLoaded(loaded) => Body::ConfigLoaded(ledger::config_loaded_content(loaded)),
        EventBody::ConfigRejected(rejected) => {
            Body::ConfigRejected(ledger::config_rejected_content(rejected))
        }
        EventBody::PriceBookLoaded(loaded) => {
            Body::PriceBookLoaded(ledger::price_book_loaded_content(loaded))
        }
        EventBody::TransitionsMeasured(measured) => {
            Body::TransitionsMeasured(ledger::measured_content(measured))
        }
        EventBody::AlertAcknowledged(acknowledged) => {
            Body::AlertAcknowledged(alert::acknowledged_content(acknowledged))
        }
        EventBody::ConditionObserved(observed) => {
            Body::ConditionObserved(Box::new(alert::observed_content(observed)))
        }
        EventBody::DeliveryAttempted(attempted) => {
            Body::DeliveryAttempted(Box::new(alert::attempted_content(attempted)))
        }
        EventBody::DeliveryRequested(requested) => {
            Body::DeliveryRequested(Box::new(alert::requested_content(requested)))
        }
        EventBody::InboxRejected(rejected) => {
            Body::InboxRejected(Box::new(inbox::rejected_content(rejected)))
        }
        EventBody::InboxResolved(resolved) => Body::InboxResolved(inbox::resolved_content(resolved)),
    }
}

/// What the decision and the appender added to a body that was sent as `sent`.
pub(crate) fn added(
    sent: &EventBody,
    decided: &EventBody,
    text_length: Option<TextLength>,
    trace_parent: Option<&str>,
) -> Added {
    let mut added = Added {
        schema_version: SCHEMA_VERSION,
        trace_parent: trace_parent.unwrap_or_default().to_owned(),
        ..Added::default()
    };
    match decided {
        EventBody::TaskOpened(opened) => {
            added.limits = opened.limits.as_ref().map(limits::to_proto).map(Box::new)
        }
        EventBody::PhaseStarted(started) => added.attempt = started.attempt.unwrap_or_default(),
        EventBody::PhaseEnded(ended) => {
            // An attempt that the producer named is content; only one that the decision filled in is added.
            let named = matches!(sent, EventBody::PhaseEnded(sent) if sent.attempt.is_some());
            added.attempt = if named { 0 } else { ended.attempt.unwrap_or_default() };
        }
        EventBody::UsageRecorded(usage) => {
            added.cost = usage::cost_to_proto(&usage.cost);
            added.estimated_tokens = text_length.map(|_| usage::counts_to_proto(&usage.tokens));
        }
        EventBody::UsageAdjusted(adjusted) => {
            added.resolved = adjusted.resolved.as_ref().map(usage::resolved_to_proto).map(Box::new);
        }
        EventBody::ImportanceChanged(changed) => {
            let named = matches!(sent, EventBody::ImportanceChanged(sent) if sent.from.is_some());
            let from = if named { None } else { changed.from };
            added.importance_from = from.map_or("", Importance::as_str).to_owned();
        }
        EventBody::TaskClosed(_)
        | EventBody::OverrideGranted(_)
        | EventBody::TaskMarked(_)
        | EventBody::WaitRecorded(_)
        | EventBody::SignalRecorded(_)
        | EventBody::GateDecided(_)
        | EventBody::ConfigLoaded(_)
        | EventBody::ConfigRejected(_)
        | EventBody::PriceBookLoaded(_)
        | EventBody::TransitionsMeasured(_)
        | EventBody::AlertAcknowledged(_)
        | EventBody::ConditionObserved(_)
        | EventBody::DeliveryAttempted(_)
        | EventBody::DeliveryRequested(_)
        | EventBody::InboxRejected(_)
        | EventBody::InboxResolved(_)
        | EventBody::PhaseExplained(_)
        | EventBody::ReportRead(_) => {}
    }
    added
}
