//! Fetching one list: over HTTP, or out of a file.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tollgate_outbound::client::Connections;
use tollgate_outbound::{Client, RequestError, Resolve, Target, Timeouts, TlsError, Trust};

/// The largest list, in bytes: LiteLLM's map has a fifth of it.
const MAX_LIST_BYTES: usize = 16 << 20;

/// How long one source may take. Others are asked meanwhile, but somebody waits for the update.
const TIMEOUTS: Timeouts = Timeouts { connect: Duration::from_secs(5), total: Duration::from_secs(20) };

/// Why a list could not be fetched.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    /// There is no answer.
    #[error(transparent)]
    Request(Box<RequestError>),
    /// There are no certificates to trust.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// It answered something else than a list.
    #[error("{target}: answered {status}, not 200")]
    Status {
        /// Who answered.
        target: Box<Target>,
        /// The status.
        status: u16,
    },
    /// The answer is not text.
    #[error("{target}: the answer is not text in UTF-8")]
    NotText {
        /// Who answered.
        target: Box<Target>,
    },
    /// The file cannot be read.
    #[error("reading {path}: {message}")]
    File {
        /// Which file.
        path: String,
        /// The system's message.
        message: String,
    },
}

/// Gets a list. Nothing of the answer but its body is used, and no redirect is followed.
pub(crate) async fn get(
    target: &Target,
    resolver: Arc<dyn Resolve>,
    timeouts: Option<Timeouts>,
) -> Result<String, FetchError> {
    let timeouts = timeouts.unwrap_or(TIMEOUTS);
    let client = Client::new(target.clone(), &Trust::System, resolver, timeouts, Connections::OneEach)?;
    let asked =
        client.get([("accept", "application/json, text/html;q=0.9, */*;q=0.1")], MAX_LIST_BYTES).await;
    let answer = asked.map_err(|error| FetchError::Request(Box::new(error)))?;
    let (status, target) = (answer.status().as_u16(), Box::new(target.clone()));
    if status != 200 {
        return Err(FetchError::Status { target, status });
    }
    String::from_utf8(answer.into_body().into()).map_err(|_| FetchError::NotText { target })
}

/// Reads a list out of a file.
pub(crate) fn read(path: &Path) -> Result<String, FetchError> {
    tollgate_files::read_settings(path)
        .map_err(|error| FetchError::File { path: path.display().to_string(), message: error.to_string() })
}
