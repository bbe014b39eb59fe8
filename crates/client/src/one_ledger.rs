//! Requests to one ledger and to no other: each names the ledger it is for, and a server of a different
//! ledger refuses it.

use std::fmt;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use http::{HeaderValue, Request, Response};
use tollgate_wire::api::LEDGER_HEADER;

use crate::transport::{BoxFuture, Transport, TransportError};

/// A transport to one ledger, whichever of its servers answers.
///
/// Which ledger this is, is learned from the first answer that names one, and fixed from then on: a server of
/// another ledger that gets the address later refuses the requests, with 421 `other_ledger`. Until then,
/// requests are for any ledger that answers.
pub struct OneLedger {
    transport: Arc<dyn Transport>,
    ledger: OnceLock<HeaderValue>,
}

impl OneLedger {
    /// A transport to whichever ledger answers first.
    #[must_use]
    pub fn new(transport: Arc<dyn Transport>) -> Self {
        Self { transport, ledger: OnceLock::new() }
    }

    /// A transport to a known ledger, identified by the epoch of its log.
    pub(crate) fn known(transport: Arc<dyn Transport>, epoch: HeaderValue) -> Self {
        Self { transport, ledger: OnceLock::from(epoch) }
    }

    /// The epoch of the ledger's log, once a server has answered.
    #[must_use]
    pub fn ledger(&self) -> Option<&str> {
        self.ledger.get().and_then(|epoch| epoch.to_str().ok())
    }

    /// Learns from an answer which ledger it is. If several answers arrive at once, the first counts.
    fn learn(&self, answer: &Response<Bytes>) {
        let named = answer.headers().get(LEDGER_HEADER).and_then(|value| value.to_str().ok());
        // `EPOCH/INSTANCE`: another instance of a server has the same ledger.
        let epoch = named.and_then(|named| named.split('/').next()).filter(|epoch| !epoch.is_empty());
        if let Some(epoch) = epoch.and_then(|epoch| HeaderValue::from_str(epoch).ok()) {
            self.ledger.get_or_init(|| epoch);
        }
    }
}

impl Transport for OneLedger {
    fn send(&self, mut request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>> {
        Box::pin(async move {
            if let Some(epoch) = self.ledger.get() {
                request.headers_mut().insert(LEDGER_HEADER, epoch.clone());
                return self.transport.send(request).await;
            }
            let answer = self.transport.send(request).await?;
            self.learn(&answer);
            Ok(answer)
        })
    }
}

impl fmt::Debug for OneLedger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OneLedger").field("ledger", &self.ledger()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use http::StatusCode;

    use super::*;

    /// A server of the ledger it is configured to be; it records which ledger requests were for.
    struct Server {
        ledger: Mutex<&'static str>,
        meant: Mutex<Vec<Option<String>>>,
    }

    impl Transport for Server {
        fn send(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>> {
            let meant = request.headers().get(LEDGER_HEADER).map(|value| value.to_str().unwrap().to_owned());
            let own = *self.ledger.lock().unwrap();
            let refused = meant.as_ref().is_some_and(|meant| !own.starts_with(meant.as_str()));
            self.meant.lock().unwrap().push(meant);
            let answer =
                Response::builder().status(if refused { 421 } else { 200 }).header(LEDGER_HEADER, own);
            let answer = answer.body(Bytes::new()).unwrap();
            Box::pin(async move { Ok(answer) })
        }
    }

    #[tokio::test]
    async fn the_ledger_that_answered_first_is_the_one_that_all_requests_are_for() {
        let server = Arc::new(Server { ledger: Mutex::new("e1/a"), meant: Mutex::default() });
        let one = OneLedger::new(Arc::clone(&server) as _);
        let send = async || one.send(Request::new(Bytes::new())).await.unwrap().status();
        assert_eq!((send().await, send().await), (StatusCode::OK, StatusCode::OK));
        // Another instance of the same ledger's server.
        *server.ledger.lock().unwrap() = "e1/b";
        assert_eq!(send().await, StatusCode::OK);
        // A server of another ledger.
        *server.ledger.lock().unwrap() = "e2/c";
        assert_eq!(
            (send().await, send().await),
            (StatusCode::MISDIRECTED_REQUEST, StatusCode::MISDIRECTED_REQUEST)
        );
        let e1 = || Some("e1".to_owned());
        assert_eq!(*server.meant.lock().unwrap(), [None, e1(), e1(), e1(), e1()]);
        assert_eq!(one.ledger(), Some("e1"));
    }
}
