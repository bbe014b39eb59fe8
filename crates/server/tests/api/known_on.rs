//! Reports of money as known on a day, and by component and labels.

use axum::body::Body;
use http::Request;
use serde_json::{Value, json};

use crate::support::{Service, at};

fn used(id: &str, task: &str, on: &str, usage: Value) -> Value {
    json!({"id": id, "task": task, "occurred_at": format!("{on}T09:00:00Z"), "usage_recorded": usage})
}

fn bill(amount: &str) -> Value {
    let line = json!({"day": "2026-10-30", "model": "gpt-5", "tokens": 1000, "amount_usd": amount});
    json!({"provider": "openai", "lines": [line]})
}

/// Usage and a bill of October; in November later usage of October, a correction and another bill, and days later a
/// price for what had none.
async fn service() -> Service {
    let service = Service::new().await;
    let append = async |events: Value| {
        let (status, answer) = service.append(events).await;
        assert_eq!(status, 201, "{answer}");
    };
    let post = async |path: &str, body: Value| {
        let (status, answer) = service.post(path, body).await;
        assert!(status.is_success(), "{path}: {answer}");
    };
    service.clock.set(at("2026-10-30T10:00:00Z"));
    append(json!([
        used(
            "a",
            "T-1",
            "2026-10-30",
            json!({"provider": "openai", "model": "gpt-5", "component": "planner",
            "labels": {"team": "search", "session": "S-1"}, "tokens": {"input_uncached": 1000}})
        ),
        used(
            "b",
            "T-1",
            "2026-10-30",
            json!({"model": "house-model", "labels": {"team": "ads"}, "tokens": {"output": 40}})
        ),
    ]))
    .await;
    post("/v1/bills", bill("0.5")).await;
    service.clock.set(at("2026-11-02T10:00:00Z"));
    append(json!([
        used("c", "T-2", "2026-10-31", json!({"provider": "openai", "model": "gpt-5", "labels": {"cost centre": "7"},
            "tokens": {"input_uncached": 200}})),
        {"id": "d", "task": "T-1", "usage_adjusted":
            {"adjusts": "a", "tokens": {"input_uncached": -100}, "reason": "counted twice"}},
    ]))
    .await;
    post("/v1/bills", bill("0.75")).await;
    service.clock.set(at("2026-11-05T10:00:00Z"));
    let price = json!({"entry": "house-model", "by": "ann", "usd_per_token": {"output": "0.0001"},
        "from": "2020-01-01T00:00:00Z"});
    post("/v1/prices/set", price).await;
    let again = json!({"model": "house-model", "from": "2020-01-01T00:00:00Z", "by": "ann"});
    post("/v1/prices/reprice", again).await;
    service
}

