//! HTTP/1.1 to a server's address, over TLS if that says https.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Request, Response, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;

use crate::dial::Dial;
use crate::transport::{BoxFuture, Transport, TransportError};
use tollgate_domain::printable::with_causes;
use tollgate_outbound::{TlsClient, Trust};

/// The largest answer that is read, in bytes.
const MAX_ANSWER_BYTES: usize = 64 << 20;

/// Timeouts of a transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For establishing a connection.
    pub connect: Duration,
    /// For the whole answer, including connecting.
    pub answer: Duration,
}

impl Default for Timeouts {
    /// 5 s to connect; 90 s for an answer, longer than the longest wait that may be requested.
    fn default() -> Self {
        Self { connect: Duration::from_secs(5), answer: Duration::from_secs(90) }
    }
}

/// Requests over pooled connections to one server.
#[derive(Debug)]
pub struct HttpTransport {
    client: Client<Dial, Full<Bytes>>,
    scheme: Scheme,
    authority: Authority,
    timeouts: Timeouts,
}

/// A text that is not the address of a server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("server `{url}`: {rule}, for example http://127.0.0.1:7070")]
pub struct InvalidUrl {
    /// What was given.
    pub url: String,
    /// The rule it breaks.
    pub rule: String,
}

impl HttpTransport {
    /// A transport to `http://host:port`, or to `https://host:port` with a certificate that the system trusts. Nothing
    /// is sent yet.
    ///
    /// # Errors
    ///
    /// [`InvalidUrl`].
    pub fn new(url: &str) -> Result<Self, InvalidUrl> {
        Self::with_timeouts(url, Timeouts::default())
    }

    /// Like [`Self::new`], with the caller's timeouts.
    ///
    /// # Errors
    ///
    /// [`InvalidUrl`].
    pub fn with_timeouts(url: &str, timeouts: Timeouts) -> Result<Self, InvalidUrl> {
        Self::trusting(url, None, timeouts)
    }

    /// Like [`Self::with_timeouts`], trusting only certificates signed by an authority in a PEM file; `None`: those
    /// that the system trusts.
    ///
    /// # Errors
    ///
    /// [`InvalidUrl`], also if the file has no authority.
    pub fn trusting(url: &str, authorities: Option<&Path>, timeouts: Timeouts) -> Result<Self, InvalidUrl> {
        let invalid = |rule: &str| InvalidUrl { url: url.to_owned(), rule: rule.to_owned() };
        let uri: Uri = url.parse().map_err(|_| invalid("must be an address"))?;
        let scheme = uri.scheme().filter(|scheme| [Scheme::HTTP, Scheme::HTTPS].contains(scheme)).cloned();
        let scheme = scheme.ok_or_else(|| invalid("must begin with http:// or https://"))?;
        if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            return Err(invalid("must hold no user or password: a key is sent in a header"));
        }
        if uri.path() != "/" || uri.query().is_some() {
            return Err(invalid("must have no path"));
        }
        let authority = uri.authority().cloned().ok_or_else(|| invalid("must name a host"))?;
        let trust = authorities.map_or(Trust::System, |file| Trust::File(file.to_owned()));
        let tls = (scheme == Scheme::HTTPS).then(|| TlsClient::new(authority.host(), &trust));
        let tls = tls.transpose().map_err(|error| invalid(&error.to_string()))?;
        let client = Client::builder(TokioExecutor::new()).build(Dial::new(tls, timeouts.connect));
        Ok(Self { client, scheme, authority, timeouts })
    }

    async fn exchange(&self, request: Request<Bytes>) -> Result<Response<Bytes>, String> {
        let (mut parts, body) = request.into_parts();
        let path = parts.uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
        let uri =
            Uri::builder().scheme(self.scheme.clone()).authority(self.authority.clone()).path_and_query(path);
        parts.uri = uri.build().map_err(|error| error.to_string())?;
        let request = Request::from_parts(parts, Full::new(body));
        let answered = async {
            let response = self.client.request(request).await.map_err(|error| with_causes(&error))?;
            let (parts, body) = response.into_parts();
            let body =
                Limited::new(body, MAX_ANSWER_BYTES).collect().await.map_err(|error| error.to_string())?;
            Ok(Response::from_parts(parts, body.to_bytes()))
        };
        let late = format!("nothing within {} ms", self.timeouts.answer.as_millis());
        tokio::time::timeout(self.timeouts.answer, answered).await.map_err(|_| late)?
    }
}

impl Transport for HttpTransport {
    fn send(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>> {
        let method = request.method().to_string();
        let url = format!("{}://{}{}", self.scheme, self.authority, request.uri());
        Box::pin(async move {
            self.exchange(request).await.map_err(|reason| TransportError { method, url, reason })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_checked() {
        assert!(HttpTransport::new("http://127.0.0.1:7070").is_ok());
        for (url, rule) in [
            ("127.0.0.1:7070", "must begin with http://"),
            ("http://x/v1", "must have no path"),
            ("http://", "must be an address"),
            ("ftp://x", "must begin with http://"),
            ("http://me:secret@x", "no user or password"),
        ] {
            let error = HttpTransport::new(url).unwrap_err().to_string();
            assert!(error.contains(rule) && error.contains(url), "{url}: {error}");
        }
    }
}
