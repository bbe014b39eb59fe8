//! The port as Tekton's clients meet it: over HTTP and WebSockets on a free port, with a ledger in memory behind it.
//! The tables are those of the clients' contract: what they send, and what they read of the answers.

#![expect(clippy::unwrap_used, reason = "in a test an error is a failed test")]

mod alerts;
mod allocations;
mod assistant;
mod budgets;
mod door;
mod live;
mod messages;
mod prices;
mod registry;
mod support;
mod tools;
mod usage;
