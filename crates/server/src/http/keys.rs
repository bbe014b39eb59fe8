//! Keys of the API: made, listed, rotated, revoked.

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use tollgate_domain::key::{Key, KeyReach, KeyScope, NewKey, Rate};
use tollgate_domain::nearest;
use tollgate_domain::time::Timestamp;
use tollgate_wire::api::{
    KeyList, KeyRequest, KeyResponse, KeyRevokeRequest, KeyRotateRequest, KeyState, KeyView, Problem,
    SecretText,
};

use super::body::JsonText;
use super::extract::{Names, NoParams, Who};
use super::{App, Handled};
use crate::asked::time;
use crate::ledger::{Made, MadeBy};
use crate::problem::{Answer, INVALID};

/// For how long secrets before the latest are accepted, if nothing is said: one day.
const OVERLAP_S: u32 = 24 * 60 * 60;

/// The longest time for that: 90 days.
const MAX_OVERLAP_S: u32 = 90 * OVERLAP_S;

/// The longest reason, in bytes.
const MAX_REASON_BYTES: usize = 2000;

/// The addresses of keys.
pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/v1/keys", get(list).post(create))
        .route("/v1/keys/{key}/rotate", post(rotate))
        .route("/v1/keys/{key}/revoke", post(revoke))
}

/// List keys
///
/// All that were ever made, by name, without their secrets.
#[utoipa::path(get, path = "/v1/keys", tag = "keys", responses(
    (status = 200, description = "The keys, as of the end of the log", body = KeyList),
))]
pub(crate) async fn list(State(app): State<App>, _: NoParams) -> Handled<Json<KeyList>> {
    let (ring, now) = (app.ledger.keys().current().await?, app.ledger.now());
    let keys = ring.keys().map(|key| view(key, now)).collect();
    Ok(Json(KeyList { keys, required: app.is_closed(&ring) }))
}

/// Make a key
///
/// The secret is in this answer and nowhere else. The first key must have the scope `admin`; from then on the API
/// answers only requests with a key. It is durable on return, and every server knows it from its next answer on.
#[utoipa::path(post, path = "/v1/keys", tag = "keys", request_body = KeyRequest, responses(
    (status = 201, description = "The key and its secret", body = KeyResponse),
    (status = 409, description = "There is a key of this name, or was one", body = Problem),
))]
pub(crate) async fn create(
    State(app): State<App>,
    _: NoParams,
    who: Who,
    body: JsonText,
) -> Handled<Response> {
    let new = new_key(body.parse()?)?;
    let now = app.ledger.now();
    let made = app.ledger.keys().create(new, MadeBy { by: &who.reader, now }).await?;
    Ok(answer(StatusCode::CREATED, made, now))
}

/// Give a key another secret
///
/// The secret is in this answer and nowhere else. Those before it are accepted for `overlap_s` seconds more.
#[utoipa::path(post, path = "/v1/keys/{key}/rotate", tag = "keys", params(("key" = String, Path)),
    request_body = KeyRotateRequest, responses(
    (status = 200, description = "The key and its new secret", body = KeyResponse),
    (status = 404, description = "There is no such key", body = Problem),
    (status = 409, description = "It was revoked, or its time is over", body = Problem),
))]
pub(crate) async fn rotate(
    State(app): State<App>,
    Names(key): Names<String>,
    _: NoParams,
    who: Who,
    body: JsonText,
) -> Handled<Response> {
    let request: KeyRotateRequest = body.parse()?;
    let overlap = request.overlap_s.unwrap_or(OVERLAP_S);
    if overlap > MAX_OVERLAP_S {
        let rule = format!("must be at most {MAX_OVERLAP_S}, which is 90 days");
        return Err(INVALID.of_field("overlap_s", &overlap.to_string(), &rule).into());
    }
    let now = app.ledger.now();
    let until = now.plus_millis(i64::from(overlap).saturating_mul(1000));
    let made = app.ledger.keys().rotate(&key, until, MadeBy { by: &who.reader, now }).await?;
    Ok(answer(StatusCode::OK, made, now))
}

