//! Who may use the API: a web page must not be able to read from a ledger on localhost, or write to it.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use axum::extract::{Request, State};
use axum::http::header::{HOST, ORIGIN};
use axum::http::{HeaderMap, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tollgate_wire::api::Problem;

use super::{App, Refusal};
use crate::problem::FORBIDDEN_ORIGIN;

/// The names under which the API may be addressed. A page whose own name was made to lead here (DNS rebinding) sends
/// that name.
#[derive(Clone, Debug, Default)]
pub struct Hosts {
    names: BTreeSet<String>,
}

impl Hosts {
    /// The names of a loopback address, the address itself, and further ones, all without a port.
    #[must_use]
    pub fn new(listens_on: SocketAddr, further: &[String]) -> Self {
        let own = ["localhost", "127.0.0.1", "[::1]"].map(str::to_owned);
        let ip = match listens_on {
            SocketAddr::V4(address) => address.ip().to_string(),
            SocketAddr::V6(address) => format!("[{}]", address.ip()),
        };
        let further = further.iter().map(|name| name.to_ascii_lowercase());
        Self { names: own.into_iter().chain([ip]).chain(further).collect() }
    }

    fn allows(&self, host: &str) -> bool {
        self.names.contains(&without_port(host).to_ascii_lowercase())
    }
}

/// Refuses requests that a web page of elsewhere makes a browser send.
pub(crate) async fn check(State(app): State<App>, request: Request, next: Next) -> Response {
    match verdict(&app.hosts, request.method(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(problem) => Refusal(problem).into_response(),
    }
}

fn verdict(hosts: &Hosts, method: &Method, headers: &HeaderMap) -> Result<(), Box<Problem>> {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("(not text)"));
    let host = text(HOST.as_str());
    if let Some(host) = host
        && !hosts.allows(host)
    {
        return Err(FORBIDDEN_ORIGIN.with(format!(
            "Host `{host}`: this ledger is not addressed by that name; use localhost, or start the server with \
             --allow-host {}",
            without_port(host)
        )));
    }
    if *method == Method::GET || *method == Method::HEAD {
        return Ok(());
    }
    if let Some(origin) = text(ORIGIN.as_str())
        && origin.split_once("://").map(|(_, rest)| rest) != host
    {
        return Err(
            FORBIDDEN_ORIGIN.with(format!("Origin `{origin}`: only the ledger's own pages may write to it"))
        );
    }
    if text("sec-fetch-site").is_some_and(|site| site == "cross-site") {
        return Err(
            FORBIDDEN_ORIGIN.with("Sec-Fetch-Site `cross-site`: only the ledger's own pages may write to it")
        );
    }
    Ok(())
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !name.is_empty() => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_own_names_and_own_pages() {
        let hosts = Hosts::new("127.0.0.1:7070".parse().unwrap(), &["ledger.example".to_owned()]);
        let (get, post) = (Method::GET, Method::POST);
        for (method, host, origin, site, allowed) in [
            (&post, "localhost:7070", "", "", true),
            (&post, "127.0.0.1:7070", "http://127.0.0.1:7070", "same-origin", true),
            (&post, "[::1]:7070", "", "", true),
            (&post, "LEDGER.example", "https://ledger.example", "", false),
            (&post, "ledger.example", "https://ledger.example", "", true),
            (&post, "", "", "", true),
            (&post, "localhost:7070", "http://localhost:3000", "", false),
            (&post, "localhost:7070", "https://evil.example", "", false),
            (&post, "localhost:7070", "null", "", false),
            (&post, "localhost:7070", "", "cross-site", false),
            (&post, "evil.example:7070", "", "", false),
            (&get, "evil.example:7070", "", "", false),
            (&get, "localhost:7070", "https://evil.example", "cross-site", true),
        ] {
            let mut headers = HeaderMap::new();
            for (name, value) in [("host", host), ("origin", origin), ("sec-fetch-site", site)] {
                if !value.is_empty() {
                    headers.insert(name, value.parse().unwrap());
                }
            }
            let verdict = verdict(&hosts, method, &headers);
            assert_eq!(verdict.is_ok(), allowed, "{method} {host} {origin} {site}: {verdict:?}");
        }
    }
}
