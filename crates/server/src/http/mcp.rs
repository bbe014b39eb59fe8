//! The Model Context Protocol under `/mcp`. A call of a tool becomes a request to the rest of the API in this process,
//! with the key that it came with: what it may do, and what it is answered, is decided there.

use std::sync::{Arc, LazyLock, OnceLock};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, HOST, HeaderName};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, post};
use http_body_util::BodyExt;
use tollgate_mcp::{Api, BoxFuture, Caller, Catalogue, Door, InvalidDocument, NoAnswer, Unsaid};
use tollgate_wire::api::{LEDGER_HEADER, Problem};
use tower::ServiceExt;

use super::access::{Grant, Relayed};
use super::body::JsonText;
use super::extract::{NoParams, READER};
use super::openapi::document;
use super::proxies::ClientAddress;
use super::{App, Handled, checked, operations};
use crate::problem::INTERNAL;

/// The tools of this program's API, made when they are first needed.
///
/// # Errors
///
/// The program's own OpenAPI document lacks what a tool needs; a test says that it does not.
pub fn catalogue() -> Result<Arc<Catalogue>, InvalidDocument> {
    static MADE: LazyLock<Result<Arc<Catalogue>, InvalidDocument>> = LazyLock::new(|| {
        // A document can always be written as JSON.
        let document = serde_json::to_value(document()).unwrap_or_default();
        Catalogue::new(&document).map(Arc::new)
    });
    MADE.clone()
}

/// The address in front of all others.
pub(super) fn route() -> MethodRouter<App> {
    let place: Arc<Place> = Arc::default();
    post(move |State(app): State<App>, _: NoParams, request: Request| async move {
        place.answer(&app, request).await
    })
}

/// Where messages arrive.
#[derive(Default)]
struct Place {
    /// Made when the first message comes: most processes never get one.
    door: OnceLock<Door>,
}

impl Place {
    async fn answer(&self, app: &App, request: Request) -> Handled<Response> {
        let door = self.door(app)?;
        let (mut parts, body) = request.into_parts();
        let text = JsonText::from_request(Request::from_parts(parts.clone(), body), app).await?;
        // It is read, and no longer as it was sent.
        parts.headers.remove(CONTENT_ENCODING);
        parts.headers.remove(CONTENT_LENGTH);
        if let Some(key) = parts.extensions.get::<Grant>().and_then(Grant::key) {
            // An agent knows neither, and no resource can name them.
            let unsaid = Unsaid { tenant: only(&key.reach.tenants), producer: only(&key.reach.producers) };
            parts.extensions.insert(unsaid);
        }
        let body = Bytes::copy_from_slice(text.as_str().as_bytes());
        let response = door.answer(Request::from_parts(parts, body)).await;
        Ok(response.map(Body::new).into_response())
    }

    fn door(&self, app: &App) -> Result<&Door, Box<Problem>> {
        if let Some(door) = self.door.get() {
            return Ok(door);
        }
        let tools = catalogue().map_err(|error| INTERNAL.with(error.to_string()))?;
        let others = || checked(operations(), app.clone());
        Ok(self.door.get_or_init(|| Door::new(tools, Arc::new(Others(others())))))
    }
}

/// The only one of a list.
fn only(names: &[String]) -> Option<String> {
    if let [name] = names { Some(name.clone()) } else { None }
}

/// The other addresses, in this process.
struct Others(Router);

/// What a request to them has from the one that it comes from.
const HEADERS: [HeaderName; 4] =
    [HOST, AUTHORIZATION, HeaderName::from_static(READER), HeaderName::from_static(LEDGER_HEADER)];

impl Api for Others {
    fn send<'a>(
        &'a self,
        mut request: http::Request<Bytes>,
        caller: Option<&'a Caller>,
    ) -> BoxFuture<'a, Result<http::Response<Bytes>, NoAnswer>> {
        if let Some(caller) = caller {
            for name in HEADERS {
                for value in caller.headers.get_all(&name) {
                    request.headers_mut().append(name.clone(), value.clone());
                }
            }
            if let Some(address) = caller.extensions.get::<ClientAddress>() {
                request.extensions_mut().insert(*address);
            }
        }
        // It was counted when it came.
        request.extensions_mut().insert(Relayed);
        let others = self.0.clone();
        Box::pin(async move {
            let response = match others.oneshot(request.map(Body::from)).await {
                Ok(response) => response,
                Err(never) => match never {},
            };
            let (parts, body) = response.into_parts();
            let body = body.collect().await.map_err(|error| NoAnswer::Lost(error.to_string()))?;
            Ok(http::Response::from_parts(parts, body.to_bytes()))
        })
    }
}
