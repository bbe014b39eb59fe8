//! Views over NATS: a projector answers for its partitions as a service that `nats micro` discovers; a client
//! finds it by partition, waits for it, and combines the parts.

mod asker;
mod layout;
mod protocol;
mod question;
mod service;

pub use asker::Remote;
pub use protocol::{SERVICE_VERSION, Trouble, service_name, subject};
pub use service::{Given, Served, ServiceError, Serving, serve};
