//! Requests to the server of one ledger, and to no other: each names the ledger that it is for. A server of another one that gets the address
//! in the middle of a command refuses the rest.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode};
use tollgate_client::{BoxFuture, Client, HttpTransport, Transport, TransportError};
use tollgate_log::embedded::EmbeddedLog;
use tollgate_server::Running;
use tollgate_server::http::LEDGER_HEADER;

/// How long a server that a file names is given to prove that it is there.
const PROBE: Duration = Duration::from_secs(2);

/// Where requests go, and for whom.
#[derive(Clone)]
struct To {
    transport: Arc<dyn Transport>,
    /// The ledger; of a data directory with the run of its server. `None`: it is not known yet.
    ledger: Option<HeaderValue>,
}

/// A transport to the server of one ledger.
pub(crate) struct Bound {
    to: RwLock<To>,
    /// The directory by which the server was found: one that was started anew is found by it again.
    data: Option<PathBuf>,
}

impl Bound {
    /// To the server at an address. Which ledger it has is learned from its first answer, and holds for the rest of the command.
    pub(crate) fn at(transport: Arc<dyn Transport>) -> Self {
        Self { to: RwLock::new(To { transport, ledger: None }), data: None }
    }

    /// To the server that owns a data directory, if one does and answers.
    ///
    /// What a killed server left is found out here: nobody answers at its address, or somebody else does. Another ledger has another epoch; a
    /// copy of this one has the same, but is served by another run of a server.
    pub(crate) async fn of_data(data: &Path) -> Option<Self> {
        let to = RwLock::new(find(data).await?);
        Some(Self { to, data: Some(data.to_owned()) })
    }

    fn to(&self) -> To {
        self.to.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn goes_to(&self, to: To) {
        *self.to.write().unwrap_or_else(PoisonError::into_inner) = to;
    }

    /// Notes from an answer which ledger it is. Any server of that may answer the next request.
    fn learn(&self, to: To, answer: &Response<Bytes>) {
        let named = answer.headers().get(LEDGER_HEADER).and_then(|value| value.to_str().ok());
        let epoch = named.and_then(|named| named.split('/').next());
        if let Some(ledger) = epoch.and_then(|epoch| HeaderValue::from_str(epoch).ok()) {
            self.goes_to(To { ledger: Some(ledger), ..to });
        }
    }
}

impl Transport for Bound {
    fn send(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>> {
        Box::pin(async move {
            let to = self.to();
            let answer = to.transport.send(named(&request, to.ledger.as_ref())).await?;
            if to.ledger.is_none() {
                self.learn(to, &answer);
                return Ok(answer);
            }
            let Some(data) = self.data.as_deref().filter(|_| is_refused(&answer)) else { return Ok(answer) };
            // The server of the directory may be another run by now: its file says so.
            match find(data).await {
                Some(found) if found.ledger != to.ledger => {
                    self.goes_to(found.clone());
                    found.transport.send(named(&request, found.ledger.as_ref())).await
                }
                Some(_) | None => Ok(answer),
            }
        })
    }
}

/// Whether a server has another ledger than the request is for.
fn is_refused(answer: &Response<Bytes>) -> bool {
    answer.status() == StatusCode::MISDIRECTED_REQUEST
}

/// The request with the name of its ledger.
fn named(request: &Request<Bytes>, ledger: Option<&HeaderValue>) -> Request<Bytes> {
    let mut request = request.clone();
    if let Some(ledger) = ledger {
        request.headers_mut().insert(LEDGER_HEADER, ledger.clone());
    }
    request
}

/// The server that owns a data directory, if one does and answers.
async fn find(data: &Path) -> Option<To> {
    let running = Running::find(data)?;
    let transport: Arc<dyn Transport> = Arc::new(HttpTransport::new(&running.url).ok()?);
    let answered = tokio::time::timeout(PROBE, Client::new(Arc::clone(&transport)).position()).await;
    let answer = answered.ok()?.ok()?;
    let epoch = EmbeddedLog::epoch_of(data).ok()??.id.simple().to_string();
    if answer.epoch != epoch || answer.instance != running.instance {
        return None;
    }
    let ledger = HeaderValue::from_str(&format!("{epoch}/{}", running.instance)).ok()?;
    Some(To { transport, ledger: Some(ledger) })
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// A server of the ledger that it is told to be; it notes for whom requests were.
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
        let bound = Bound::at(Arc::clone(&server) as _);
        let send = async || bound.send(Request::new(Bytes::new())).await.unwrap().status();
        assert_eq!((send().await, send().await), (StatusCode::OK, StatusCode::OK));
        // Another run of the same ledger's server.
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
    }
}
