//! Reading one message of the inbox: one event, or several of one task.

use prost::Message;
use serde::Deserialize;
use serde_json::value::RawValue;
use tollgate_domain::event::InboxRejected;
use tollgate_domain::ids::{ProducerId, TenantId};
use tollgate_log_jetstream::InboxMessage;
use tollgate_wire::api::{AppendRequest, Problem};
use tollgate_wire::{Defaults, Submitted, proto};

use crate::intake::check_count;
use crate::nats::is_protobuf;
use crate::problem::INVALID;

/// The header with the id of the event, where the event has none: NATS takes a message with the same one once within its
/// window, too.
const ID_HEADER: &str = "Nats-Msg-Id";

/// The header with the producer, where the event names none.
const PRODUCER_HEADER: &str = "Tollgate-Producer";

/// The header that says how the message is encoded; JSON where there is none.
const CONTENT_TYPE: &str = "Content-Type";

/// Why a message is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    /// The stable code.
    pub(super) code: String,
    /// What is wrong.
    pub(super) reason: String,
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

/// The message as a rejection keeps it.
pub(super) fn rejection(message: &InboxMessage, wrong: &Wrong) -> InboxRejected {
    let payload = &message.payload;
    let hash = blake3::hash(payload).to_hex().to_string();
    InboxRejected::new(&message.subject, message.sequence, payload, hash, &wrong.code, &wrong.reason)
}

/// What a message holds, as sent.
struct Sent {
    events: Vec<proto::Event>,
    tenant: Option<String>,
    producer: Option<String>,
}

/// The events of a message. Tenant and task are those of its subject: events that name others are refused.
pub(super) fn read(message: &InboxMessage) -> Result<Vec<Submitted>, Wrong> {
    let header = |name: &str| message.headers.get(name).cloned();
    let Sent { events, tenant, producer } = if header(CONTENT_TYPE).is_some_and(|kind| is_protobuf(&kind)) {
        let event = proto::Event::decode(&*message.payload)
            .map_err(|error| Wrong::invalid(format!("the message is no tollgate.v1.Event: {error}")))?;
        Sent { events: vec![event], tenant: None, producer: None }
    } else {
        from_json(&message.payload)?
    };
    let invalid = |error: tollgate_domain::ids::InvalidId| {
        Wrong::from(INVALID.of_field(error.field, &error.value, error.rule))
    };
    let producer = producer.or_else(|| header(PRODUCER_HEADER));
    let defaults = Defaults {
        tenant: Some(TenantId::new(message.tenant.as_str()).map_err(invalid)?),
        producer: producer.map(ProducerId::new).transpose().map_err(invalid)?,
    };
    agrees("tenant", tenant.as_deref().unwrap_or_default(), &message.tenant)?;
    check_count(events.len())?;
    let id = header(ID_HEADER).filter(|_| events.len() == 1);
    let one = |(nth, mut event): (usize, proto::Event)| {
        agrees("tenant", &event.tenant, &message.tenant)?;
        agrees("task", &event.task, &message.task)?;
        event.task.clone_from(&message.task);
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
    /// Whether there are several.
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
    // `serde_json` has read it: it is text.
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
