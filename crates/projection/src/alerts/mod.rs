//! The view `alerts`: which conditions became true, when, and whether they still are; who has seen them;
//! which changes were delivered; what waits in quarantine.
//!
//! The fold reads no clock. What only passing time shows (an execution that runs too long, silence) arrives
//! as an event, written by someone with a clock: [`watch`] says what to write.

mod access;
mod bypass;
mod completion;
mod conditions;
mod corrections;
mod delivery;
mod fold;
mod folding;
mod once;
pub mod out_of_step;
mod prices;
mod quarantine;
mod quiet;
mod row;
mod transitions;
mod truths;
pub mod watch;

pub use access::{MANY_TASKS, Reader};
pub use delivery::{
    Attempt, DELIVERIES, Delivery, Due, ENDPOINTS, EndpointProgress, EndpointState, KEPT_ATTEMPTS,
    PendingDelivery, deliveries_of, delivery_key, endpoint_key, states_of,
};
pub use quarantine::{QUARANTINE, QuarantineEnd, Quarantined, quarantine_key};
pub use row::{
    Acknowledged, Alert, AlertChange, AlertsRow, CHANGES, Observed, Resend, Resolved, Watch, alert_key,
    change_after, change_sequence, watch_key,
};

pub use transitions::{MIN_BASELINE, Span, Transitions};

/// The fold of the view `alerts`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Alerts;

#[cfg(test)]
mod tests;
