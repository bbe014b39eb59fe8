//! What an import asks of the ledger, and how it sends.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use serde_json::value::RawValue;
use tollgate_client::{Client, ClientError};
use tollgate_domain::event::Event;
use tollgate_domain::ids::{EventId, ProducerId, TaskId, TenantId};
use tollgate_domain::tokens::{TokenCounts, TokenSums};
use tollgate_import::call::CallName;
use tollgate_import::family::{Family, session_of};
use tollgate_import::settle::{Booking, Bookings, correction_id};
use tollgate_wire::api::{AppendRequest, EventOutcome, FindRequest, FindResponse};

use crate::exit::Failure;

/// Maximum number of events in a request.
pub(super) const REQUEST_EVENTS: usize = 500;

/// How many corrections of one call to ask for at once; few calls have any.
const CORRECTIONS_ASKED: u32 = 4;

/// How many sessions of one conversation to ask for at once; few have more.
const SESSIONS_ASKED: u32 = 8;

/// The events of one tenant and producer.
pub(super) struct ImportTarget<'a> {
    pub(super) client: &'a Client,
    pub(super) tenant: TenantId,
    pub(super) producer: ProducerId,
}

impl ImportTarget<'_> {
    /// What the ledger has under these names, including corrections.
    pub(super) async fn bookings(&self, names: BTreeSet<CallName>) -> Result<Bookings, Failure> {
        let mut bookings = Bookings::new();
        let found = self.find(names).await?;
        bookings.extend(found.into_iter().filter_map(|(name, event)| Some((name, booking(&event?)?))));
        let mut open: Vec<CallName> = bookings.keys().cloned().collect();
        while !open.is_empty() {
            let corrections = open.iter().flat_map(|name| {
                let from = bookings.get(name).map_or(1, |booking| booking.corrections + 1);
                let ids = (from..from + CORRECTIONS_ASKED).filter_map(|nth| correction_id(&name.id, nth));
                ids.map(|id| CallName { task: name.task.clone(), id })
            });
            let found = self.find(corrections.collect()).await?;
            open.retain(|name| {
                let Some(booking) = bookings.get_mut(name) else { return false };
                for _ in 0..CORRECTIONS_ASKED {
                    let id = correction_id(&name.id, booking.corrections + 1);
                    let correction = id.and_then(|id| found.get(&CallName { task: name.task.clone(), id }));
                    let Some(Some(event)) = correction else { return false };
                    booking.current.add(&sums(&event["usage_adjusted"]["tokens"]));
                    booking.corrections += 1;
                }
                true
            });
        }
        Ok(bookings)
    }

    /// The events under these names.
    pub(super) async fn find(
        &self,
        names: BTreeSet<CallName>,
    ) -> Result<BTreeMap<CallName, Option<Value>>, Failure> {
        let mut by_task: BTreeMap<TaskId, Vec<EventId>> = BTreeMap::new();
        for name in names {
            by_task.entry(name.task).or_default().push(name.id);
        }
        let mut found = BTreeMap::new();
        for (task, ids) in by_task {
            for ids in ids.chunks(REQUEST_EVENTS) {
                let request = FindRequest {
                    tenant: Some(self.tenant.to_string()),
                    task: task.to_string(),
                    producer: self.producer.to_string(),
                    ids: ids.iter().map(ToString::to_string).collect(),
                };
                let events = self.ask(&request).await?.events;
                let names = ids.iter().map(|id| CallName { task: task.clone(), id: id.clone() });
                found.extend(names.zip(events));
            }
        }
        Ok(found)
    }

    /// Queries once, and again if the view is unavailable or behind at the moment.
    async fn ask(&self, request: &FindRequest) -> Result<FindResponse, Failure> {
        let mut tries = 1;
        loop {
            match self.client.find_events(request).await {
                Ok(found) => return Ok(found),
                Err(ClientError::Problem(problem)) if problem.retryable && tries < TRIES => tries += 1,
                Err(error) => return Err(again(error)),
            }
        }
    }

    /// The sessions of a conversation that the ledger knows.
    pub(super) async fn known_sessions(&self, root: &str) -> Result<Vec<String>, Failure> {
        let task = Family::met_in();
        let mut sessions = Vec::new();
        loop {
            let from = u32::try_from(sessions.len()).unwrap_or(u32::MAX).saturating_add(1);
            let ids =
                (from..from.saturating_add(SESSIONS_ASKED)).filter_map(|nth| Family::signal_id(root, nth));
            let names: Vec<CallName> = ids.map(|id| CallName { task: task.clone(), id }).collect();
            let mut found = self.find(names.iter().cloned().collect()).await?;
            for name in &names {
                let Some(Some(event)) = found.remove(name) else { return Ok(sessions) };
                sessions.push(event["trace_parent"].as_str().and_then(session_of).unwrap_or_default());
            }
            if names.is_empty() {
                return Ok(sessions);
            }
        }
    }

    /// Appends; returns the outcome of each event.
    pub(super) async fn send(
        &self,
        request: &[(Event, Box<RawValue>)],
    ) -> Result<Vec<EventOutcome>, Failure> {
        let events = request.iter().map(|(_, raw)| raw.clone()).collect();
        let producer = Some(self.producer.to_string());
        let request = AppendRequest { tenant: None, producer, events, gates: Vec::new() };
        match self.client.append(&request).await {
            Ok(answer) => Ok(answer.outcomes),
            // Refused events of one session must not keep the others out.
            Err(ClientError::Problem(problem)) if !problem.retryable && !problem.outcomes.is_empty() => {
                Ok(problem.outcomes)
            }
            Err(error) => Err(again(error)),
        }
    }
}

/// How often to query a view that does not answer. Each try waits for some seconds: a restarted projector is
/// back by then.
const TRIES: usize = 12;

fn again(error: ClientError) -> Failure {
    Failure::failed(format!("{error}\nimport again: what is in the ledger already is not counted twice"))
}

fn booking(event: &Value) -> Option<Booking> {
    let tokens = event.get("usage_recorded")?.get("tokens")?;
    let count = |kind| u64::try_from(whole(&tokens[kind])).unwrap_or_default();
    let recorded = TokenCounts {
        input_uncached: count("input_uncached"),
        cached_input: count("cached_input"),
        cache_write: count("cache_write"),
        output: count("output"),
        reasoning: count("reasoning"),
        cache_write_1h: count("cache_write_1h"),
    };
    let occurred_at = event["occurred_at"].as_str().and_then(|text| text.parse().ok());
    Some(Booking { occurred_at, recorded, current: recorded.into(), corrections: 0 })
}

fn sums(tokens: &Value) -> TokenSums {
    TokenSums {
        input_uncached: whole(&tokens["input_uncached"]),
        cached_input: whole(&tokens["cached_input"]),
        cache_write: whole(&tokens["cache_write"]),
        output: whole(&tokens["output"]),
        reasoning: whole(&tokens["reasoning"]),
    }
}

/// A whole number, as the API writes it: large ones as strings.
fn whole(value: &Value) -> i128 {
    let number = value.as_i64().map(i128::from);
    number.or_else(|| value.as_str()?.parse().ok()).unwrap_or_default()
}
