//! Ways in for producers that have only NATS.

mod append;

pub use append::{APPEND_SUBJECT, AppendService};
