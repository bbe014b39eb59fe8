//! Every operation of the document × every scope × its own tenant and a foreign one. What is expected stands here once
//! more, apart from the rules that the server has: an operation that is not in this table fails the test.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use tollgate_server::http::document;

use super::request;
use crate::support::Service;

/// Whose data an operation is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Of {
    /// Nobody's: a foreign tenant cannot be named.
    Nobody,
    /// The tenant's that the query names.
    Query,
    /// The same; without one it is about all.
    QueryOrAll,
    /// The tenant's that the body names.
    Body,
    /// Everybody's: a key for one tenant may not do it at all.
    All,
}

const SCOPES: [&str; 6] = ["append", "decide", "read", "read_reports", "operate", "admin"];

/// Operations by scope, with whose data they are about. `anybody` needs no key, `any` any key.
const EXPECTED: &str = "
anybody       Nobody      get /v1/health
any           Nobody      get /v1/position
any           Nobody      post /mcp
append        Body        post /v1/events
append        Body        post /v1/events/find
append        Query       post /v1/tasks
append        Query       post /v1/tasks/{task}/close
append        Query       post /v1/tasks/{task}/phases
append        Query       post /v1/tasks/{task}/phases/{phase}/end
append        Query       post /v1/tasks/{task}/phases/{phase}/explanation
decide        Query       post /v1/tasks/{task}/gate
decide        Body        post /v1/check
decide        Body        post /v1/route
decide        Body        post /v1/allocations
decide        Body        post /v1/allocations/{allocation}/extend
decide        Body        post /v1/allocations/{allocation}/release
read          Query       get /v1/tasks
read          Query       get /v1/tasks/{task}
read          Nobody      get /v1/limits
read          Nobody      get /v1/prices
read          Nobody      get /v1/prices/quote
read          Nobody      get /v1/prices/history
read          Nobody      get /v1/prices/sources
read          Query       get /v1/budgets
read          Query       get /v1/budgets/{budget}
read          Query       get /v1/policies
read          Query       get /v1/policies/{policy}
read          Query       get /v1/pool
read          Query       get /v1/allocations
read          Query       get /v1/allocations/{allocation}
read          Query       get /v1/usage
read          Query       get /v1/usage/summary
read          QueryOrAll  get /v1/alerts
read          All         get /v1/alerts/changes
read          All         get /v1/alerts/stream
read          All         get /v1/alerts/deliveries
read          All         get /v1/alerts/{id}
read          QueryOrAll  get /v1/quarantine
read          All         get /v1/quarantine/{id}
read          QueryOrAll  get /v1/log
read          QueryOrAll  get /v1/health/budgets
read          Nobody      get /v1/breaker
read          Nobody      get /v1/config
read          All         get /metrics
read_reports  Query       get /v1/tasks/{task}/report
read_reports  Query       get /v1/tasks/{task}/explain
read_reports  QueryOrAll  get /v1/report
read_reports  QueryOrAll  get /v1/report/accesses
read_reports  QueryOrAll  get /v1/report/focus
read_reports  QueryOrAll  get /v1/report/export
read_reports  QueryOrAll  get /v1/report/savings
read_reports  Query       get /v1/bills/compare
operate       Query       post /v1/tasks/{task}/overrides
operate       Query       post /v1/tasks/{task}/importance
operate       Query       post /v1/tasks/{task}/mark
operate       Body        post /v1/budgets/{budget}
operate       Body        post /v1/budgets/default-policies
operate       Body        post /v1/policies/{policy}
operate       Body        post /v1/policies/{policy}/raise
operate       Body        post /v1/policies/{policy}/withdraw
operate       Body        post /v1/bills
operate       All         post /v1/prices/update
operate       All         post /v1/prices/approve
operate       All         post /v1/prices/reject
operate       All         post /v1/prices/set
operate       All         post /v1/prices/reprice
operate       All         post /v1/alerts/look
operate       All         post /v1/alerts/{id}/resend
operate       All         post /v1/alerts/{id}/acknowledge
operate       All         post /v1/quarantine/{id}/redrive
operate       All         post /v1/quarantine/{id}/drop
operate       All         post /v1/breaker/reset
operate       All         post /v1/config/reload
operate       All         post /v1/views/{view}/rebuild
admin         All         get /v1/keys
admin         All         post /v1/keys
admin         All         post /v1/keys/{key}/rotate
admin         All         post /v1/keys/{key}/revoke
";

