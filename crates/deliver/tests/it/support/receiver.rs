//! A receiver of webhooks on a free port that answers as instructed and keeps what it received.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::{PATIENCE, fixture};

/// A request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    /// `POST /hook HTTP/1.1`
    pub(crate) line: String,
    /// Names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn id(&self) -> String {
        self.headers["webhook-id"].clone()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// What a receiver does with a request.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    Status(u16),
    With(u16, &'static str),
    /// These bytes, then it closes the connection.
    Raw(&'static str),
    /// No answer, but the connection stays open.
    Never,
    /// An answer whose body does not end.
    Endless,
}

pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    pub(crate) connections: Arc<AtomicUsize>,
    /// Bytes of endless answers that clients read.
    pub(crate) taken: Arc<AtomicUsize>,
    requests: watch::Sender<Vec<Request>>,
    task: JoinHandle<()>,
}

impl Receiver {
    /// Answers the n-th request, from 0, as `answer` says.
    pub(crate) async fn start(answer: impl Fn(usize, &Request) -> Reply + Send + Sync + 'static) -> Self {
        Self::start_with(None, answer).await
    }

    /// The same through TLS, as `receiver.example`.
    pub(crate) async fn start_tls(answer: impl Fn(usize, &Request) -> Reply + Send + Sync + 'static) -> Self {
        let chain = CertificateDer::pem_file_iter(fixture("receiver.pem")).unwrap();
        let key = PrivateKeyDer::from_pem_file(fixture("receiver.key")).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain.map(Result::unwrap).collect(), key)
            .unwrap();
        Self::start_with(Some(TlsAcceptor::from(Arc::new(config))), answer).await
    }

    async fn start_with(
        tls: Option<TlsAcceptor>,
        answer: impl Fn(usize, &Request) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = watch::Sender::new(Vec::new());
        let connections = Arc::new(AtomicUsize::new(0));
        let taken = Arc::new(AtomicUsize::new(0));
        let (kept, counted, given, answer) =
            (requests.clone(), connections.clone(), taken.clone(), Arc::new(answer));
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                counted.fetch_add(1, Ordering::Relaxed);
                let (kept, given, answer, tls) = (kept.clone(), given.clone(), answer.clone(), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => serve(stream, &kept, &given, &*answer).await,
                        Some(tls) => {
                            // A client that does not trust this receiver ends here.
                            if let Ok(stream) = tls.accept(stream).await {
                                serve(stream, &kept, &given, &*answer).await;
                            }
                        }
                    }
                });
            }
        });
        Self { address, connections, taken, requests, task }
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.borrow().clone()
    }

    /// The requests so far, once there are this many.
    pub(crate) async fn received(&self, count: usize) -> Vec<Request> {
        let mut requests = self.requests.subscribe();
        let found = tokio::time::timeout(PATIENCE, requests.wait_for(|found| found.len() >= count)).await;
        match found {
            Ok(found) => found.unwrap().clone(),
            Err(_) => panic!("{} of {count} requests came", self.requests().len()),
        }
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    kept: &watch::Sender<Vec<Request>>,
    given: &AtomicUsize,
    answer: &(dyn Fn(usize, &Request) -> Reply + Send + Sync),
) {
    let Some(request) = read(&mut stream).await else { return };
    let mut nth = 0;
    let mut reply = Reply::Never;
    kept.send_modify(|requests| {
        nth = requests.len();
        reply = answer(nth, &request);
        requests.push(request);
    });
    // What the client does not wait for cannot be written, which is the client's choice.
    let _ = write(&mut stream, reply, given).await;
    let _ = stream.shutdown().await;
}

async fn read<S: AsyncRead + Unpin>(stream: &mut S) -> Option<Request> {
    let mut bytes = Vec::new();
    loop {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
        let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let mut lines = head.split("\r\n");
        let line = lines.next().unwrap().to_owned();
        let headers: BTreeMap<String, String> = lines
            .map(|line| line.split_once(": ").unwrap())
            .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
            .collect();
        let length: usize = headers["content-length"].parse().unwrap();
        while bytes.len() < end + 4 + length {
            if stream.read_buf(&mut bytes).await.ok()? == 0 {
                return None;
            }
        }
        let body = bytes[end + 4..end + 4 + length].to_vec();
        return Some(Request { line, headers, body });
    }
}

async fn write<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    reply: Reply,
    given: &AtomicUsize,
) -> std::io::Result<()> {
    let mut text = String::new();
    match reply {
        Reply::Status(status) => write!(text, "HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n").unwrap(),
        Reply::With(status, headers) => {
            write!(text, "HTTP/1.1 {status} X\r\n{headers}\r\ncontent-length: 2\r\n\r\nok").unwrap();
        }
        Reply::Raw(raw) => text.push_str(raw),
        Reply::Never => {
            // Until the client closes the connection.
            let mut rest = Vec::new();
            stream.read_to_end(&mut rest).await?;
        }
        Reply::Endless => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await?;
            let chunk = format!("2000\r\n{}\r\n", "x".repeat(0x2000));
            loop {
                stream.write_all(chunk.as_bytes()).await?;
                given.fetch_add(chunk.len(), Ordering::Relaxed);
            }
        }
    }
    stream.write_all(text.as_bytes()).await
}
