//! How requests reach a ledger: over a socket, or within the process.

use bytes::Bytes;
pub use futures_util::future::BoxFuture;
use http::{Request, Response};

/// Sends one request and returns the whole answer. The request's URI is only path and query; where it goes is
/// up to the transport.
pub trait Transport: Send + Sync + 'static {
    /// Sends a request.
    ///
    /// # Errors
    ///
    /// [`TransportError`] if there is no answer. The request may have been carried out nevertheless: send it
    /// again with the same ids.
    fn send(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>>;
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{method} {url}: no answer: {reason}")]
pub struct TransportError {
    /// The request's method.
    pub method: String,
    /// Where it was sent.
    pub url: String,
    /// What went wrong.
    pub reason: String,
}
