//! Who may use the API: a web page must not be able to read from a ledger on localhost, or write to it.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use axum::extract::{Request, State};
use axum::http::header::{HOST, HeaderValue, ORIGIN};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Method, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tollgate_wire::api::Problem;

use super::{App, Refusal};
use crate::problem::{FORBIDDEN_ORIGIN, INVALID};

/// The names under which the API may be addressed. A page whose own name was made to resolve to this address
/// (DNS rebinding) sends that name.
#[derive(Clone, Debug, Default)]
pub struct Hosts {
    /// From the address it listens on.
    own: BTreeSet<String>,
    /// Named by the operator.
    further: BTreeSet<String>,
    /// Whether it serves over TLS itself.
    tls: bool,
}

impl Hosts {
    /// The names of a loopback address, the address itself, and additional ones, all without a port.
    #[must_use]
    pub fn new(listens_on: SocketAddr, further: &[String]) -> Self {
        let own = ["localhost", "127.0.0.1", "[::1]"].map(str::to_owned);
        let ip = match listens_on {
            SocketAddr::V4(address) => address.ip().to_string(),
            SocketAddr::V6(address) => format!("[{}]", address.ip()),
        };
        let further = further.iter().map(|name| name.to_ascii_lowercase()).collect();
        Self { own: own.into_iter().chain([ip]).collect(), further, tls: false }
    }

    /// Served over TLS.
    #[must_use]
    pub fn over_tls(self) -> Self {
        Self { tls: true, ..self }
    }

    fn allows(&self, host: &str) -> bool {
        let name = without_port(host).to_ascii_lowercase();
        self.own.contains(&name) || self.further.contains(&name)
    }

    /// Whether a page of this origin was served under this name. Without TLS of its own the server serves over `http`;
    /// in front of an additional name there may be a proxy that adds TLS.
    fn is_origin(&self, origin: &str, host: &str) -> bool {
        let Some((scheme, page)) = origin.split_once("://") else { return false };
        let encrypted = self.tls || self.further.contains(&without_port(host).to_ascii_lowercase());
        page.eq_ignore_ascii_case(host) && (scheme == "http" || (scheme == "https" && encrypted))
    }
}

/// What requests from web pages are refused with.
const ONLY_OWN_PAGES: &str = "only the ledger's own pages may use it, reads of reports are recorded too; ask from the command line, \
                              or open the address itself";

