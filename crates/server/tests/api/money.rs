//! Exports of usage and money: what they cover, that they add up, and that they arrive whole.

use std::collections::BTreeMap;

use axum::body::Body;
use http::Request;
use serde_json::{Value, json};
use tollgate_domain::money::Usd;

use crate::support::Service;

/// Usage on both sides of midnight in Berlin, in two tiers, some of it without a price, and a correction of the month
/// before. The clock is at 2026-11-20T10:00:00Z.
async fn service() -> Service {
    let service = Service::new().await;
    let used = |id: &str, task: &str, at: &str, usage: Value| json!({"id": id, "task": task, "occurred_at": at, "usage_recorded": usage});
    let events = json!([
        used("a", "T-1", "2026-10-31T20:00:00Z",
            json!({"provider": "openai", "model": "gpt-5", "tokens": {"input_uncached": 1200, "output": 70}})),
        used("b", "T-1", "2026-11-02T22:59:59Z",
            json!({"provider": "openai", "model": "gpt-5", "tokens": {"input_uncached": 100, "cached_input": 50, "output": 9, "reasoning": 4}})),
        used("c", "T-1", "2026-11-02T23:00:00Z",
            json!({"provider": "openai", "model": "gpt-5", "service_tier": "flex", "tokens": {"input_uncached": 10}})),
        used("d", "T-2", "2026-11-03T12:00:00Z", json!({"model": "nobody's", "tokens": {"output": 5}})),
        {"id": "e", "task": "T-1", "occurred_at": "2026-11-04T00:00:00Z", "usage_adjusted":
            {"adjusts": "a", "tokens": {"input_uncached": -1200, "output": -70}, "reason": "counted twice"}},
    ]);
    let (status, answer) = service.append(events).await;
    assert_eq!(status, 201, "{answer}");
    service
}

async fn text(service: &Service, path: &str) -> (u16, String) {
    let request = Request::get(path).header("host", "localhost:7070").body(Body::empty()).unwrap();
    let (status, text) = service.send(request).await;
    (status.as_u16(), text)
}

/// Decisions about prices after usage was recorded: what it was costed with stays known.
#[tokio::test]
async fn charges_of_focus_are_divided_by_the_prices_that_they_were_costed_with() {
    let service = service().await;
    let focus = async || {
        let (status, csv) = text(&service, "/v1/report/focus?tags=none&at_least=tail").await;
        assert_eq!(status, 200, "{csv}");
        rows(&csv)
    };
    let before = focus().await;
    let prices = before.iter().filter(|row| !row["ListUnitPrice"].is_empty()).count();
    assert!(prices >= 6, "{before:?}");
    for input in ["0.000001", "0.000002"] {
        let set = json!({"entry": "gpt-5", "usd_per_token": {"input_uncached": input}, "by": "ann",
            "from": "2026-10-01T00:00:00Z"});
        assert_eq!(service.post("/v1/prices/set", set).await.0, 200);
        // Also under another name: costs name the version.
        let named = json!({"entry": "openai/gpt-5", "usd_per_token": {"output": "0.00002"}, "by": "ann",
            "from": "2026-10-01T00:00:00Z"});
        assert_eq!(service.post("/v1/prices/set", named).await.0, 200);
        assert_eq!(focus().await, before, "nothing was priced again");
    }
    let again = json!({"model": "gpt-5", "from": "2026-11-01T00:00:00Z", "by": "ann"});
    let (_, report) = service.post("/v1/prices/reprice", again).await;
    let after = focus().await;
    let (old, new): (Vec<_>, Vec<_>) =
        after.into_iter().partition(|row| !row["ChargeDescription"].contains("(another price for "));
    assert_eq!(old, before, "{new:?}");
    let sum =
        new.iter().fold(Usd::ZERO, |sum, row| sum.checked_add(row["BilledCost"].parse().unwrap()).unwrap());
    assert_eq!(report["difference_usd"], sum.to_string(), "{new:?}");
    let is_bare =
        |row: &BTreeMap<String, String>| row["ConsumedQuantity"] == "0.0" && row["ListUnitPrice"].is_empty();
    assert!(!new.is_empty() && new.iter().all(is_bare), "{new:?}");
}

