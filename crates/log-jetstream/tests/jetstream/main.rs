//! The log on a real nats-server, which the tests start themselves.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod appending;
mod conformance;
mod copying;
mod credentials;
mod durability;
mod faults;
mod foreign;
mod inbox;
mod permissions;
mod setup;
mod support;
