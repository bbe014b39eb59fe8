//! The event log on NATS JetStream: one ledger is one stream, one record is one message.
//!
//! [`setup`] creates the stream and compares what the server created, [`JetStreamLog`] is the log on it. It
//! keeps the contract of `tollgate_log::contract`, and reports where it promises less than the embedded log:
//!
//! * Durability depends on the server. A stock nats-server acknowledges before it syncs: `page_cache`. See
//!   [`durability`].
//! * Outcomes are final within a window ([`DedupScope::Window`](tollgate_log::contract::DedupScope)): the
//!   server's, by batch id, and that of the ids this process has seen lately. Readers decide with their own
//!   id index.
//!
//! A stream that was replaced, went back or was purged is never followed: see [`identity`].

mod address;
mod append;
mod chains;
pub mod credentials;
mod decided;
mod drain;
pub mod durability;
mod error;
mod frontier;
mod get;
pub mod identity;
mod ids;
mod in_order;
pub mod inbox;
mod leader;
mod log;
mod message;
pub mod options;
mod outlive;
mod publish;
mod pull;
mod reader;
pub mod setup;
mod shared;
mod tail;
pub mod topology;
mod version;

pub use credentials::{Access, Credentials, Secret, Tls};
pub use error::ConnectError;
pub use inbox::{Inbox, InboxMessage};
pub use log::JetStreamLog;
pub use options::Options;
pub use setup::{Setup, SetupError};