/// Rows by the names of their columns. No field of these tests has a comma or a quote but the JSON objects.
fn rows(csv: &str) -> Vec<BTreeMap<String, String>> {
    let mut lines = csv.split_terminator("\r\n");
    let names: Vec<&str> = lines.next().expect("a head").split(',').collect();
    let row = |line: &str| {
        let mut fields = Vec::new();
        let mut inside = false;
        let mut field = String::new();
        for letter in line.chars() {
            match letter {
                '"' => inside = !inside,
                ',' if !inside => fields.push(std::mem::take(&mut field)),
                letter => field.push(letter),
            }
        }
        fields.push(field);
        assert_eq!(fields.len(), names.len(), "{line}");
        names.iter().map(|name| (*name).to_owned()).zip(fields).collect()
    };
    lines.map(row).collect()
}

fn sum(rows: &[BTreeMap<String, String>], column: &str) -> Usd {
    rows.iter().fold(Usd::ZERO, |sum, row| sum.saturating_add(row[column].parse().unwrap()))
}

#[tokio::test]
async fn charges_of_focus_add_up_to_the_ledger_and_are_divided_by_kind() {
    let service = service().await;
    let (_, report) = service.get("/v1/report?at_least=tail").await;
    let total: Usd = report["cost_usd"].as_str().unwrap().parse().unwrap();
    for query in ["", "zone=Europe/Berlin&", "tags=phase,producer&"] {
        let (status, csv) = text(&service, &format!("/v1/report/focus?{query}at_least=tail")).await;
        assert_eq!(status, 200, "{csv}");
        let rows = rows(&csv);
        assert_eq!(sum(&rows, "BilledCost"), total, "{csv}");
        assert_eq!(sum(&rows, "x_TollgateUnpricedTokens").to_string(), "5", "{csv}");
        // What was costed with the book in force is divided, with the list price of each kind.
        let kinds =
            rows.iter().filter(|row| row["x_UsageDay"] == "2026-11-02" && row["x_ServiceTier"].is_empty());
        let kinds: Vec<&str> = kinds.map(|row| row["x_TokenKind"].as_str()).collect();
        assert_eq!(kinds, ["input_uncached", "cached_input", "output", "reasoning"], "{csv}");
    }
    let (_, csv) =
        text(&service, "/v1/report/focus?from=2026-11-01&to=2026-11-05&billing_account=acme").await;
    let november = rows(&csv);
    let corrected: Vec<&BTreeMap<String, String>> =
        november.iter().filter(|row| row["ChargeClass"] == "Correction").collect();
    assert_eq!(corrected.len(), 2, "{csv}");
    assert!(
        corrected
            .iter()
            .all(|row| row["x_CorrectedDay"] == "2026-10-31" && row["BilledCost"].starts_with('-'))
    );
    assert!(
        november
            .iter()
            .all(|row| row["BillingAccountId"] == "acme" && row["ChargePeriodStart"].as_str() > "2026-11-01")
    );
}

