//! The binary as its users meet it.

#![expect(clippy::unwrap_used, reason = "in a test an error is a failed test")]

mod agents;
mod budget_windows;
mod budgets;
mod calibrate;
mod canaries;
mod deliver;
mod demo;
mod focus;
mod guides;
mod help;
mod import;
mod known_on;
mod ledgers;
mod life;
mod manual;
mod mcp;
mod mistakes;
mod nats;
mod operate;
mod operations;
mod package;
mod phases;
mod pictures;
mod pool;
mod prices;
mod replaced;
mod replay;
mod rows;
mod segments;
mod tekton;
mod units;
mod watch;