struct Expected {
    scope: &'static str,
    of: Of,
    method: &'static str,
    path: &'static str,
}

fn expected() -> Vec<Expected> {
    let row = |line: &'static str| {
        let cells: Vec<&str> = line.split_whitespace().collect();
        let [scope, of, method, path] = cells[..] else { panic!("{line}") };
        let of = match of {
            "Nobody" => Of::Nobody,
            "Query" => Of::Query,
            "QueryOrAll" => Of::QueryOrAll,
            "Body" => Of::Body,
            "All" => Of::All,
            other => panic!("{other}"),
        };
        Expected { scope, of, method, path }
    };
    EXPECTED.lines().filter(|line| !line.is_empty()).map(row).collect()
}

/// A body that can be read, so that what it names is looked at. It may break another rule: the answer to a key that is
/// let in is anything but 401 and 403.
fn body(row: &Expected, tenant: Option<&str>) -> Value {
    if row.method == "get" {
        return Value::Null;
    }
    let mut body = match row.path {
        "/v1/events" => json!({"producer": "p", "events": [{"id": "1", "task": "T-1", "task_opened": {}}]}),
        "/v1/events/find" => json!({"task": "T-1", "producer": "p", "ids": ["1"]}),
        "/v1/tasks" => json!({"id": "1", "task": "T-2", "producer": "p"}),
        "/v1/tasks/{task}/close" => json!({"id": "2", "producer": "p", "outcome": "completed"}),
        "/v1/tasks/{task}/phases" => json!({"id": "3", "producer": "p", "phase": "PLAN"}),
        "/v1/tasks/{task}/phases/{phase}/end" => json!({"id": "4", "producer": "p"}),
        "/v1/tasks/{task}/phases/{phase}/explanation" => {
            json!({"id": "5", "producer": "p", "author": "a", "explanation": "e"})
        }
        "/v1/tasks/{task}/gate" => json!({"advance_to": "PLAN", "producer": "p"}),
        "/v1/tasks/{task}/overrides" => {
            json!({"id": "6", "producer": "p", "block": {"advance": "PLAN"}, "approver": "a", "reason": "r"})
        }
        "/v1/tasks/{task}/importance" => {
            json!({"id": "7", "producer": "p", "to": "high", "author": "a", "reason": "r"})
        }
        "/v1/tasks/{task}/mark" => {
            json!({"id": "8", "producer": "p", "mark": "runaway", "author": "a", "reason": "r"})
        }
        "/v1/check" | "/v1/route" | "/v1/allocations" => json!({"tokens": 10, "model": "gpt-5"}),
        "/v1/allocations/{allocation}/extend" => json!({"id": "9", "tokens": 1}),
        "/v1/bills" => json!({"provider": "openai", "lines": []}),
        "/v1/policies/{policy}" => json!({"budget": "b", "window": "daily", "limit_tokens": 1}),
        "/v1/policies/{policy}/raise" => {
            json!({"author": "a", "reason": "r", "until": "2027-01-01", "tokens": 1})
        }
        "/v1/policies/{policy}/withdraw" => json!({"author": "a", "reason": "r", "raise": "x"}),
        _ => json!({}),
    };
    if let Some(tenant) = tenant.filter(|_| row.of == Of::Body) {
        body["tenant"] = json!(tenant);
    }
    body
}

