//! Keeping deadlines, and answering in gRPC whatever happens: the header `grpc-timeout` says how long a caller waits.
//! Past that the work is given up, of streams too.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody, to_bytes};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use futures_util::future::BoxFuture;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue};
use http_body::Frame;
use tollgate_wire::api::Problem;
use tonic::Status;

use crate::status;

/// The header with the time that a caller waits.
const TIMEOUT: &str = "grpc-timeout";

/// The largest problem that is read, in bytes: those of the API are far smaller.
const MAX_PROBLEM_BYTES: usize = 4 << 20;

/// Answers a call within its time.
pub(crate) async fn keep(request: Request, next: Next) -> Response {
    let given = match request.headers().get(TIMEOUT).map(given) {
        None => return spoken(next.run(request).await).await,
        Some(Ok(given)) => given,
        Some(Err(status)) => return status::answer(status),
    };
    let mut over: BoxFuture<'static, ()> = Box::pin(tollgate_clock::sleep(given));
    let answered = async { spoken(next.run(request).await).await };
    tokio::select! {
        // An answer that is there in time is given.
        biased;
        answer = answered => answer.map(|body| Body::new(Timed { body, over: Some(over), given })),
        () = &mut over => status::answer(status::too_late(given)),
    }
}

/// The time that a caller waits: up to eight digits, and a unit.
fn given(header: &HeaderValue) -> Result<Duration, Status> {
    let text = header.to_str().unwrap_or("(not text)");
    let read = || {
        let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
        if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let number: u64 = digits.parse().ok()?;
        match unit {
            "H" => Some(Duration::from_secs(number * 3600)),
            "M" => Some(Duration::from_secs(number * 60)),
            "S" => Some(Duration::from_secs(number)),
            "m" => Some(Duration::from_millis(number)),
            "u" => Some(Duration::from_micros(number)),
            "n" => Some(Duration::from_nanos(number)),
            _ => None,
        }
    };
    let rule = "must be up to eight digits and one of H, M, S, m, u, n";
    read().ok_or_else(|| status::invalid(TIMEOUT, text, rule))
}

/// An answer in gRPC: what the API refuses before a method is reached, it says in its own form.
async fn spoken(answer: Response) -> Response {
    let kind = answer.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if kind.starts_with("application/grpc") {
        return match Status::from_header_map(answer.headers()) {
            Some(failed) => status::answer(status::in_own_words(failed)),
            None => answer,
        };
    }
    let (head, body) = answer.into_parts();
    let read = to_bytes(body, MAX_PROBLEM_BYTES).await.unwrap_or_default();
    status::answer(match serde_json::from_slice::<Problem>(&read) {
        Ok(problem) => status::of_problem(&problem, None),
        Err(_) => status::internal(&format!("the call was answered with {}", head.status)),
    })
}

/// An answer that ends when its time is over.
struct Timed {
    body: Body,
    /// `None`: it was, and that was said.
    over: Option<BoxFuture<'static, ()>>,
    given: Duration,
}

impl HttpBody for Timed {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let Some(over) = &mut self.over else { return Poll::Ready(None) };
        // First, so that no stream that is always ready goes on for ever.
        if over.as_mut().poll(cx).is_ready() {
            self.over = None;
            // What the call still does is given up.
            self.body = Body::empty();
            let mut trailers = HeaderMap::new();
            return match status::too_late(self.given).add_header(&mut trailers) {
                Ok(()) => Poll::Ready(Some(Ok(Frame::trailers(trailers)))),
                Err(error) => Poll::Ready(Some(Err(axum::Error::new(error)))),
            };
        }
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.over.is_none() || self.body.is_end_stream()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_is_digits_and_a_unit() {
        let ms = Duration::from_millis;
        for (text, expected) in [
            ("1H", Some(ms(3_600_000))),
            ("2M", Some(ms(120_000))),
            ("3S", Some(ms(3_000))),
            ("00000004m", Some(ms(4))),
            ("5000u", Some(ms(5))),
            ("6000000n", Some(ms(6))),
            ("99999999H", Some(Duration::from_secs(99_999_999 * 3600))),
            ("123456789n", None),
            ("", None),
            ("S", None),
            ("1", None),
            ("1s", None),
            ("-1S", None),
            ("1.5S", None),
            ("1ü", None),
        ] {
            let read = given(&HeaderValue::from_bytes(text.as_bytes()).unwrap());
            assert_eq!(read.as_ref().ok(), expected.as_ref(), "{text}");
            if let Err(status) = read {
                assert_eq!(status.code(), tonic::Code::InvalidArgument, "{text}");
            }
        }
    }
}
