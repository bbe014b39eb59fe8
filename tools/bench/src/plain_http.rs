//! A hop over HTTP without a ledger: a server that reads a request whole and answers with so many bytes. Nothing is
//! decoded or decided: this is what HTTP itself takes at that moment, with the ledger's own client and kind of server.

use axum::Router;
use axum::body::Bytes;
use axum::routing::post;
use http::{Method, Request};
use tokio::net::TcpListener;
use tollgate_client::{HttpTransport, Transport};
use tollgate_clock::Stopwatch;

use crate::driver::nanoseconds;
use crate::output;

/// What the server is told.
#[derive(Debug, clap::Args)]
pub(crate) struct Answers {
    /// How many bytes it answers with
    #[arg(long, value_name = "BYTES")]
    bytes: usize,
}

/// A connection to it.
pub(crate) struct PlainHttp {
    transport: HttpTransport,
}

impl PlainHttp {
    pub(crate) fn to(url: &str) -> Self {
        Self { transport: HttpTransport::new(url).expect("an address") }
    }

    /// One hop with this request; returns how long it took, in nanoseconds.
    pub(crate) async fn once(&self, body: Vec<u8>) -> u64 {
        let request = Request::builder().method(Method::POST).uri("/plain").body(Bytes::from(body));
        let request = request.expect("a request");
        let took = Stopwatch::start();
        self.transport.send(request).await.expect("its answer");
        nanoseconds(took.elapsed())
    }
}

/// The server, in a process of its own, with the same kind of runtime as the ledger. Its first line says where it
/// listens.
pub(crate) fn serve(answers: &Answers) -> Result<(), String> {
    let answer = Bytes::from(vec![b'x'; answers.bytes]);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.map_err(|error| format!("starting the runtime: {error}"))?.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(|error| error.to_string())?;
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        output::print(&format!("http://{address}"));
        let app = Router::new().route("/plain", post(|_: Bytes| async move { answer.clone() }));
        axum::serve(listener, app).await.map_err(|error| error.to_string())
    })
}