fn address(row: &Expected, tenant: Option<&str>) -> String {
    let path = row.path.replace("{view}", "none").replace("{id}", "0123456789abcdef0123456789abcdef");
    let path = path.replace("{key}", "nobody").replace(['{', '}'], "");
    match (row.of, tenant) {
        (Of::Query | Of::QueryOrAll, Some(tenant)) => format!("{path}?tenant={tenant}"),
        _ => path,
    }
}

/// The status of an answer; of a stream, without its end.
async fn status(service: &Service, key: &str, row: &Expected, tenant: Option<&str>) -> (u16, String) {
    let method = row.method.to_ascii_uppercase();
    let request = request(&method, &address(row, tenant), key, &body(row, tenant));
    let answer = service.answer(request).await;
    let status = answer.status().as_u16();
    if status == 200 && row.path.ends_with("/stream") {
        return (status, String::new());
    }
    let body = axum::body::to_bytes(answer.into_body(), 1 << 24).await.unwrap();
    (status, String::from_utf8_lossy(&body).into_owned())
}

const fn is_refused(status: u16) -> bool {
    matches!(status, 401 | 403)
}

#[test]
fn the_table_has_every_operation_and_no_other() {
    let document = serde_json::to_value(document()).unwrap();
    let operations: BTreeSet<String> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, item)| {
            item.as_object().unwrap().keys().map(move |method| format!("{method} {path}"))
        })
        .collect();
    let rows: Vec<String> = expected().iter().map(|row| format!("{} {}", row.method, row.path)).collect();
    assert_eq!(rows.len(), rows.iter().collect::<BTreeSet<_>>().len(), "each once");
    assert_eq!(rows.into_iter().collect::<BTreeSet<_>>(), operations);
}

#[tokio::test]
async fn every_route_answers_every_scope_and_a_foreign_tenant_as_expected() {
    let service = Service::new().await;
    let root = service.close().await;
    let mut keys = BTreeMap::new();
    for scope in SCOPES {
        let body = json!({"key": format!("all-{scope}"), "scopes": [scope]});
        keys.insert((scope, false), service.make_key(&root, &body).await);
        if scope != "admin" {
            let body = json!({"key": format!("acme-{scope}"), "scopes": [scope], "tenants": ["acme"]});
            keys.insert((scope, true), service.make_key(&root, &body).await);
        }
    }
    let (mut asked, mut unexpected) = (0, Vec::new());
    for row in expected() {
        let mut check = |what: &str, tenant: Option<&str>, (status, text): (u16, String), let_in: bool| {
            asked += 1;
            // What is let in may break another rule, but its body has to be read: only then it is known whom it names.
            let unread = row.of == Of::Body && text.contains("does not fit this operation");
            if is_refused(status) == let_in || unread {
                unexpected
                    .push(format!("{} {} {tenant:?} with {what}: {status} {text}", row.method, row.path));
            }
        };
        let open = row.scope == "anybody";
        check("no key", None, status(&service, "", &row, None).await, open);
        let unknown = "tg_00000000000000000000000000000000q3msqq";
        check("an unknown key", None, status(&service, unknown, &row, None).await, open);
        for ((scope, restricted), key) in &keys {
            let may = open || row.scope == "any" || row.scope == *scope || *scope == "admin";
            for tenant in [None, Some("acme"), Some("rival")] {
                let covers = !restricted
                    || match row.of {
                        Of::Nobody => true,
                        Of::All => open,
                        Of::Query | Of::QueryOrAll | Of::Body => tenant == Some("acme"),
                    };
                let what = format!("{scope}{}", if *restricted { " for acme" } else { "" });
                check(&what, tenant, status(&service, key, &row, tenant).await, may && covers);
            }
        }
    }
    assert!(asked > 2_000, "{asked}");
    assert!(unexpected.is_empty(), "{} of {asked}:\n{}", unexpected.len(), unexpected.join("\n"));
}
