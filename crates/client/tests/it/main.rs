//! The client and the tracker from outside.

#![expect(clippy::unwrap_used, reason = "helpers of tests; a failure is to be loud")]

mod budgets;
mod cases;
mod client;
mod gate;
mod other_ledger;
mod spooled;
mod support;
mod tracker;
