//! What the protocol asks of a server, in both of its forms.

use axum::body::Body;
use http::Request;
use serde_json::{Value, json};

use super::asked;
use crate::support::Service;

#[tokio::test]
async fn clients_that_begin_with_initialize_are_answered_in_their_revision() {
    let service = Service::new().await;
    for (offered, answered) in
        [("2025-11-25", "2025-11-25"), ("2025-06-18", "2025-06-18"), ("2024-11-05", "2024-11-05")]
    {
        let client = json!({"name": "test", "version": "1"});
        let params = json!({"protocolVersion": offered, "capabilities": {}, "clientInfo": client});
        let (_, answer) = service.tell_as(offered, &asked("initialize", &params)).await;
        let result = &answer["result"];
        assert_eq!(result["protocolVersion"], answered, "{result}");
        assert_eq!(result["serverInfo"]["name"], "tollgate");
        assert!(result["instructions"].as_str().unwrap().contains("gate"));
        for capability in ["tools", "resources", "prompts"] {
            assert!(result["capabilities"][capability].is_object(), "{result}");
        }
    }
    let (status, answer) =
        service.tell("", &json!({"jsonrpc": "2.0", "method": "notifications/initialized"})).await;
    assert_eq!((status.as_u16(), &answer), (202, &json!("")));
}

/// A request of revision 2026-07-28.
fn stateless(method: &str, name: Option<&str>, mut params: Value) -> Request<Body> {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
    });
    let mut request = Request::post("/mcp")
        .header("host", "localhost:7070")
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", "2026-07-28")
        .header("mcp-method", method);
    if let Some(name) = name {
        request = request.header("mcp-name", name);
    }
    request.body(Body::from(asked(method, &params).to_string())).unwrap()
}

#[tokio::test]
async fn clients_of_the_stateless_revision_begin_with_nothing() {
    let service = Service::new().await;
    let mut results = Vec::new();
    for (method, name, params) in [
        ("server/discover", None, json!({})),
        ("tools/list", None, json!({})),
        ("tools/call", Some("GetBudgetStatus"), json!({"name": "GetBudgetStatus", "arguments": {}})),
        ("resources/read", Some("tollgate://status"), json!({"uri": "tollgate://status"})),
        ("prompts/get", Some("weekly_review"), json!({"name": "weekly_review"})),
    ] {
        let (status, text) = service.send(stateless(method, name, params)).await;
        assert_eq!(status, 200, "{method}: {text}");
        let answer: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(answer["result"]["resultType"], "complete", "{method}: {text}");
        results.push(answer["result"].clone());
    }
    let versions = results[0]["supportedVersions"].as_array().unwrap();
    assert!(
        versions.contains(&json!("2026-07-28")) && versions.contains(&json!("2025-11-25")),
        "{versions:?}"
    );
    assert_eq!((&results[1]["ttlMs"], &results[1]["cacheScope"]), (&json!(3_600_000), &json!("public")));
    assert_eq!((&results[3]["ttlMs"], &results[3]["cacheScope"]), (&json!(0), &json!("private")));
    // The header has to say what the body says.
    let (status, text) =
        service.send(stateless("tools/call", Some("gate"), json!({"name": "explain"}))).await;
    assert!(status == 400 && text.contains("-32020"), "{status} {text}");
    let (status, text) = service.send(stateless("initialize", None, json!({}))).await;
    assert!(status == 404 && text.contains("-32601"), "{status} {text}");
}

#[tokio::test]
async fn what_is_wrong_with_a_call_is_said_to_the_agent() {
    let service = Service::new().await;
    service.open("T-1").await;
    for (name, arguments, expected) in [
        ("RecordUsage", json!({}), "RecordUsage: `idempotency_key` and `task` must be given"),
        ("GetBudgetStatus", json!({"tsk": "x"}), "`tsk`: is no argument of it"),
        ("GetBudgetStatus", json!({"task": "T-9"}), "GetBudgetStatus: task_unknown: "),
        (
            "GetBudgetStatus",
            json!({"task": "T-1", "policy": "p"}),
            "`policy`: means nothing together with `task`",
        ),
        ("GetBudgetStatus", json!({"limit": 0}), "limit"),
        ("GetUsageAnalytics", json!({"by": "year"}), "must be `hour`, `day`, `week` or `month`"),
        ("CheckBudget", json!({"tokens": -1}), "tokens"),
        ("CheckBudget", json!({"tokens": "many"}), "tokens"),
        ("gate", json!({"task": "T-1", "advance_to": "LUNCH", "idempotency_key": "1"}), "LUNCH"),
        (
            "RecordUsage",
            json!({"idempotency_key": "1", "task": "T-1", "tokens": {"output": 1}, "occurred_at": "noon"}),
            "noon",
        ),
    ] {
        let (did, text) = service.tool("", name, &arguments).await;
        assert!(
            !did && text.starts_with(&format!("{name}: ")) && text.contains(expected),
            "{name} {arguments}: {text}"
        );
    }
    let (_, answer) = service.tell("", &asked("tools/call", &json!({"name": "Gate", "arguments": {}}))).await;
    assert_eq!(answer["error"]["code"], -32602, "{answer}");
    assert_eq!(
        answer["error"]["message"],
        "tool `Gate`: there is none of that name; tools/list has all; did you mean `gate`?"
    );
}

