//! What an orchestrator links: the API as typed calls, and a tracker that batches, retries and spools.

mod client;
mod error;
mod http;
mod transport;

pub use client::{Client, Read};
pub use error::ClientError;
pub use http::{HttpTransport, InvalidUrl};
pub use transport::{BoxFuture, Transport, TransportError};
