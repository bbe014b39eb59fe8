//! Which ledger answers. Every answer names it, and a request meant for a different one is refused: another
//! server may have taken over the address in the meantime.

use axum::extract::{Request, State};
use axum::http::header::HeaderValue;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tollgate_wire::api::LEDGER_HEADER;

use super::{App, Refusal};
use crate::problem::OTHER_LEDGER;

pub(crate) async fn check(State(app): State<App>, request: Request, next: Next) -> Response {
    let own = format!("{}/{}", app.ledger.log().epoch().id.simple(), app.ledger.operate().instance());
    let meant = request.headers().get(LEDGER_HEADER).map(|value| value.to_str().unwrap_or("(not text)"));
    let mut response = match meant {
        Some(meant) if !is_meant(meant, &own) => Refusal(OTHER_LEDGER.with(format!(
            "the request is addressed to ledger {meant}, but this is ledger {own}; nothing was changed; another server has this \
             address now: find the ledger's own server, or start it"
        )))
        .into_response(),
        _ => next.run(request).await,
    };
    if let Ok(own) = HeaderValue::from_str(&own) {
        response.headers_mut().insert(LEDGER_HEADER, own);
    }
    response
}

/// Whether this server is one of those that a request is meant for.
fn is_meant(meant: &str, own: &str) -> bool {
    let epoch = own.split('/').next().unwrap_or(own);
    meant == own || meant == epoch
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ledger_is_named_by_its_epoch_and_a_server_by_its_run_too() {
        for (meant, expected) in [
            ("e1", true),
            ("e1/a", true),
            ("e1/b", false),
            ("e2", false),
            ("e2/a", false),
            ("", false),
            ("e1/", false),
        ] {
            assert_eq!(is_meant(meant, "e1/a"), expected, "{meant}");
        }
    }
}
