//! Who may ask for what. Once the ledger has a key, a request needs one that opens: its scope has to be that of the
//! address, and its reach has to cover the data that the request names.

mod grant;
mod named;
mod rate;
mod rules;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{MatchedPath, Query, Request, State};
use axum::http::header::{AUTHORIZATION, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tollgate_domain::key::{Key, KeySecret, Refused};
use tollgate_wire::api::Problem;

pub(crate) use self::grant::Grant;
pub(crate) use self::named::Named;
pub(super) use self::rate::Rates;
pub(super) use self::rules::{About, May, rule_of};
use super::{App, Refusal};
use crate::asked;
use crate::jwt::{called, is_token};
use crate::problem::{Answer, INVALID, METHOD, NOT_PERMITTED, RATE_LIMITED, UNAUTHENTICATED};

/// How a key is sent.
const SEND: &str =
    "send a key as `Authorization: Bearer KEY`; the command line takes it from --api-key or TOLLGATE_API_KEY";

/// The same where tokens of an issuer are taken.
const SEND_EITHER: &str = "send a key, or a token of the issuer whose tokens this server takes, as `Authorization: Bearer`; \
                           the command line takes both from --api-key or TOLLGATE_API_KEY";

/// In a request that this server sends to itself on behalf of one that it let in: that one was counted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Relayed;

/// Lets a request in, with what its key allows, or refuses it.
pub(crate) async fn check(State(app): State<App>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    if let Some(client) = app.proxies.client_of(&parts) {
        parts.extensions.insert(client);
    }
    match admitted(&app, &parts).await {
        Ok(grant) => {
            parts.extensions.insert(grant);
            next.run(Request::from_parts(parts, body)).await
        }
        Err(Denied { problem, retry_after }) => {
            let unauthenticated = problem.status == UNAUTHENTICATED.status;
            let mut response = Refusal(problem).into_response();
            let headers = response.headers_mut();
            if unauthenticated {
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"tollgate\""));
            }
            if let Some(after) = retry_after {
                headers.insert(RETRY_AFTER, whole_seconds(after).into());
            }
            response
        }
    }
}

/// Why a request is not let in.
struct Denied {
    problem: Box<Problem>,
    retry_after: Option<Duration>,
}

impl From<Box<Problem>> for Denied {
    fn from(problem: Box<Problem>) -> Self {
        Self { problem, retry_after: None }
    }
}

async fn admitted(app: &App, request: &Parts) -> Result<Grant, Denied> {
    if !app.asks_for_keys {
        return Ok(Grant::everything());
    }
    let method = if request.method == Method::HEAD { &Method::GET } else { &request.method };
    let path = request.extensions.get::<MatchedPath>().map(MatchedPath::as_str);
    let rule = path.map(|path| rule_of(method, path));
    if rule.as_ref().is_some_and(|rule| matches!(rule, Ok(rule) if rule.may == May::Anybody)) {
        return Ok(Grant::everything());
    }
    let Some(grant) = identified(app, &request.headers).await? else {
        return Ok(Grant::until_the_first_key());
    };
    let Some(key) = grant.key() else { return Ok(grant) };
    if let Some(rate) = key.rate
        && request.extensions.get::<Relayed>().is_none()
        && let Err(retry_after) = app.rates.take(&key.name, rate)
    {
        let problem = RATE_LIMITED.with(format!(
            "{}: it may send {} requests per second to each server, {} at once; send again in {} s",
            called(&key.name),
            rate.per_second,
            rate.burst,
            whole_seconds(retry_after)
        ));
        return Err(Denied { problem, retry_after: Some(retry_after) });
    }
    let Some(rule) = rule else {
        // There is nothing at this address, and whoever has a key may know that.
        return Ok(grant);
    };
    let rule = rule.map_err(|missing| no_rule(missing, request))?;
    if let May::Key(scope) = rule.may
        && !key.allows(scope)
    {
        let has: Vec<&str> = key.scopes.iter().map(|scope| scope.as_str()).collect();
        return Err(NOT_PERMITTED
            .with(format!(
                "{} {}: needs a key with the scope `{scope}`; {} has {}",
                request.method,
                request.uri.path(),
                called(&key.name),
                if has.is_empty() { "none".to_owned() } else { has.join(", ") }
            ))
            .into());
    }
    check_reach(key, rule.about, request)?;
    Ok(grant)
}

