//! Accepting what is to be appended, by whichever route, and composing the answer.

use std::collections::HashMap;

use prost::Message;
use tollgate_domain::ids::{InvalidId, ProducerId, TenantId};
use tollgate_log::contract::EventLog;
use tollgate_log_jetstream::topology::TASK_HEADER;
use tollgate_projection::alerts::Quarantined;
use tollgate_wire::api::{
    AppendRequest, AppendResponse, EventOutcome, GateAfter, MAX_GATES, Outcome, Problem,
};
use tollgate_wire::{Defaults, proto};

use crate::ledger::{Appended, Ledger, MAX_REQUEST_EVENTS, ReadEvent};
use crate::nats::{CONTENT_TYPE, ID_HEADER, PRODUCER_HEADER, Published, read};
use crate::problem::{Answer, CONFLICT, INVALID, REFUSED};

/// Appends the events of a request and asks the gate the questions that came with them; the answer, and whether any
/// event is new. Without questions the gate has no part in it. Questions are never kept waiting for views that only
/// others look at: events with questions are taken however far those are behind.
///
/// # Errors
///
/// The problem of the request, with the outcome of each event.
pub(crate) async fn append_request(
    ledger: &Ledger,
    events: Vec<ReadEvent>,
    gates: &[GateAfter],
) -> Answer<(AppendResponse, bool)> {
    let (appended, gates) = if gates.is_empty() {
        ledger.operate().takes_events()?;
        (ledger.write().append(events).await, Vec::new())
    } else {
        ledger.gate().append_and_ask(events, gates).await
    };
    let (response, new) = concluded(&**ledger.log(), appended)?;
    Ok((AppendResponse { gates, ..response }, new))
}

/// The events of a request, each as far as it could be read.
///
/// # Errors
///
/// The problem with the request as a whole.
pub(crate) fn from_json(request: &AppendRequest) -> Answer<Vec<ReadEvent>> {
    let defaults = defaults(request.tenant.as_deref(), request.producer.as_deref())?;
    check_count(request.events.len())?;
    Ok(request.events.iter().map(|raw| ReadEvent::from_json(raw, &defaults)).collect())
}

/// The gate questions in a request, with its tenant and producer filled in where they name none.
///
/// # Errors
///
/// The problem: too many.
pub(crate) fn gates_of(request: &AppendRequest) -> Answer<Vec<GateAfter>> {
    let questions = request.gates.len();
    if questions > MAX_GATES {
        let rule = format!("must hold at most {MAX_GATES} questions");
        return Err(INVALID.of_field("gates", &format!("{questions} questions"), &rule));
    }
    let whole = |gate: &GateAfter| GateAfter {
        tenant: gate.tenant.clone().or_else(|| request.tenant.clone()),
        producer: gate.producer.clone().or_else(|| request.producer.clone()),
        ..gate.clone()
    };
    Ok(request.gates.iter().map(whole).collect())
}

/// Like [`from_json`], for a request in protobuf.
///
/// # Errors
///
/// Like [`from_json`].
pub(crate) fn from_protobuf(bytes: &[u8]) -> Answer<Vec<ReadEvent>> {
    let request = proto::AppendRequest::decode(bytes).map_err(|error| {
        INVALID.with(format!("the request is not a valid tollgate.v1.AppendRequest: {error}"))
    })?;
    let named = |name: &str| (!name.is_empty()).then(|| name.to_owned());
    let (tenant, producer) = (named(&request.tenant), named(&request.producer));
    let defaults = defaults(tenant.as_deref(), producer.as_deref())?;
    check_count(request.events.len())?;
    Ok(request.events.into_iter().map(|event| ReadEvent::from_proto(event, &defaults)).collect())
}

/// Checks how many events one request holds.
///
/// # Errors
///
/// The problem: none, or too many.
pub(crate) fn check_count(events: usize) -> Answer<()> {
    if events == 0 || events > MAX_REQUEST_EVENTS {
        let rule = format!("must hold 1 to {MAX_REQUEST_EVENTS} events");
        return Err(INVALID.of_field("events", &format!("{events} events"), &rule));
    }
    Ok(())
}

