//! The log on a real nats-server, which the tests start themselves.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod appending;
mod cluster;
mod conformance;
mod conformance_cluster;
mod copying;
mod credentials;
mod durability;
mod faults;
mod foreign;
mod inbox;
mod load;
mod permissions;
mod setup;
mod support;