#[tokio::test]
async fn lines_are_told_apart_by_what_was_asked_and_add_up() {
    let service = service().await;
    let (_, report) = service.get("/v1/report?at_least=tail").await;
    for (query, expected) in [
        ("by=none&dimensions=", "174"),
        ("by=month&dimensions=", "2026-10:1270 2026-11:-1096"),
        (
            "by=day&dimensions=&zone=Europe/Berlin",
            "2026-10-31:1270 2026-11-02:159 2026-11-03:15 2026-11-04:-1270",
        ),
        ("by=none&dimensions=service_tier", ":164 flex:10"),
        ("by=none&dimensions=provider,corrects", ",:5 openai,:1439 openai,2026-10-31:-1270"),
        ("by=none&dimensions=model&only=provider=openai,service_tier=flex", "gpt-5:10"),
        ("by=none&dimensions=model&since=2026-11-03&until=2026-11-04", "nobody's:5"),
        ("by=none&dimensions=model&tenant=nobody", ""),
    ] {
        let (status, answer) = service.get(&format!("/v1/report/export?{query}&at_least=tail")).await;
        assert_eq!(status, 200, "{query}: {answer}");
        let asked: Vec<&str> =
            answer["dimensions"].as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect();
        let line = |line: &Value| {
            let values =
                asked.iter().map(|dimension| line["dimensions"][*dimension].as_str().unwrap().to_owned());
            let named: Vec<String> =
                line["period"].as_str().map(str::to_owned).into_iter().chain(values).collect();
            let tokens = line["tokens"]["total"].as_i64().unwrap();
            if named.is_empty() { tokens.to_string() } else { format!("{}:{tokens}", named.join(",")) }
        };
        let shown: Vec<String> = answer["lines"].as_array().unwrap().iter().map(line).collect();
        assert_eq!(shown.join(" "), expected, "{query}");
        let (_, csv) = text(&service, &format!("/v1/report/export?{query}&format=csv&at_least=tail")).await;
        assert_eq!(sum(&rows(&csv), "cost_usd").to_string(), answer["cost_usd"].as_str().unwrap(), "{query}");
    }
    let (_, all) = service.get("/v1/report/export?at_least=tail").await;
    assert_eq!((&all["tokens"], &all["cost_usd"]), (&report["tokens"], &report["cost_usd"]));
    assert_eq!(all["dimensions"], json!(["tenant", "provider", "model"]));
}

#[tokio::test]
async fn what_cannot_be_exported_is_named() {
    let service = Service::new().await;
    for (path, expected) in [
        ("export?dimensions=colour", "dimensions: `colour`: must be tenant, producer"),
        ("export?only=openai", "only: `openai`: must be a dimension and its value"),
        ("export?only=colour=red", "only: `colour`: must be tenant, "),
        ("export?by=year", "by: `year`: must be"),
        ("export?format=xml", "format: `xml`: must be `json` or `csv`"),
        ("focus?tags=colour", "tags: `colour`: must be tenant, "),
        ("focus?billing_account=%20", "must name the account"),
        ("focus?since=yesterday", "since: `yesterday`: must be a time"),
    ] {
        let (status, problem) = service.get(&format!("/v1/report/{path}")).await;
        let detail = problem["detail"].as_str().unwrap_or_default();
        assert!(status == 400 && detail.contains(expected), "{path}: {problem}");
    }
    let (status, csv) = text(&service, "/v1/report/focus").await;
    assert_eq!(
        (status, csv.matches("\r\n").count()),
        (200, 1),
        "no charges, but the names of the columns: {csv}"
    );
}

#[tokio::test]
async fn a_long_export_arrives_whole() {
    let service = Service::new().await;
    let event = |number: usize| {
        json!({"id": format!("u{number}"), "task": format!("T-{}", number % 7), "occurred_at": "2026-11-02T12:00:00Z",
            "usage_recorded": {"model": format!("m-{number:04}"), "tokens": {"output": number}}})
    };
    for chunk in (0..600).collect::<Vec<usize>>().chunks(100) {
        let (status, answer) = service.append(chunk.iter().map(|number| event(*number)).collect()).await;
        assert_eq!(status, 201, "{answer}");
    }
    for path in ["export?format=csv&", "focus?"] {
        let (_, csv) = text(&service, &format!("/v1/report/{path}at_least=tail")).await;
        assert!(csv.contains("m-0599") && csv.contains("m-0001"), "{path}");
        // The model that used no tokens is no charge.
        let expected = if path.starts_with("focus") { 600 } else { 601 };
        assert_eq!(csv.matches("\r\n").count(), expected, "{path}");
    }
}