/// The events of a message that the inbox refused, or of its replacement. Tenant and task come from its
/// subject: events that name different ones are refused, as they were on arrival.
///
/// # Errors
///
/// The problem with the message.
pub(crate) fn from_message(
    message: &Quarantined,
    instead: Option<&str>,
    producer: Option<&str>,
) -> Answer<Vec<ReadEvent>> {
    if TenantId::new(message.tenant.as_str()).is_err() {
        return Err(REFUSED.with(format!(
            "message `{}` has no valid tenant in its subject `{}`, so it cannot be appended; drop it, and publish it to another subject",
            message.id, message.subject
        )));
    }
    let mut headers: HashMap<String, String> = message.headers.clone().into_iter().collect();
    let told = |headers: &HashMap<String, String>, name: &str| {
        headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.clone())
    };
    let task = told(&headers, TASK_HEADER).or_else(|| message.subject.rsplit('.').next().map(str::to_owned));
    if instead.is_some() {
        // They describe what was published, not this replacement.
        headers
            .retain(|key, _| !key.eq_ignore_ascii_case(CONTENT_TYPE) && !key.eq_ignore_ascii_case(ID_HEADER));
    }
    if let (None, Some(producer)) = (told(&headers, PRODUCER_HEADER), producer) {
        headers.insert(PRODUCER_HEADER.to_owned(), producer.to_owned());
    }
    let published = Published {
        tenant: &message.tenant,
        task: task.as_deref().unwrap_or_default(),
        headers: &headers,
        payload: instead.map_or(message.payload.as_slice(), str::as_bytes),
    };
    let events = read(&published).map_err(|wrong| REFUSED.with(wrong.reason))?;
    Ok(events.into_iter().map(|event| ReadEvent::Good(Box::new(event))).collect())
}

/// Fallbacks for fields that events leave out.
///
/// # Errors
///
/// The problem with a name.
pub(crate) fn defaults(tenant: Option<&str>, producer: Option<&str>) -> Answer<Defaults> {
    let invalid = |error: InvalidId| INVALID.of_field(error.field, &error.value, error.rule);
    Ok(Defaults {
        tenant: tenant.map(TenantId::new).transpose().map_err(invalid)?,
        producer: producer.map(ProducerId::new).transpose().map_err(invalid)?,
    })
}

/// The answer to an append, and whether any of its events is new; a problem if some of them are not in the
/// log.
pub(crate) fn concluded(log: &dyn EventLog, appended: Appended) -> Answer<(AppendResponse, bool)> {
    let Appended { outcomes, position, trouble } = appended;
    let any = |outcome: Outcome| outcomes.iter().any(|answer| answer.outcome == outcome);
    let kind = if any(Outcome::Conflict) {
        Some(CONFLICT)
    } else if any(Outcome::Refused) {
        Some(REFUSED)
    } else {
        None
    };
    let problem = trouble.or_else(|| kind.map(|kind| kind.with(first_reason(&outcomes))));
    if let Some(mut problem) = problem {
        problem.position = Some(position.to_string());
        problem.outcomes = outcomes;
        return Err(problem);
    }
    let new = any(Outcome::Appended);
    let response = AppendResponse {
        outcomes,
        position: position.to_string(),
        durability: log.durability().to_string(),
        dedup: log.dedup().as_str().to_owned(),
        gates: Vec::new(),
    };
    Ok((response, new))
}

fn first_reason(outcomes: &[EventOutcome]) -> String {
    let guilty = |answer: &EventOutcome| answer.code.as_deref().is_some_and(|code| code != "refused_with");
    let Some((place, first)) = outcomes.iter().enumerate().find(|(_, answer)| guilty(answer)) else {
        return String::new();
    };
    // An event whose id could not be read is identified by its index.
    let name =
        if first.id.is_empty() { format!("{} of the request", place + 1) } else { format!("`{}`", first.id) };
    format!("event {name}: {}", first.detail.as_deref().unwrap_or("refused"))
}

/// An answer in protobuf.
pub(crate) fn to_protobuf(answer: &Answer<(AppendResponse, bool)>) -> Vec<u8> {
    let outcome = |one: &EventOutcome| proto::EventOutcome {
        id: one.id.clone(),
        outcome: one.outcome.as_str().to_owned(),
        sequence: one.sequence.unwrap_or_default(),
        code: one.code.clone().unwrap_or_default(),
        detail: one.detail.clone().unwrap_or_default(),
        attempt: one.attempt.unwrap_or_default(),
        warnings: one.warnings.clone(),
    };
    let problem = |problem: &Problem| proto::Problem {
        code: problem.code.clone(),
        status: u32::from(problem.status),
        detail: problem.detail.clone(),
        retryable: problem.retryable,
    };
    let reply = match answer {
        Ok((response, _)) => proto::AppendReply {
            outcomes: response.outcomes.iter().map(outcome).collect(),
            position: response.position.clone(),
            durability: response.durability.clone(),
            dedup: response.dedup.clone(),
            problem: None,
        },
        Err(refused) => proto::AppendReply {
            outcomes: refused.outcomes.iter().map(outcome).collect(),
            position: refused.position.clone().unwrap_or_default(),
            problem: Some(problem(refused)),
            ..proto::AppendReply::default()
        },
    };
    reply.encode_to_vec()
}
