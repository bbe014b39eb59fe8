//! A local server that plays a source, with the faults that real ones have.

use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Barrier;

/// How a source answers.
#[derive(Clone)]
pub(crate) enum Answer {
    Text(String),
    /// A text, and what the head says that it is.
    Typed(&'static str, String),
    /// The head promises more than the body has.
    Half(String),
    Status(u16),
    /// A redirect to another path of the same server, which has a list.
    Redirect(u16),
    /// A body that goes on for as long as somebody reads it; the head may say how long it is.
    Endless(Option<u64>),
    Never,
    /// A text, once as many others have been asked as the barrier waits for.
    Together(Arc<Barrier>, String),
}

impl Answer {
    pub(crate) fn text(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

/// Serves answers in turn, the last one for ever. Returns its port.
pub(crate) async fn serve(answers: Vec<Answer>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        for nth in 0.. {
            let (stream, _) = listener.accept().await.unwrap();
            let answer = answers[nth.min(answers.len() - 1)].clone();
            tokio::spawn(answered(stream, answer));
        }
    });
    port
}

async fn answered(mut stream: TcpStream, answer: Answer) {
    let mut head = [0; 4096];
    let _ = stream.read(&mut head).await;
    let whole = |kind: &str, body: &str| {
        format!(
            "HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        )
    };
    let text = match answer {
        Answer::Text(body) => whole("application/json", &body),
        Answer::Typed(kind, body) => whole(kind, &body),
        Answer::Half(body) => {
            format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{}", body.len(), &body[..body.len() / 2])
        }
        Answer::Status(status) => format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n"),
        Answer::Redirect(status) => {
            format!("HTTP/1.1 {status} X\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n")
        }
        Answer::Endless(length) => {
            let length = length.map(|bytes| format!("content-length: {bytes}\r\n")).unwrap_or_default();
            let head = format!("HTTP/1.1 200 OK\r\n{length}connection: close\r\n\r\n");
            let mut written = stream.write_all(head.as_bytes()).await;
            while written.is_ok() {
                written = stream.write_all(&[b' '; 65_536]).await;
            }
            return;
        }
        Answer::Never => {
            // Until the other side gives up.
            let _ = stream.read(&mut [0; 1]).await;
            return;
        }
        Answer::Together(barrier, body) => {
            barrier.wait().await;
            whole("application/json", &body)
        }
    };
    let _ = stream.write_all(text.as_bytes()).await;
}
