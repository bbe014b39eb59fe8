//! The services as clients meet them, over a ledger in memory, beside the HTTP API of the same ledger.

#![expect(clippy::unwrap_used, reason = "in a test an error is a failed test")]

mod doors;
mod errors;
mod events;
mod matrix;
mod schema;
mod streams;
mod support;
mod tokens;
