//! Requests to the server that owns a data directory, and to no other: each names its ledger and its run. If
//! a server of another ledger takes over the address in the middle of a command, it refuses the rest.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode};
use tollgate_client::{BoxFuture, HttpTransport, Transport, TransportError};
use tollgate_log::embedded::EmbeddedLog;
use tollgate_server::Running;
use tollgate_wire::api::LEDGER_HEADER;

/// How long a server that a file names has to prove that it is there.
const PROBE: Duration = Duration::from_secs(2);

/// Where requests go, and which ledger they are for.
#[derive(Clone)]
struct To {
    transport: Arc<dyn Transport>,
    /// The ledger, along with its server's run.
    ledger: HeaderValue,
}

/// A transport to the server of a data directory.
pub(crate) struct Bound {
    to: RwLock<To>,
    /// If the server was restarted, it is found again through this directory.
    data: PathBuf,
}

impl Bound {
    /// To the server that owns a data directory, if there is one and it answers.
    ///
    /// Leftovers of a killed server are detected here: nothing answers at its address, or something else
    /// does. Another ledger has a different epoch; a copy of this one has the same epoch, but is served by a
    /// different run.
    pub(crate) async fn of_data(data: &Path) -> Option<Self> {
        let to = RwLock::new(find(data).await?);
        Some(Self { to, data: data.to_owned() })
    }

    fn to(&self) -> To {
        self.to.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn goes_to(&self, to: To) {
        *self.to.write().unwrap_or_else(PoisonError::into_inner) = to;
    }
}

impl Transport for Bound {
    fn send(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>> {
        Box::pin(async move {
            let to = self.to();
            let answer = to.transport.send(named(&request, &to.ledger)).await?;
            if !is_refused(&answer) {
                return Ok(answer);
            }
            // The directory may have a new server run by now: its file says so.
            match find(&self.data).await {
                Some(found) if found.ledger != to.ledger => {
                    self.goes_to(found.clone());
                    found.transport.send(named(&request, &found.ledger)).await
                }
                Some(_) | None => Ok(answer),
            }
        })
    }
}

/// Whether a server has a different ledger than the one the request is for.
fn is_refused(answer: &Response<Bytes>) -> bool {
    answer.status() == StatusCode::MISDIRECTED_REQUEST
}

/// The request, with its ledger named.
fn named(request: &Request<Bytes>, ledger: &HeaderValue) -> Request<Bytes> {
    let mut request = request.clone();
    request.headers_mut().insert(LEDGER_HEADER, ledger.clone());
    request
}

/// The server that owns a data directory, if there is one and it answers.
async fn find(data: &Path) -> Option<To> {
    let running = Running::find(data)?;
    let transport: Arc<dyn Transport> = Arc::new(HttpTransport::new(&running.url).ok()?);
    let epoch = EmbeddedLog::epoch_of(data).ok()??.id.simple().to_string();
    let ledger = HeaderValue::from_str(&format!("{epoch}/{}", running.instance)).ok()?;
    // Every answer names its ledger, also one that asks for a key.
    let probe = Request::get("/v1/position").body(Bytes::new()).ok()?;
    let answered = tokio::time::timeout(PROBE, transport.send(probe)).await;
    let answer = answered.ok()?.ok()?;
    (answer.headers().get(LEDGER_HEADER) == Some(&ledger)).then_some(To { transport, ledger })
}
