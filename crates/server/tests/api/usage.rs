//! Usage, one by one and added up.

use serde_json::{Value, json};

use crate::support::{Service, at};

fn used(id: &str, task: &str, when: &str, team: &str, output: u64) -> Value {
    json!({"id": id, "task": task, "occurred_at": when, "usage_recorded": {
        "phase": "PLAN", "model": "gpt-5", "allocation": "al-1",
        "labels": {"team": team, "branch": "main"}, "tokens": {"output": output},
    }})
}

async fn with_usage() -> Service {
    let service = Service::new().await;
    let (_, made) = service.post("/v1/allocations", json!({"allocation": "al-1", "tokens": 1000})).await;
    assert_eq!(made["state"], "open", "{made}");
    // One request each: those of several tasks in one may be recorded in any order.
    for event in [
        used("u-1", "T-1", "2026-10-31T22:50:00Z", "search", 100),
        used("u-2", "T-2", "2026-10-31T23:10:00Z", "ads", 20),
        used("u-3", "T-1", "2026-11-19T10:00:00Z", "search", 3),
        json!({"id": "u-4", "task": "T-3", "usage_recorded": {"model": "unheard-of", "tokens": {"output": 7}}}),
        json!({"id": "a-1", "task": "T-1", "usage_adjusted":
            {"adjusts": "u-1", "tokens": {"output": -40}, "reason": "counted twice"}}),
    ] {
        assert_eq!(service.append(json!([event])).await.0, 201);
    }
    service
}