/// Who asks, by a key or a token; `None`: nobody needs one yet.
async fn identified(app: &App, headers: &HeaderMap) -> Answer<Option<Grant>> {
    if let Some(jwt) = &app.jwt {
        let sent = bearer(headers, SEND_EITHER)?;
        if is_token(sent) {
            let key = jwt.key(sent, app.ledger.now()).await?;
            return Ok(Some(Grant::of_token(&Arc::new(key))));
        }
    }
    let ring = app.ledger.keys().current().await?;
    if !app.is_closed(&ring) {
        return Ok(None);
    }
    let secret = KeySecret::read(bearer(headers, SEND)?)
        .map_err(|error| UNAUTHENTICATED.with(format!("what was sent is no key: {error}")))?;
    let opened = ring.opened_by(&secret.hash(), app.ledger.now());
    let key = opened.map_err(|refused| UNAUTHENTICATED.with(why(refused)))?;
    Ok(Some(Grant::of_key(key)))
}

/// An address without a rule is open to nobody.
fn no_rule(missing: rules::Missing, request: &Parts) -> Box<Problem> {
    let (method, path) = (&request.method, request.uri.path());
    match missing {
        rules::Missing::Method => METHOD.with(format!(
            "method {method} is not allowed on `{path}`; GET /v1/openapi.json lists the methods of each address"
        )),
        rules::Missing::Path => {
            NOT_PERMITTED.with(format!("{method} {path}: no rule says which keys may use this address"))
        }
    }
}

/// Whether the key covers the data that the address and its query name. What a body names is looked at when it is read.
fn check_reach(key: &Key, about: About, request: &Parts) -> Answer<()> {
    if key.reach.tenants.is_empty() {
        return Ok(());
    }
    let tenant = || -> Answer<Option<String>> {
        let pairs = Query::<Vec<(String, String)>>::try_from_uri(&request.uri);
        let Query(pairs) = pairs.map_err(|error| INVALID.with(format!("invalid query string: {error}")))?;
        Ok(pairs.into_iter().find(|(name, _)| name == "tenant").map(|(_, value)| value))
    };
    match about {
        About::Nobody | About::Body => Ok(()),
        About::Tenant => {
            let named = tenant()?;
            Grant::covers(key, asked::tenant(named.as_deref()))
        }
        About::TenantOrAll => match tenant()? {
            Some(named) => Grant::covers(key, &named),
            None => Err(NOT_PERMITTED.with(format!(
                "without `tenant` this is about all tenants, and {} is for {} only: name one",
                called(&key.name),
                key.reach.tenants.join(", ")
            ))),
        },
        About::Ledger => Err(NOT_PERMITTED.with(format!(
            "{} {}: this is about the whole ledger, and {} is for {} only",
            request.method,
            request.uri.path(),
            called(&key.name),
            key.reach.tenants.join(", ")
        ))),
    }
}

/// What was sent to open the ledger with, and how that is done.
fn bearer<'a>(headers: &'a HeaderMap, send: &str) -> Answer<&'a str> {
    let mut sent = headers.get_all(AUTHORIZATION).iter();
    let (Some(header), None) = (sent.next(), sent.next()) else {
        return Err(UNAUTHENTICATED.with(format!("this ledger answers only requests with one key: {send}")));
    };
    // What was sent is in no answer and in no log: it may be almost the key, or another system's password.
    let text = header.to_str().unwrap_or_default().trim();
    let Some((_, text)) = text.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
    else {
        return Err(UNAUTHENTICATED.with(format!("the header `Authorization` holds no bearer token: {send}")));
    };
    Ok(text.trim())
}

const fn why(refused: Refused) -> &'static str {
    match refused {
        Refused::Unknown => "this ledger has no such key: was it made for another one?",
        Refused::Revoked => "the key was revoked: ask whoever made it for another one",
        Refused::Expired => "the key has expired: ask whoever made it for another one",
        Refused::Replaced => "the key has another secret by now, and the time to change over has passed",
    }
}

fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs().saturating_add(u64::from(duration.subsec_nanos() > 0)).max(1)
}
