//! Reading one message of the inbox: one event, or several of one task.

use std::collections::HashMap;

use prost::Message;
use serde::Deserialize;
use serde_json::value::RawValue;
use tollgate_domain::event::InboxRejected;
use tollgate_domain::ids::{ProducerId, TenantId};
use tollgate_log_jetstream::InboxMessage;
use tollgate_log_jetstream::topology::TASK_HEADER;
use tollgate_wire::api::{AppendRequest, Problem};
use tollgate_wire::{Defaults, Submitted, proto};

use crate::intake::check_count;
use crate::nats::is_protobuf;
use crate::problem::INVALID;

/// The header with the event's id, if the event has none: NATS itself also accepts a message with the same id
/// only once within its window.
pub(crate) const ID_HEADER: &str = "Nats-Msg-Id";

/// The header with the producer, if the event names none.
pub(crate) const PRODUCER_HEADER: &str = "Tollgate-Producer";

/// The header that says how the message is encoded; JSON if it is missing.
pub(crate) const CONTENT_TYPE: &str = "Content-Type";

/// Why a message is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wrong {
    /// The stable code.
    pub(crate) code: String,
    /// What is wrong.
    pub(crate) reason: String,
}

impl Wrong {
    fn invalid(reason: String) -> Self {
        Self { code: INVALID.code.to_owned(), reason }
    }
}

impl From<Box<Problem>> for Wrong {
    fn from(problem: Box<Problem>) -> Self {
        Self { code: problem.code, reason: problem.detail }
    }
}

/// The message as a rejection keeps it, with the headers that say how to read it.
pub(super) fn rejection(message: &InboxMessage, wrong: &Wrong) -> InboxRejected {
    let payload = &message.payload;
    let hash = blake3::hash(payload).to_hex().to_string();
    let told = [ID_HEADER, PRODUCER_HEADER, CONTENT_TYPE, TASK_HEADER];
    let headers = message.headers.iter().map(|(name, value)| (name.clone(), value.clone()));
    InboxRejected::new(&message.subject, message.sequence, payload, hash, &wrong.code, &wrong.reason)
        .with_headers(headers.filter(|(name, _)| told.iter().any(|one| name.eq_ignore_ascii_case(one))))
}

/// What a message contains, as sent.
struct Sent {
    events: Vec<proto::Event>,
    tenant: Option<String>,
    producer: Option<String>,
}

/// What was published, wherever it is kept now.
pub(crate) struct Published<'a> {
    /// The tenant, from the subject.
    pub(crate) tenant: &'a str,
    /// The task, from the header or the subject.
    pub(crate) task: &'a str,
    /// The headers.
    pub(crate) headers: &'a HashMap<String, String>,
    /// The payload.
    pub(crate) payload: &'a [u8],
}

impl<'a> Published<'a> {
    /// From a message of the inbox.
    pub(super) fn of(message: &'a InboxMessage) -> Self {
        let InboxMessage { tenant, task, headers, payload, .. } = message;
        Self { tenant, task, headers, payload }
    }
}

/// The events of a message. Tenant and task come from its subject: events that name different ones are
/// refused.
///
/// # Errors
///
/// What is wrong with it as a whole, or with its first wrong event.
pub(crate) fn read(message: &Published<'_>) -> Result<Vec<Submitted>, Wrong> {
    // NATS preserves their case, and clients differ in it.
    let header = |name: &str| {
        let mut all = message.headers.iter();
        all.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.clone())
    };
    let Sent { events, tenant, producer } = if header(CONTENT_TYPE).is_some_and(|kind| is_protobuf(&kind)) {
        let event = proto::Event::decode(message.payload).map_err(|error| {
            Wrong::invalid(format!("the message is not a valid tollgate.v1.Event: {error}"))
        })?;
        Sent { events: vec![event], tenant: None, producer: None }
    } else {
        from_json(message.payload)?
    };
    let invalid = |error: tollgate_domain::ids::InvalidId| {
        Wrong::from(INVALID.of_field(error.field, &error.value, error.rule))
    };
    let producer = producer.or_else(|| header(PRODUCER_HEADER));
    let defaults = Defaults {
        tenant: Some(TenantId::new(message.tenant).map_err(invalid)?),
        producer: producer.map(ProducerId::new).transpose().map_err(invalid)?,
    };
    agrees("tenant", tenant.as_deref().unwrap_or_default(), message.tenant)?;
    check_count(events.len())?;
    let id = header(ID_HEADER).filter(|_| events.len() == 1);
    let one = |(nth, mut event): (usize, proto::Event)| {
        agrees("tenant", &event.tenant, message.tenant)?;
        agrees("task", &event.task, message.task)?;
        message.task.clone_into(&mut event.task);
        if let (true, Some(id)) = (event.id.is_empty(), &id) {
            event.id.clone_from(id);
        }
        let name = if event.id.is_empty() { format!("{}", nth + 1) } else { format!("`{}`", event.id) };
        Submitted::from_proto(event, &defaults)
            .map_err(|error| Wrong::invalid(format!("event {name}: {error}")))
    };
    events.into_iter().enumerate().map(one).collect()
}

