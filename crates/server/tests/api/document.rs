//! What describes the API to machines: the OpenAPI document, and the page of metrics.

use std::collections::{BTreeMap, BTreeSet};

use axum::body::Body;
use http::Request;
use serde_json::Value;
use tollgate_server::http::document;
use tollgate_server::problem::KINDS;

use crate::support::Service;

#[test]
fn the_document_is_as_agreed() {
    let json = serde_json::to_string_pretty(&document()).unwrap();
    insta::assert_snapshot!("openapi", json);
}

#[test]
fn every_problem_has_its_section_in_the_documents() {
    let page = include_str!("../../../../docs/reference/problems.md");
    let sections: BTreeMap<&str, &str> =
        page.split("\n## `").filter_map(|part| part.split_once("`\n\n")).collect();
    for kind in KINDS {
        let section = sections.get(kind.code).unwrap_or_else(|| panic!("`{}` has none", kind.code));
        let again = if kind.retryable { "may be sent again" } else { "the same request fails again" };
        assert!(section.starts_with(&format!("{}, {again}.\n", kind.status)), "{}: {section}", kind.code);
        assert!(section.contains("**What to do:** "), "{}", kind.code);
    }
    let known: BTreeSet<&str> = KINDS.iter().map(|kind| kind.code).collect();
    assert_eq!(sections.into_keys().collect::<BTreeSet<_>>(), known);
}

#[test]
fn every_operation_says_what_it_answers_when_it_does_not_do_what_it_is_asked() {
    let document = serde_json::to_value(document()).unwrap();
    let mut operations = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            operations += 1;
            let responses = &operation["responses"];
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                let name = parameter["name"].as_str().unwrap();
                let (place, needed) = (parameter["in"].as_str(), parameter["required"].as_bool());
                if path.contains(&format!("{{{name}}}")) {
                    assert_eq!((place, needed), (Some("path"), Some(true)), "{method} {path}: {name}");
                } else {
                    assert_eq!(place, Some("query"), "{method} {path}: {name}");
                }
                let kind = &parameter["schema"]["type"];
                assert!(kind.is_string(), "no query can say `null`: {method} {path}: {parameter}");
            }
            let writes: &[&str] =
                if method == "post" { &["408", "409", "413", "415", "429", "507"] } else { &[] };
            for status in ["400", "403", "405", "500", "503"].iter().chain(writes) {
                let own = &responses[status];
                let shared =
                    own["$ref"].as_str().map(|name| &document["components"]["responses"][&name[23..]]);
                let schema = &shared.unwrap_or(own)["content"]["application/problem+json"]["schema"]["$ref"];
                assert_eq!(schema, "#/components/schemas/Problem", "{method} {path}: {status}");
            }
            for (status, response) in responses.as_object().unwrap() {
                let json = &response["content"]["application/json"]["schema"]["$ref"];
                assert_ne!(
                    json, "#/components/schemas/Problem",
                    "{method} {path}: {status} has a type of its own"
                );
            }
        }
    }
    assert!(operations > 30, "{operations}");
}

#[tokio::test]
async fn a_parameter_that_is_not_described_is_refused_everywhere() {
    let service = Service::new().await;
    let document = serde_json::to_value(document()).unwrap();
    for (path, item) in document["paths"].as_object().unwrap() {
        let path = path.replace(['{', '}'], "");
        for method in item.as_object().unwrap().keys() {
            let request = Request::builder().method(method.to_ascii_uppercase().as_str());
            let request = request.uri(format!("{path}?surprise=1")).header("host", "localhost:7070");
            let body = if method == "post" { Body::from("{}") } else { Body::empty() };
            let request = request.header("content-type", "application/json").body(body).unwrap();
            let (status, text) = service.send(request).await;
            assert_eq!(status, 400, "{method} {path}: {text}");
            assert!(text.contains("surprise"), "{method} {path}: {text}");
        }
    }
}

async fn metrics(service: &Service, accept: &str) -> (String, String) {
    let request = || {
        Request::get("/metrics").header("host", "localhost:7070").header("accept", accept).body(Body::empty())
    };
    let headers = service.headers(request().unwrap()).await;
    let (status, page) = service.send(request().unwrap()).await;
    assert_eq!(status, 200);
    (headers["content-type"].to_str().unwrap().to_owned(), page)
}

#[tokio::test]
async fn scrapers_get_the_format_that_they_prefer() {
    let service = Service::new().await;
    service.open("T-1").await;
    let (kind, page) = metrics(&service, "application/openmetrics-text;version=1.0.0,text/plain;q=0.5").await;
    assert_eq!(kind, "application/openmetrics-text; version=1.0.0; charset=utf-8");
    assert!(page.ends_with("# EOF\n"), "{page}");
    let (kind, page) = metrics(&service, "text/plain;version=0.0.4;q=1,*/*;q=0.1").await;
    assert_eq!(kind, "text/plain; version=0.0.4; charset=utf-8");
    check_plain(&page);
}

/// What `promtool check metrics` checks: each family has help and a type before its samples, counters end in
/// `_total`, and nothing else does.
fn check_plain(page: &str) {
    let (mut helped, mut typed, mut counters) = (BTreeSet::new(), BTreeSet::new(), 0);
    for line in page.lines() {
        let words: Vec<&str> = line.splitn(4, ' ').collect();
        match words[..] {
            ["#", "HELP", name, help] => {
                assert!(!help.trim_end_matches('.').is_empty(), "{line}");
                assert!(helped.insert(name), "once: {line}");
            }
            ["#", "TYPE", name, kind] => {
                assert!(helped.contains(name), "help comes first: {line}");
                assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
                assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
                assert!(typed.insert(name), "once: {line}");
                counters += usize::from(kind == "counter");
            }
            _ => {
                assert!(!line.starts_with('#'), "{line}");
                let name = line.split(['{', ' ']).next().unwrap();
                let of_histogram =
                    ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
                assert!(
                    typed.contains(name) || of_histogram.is_some_and(|name| typed.contains(name)),
                    "{line}"
                );
            }
        }
    }
    assert_eq!(helped, typed);
    assert!(counters > 8, "{page}");
}

#[tokio::test]
async fn web_pages_of_elsewhere_cause_no_record_of_a_read() {
    let service = Service::new().await;
    service.open("T-1").await;
    let read = |site: &str| {
        let request = Request::get("/v1/tasks/T-1/report?at_least=tail").header("host", "localhost:7070");
        request.header("sec-fetch-site", site).body(Body::empty()).unwrap()
    };
    assert_eq!(service.send(read("cross-site")).await.0, 403);
    assert_eq!(service.send(read("same-origin")).await.0, 200);
    let accesses = async || -> Value { service.get("/v1/report/accesses?at_least=tail").await.1 };
    let recorded = loop {
        let found = accesses().await;
        if found["accesses"].as_array().is_some_and(|list| !list.is_empty()) {
            break found;
        }
    };
    assert_eq!(recorded["accesses"].as_array().map(Vec::len), Some(1), "{recorded}");
}
