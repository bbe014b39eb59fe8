//! Reading bodies: JSON in UTF-8, bounded in size, memory and time, plain or gzipped.

use std::io::Read;

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Request};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderName};
use flate2::bufread::MultiGzDecoder;
use futures_util::StreamExt;
use serde::de::DeserializeOwned;
use tokio::sync::OwnedSemaphorePermit;
use tollgate_clock::Stopwatch;
use tollgate_wire::api::Problem;

use super::access::{Grant, Named};
use super::{App, MAX_BODY_BYTES, Refusal};
use crate::edge::{BODY_PIECE, Edge};
use crate::fit;
use crate::problem::{CROWDED, INVALID, MEDIA_TYPE, TOO_LARGE, TOO_SLOW};

/// The body as text. It must be declared as JSON, so that a web page's form is refused before it is read.
pub(crate) struct JsonText {
    text: String,
    /// What the request's key allows.
    grant: Grant,
    /// Its share of the memory that all bodies together may hold.
    _memory: Memory,
}

/// Memory that a body holds until its request is answered.
#[derive(Default)]
pub(super) struct Memory {
    bytes: usize,
    permit: Option<OwnedSemaphorePermit>,
}

/// How the bytes of a body are encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    Identity,
    Gzip,
}

impl FromRequest<App> for JsonText {
    type Rejection = Refusal;

    async fn from_request(request: Request, app: &App) -> Result<Self, Refusal> {
        let encoding = encoding(request.headers())?;
        let grant = Grant::of(request.extensions());
        let (bytes, mut memory) = collect(request.into_body(), &app.edge).await?;
        let bytes = match encoding {
            Encoding::Identity => bytes,
            Encoding::Gzip => unzip(&bytes, &mut memory, &app.edge)?,
        };
        match String::from_utf8(bytes) {
            Ok(text) => Ok(Self { text, grant, _memory: memory }),
            Err(error) => {
                let at = error.utf8_error().valid_up_to();
                Err(INVALID.with(format!("the body is not UTF-8: see byte {at}")).into())
            }
        }
    }
}

impl JsonText {
    /// As they are.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// What the request's key allows.
    pub(crate) const fn grant(&self) -> &Grant {
        &self.grant
    }

    /// The body as a type, if the request's key allows what it names; the message names the field, line and column.
    pub(crate) fn parse<T: DeserializeOwned + Named>(&self) -> Result<T, Refusal> {
        let text = self.text.trim_ascii();
        // Serde would accept a list as the fields in their order.
        if !text.is_empty() && !text.starts_with('{') {
            return Err(INVALID.with("the body cannot be read: it must be a JSON object, `{…}`").into());
        }
        let text = if text.is_empty() { "{}" } else { &self.text };
        let read: T = fit::read("the body", text.as_bytes()).map_err(Refusal)?;
        read.check(&self.grant)?;
        Ok(read)
    }
}

/// What the headers say about the body, if it can be read.
fn encoding(headers: &HeaderMap) -> Result<Encoding, Box<Problem>> {
    let kind = text(headers, CONTENT_TYPE);
    let (media, parameters) = kind.split_once(';').unwrap_or((&kind, ""));
    let media = media.trim();
    if media != "application/json" && !media.ends_with("+json") {
        return Err(MEDIA_TYPE.with(format!("content-type `{media}`: must be `application/json`")));
    }
    for parameter in parameters.split(';').filter_map(|parameter| parameter.split_once('=')) {
        let (name, value) = (parameter.0.trim(), parameter.1.trim().trim_matches('"'));
        // ASCII is already UTF-8.
        if name == "charset" && !matches!(value, "utf-8" | "utf8" | "us-ascii") {
            return Err(
                MEDIA_TYPE.with(format!("content-type, charset `{value}`: JSON must be sent in `utf-8`"))
            );
        }
    }
    match text(headers, CONTENT_ENCODING).as_str() {
        "" | "identity" => Ok(Encoding::Identity),
        "gzip" | "x-gzip" => Ok(Encoding::Gzip),
        other => {
            Err(MEDIA_TYPE
                .with(format!("content-encoding `{other}`: must be `gzip`, or send the body as it is")))
        }
    }
}

/// All values of this header, in lower case.
fn text(headers: &HeaderMap, name: HeaderName) -> String {
    let values = headers.get_all(name).iter();
    let values: Vec<_> = values.map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
    values.join(", ").trim().to_ascii_lowercase()
}