/// Revoke a key
///
/// For good. When this is answered, no server lets the key in again.
#[utoipa::path(post, path = "/v1/keys/{key}/revoke", tag = "keys", params(("key" = String, Path)),
    request_body = KeyRevokeRequest, responses(
    (status = 200, description = "The key; `repeated` if it was revoked before", body = KeyResponse),
    (status = 404, description = "There is no such key", body = Problem),
))]
pub(crate) async fn revoke(
    State(app): State<App>,
    Names(key): Names<String>,
    _: NoParams,
    who: Who,
    body: JsonText,
) -> Handled<Response> {
    let request: KeyRevokeRequest = body.parse()?;
    let reason = request.reason.as_deref().filter(|reason| !reason.is_empty());
    if let Some(reason) = reason.filter(|it| it.len() > MAX_REASON_BYTES || it.contains(char::is_control)) {
        let rule = "must be at most 2000 bytes without control characters";
        return Err(INVALID.of_field("reason", reason, rule).into());
    }
    let now = app.ledger.now();
    let made = app.ledger.keys().revoke(&key, reason, MadeBy { by: &who.reader, now }).await?;
    Ok(answer(StatusCode::OK, made, now))
}

fn new_key(request: KeyRequest) -> Answer<NewKey> {
    let KeyRequest { key, scopes, tenants, producers, components, expires_at, .. } = request;
    let scope = |text: &String| {
        let rule = || {
            format!("must be one of {}{}", KeyScope::NAMES.join(", "), nearest::hint(text, KeyScope::NAMES))
        };
        KeyScope::from_word(text).ok_or_else(|| INVALID.of_field("scopes", text, &rule()))
    };
    let rate = match (request.requests_per_second, request.burst) {
        (Some(per_second), burst) => Some(Rate { per_second, burst: burst.unwrap_or(per_second) }),
        (None, Some(burst)) => {
            let rule = "is how many at once of `requests_per_second`: give that, too";
            return Err(INVALID.of_field("burst", &burst.to_string(), rule));
        }
        (None, None) => None,
    };
    Ok(NewKey {
        name: key,
        scopes: scopes.iter().map(scope).collect::<Answer<_>>()?,
        reach: KeyReach { tenants, producers, components },
        expires_at: expires_at.map(|text| time("expires_at", &text)).transpose()?,
        rate,
    })
}

/// The answer, which no cache may keep: it may hold a secret.
fn answer(status: StatusCode, made: Made, now: Timestamp) -> Response {
    let secret = made.secret.map(|secret| SecretText(secret.reveal().to_owned()));
    let response =
        KeyResponse { key: view(&made.key, now), secret, repeated: !made.is_new, position: made.position };
    (status, [(CACHE_CONTROL, "no-store")], Json(response)).into_response()
}

fn view(key: &Key, now: Timestamp) -> KeyView {
    let state = match &key.revoked {
        Some(_) => KeyState::Revoked,
        None if key.is_expired(now) => KeyState::Expired,
        None => KeyState::Active,
    };
    let (rotated_by, rotated_at) = key.rotated.clone().unzip();
    let (revoked_by, revoked_at) = key.revoked.clone().map(|(by, at, _)| (by, at)).unzip();
    let active = state == KeyState::Active;
    KeyView {
        key: key.name.clone(),
        state,
        scopes: key.scopes.iter().map(|scope| scope.as_str().to_owned()).collect(),
        tenants: key.reach.tenants.clone(),
        producers: key.reach.producers.clone(),
        components: key.reach.components.clone(),
        expires_at: key.expires_at.map(|at| at.to_string()),
        requests_per_second: key.rate.map(|rate| rate.per_second),
        burst: key.rate.map(|rate| rate.burst),
        created_by: key.created.0.clone(),
        created_at: key.created.1.to_string(),
        rotated_by,
        rotated_at: rotated_at.map(|at| at.to_string()),
        overlap_until: key.overlap_until(now).filter(|_| active).map(|at| at.to_string()),
        revoked_by,
        revoked_at: revoked_at.map(|at| at.to_string()),
        reason: key.revoked.as_ref().and_then(|(_, _, reason)| reason.clone()),
    }
}