/// Each group of a list with its tokens, its cost and its tokens without a price.
fn groups(list: &Value) -> String {
    let group = |group: &Value| {
        let text = |name: &str| group[name].as_str().unwrap_or_default().to_owned();
        format!(
            "{}:{}/{}/{}",
            text("key"),
            group["tokens"]["total"],
            text("cost_usd"),
            group["unpriced_tokens"]
        )
    };
    // A list of months that has none is not there.
    list.as_array().into_iter().flatten().map(group).collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn totals_are_those_that_were_known() {
    let service = service().await;
    for (query, tasks, months, teams) in [
        ("known_on=2026-10-29", 0, "", ""),
        ("known_on=2026-10-30", 1, "2026-10:1040/0.00125/40", "search:1000/0.00125/0 ads:40/0/40"),
        (
            "known_on=2026-11-02",
            2,
            "2026-10:1240/0.0015/40 2026-11:-100/-0.000125/0",
            "search:900/0.001125/0 unknown:200/0.00025/0 ads:40/0/40",
        ),
        (
            "top=100",
            2,
            "2026-10:1240/0.0015/0 2026-11:-100/0.003875/0",
            "search:900/0.001125/0 unknown:200/0.00025/0 ads:40/0.004/0",
        ),
    ] {
        let (status, report) = service.get(&format!("/v1/report?by=month,team&{query}&at_least=tail")).await;
        assert_eq!(status, 200, "{report}");
        assert_eq!(
            (&report["tasks"], groups(&report["by_month"])),
            (&json!(tasks), months.to_owned()),
            "{query}"
        );
        assert_eq!(report["chosen"]["dimension"], "team");
        assert_eq!(groups(&report["chosen"]["groups"]), teams, "{query}");
        let known = query.strip_prefix("known_on=").map_or(Value::Null, |day| json!(day));
        assert_eq!(report["period"]["known_on"], known);
    }
    let (_, report) = service.get("/v1/report?by=label:cost%20centre&top=1&at_least=tail").await;
    assert_eq!(report["chosen"]["dimension"], "label.cost centre");
    let rest = &report["chosen"]["groups"][1];
    assert_eq!(
        (&rest["key"], &rest["rest_of"], &rest["tokens"]["total"]),
        (&json!("(others)"), &json!(1), &json!(200))
    );
    let (_, report) = service.get("/v1/report?at_least=tail").await;
    assert_eq!(report["chosen"], Value::Null);
}

#[tokio::test]
async fn lines_are_told_apart_by_component_and_labels_and_filtered_by_them() {
    let service = service().await;
    for (query, expected) in [
        ("by=team", ",200 ads,40 search,900"),
        ("by=month,component", "2026-10,,240 2026-10,planner,1000 2026-11,,0 2026-11,planner,-100"),
        ("by=none&dimensions=label.cost%20centre", ",940 7,200"),
        ("by=labels", "{\"cost centre\":\"7\"},200 {\"team\":\"ads\"},40 {\"team\":\"search\"},900"),
        ("by=none&dimensions=recorded_on", "2026-10-30,1040 2026-11-02,100 2026-11-05,0"),
        ("by=model&only=team=search&known_on=2026-10-30", "gpt-5,1000"),
        ("by=model&only=label:team=search,component=planner", "gpt-5,900"),
        ("by=model&only=label.team=nobody", ""),
    ] {
        let (status, answer) = service.get(&format!("/v1/report/export?{query}&at_least=tail")).await;
        assert_eq!(status, 200, "{query}: {answer}");
        let line = |line: &Value| {
            let values = answer["dimensions"].as_array().unwrap().iter();
            let values =
                values.map(|name| line["dimensions"][name.as_str().unwrap()].as_str().unwrap().to_owned());
            let tokens = line["tokens"]["total"].to_string();
            line["period"]
                .as_str()
                .map(str::to_owned)
                .into_iter()
                .chain(values)
                .chain([tokens])
                .collect::<Vec<_>>()
                .join(",")
        };
        let shown: Vec<String> = answer["lines"].as_array().unwrap().iter().map(line).collect();
        assert_eq!(shown.join(" "), expected, "{query}");
    }
}

async fn focus(service: &Service, query: &str) -> String {
    let path = format!("/v1/report/focus?{query}at_least=tail");
    let request = Request::get(path).header("host", "localhost:7070").body(Body::empty()).unwrap();
    let (status, csv) = service.send(request).await;
    assert_eq!(status, 200, "{csv}");
    csv
}

#[tokio::test]
async fn charges_have_labels_as_tags_and_are_those_that_were_known() {
    let service = service().await;
    let all = focus(&service, "").await;
    assert!(all.contains(r#""{""team"":""search""}""#), "{all}");
    assert!(all.contains(r#""{""cost centre"":""7""}""#), "{all}");
    assert!(!all.contains("S-1") && all.contains(",planner,"), "{all}");
    for (query, lines, found) in [
        ("tags=none&", 6, ""),
        ("tags=team,producer&", 6, r#""{""team"":""ads"",""tollgate/producer"":"#),
        ("known_on=2026-10-30&", 3, ""),
        ("known_on=2026-11-02&", 5, "2026-10-31"),
    ] {
        let csv = focus(&service, query).await;
        assert_eq!(csv.matches("\r\n").count(), lines, "{query}: {csv}");
        assert!(csv.contains(found), "{query}: {csv}");
    }
}

#[tokio::test]
async fn bills_are_compared_as_they_were_known() {
    let service = service().await;
    for (query, billed, ledger, left) in [
        ("", "0.75", "0.00125", json!(null)),
        ("&known_on=2026-10-29", "0", "0", json!("2026-10-29")),
        ("&known_on=2026-11-01", "0.5", "0.00125", json!("2026-11-01")),
        ("&known_on=2026-11-02", "0.75", "0.00125", json!("2026-11-02")),
    ] {
        let path =
            format!("/v1/bills/compare?provider=openai&from=2026-10-30&to=2026-10-31&at_least=tail{query}");
        let (status, answer) = service.get(&path).await;
        assert_eq!(status, 200, "{answer}");
        let total = &answer["total"];
        assert_eq!(
            (&total["billed_usd"], &total["ledger_usd"], &answer["known_on"]),
            (&json!(billed), &json!(ledger), &left),
            "{query}: {answer}"
        );
        let corrected = answer["rows"].to_string().contains("correction");
        assert_eq!(corrected, query.is_empty() || query.ends_with("11-02"), "{answer}");
    }
}

#[tokio::test]
async fn what_no_report_knows_is_named() {
    let service = Service::new().await;
    for (path, expected) in [
        ("report?known_on=yesterday", "known_on: `yesterday`: must be a UTC day"),
        ("report/export?known_on=2026-13-01", "known_on: `2026-13-01`: must be a UTC day"),
        ("report/focus?known_on=2026-10-30T00:00:00Z", "known_on: `2026-10-30T00:00:00Z`: must be a UTC day"),
        (
            "bills/compare?provider=p&from=2026-10-01&to=2026-10-02&known_on=x",
            "known_on: `x`: must be a UTC day",
        ),
        ("report?by=team,model", "by: `model`: must name one dimension, and `team` is another"),
        ("report?by=none", "by: `none`: must be `hour`"),
        ("report?by=day,month", "by: `month`: must name one period"),
        ("report?by=modle", "did you mean `model`?"),
        ("report/export?by=session", "by: `session`: the sums of reports keep no tasks and sessions apart"),
        ("report/export?dimensions=task", "`tollgate usage summary --group-by task --format csv` has tokens"),
        ("report/focus?tags=label.", "tags: `label.`: must be tenant"),
    ] {
        let (status, problem) = service.get(&format!("/v1/{path}")).await;
        let detail = problem["detail"].as_str().unwrap_or_default();
        assert!(status == 400 && detail.contains(expected), "{path}: {problem}");
    }
}