/// One event, or a request with `events`.
fn from_json(payload: &[u8]) -> Result<Sent, Wrong> {
    /// Whether there are several events.
    #[derive(Deserialize)]
    struct Shape<'a> {
        #[serde(borrow, default)]
        events: Option<&'a RawValue>,
    }
    let none = |error: serde_json::Error| {
        Wrong::invalid(format!("the message is neither an event nor {{\"events\": […]}} in JSON: {error}"))
    };
    let shape: Shape<'_> = serde_json::from_slice(payload).map_err(none)?;
    let event = |raw: &str| Submitted::parse_json(raw).map_err(|error| Wrong::invalid(error.to_string()));
    if shape.events.is_some() {
        let request: AppendRequest = serde_json::from_slice(payload).map_err(none)?;
        let events = request.events.iter().map(|raw| event(raw.get())).collect::<Result<_, _>>()?;
        return Ok(Sent { events, tenant: request.tenant, producer: request.producer });
    }
    // `serde_json` has read it, so it is valid UTF-8.
    let text = std::str::from_utf8(payload).unwrap_or_default();
    Ok(Sent { events: vec![event(text)?], tenant: None, producer: None })
}

fn agrees(field: &str, named: &str, subject: &str) -> Result<(), Wrong> {
    if named.is_empty() || named == subject {
        return Ok(());
    }
    let rule = format!(
        "must be `{subject}`, as the subject of the message has it; leave it out, or publish to the other subject"
    );
    Err(INVALID.of_field(field, named, &rule).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a message to task `T-1` of tenant `acme`: the names of its events, or why it is refused.
    fn names(headers: &[(&str, &str)], payload: &[u8]) -> String {
        let headers = headers.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
        let published = Published { tenant: "acme", task: "T-1", headers: &headers, payload };
        let name = |submitted: &Submitted| {
            let event = &submitted.event;
            format!("{}/{}/{}/{}", event.tenant, event.task, event.producer, event.id)
        };
        match read(&published) {
            Ok(events) => events.iter().map(name).collect::<Vec<_>>().join(" "),
            Err(Wrong { code, reason }) => format!("{code}: {reason}"),
        }
    }

    #[test]
    fn names_come_from_the_event_then_the_headers_and_the_subject() {
        const ID: (&str, &str) = ("Nats-Msg-Id", "m");
        const OF: (&str, &str) = ("tollgate-producer", "h");
        let body = r#""usage_recorded": {"tokens": {"output": 1}}"#;
        let event = |names: &str| format!("{{{names}{body}}}");
        let two = format!(
            r#"{{"producer": "r", "events": [{}, {}]}}"#,
            event(r#""id": "a","#),
            event(r#""id": "b", "producer": "e","#)
        );
        let no_id = format!(r#"{{"events": [{body}, {body}]}}"#, body = event(""));
        for (what, headers, payload, expected) in [
            (
                "its own",
                &[][..],
                event(r#""tenant": "acme", "task": "T-1", "producer": "e", "id": "i","#),
                "acme/T-1/e/i",
            ),
            ("its own first", &[ID, OF], event(r#""producer": "e", "id": "i","#), "acme/T-1/e/i"),
            ("of the headers", &[ID, OF], event(""), "acme/T-1/h/m"),
            ("of the request", &[OF], two, "acme/T-1/r/a acme/T-1/e/b"),
            ("one id is not two", &[ID, OF], no_id, "event 1: id"),
            ("no producer", &[ID], event(""), "event `m`: producer"),
            ("another task", &[ID, OF], event(r#""task": "T-2","#), "task: `T-2`: must be `T-1`"),
            ("another tenant", &[ID, OF], event(r#""tenant": "beta","#), "tenant: `beta`: must be `acme`"),
            (
                "another tenant's request",
                &[],
                r#"{"tenant": "beta", "events": []}"#.to_owned(),
                "tenant: `beta`: must be `acme`",
            ),
            ("no event", &[], r#"{"events": []}"#.to_owned(), "1 to 500"),
            ("no JSON", &[], "{".to_owned(), "neither an event nor"),
            ("no object", &[], "7".to_owned(), "neither an event nor"),
            (
                "no protobuf",
                &[("Content-Type", "application/protobuf")],
                event(""),
                "not a valid tollgate.v1.Event",
            ),
        ] {
            let found = names(headers, payload.as_bytes());
            assert!(
                found == expected || found.starts_with("invalid: ") && found.contains(expected),
                "{what}: {found}"
            );
        }
    }
}
