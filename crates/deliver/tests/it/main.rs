//! Deliveries to a real receiver on a free port, on a clock that tests move.

#![expect(clippy::unwrap_used, reason = "helpers of tests; a failure is to be loud")]

mod golden;
mod guide;
mod outbox;
mod support;
mod verify;
mod webhook;
