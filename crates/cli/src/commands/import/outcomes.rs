//! What became of the calls of an import, and the requests that they are sent in.

use serde_json::value::RawValue;
use tollgate_domain::event::{Event, EventBody, UsageEvent};
use tollgate_domain::tokens::TokenSums;
use tollgate_import::call::Call;
use tollgate_wire::Submitted;

use super::ledger::REQUEST_EVENTS;

/// Size of a request's events in bytes: below a body's 1 MiB.
const REQUEST_BYTES: usize = 900 * 1024;

/// What became of the calls.
#[derive(Debug, Default)]
pub(super) struct Outcomes {
    pub(super) new: u64,
    pub(super) duplicate: u64,
    pub(super) corrected: u64,
    /// Of those, the ones without a known price: tokens changed, the cost did not.
    pub(super) corrected_unpriced: u64,
    pub(super) refused: u64,
    /// Copies of calls that are counted elsewhere, and their tokens.
    pub(super) copies: u64,
    pub(super) copied: TokenSums,
    /// Why, for people.
    pub(super) messages: Vec<String>,
}

impl Outcomes {
    pub(super) fn copy(&mut self, call: &Call) {
        self.copies += 1;
        if let EventBody::Usage(UsageEvent::UsageRecorded(usage)) = &call.event.body {
            self.copied.add(&usage.tokens.into());
        }
    }
}

/// Events in requests of the maximum size.
pub(super) fn requests(events: Vec<Event>, outcomes: &mut Outcomes) -> Vec<Vec<(Event, Box<RawValue>)>> {
    let (mut all, mut bytes) = (vec![Vec::new()], 0);
    for event in events {
        let id = event.id.clone();
        let json = Submitted::from_event(event.clone()).map(|submitted| submitted.to_json().to_string());
        let raw = json
            .map_err(|error| error.to_string())
            .and_then(|json| RawValue::from_string(json).map_err(|error| error.to_string()));
        let raw = match raw {
            Ok(raw) => raw,
            Err(error) => {
                outcomes.refused += 1;
                outcomes.messages.push(format!("event {id}: {error}"));
                continue;
            }
        };
        bytes += raw.get().len();
        if bytes > REQUEST_BYTES || all.last().is_some_and(|request| request.len() == REQUEST_EVENTS) {
            bytes = raw.get().len();
            all.push(Vec::new());
        }
        if let Some(request) = all.last_mut() {
            request.push((event, raw));
        }
    }
    all.retain(|request| !request.is_empty());
    all
}
