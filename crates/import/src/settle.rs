//! What to append, given what the ledger already has: each call counts once, corrections name their usage. Pure.

use std::collections::BTreeMap;

use tollgate_domain::event::{Event, EventBody, UsageEvent};
use tollgate_domain::ids::{EventId, ProducerId, TenantId};
use tollgate_domain::time::Timestamp;
use tollgate_domain::tokens::{TokenCounts, TokenSums};
use tollgate_domain::units::UnitSums;
use tollgate_domain::usage::{UsageAdjusted, UsageRecorded};

use crate::call::{Call, CallName, Elsewhere, Means, Miscounted};

/// The reason of a correction that follows a better report.
const BETTER_REPORT: &str = "the call is reported with more than when it was imported";

/// What the ledger has under a name, with its corrections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Booking {
    /// When it happened.
    pub occurred_at: Option<Timestamp>,
    /// What was recorded first.
    pub recorded: TokenCounts,
    /// The tokens including its corrections.
    pub current: TokenSums,
    /// How many corrections it has.
    pub corrections: u32,
}

impl Booking {
    /// Whether any of it still counts.
    #[must_use]
    pub fn counts(&self) -> bool {
        self.current.total() != 0
    }
}

/// Bookings by name, as far as they were queried.
pub type Bookings = BTreeMap<CallName, Booking>;

/// The id of the `nth` correction of usage, from 1; `None` if it would be too long for an id.
#[must_use]
pub fn correction_id(of: &EventId, nth: u32) -> Option<EventId> {
    EventId::new(format!("{of}~{nth}")).ok()
}

/// What makes a call count exactly once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    /// What to append.
    pub events: Vec<Event>,
    /// Whether the call is counted in another session, because what was read is a copy.
    pub is_copy: bool,
}

/// The events that make a call count exactly once. `bookings` holds what the ledger has under the call's names.
#[must_use]
pub fn settle(call: &Call, bookings: &Bookings) -> Settled {
    let EventBody::Usage(UsageEvent::UsageRecorded(usage)) = &call.event.body else {
        return Settled { events: vec![call.event.clone()], is_copy: false };
    };
    let own = call.name();
    let here = bookings.get(&own);
    let counts_here = here.filter(|booking| booking.counts());
    let stands_in = call.stands_in || call.elsewhere.iter().any(|other| is_original(other, bookings));
    let mut home = counts_here.filter(|_| !stands_in).map(|booking| (own.clone(), booking));
    let (mut events, mut is_copy) = (Vec::new(), false);
    for other in &call.elsewhere {
        let Some(booking) = bookings.get(&other.name).filter(|booking| booking.counts()) else { continue };
        let counted = match other.means {
            Means::Counted => true,
            Means::CountedIfAlike if booking.recorded == usage.tokens => true,
            Means::CountedIfAlike => continue,
            Means::CountedBefore(_) if !is_original(other, bookings) => continue,
            Means::CountedBefore(_) => true,
            Means::StoodIn => false,
        };
        if counted && home.is_none() {
            home = Some((other.name.clone(), booking));
            is_copy = stands_in || other.means == Means::Counted;
        } else {
            events.extend(taken_back(
                whose(&call.event),
                &other.name,
                booking,
                &format!("it is counted as {}", own.id),
            ));
        }
    }
    match (home, here) {
        (Some((name, booking)), _) => {
            if let Some(stand_in) = counts_here.filter(|_| stands_in) {
                events.extend(taken_back(
                    whose(&call.event),
                    &own,
                    stand_in,
                    &format!("it is counted as {}", name.id),
                ));
            }
            events.extend(raised(call, usage, &name, booking));
        }
        (None, Some(here)) => events.extend(raised(call, usage, &own, here)),
        (None, None) => events.push(call.event.clone()),
    }
    Settled { events, is_copy }
}

/// Whether the call was counted in the session that this one was copied from, before this one began.
fn is_original(other: &Elsewhere, bookings: &Bookings) -> bool {
    let Means::CountedBefore(begun) = other.means else { return false };
    let booking = bookings.get(&other.name).filter(|booking| booking.counts());
    booking.and_then(|booking| booking.occurred_at).is_some_and(|at| at < begun)
}

/// The event that takes back what an earlier version counted wrongly, if the ledger has it.
#[must_use]
pub fn take_back(
    miscounted: &Miscounted,
    tenant: &TenantId,
    producer: &ProducerId,
    bookings: &Bookings,
) -> Option<Event> {
    let booking = bookings.get(&miscounted.name)?;
    let from_this_file =
        booking.recorded == miscounted.tokens && booking.occurred_at == Some(miscounted.occurred_at);
    let why = "an earlier version counted it from a copy, or by a counter that had not been reset";
    let taken = || taken_back((tenant, producer), &miscounted.name, booking, why);
    (from_this_file && booking.counts()).then(taken).flatten()
}

/// A better report of an already counted call raises it; a smaller one is an earlier state of the same call.
fn raised(call: &Call, usage: &UsageRecorded, name: &CallName, booking: &Booking) -> Option<Event> {
    let now = TokenSums::from(usage.tokens);
    let better = (now.total(), now.reasoning) > (booking.current.total(), booking.current.reasoning);
    if !better {
        return None;
    }
    let change = now.without(&booking.current);
    correction(whose(&call.event), name, booking, change, BETTER_REPORT)
}

/// The owner of the events: the tenant and the producer.
type Whose<'a> = (&'a TenantId, &'a ProducerId);

fn taken_back(whose: Whose<'_>, name: &CallName, booking: &Booking, why: &str) -> Option<Event> {
    let change = TokenSums::default().without(&booking.current);
    correction(whose, name, booking, change, why)
}

fn correction(
    (tenant, producer): Whose<'_>,
    name: &CallName,
    booking: &Booking,
    tokens: TokenSums,
    reason: &str,
) -> Option<Event> {
    let adjusted = UsageAdjusted {
        adjusts: name.id.to_string(),
        adjusts_producer: producer.to_string(),
        tokens,
        units: UnitSums::default(),
        reason: reason.to_owned(),
        author: None,
        resolved: None,
    };
    Some(Event {
        tenant: tenant.clone(),
        task: name.task.clone(),
        producer: producer.clone(),
        id: correction_id(&name.id, booking.corrections.checked_add(1)?)?,
        // The time of the usage that it corrects.
        occurred_at: booking.occurred_at,
        trace_parent: None,
        body: EventBody::Usage(UsageEvent::UsageAdjusted(Box::new(adjusted))),
    })
}

fn whose(event: &Event) -> Whose<'_> {
    (&event.tenant, &event.producer)
}

/// Keeps the better of two reports of one call: the larger, then the one with more detail about its parts.
pub fn merge(kept: &mut Call, other: Call) {
    let rank = |call: &Call| {
        let EventBody::Usage(UsageEvent::UsageRecorded(usage)) = &call.event.body else { return None };
        Some((usage.tokens.total(), usage.tokens.reasoning, usage.tokens.cache_write_1h))
    };
    let more = other.elsewhere.iter().filter(|other| !kept.elsewhere.contains(other));
    let more: Vec<_> = more.cloned().collect();
    if rank(&other) > rank(kept) {
        kept.event.body = other.event.body;
    }
    kept.elsewhere.extend(more);
    kept.activity.merge(other.activity);
}

#[cfg(test)]
mod tests;