/// The ids of a page.
fn ids(page: &Value) -> Vec<&str> {
    page["records"].as_array().unwrap().iter().map(|record| record["id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn records_come_from_the_end_page_by_page_and_by_every_value() {
    let service = with_usage().await;
    let (_, all) = service.get("/v1/usage").await;
    assert_eq!(ids(&all), ["a-1", "u-4", "u-3", "u-2", "u-1"], "{all}");
    assert!(all.get("next").is_none(), "{all}");
    let correction = &all["records"][0];
    assert_eq!(correction["adjusts"], "u-1");
    assert_eq!(
        (&correction["labels"]["team"], &correction["allocation"]),
        (&json!("search"), &json!("al-1"))
    );
    assert_eq!((&correction["tokens"]["total"], &correction["cost_usd"]), (&json!(-40), &json!("-0.0004")));
    assert_eq!(all["records"][1].get("cost_usd"), None, "unpriced is not zero: {all}");

    let (mut path, mut found) = ("/v1/usage?limit=2".to_owned(), Vec::new());
    loop {
        let (_, page) = service.get(&path).await;
        found.extend(ids(&page).into_iter().map(str::to_owned));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/v1/usage?limit=2&before={next}");
    }
    assert_eq!(found, ["a-1", "u-4", "u-3", "u-2", "u-1"]);

    for (query, expected) in [
        ("team=search", vec!["a-1", "u-3", "u-1"]),
        ("team=search&since=2026-11-01&until=2026-11-20T00:00:00Z", vec!["u-3"]),
        ("until=2026-10-31T22:50:00Z", vec![]),
        ("until=2026-10-31T22:50:00.000001Z", vec!["u-1"]),
        ("task=T-2", vec!["u-2"]),
        ("session=T-3", vec!["u-4"]),
        ("allocation=al-1&scope=%7B%22label.branch%22:%22main%22,%22team%22:%22ads%22%7D", vec!["u-2"]),
        ("tier=remote_heavyweight&model=unheard-of", vec!["u-4"]),
        ("tenant=other", vec![]),
    ] {
        let (status, page) = service.get(&format!("/v1/usage?{query}")).await;
        assert_eq!((status.as_u16(), ids(&page)), (200, expected), "{query}: {page}");
    }
    for (query, because) in [
        ("before=x", "`next` of a page"),
        ("limit=0", "from 1 to 1000"),
        ("since=yesterday", "must be a time"),
        ("scope=x", "must be a JSON object"),
        ("scope=%7B%22modell%22:%22x%22%7D", "must be component, team"),
        ("team=a&scope=%7B%22label.team%22:%22b%22%7D", "is named twice"),
        ("teem=a", "did you mean `team`?"),
    ] {
        let (status, problem) = service.get(&format!("/v1/usage?{query}")).await;
        let detail = problem["detail"].as_str().unwrap();
        assert!(status == 400 && detail.contains(because), "{query}: {problem}");
    }
}

#[tokio::test]
async fn a_page_of_many_records_begins_where_the_last_one_ended_in_the_middle_of_one() {
    let service = Service::new().await;
    let mut expected = Vec::new();
    for record in 0..120_u32 {
        let events: Vec<Value> = (0..record % 4)
            .map(|event| used(&format!("u-{record}-{event}"), "T-1", "2026-11-19T10:00:00Z", "search", 1))
            .collect();
        expected.extend(events.iter().map(|event| event["id"].as_str().unwrap().to_owned()));
        if !events.is_empty() {
            service.append(json!(events)).await;
        }
        service.open(&format!("T-{record}")).await;
    }
    expected.reverse();
    let (mut path, mut found) = ("/v1/usage?task=T-1&limit=7".to_owned(), Vec::new());
    loop {
        let (_, page) = service.get(&path).await;
        assert!(ids(&page).len() <= 7);
        found.extend(ids(&page).into_iter().map(str::to_owned));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/v1/usage?task=T-1&limit=7&before={next}");
    }
    assert_eq!(found, expected);
}

#[tokio::test]
async fn sums_are_exact_by_any_group_and_period() {
    let service = with_usage().await;
    let ask = async |query: &str| service.get(&format!("/v1/usage/summary?at_least=tail&{query}")).await.1;
    let total = ask("").await;
    assert_eq!(total["groups"][0]["tokens"]["total"], 90, "{total}");
    assert_eq!(total["totals"]["cost_usd"], "0.00083");
    assert_eq!(
        (&total["totals"]["usage_events"], &total["totals"]["unpriced_tokens"]),
        (&json!(4), &json!(7))
    );

    let rows = |answer: &Value| -> Vec<String> {
        let row = |group: &Value| {
            let values = group["values"].as_object().unwrap().values().map(|value| value.as_str().unwrap());
            let period = group["period"].as_str().into_iter();
            let tokens = group["tokens"]["total"].to_string();
            period.chain(values).map(str::to_owned).chain([tokens]).collect::<Vec<_>>().join(" ")
        };
        answer["groups"].as_array().unwrap().iter().map(row).collect()
    };
    for (query, expected) in [
        ("group_by=team", vec!["7", "ads 20", "search 63"]),
        ("group_by=team,task", vec!["T-3 7", "T-2 ads 20", "T-1 search 63"]),
        ("group_by=session&team=search", vec!["T-1 63"]),
        ("by=month", vec!["2026-10 120", "2026-11 -30"]),
        ("by=month&time_zone=Europe/Berlin", vec!["2026-10 100", "2026-11 -10"]),
        (
            "by=month&time_zone=Europe/Berlin&since=2026-11-01&group_by=team",
            vec!["2026-11 7", "2026-11 ads 20", "2026-11 search -37"],
        ),
        (
            "group_by=label.branch&by=hour&until=2026-11-01",
            vec!["2026-10-31T22:00Z main 100", "2026-10-31T23:00Z main 20"],
        ),
        ("tenant=other", vec![]),
    ] {
        assert_eq!(rows(&ask(query).await), expected, "{query}");
    }
    let (mut path, mut found) = ("group_by=team&limit=1".to_owned(), Vec::new());
    loop {
        let page = ask(&path).await;
        assert_eq!(page["totals"]["tokens"]["total"], 90);
        found.extend(rows(&page));
        let Some(next) = page["next"].as_str() else { break };
        let escaped: String = next.bytes().map(|byte| format!("%{byte:02X}")).collect();
        path = format!("group_by=team&limit=1&after={escaped}");
    }
    assert_eq!(found, ["7", "ads 20", "search 63"]);
    for (query, because) in [
        ("group_by=modell", "must be component, team"),
        ("group_by=team,team", "must be named once"),
        ("after=x", "`next` of a page"),
        ("since=2026-11-19T10:01:00Z", "quarter of an hour"),
        ("by=year", "must be `hour`, `day`, `week` or `month`"),
    ] {
        let (status, problem) = service.get(&format!("/v1/usage/summary?{query}")).await;
        let detail = problem["detail"].as_str().unwrap();
        assert!(status == 400 && detail.contains(because), "{query}: {problem}");
    }
    assert_eq!(service.ledger.now(), at("2026-11-20T10:00:00Z"), "the clock stood still");
}
