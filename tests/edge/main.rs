//! The edge cases `ec01_…` to `ec23_…` and the failure scenarios `pm1_…` to `pm8_…`, each a named test at the
//! public interfaces: the command line and HTTP. Each runs over every log that can show it: `embedded::NAME`,
//! `nats::NAME`.

#![expect(clippy::unwrap_used, reason = "in a test an error is a failed test")]

mod along;
mod away;
mod beside;
mod budgets;
mod bypass;
mod config;
mod connections;
mod failures;
mod gate;
mod governing;
mod ground;
mod memory;
mod mode;
mod phases;
mod pressure;
mod races;
mod reading;
mod reports;
mod selecting;
mod telemetry;
mod tls;