/// Refuses requests that a browser sends on behalf of a page from another origin.
pub(crate) async fn check(State(app): State<App>, request: Request, next: Next) -> Response {
    match verdict(&app.hosts, request.method(), request.uri(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(problem) => Refusal(problem).into_response(),
    }
}

fn verdict(hosts: &Hosts, method: &Method, target: &Uri, headers: &HeaderMap) -> Result<(), Box<Problem>> {
    let host = addressed(target, headers)?;
    if let Some(host) = host
        && !hosts.allows(host)
    {
        return Err(FORBIDDEN_ORIGIN.with(format!(
            "Host `{host}`: this ledger is not addressed by that name; use localhost, or start the server with \
             --allow-host {}",
            without_port(host)
        )));
    }
    let text = |name: &str| headers.get(name).map(shown);
    if let Some(origin) = text(ORIGIN.as_str())
        && !host.is_some_and(|host| hosts.is_origin(origin, host))
    {
        return Err(FORBIDDEN_ORIGIN.with(format!("Origin `{origin}`: {ONLY_OWN_PAGES}")));
    }
    match text("sec-fetch-site") {
        None | Some("same-origin" | "none") => Ok(()),
        // The user followed a link. A page cannot do that for them.
        Some(_)
            if *method == Method::GET
                && text("sec-fetch-mode") == Some("navigate")
                && text("sec-fetch-dest") == Some("document")
                && text("sec-fetch-user") == Some("?1") =>
        {
            Ok(())
        }
        Some(site) => Err(FORBIDDEN_ORIGIN.with(format!("Sec-Fetch-Site `{site}`: {ONLY_OWN_PAGES}"))),
    }
}

/// The name that a request is addressed to, if it gives exactly one.
fn addressed<'a>(target: &'a Uri, headers: &'a HeaderMap) -> Result<Option<&'a str>, Box<Problem>> {
    let mut named = headers.get_all(HOST).iter().map(shown);
    let (host, second) = (named.next(), named.next());
    if let (Some(host), Some(second)) = (host, second) {
        let rule = "send exactly one `Host` header";
        return Err(INVALID.of_field("host", &format!("{host}, {second}"), rule));
    }
    match (target.authority().map(Authority::as_str), host) {
        (Some(target), Some(host)) if !target.eq_ignore_ascii_case(host) => {
            let rule = format!(
                "differs from `{target}`, the host in the request's target: send the same host in both"
            );
            Err(INVALID.of_field("host", host, &rule))
        }
        (target, host) => Ok(target.or(host)),
    }
}

fn shown(value: &HeaderValue) -> &str {
    value.to_str().unwrap_or("(not text)")
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

    const PAGE: &str = "navigate document ?1";

    #[test]
    fn only_own_names_and_own_pages() {
        let hosts = Hosts::new("127.0.0.1:7070".parse().unwrap(), &["ledger.example".to_owned()]);
        let (get, post) = (Method::GET, Method::POST);
        for (method, host, origin, site, fetch, allowed) in [
            (&post, "localhost:7070", "", "", "", true),
            (&post, "127.0.0.1:7070", "http://127.0.0.1:7070", "same-origin", "", true),
            (&post, "127.0.0.1:7070", "https://127.0.0.1:7070", "", "", false),
            (&post, "127.0.0.1:7070", "http://localhost:7070", "", "", false),
            (&post, "[::1]:7070", "", "", "", true),
            (&post, "LEDGER.example", "https://ledger.example", "", "", true),
            (&post, "ledger.example", "https://ledger.example", "", "", true),
            (&post, "ledger.example", "http://ledger.example", "", "", true),
            (&post, "ledger.example", "ftp://ledger.example", "", "", false),
            (&post, "ledger.example", "https://ledger.example:8443", "", "", false),
            (&post, "", "", "", "", true),
            (&post, "", "http://localhost:7070", "", "", false),
            (&post, "localhost:7070", "http://localhost:3000", "", "", false),
            (&post, "localhost:7070", "https://evil.example", "", "", false),
            (&post, "localhost:7070", "null", "", "", false),
            (&post, "localhost:7070", "", "cross-site", "", false),
            (&post, "localhost:7070", "", "cross-site", PAGE, false),
            (&post, "evil.example:7070", "", "", "", false),
            (&get, "evil.example:7070", "", "", "", false),
            // Reads of reports are recorded, so pages from other sites must not cause them.
            (&get, "localhost:7070", "https://evil.example", "cross-site", "", false),
            (&get, "localhost:7070", "https://evil.example", "", "", false),
            (&get, "localhost:7070", "", "cross-site", "no-cors image", false),
            (&get, "localhost:7070", "", "same-site", "no-cors image", false),
            (&get, "localhost:7070", "", "cross-site", "navigate iframe ?1", false),
            (&get, "localhost:7070", "", "cross-site", "navigate document", false),
            (&get, "localhost:7070", "", "cross-site", PAGE, true),
            (&get, "localhost:7070", "", "none", PAGE, true),
            (&get, "localhost:7070", "", "same-origin", "cors empty", true),
            (&get, "localhost:7070", "", "", "", true),
        ] {
            let mut fetch = fetch.split(' ');
            let [mode, dest, user] = [(); 3].map(|()| fetch.next().unwrap_or_default());
            let mut headers = HeaderMap::new();
            for (name, value) in [
                ("host", host),
                ("origin", origin),
                ("sec-fetch-site", site),
                ("sec-fetch-mode", mode),
                ("sec-fetch-dest", dest),
                ("sec-fetch-user", user),
            ] {
                if !value.is_empty() {
                    headers.insert(name, value.parse().unwrap());
                }
            }
            let verdict = verdict(&hosts, method, &Uri::from_static("/v1/report"), &headers);
            assert_eq!(
                verdict.is_ok(),
                allowed,
                "{method} {host} {origin} {site} {mode} {dest} {user}: {verdict:?}"
            );
        }
    }

    #[test]
    fn a_request_is_addressed_to_one_name() {
        let hosts = Hosts::new("127.0.0.1:7070".parse().unwrap(), &[]);
        for (target, named, status) in [
            ("/v1/health", vec!["localhost:7070"], None),
            ("/v1/health", vec!["localhost:7070", "localhost:7070"], Some(400)),
            ("/v1/health", vec!["localhost:7070", "evil.example"], Some(400)),
            ("http://localhost:7070/v1/health", vec!["localhost:7070"], None),
            ("http://localhost:7070/v1/health", vec![], None),
            ("http://evil.example/v1/health", vec!["localhost:7070"], Some(400)),
            ("http://evil.example/v1/health", vec!["evil.example"], Some(403)),
            ("http://evil.example/v1/health", vec![], Some(403)),
        ] {
            let mut headers = HeaderMap::new();
            named.iter().for_each(|name| {
                headers.append(HOST, name.parse().unwrap());
            });
            let verdict = verdict(&hosts, &Method::GET, &target.parse().unwrap(), &headers);
            assert_eq!(verdict.err().map(|problem| problem.status), status, "{target} {named:?}");
        }
    }
}