/// Reads a body to its end, if it arrives in time.
pub(super) async fn collect(body: Body, edge: &Edge) -> Result<(Vec<u8>, Memory), Box<Problem>> {
    let (took, mut read, mut memory) = (Stopwatch::start(), Vec::new(), Memory::default());
    let mut pieces = body.into_data_stream();
    loop {
        let within = edge.limits.body_within(read.len());
        let left = within.saturating_sub(took.elapsed());
        let piece: Bytes = match tokio::time::timeout(left, pieces.next()).await {
            Ok(None) => return Ok((read, memory)),
            Ok(Some(Ok(piece))) => piece,
            Ok(Some(Err(error))) => return Err(INVALID.with(format!("the body cannot be read: {error}"))),
            Err(_) => {
                return Err(TOO_SLOW.with(format!(
                    "of the body {} bytes came in {} s, its end did not; send it faster, or in smaller requests",
                    read.len(),
                    within.as_secs()
                )));
            }
        };
        if read.len() + piece.len() > MAX_BODY_BYTES {
            return Err(too_large("a body"));
        }
        memory.hold(read.len() + piece.len(), edge)?;
        read.extend_from_slice(&piece);
    }
}

/// The decompressed body, if it is within the size limit.
fn unzip(bytes: &[u8], memory: &mut Memory, edge: &Edge) -> Result<Vec<u8>, Box<Problem>> {
    let (mut unzipped, mut piece) = (Vec::new(), vec![0; BODY_PIECE]);
    let mut decoder = MultiGzDecoder::new(bytes);
    loop {
        let read = decoder.read(&mut piece);
        let read = read.map_err(|error| INVALID.with(format!("the body is not whole gzip: {error}")))?;
        if read == 0 {
            return Ok(unzipped);
        }
        if unzipped.len() + read > MAX_BODY_BYTES {
            return Err(too_large("a body, once it is unzipped,"));
        }
        memory.hold(bytes.len() + unzipped.len() + read, edge)?;
        unzipped.extend_from_slice(&piece[..read]);
    }
}

fn too_large(what: &str) -> Box<Problem> {
    TOO_LARGE.with(format!("{what} has at most {MAX_BODY_BYTES} bytes; send the events in several requests"))
}

impl Memory {
    /// Grows the reservation to this many bytes in total.
    fn hold(&mut self, bytes: usize, edge: &Edge) -> Result<(), Box<Problem>> {
        while self.bytes < bytes {
            let more = edge.body_memory.clone().try_acquire_owned().map_err(|_| {
                CROWDED.with("the bodies of other requests hold all the memory that bodies may; try again")
            })?;
            match &mut self.permit {
                Some(permit) => permit.merge(more),
                None => self.permit = Some(more),
            }
            self.bytes += BODY_PIECE;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_json_in_utf_8_as_it_is_or_with_gzip() {
        let identity = Ok(Encoding::Identity);
        for (kind, coding, expected) in [
            ("application/json", "", identity),
            ("Application/JSON; charset=UTF-8", "identity", identity),
            ("application/json; charset=\"utf-8\"", "", identity),
            ("application/json;charset=us-ascii", "", identity),
            ("application/cloudevents+json", "gzip", Ok(Encoding::Gzip)),
            ("application/json", "GZIP", Ok(Encoding::Gzip)),
            ("application/json; charset=utf-16", "", Err("charset `utf-16`")),
            ("application/json; version=1; charset=latin-1", "", Err("charset `latin-1`")),
            ("application/json", "deflate", Err("content-encoding `deflate`")),
            ("application/json", "gzip, gzip", Err("content-encoding `gzip, gzip`")),
            ("application/x-www-form-urlencoded", "", Err("must be `application/json`")),
            ("text/plain", "gzip", Err("must be `application/json`")),
            ("", "", Err("must be `application/json`")),
        ] {
            let mut headers = HeaderMap::new();
            for (name, value) in [(CONTENT_TYPE, kind), (CONTENT_ENCODING, coding)] {
                if !value.is_empty() {
                    headers.insert(name, value.parse().unwrap());
                }
            }
            match (encoding(&headers), expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{kind} {coding}"),
                (Err(problem), Err(part)) => {
                    assert_eq!(problem.status, 415);
                    assert!(problem.detail.contains(part), "{kind} {coding}: {problem:?}");
                }
                (found, _) => panic!("{kind} {coding}: {found:?}"),
            }
        }
    }
}