#[tokio::test]
async fn what_is_no_message_is_refused() {
    let service = Service::new().await;
    let list = asked("tools/list", &json!({})).to_string();
    let accepts = "application/json, text/event-stream";
    for (method, kind, accept, body, status, part) in [
        ("GET", "application/json", accepts, "", 405, "method_not_allowed"),
        ("DELETE", "application/json", accepts, "", 405, "method_not_allowed"),
        ("POST", "text/plain", accepts, list.as_str(), 415, "must be `application/json`"),
        ("POST", "application/json", "text/html", list.as_str(), 406, "Not Acceptable"),
        ("POST", "application/json", accepts, "{", 400, "-32700"),
        ("POST", "application/json", accepts, "", 400, "-32700"),
        ("POST", "application/json", accepts, "[]", 400, "-32600"),
        ("POST", "application/json", accepts, "{\"jsonrpc\":\"2.0\"}", 400, "-32600"),
        ("POST", "application/vnd.x+json; charset=utf-8", accepts, list.as_str(), 200, "CheckBudget"),
    ] {
        let request = Request::builder().method(method).uri("/mcp").header("host", "localhost:7070");
        let request = request.header("content-type", kind).header("accept", accept);
        let (found, text) = service.send(request.body(Body::from(body.to_owned())).unwrap()).await;
        assert_eq!(found, status, "{method} {kind} {accept} {body}: {text}");
        assert!(text.contains(part), "{method} {kind} {accept} {body}: {text}");
    }
    let request =
        Request::post("/mcp?x=1").header("host", "localhost:7070").header("content-type", "application/json");
    let (found, text) = service.send(request.body(Body::from(list)).unwrap()).await;
    assert!(found == 400 && text.contains("parameter `x`"), "{found} {text}");
}

#[tokio::test]
async fn resources_and_prompts_are_listed_and_read() {
    let service = Service::new().await;
    service.open("T-1").await;
    let listed = service.result("resources/list", json!({})).await;
    let templates = service.result("resources/templates/list", json!({})).await;
    let addresses = listed["resources"].as_array().unwrap().iter().map(|it| it["uri"].clone());
    let addresses = addresses
        .chain(templates["resourceTemplates"].as_array().unwrap().iter().map(|it| it["uriTemplate"].clone()));
    for address in addresses {
        let uri = address.as_str().unwrap().replace("{task}", "T-1").replace("{budget}", "b");
        let (_, answer) = service.tell("", &asked("resources/read", &json!({"uri": uri}))).await;
        // There is neither such a budget nor such a policy.
        let is_there = !uri.contains("budgets") && !uri.contains("policies");
        assert_eq!(
            answer["result"]["contents"][0]["mimeType"] == "text/markdown",
            is_there,
            "{uri}: {answer}"
        );
        assert_eq!(answer["error"]["code"] == -32002, !is_there, "{uri}: {answer}");
    }
    let (_, missing) =
        service.tell("", &asked("resources/read", &json!({"uri": "tollgate://nothing"}))).await;
    assert_eq!(missing["error"]["data"]["uri"], "tollgate://nothing", "{missing}");
    let prompts = service.result("prompts/list", json!({})).await;
    assert_eq!(prompts["prompts"].as_array().unwrap().len(), 3, "{prompts}");
    let params = json!({"name": "why_was_i_blocked", "arguments": {"task": "T-1"}});
    let prompt = service.result("prompts/get", params).await;
    assert!(prompt["messages"][0]["content"]["text"].as_str().unwrap().contains("`T-1`"), "{prompt}");
}
