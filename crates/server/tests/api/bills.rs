//! Bills of providers: recorded whole or not at all, once, and compared with the ledger.

use serde_json::{Value, json};

use crate::support::Service;

fn bill(lines: Value) -> Value {
    json!({"provider": "openai", "source": "november.csv", "lines": lines})
}

fn line(day: &str, model: &str, tokens: u64, amount: &str) -> Value {
    json!({"day": day, "model": model, "tokens": tokens, "amount_usd": amount})
}

async fn compared(service: &Service) -> Value {
    let path = "/v1/bills/compare?provider=openai&from=2026-11-01&to=2026-11-06&at_least=tail";
    let (status, answer) = service.get(path).await;
    assert_eq!(status, 200, "{answer}");
    answer
}

#[tokio::test]
async fn a_bill_is_recorded_once_and_takes_the_place_of_an_earlier_one() {
    let service = Service::new().await;
    let first =
        bill(json!([line("2026-11-02", "gpt-5", 10, "0.5"), line("2026-11-04", "gpt-5", 10, "0.25")]));
    for (status, recorded, known) in [(201, 3, 0), (200, 0, 3)] {
        let (found, answer) = service.post("/v1/bills", first.clone()).await;
        assert_eq!(found, status, "{answer}");
        assert_eq!(
            (&answer["recorded_days"], &answer["known_days"]),
            (&json!(recorded), &json!(known)),
            "{answer}"
        );
        assert_eq!((&answer["from"], &answer["to"]), (&json!("2026-11-02"), &json!("2026-11-04")));
    }
    let answer = compared(&service).await;
    assert_eq!(
        (&answer["total"]["billed_usd"], &answer["days_without_bill"]),
        (&json!("0.75"), &json!(2)),
        "{answer}"
    );
    // A later bill covers its whole range: what it no longer has is gone. That of another account counts beside it.
    let later = bill(json!([
        line("2026-11-03", "gpt-5", 1, "0.125"),
        line("2026-11-04", "m", 1, "0"),
        line("2026-11-04", "m", 1, "1")
    ]));
    let (status, answer) = service.post("/v1/bills", later).await;
    assert_eq!((status.as_u16(), &answer["amount_usd"]), (201, &json!("1.125")), "{answer}");
    let mut other = bill(json!([line("2026-11-04", "gpt-5", 1, "2")]));
    other["account"] = json!("research");
    let _ = service.post("/v1/bills", other).await;
    let answer = compared(&service).await;
    assert_eq!(answer["total"]["billed_usd"], "3.625", "{answer}");
    // What was replaced can come back.
    let (_, answer) = service.post("/v1/bills", first).await;
    assert_eq!((&answer["recorded_days"], &answer["known_days"]), (&json!(2), &json!(1)), "{answer}");
    assert_eq!(compared(&service).await["total"]["billed_usd"], "2.75");
}

#[tokio::test]
async fn nothing_of_a_wrong_bill_is_recorded() {
    let service = Service::new().await;
    for (request, expected) in [
        (bill(json!([])), "lines: ``: must have at least one line"),
        (
            bill(json!([line("2026-11-02", "m", 1, "1"), line("2026-11-32", "m", 1, "1")])),
            "lines[1].day: `2026-11-32`",
        ),
        (
            bill(json!([line("2026-11-02", "m", 1, "1 EUR")])),
            "lines[0].amount_usd: `1 EUR`: must be a decimal number",
        ),
        (bill(json!([line("2026-11-02", "", 1, "1")])), "lines[0].model"),
        (
            bill(json!([line("2025-11-02", "m", 1, "1"), line("2026-11-03", "m", 1, "1")])),
            "must cover at most 366 days",
        ),
        (json!({"provider": " ", "lines": []}), "provider"),
        (json!({"provider": "p", "tenant": "_ledger", "lines": [line("2026-11-02", "m", 1, "1")]}), "tenant"),
        (json!({"provider": "p", "lines": [], "currency": "EUR"}), "currency"),
    ] {
        let (status, problem) = service.post("/v1/bills", request).await;
        let detail = problem["detail"].as_str().unwrap_or_default();
        assert!(status == 400 && detail.contains(expected), "{expected}: {problem}");
    }
    let answer = compared(&service).await;
    assert_eq!((&answer["rows"], &answer["days_without_bill"]), (&json!([]), &json!(5)), "{answer}");
    for (query, expected) in [
        ("provider=p&from=2026-11-02&to=2026-11-02", "to: `2026-11-02`: must be later than `from`"),
        ("provider=p&from=soon&to=2026-11-02", "from: `soon`: must be a day"),
        ("provider=p&from=2026-11-01&to=2026-11-02&zone=Mars", "time_zone: `Mars`"),
    ] {
        let (status, problem) = service.get(&format!("/v1/bills/compare?{query}")).await;
        assert!(
            status == 400 && problem["detail"].as_str().unwrap_or_default().contains(expected),
            "{problem}"
        );
    }
}

#[tokio::test]
async fn models_and_providers_are_compared_by_the_names_by_which_they_are_priced() {
    let service = Service::new().await;
    let used = |id: &str, provider: Value, model: &str| {
        json!({"id": id, "task": "T-1", "occurred_at": "2026-11-02T12:00:00Z",
            "usage_recorded": {"provider": provider, "model": model, "tokens": {"output": 1000}}})
    };
    let events = json!([
        used("a", json!("OpenAI"), "gpt-5"),
        used("b", Value::Null, "openai/gpt-5-mini"),
        used("c", json!("openai"), "gpt-5-codex"),
        used("d", json!("azure"), "gpt-5-nano"),
    ]);
    let (status, answer) = service.append(events).await;
    assert_eq!(status, 201, "{answer}");
    let lines = json!([
        line("2026-11-02", "gpt-5-2025-08-07", 1000, "0.01"),
        line("2026-11-02", "gpt-5-mini", 1000, "0.002"),
        line("2026-11-02", "OpenAI/GPT-5-Codex", 1000, "0.01"),
    ]);
    let (status, answer) = service.post("/v1/bills", bill(lines.clone())).await;
    assert_eq!(status, 201, "{answer}");
    for provider in ["openai", "OpenAI", "openai.responses"] {
        let path =
            format!("/v1/bills/compare?provider={provider}&from=2026-11-02&to=2026-11-03&at_least=tail");
        let (_, answer) = service.get(&path).await;
        let rows = answer["rows"].as_array().unwrap().iter();
        let rows: Vec<Value> =
            rows.map(|row| json!([row["model"], row["names"], row["difference_usd"]])).collect();
        assert_eq!(
            rows,
            [
                json!(["gpt-5", ["gpt-5-2025-08-07"], "0"]),
                json!(["gpt-5-codex", ["OpenAI/GPT-5-Codex"], "0"]),
                json!(["gpt-5-mini", ["openai/gpt-5-mini"], "0"]),
            ],
            "{provider}: {answer}"
        );
        assert_eq!(answer["days_without_bill"], 0, "{answer}");
    }
    // A bill of the same provider by another of its names takes the place of the first one.
    let mut again = bill(lines);
    again["provider"] = json!("OpenAI");
    let (_, answer) = service.post("/v1/bills", again).await;
    assert_eq!((&answer["recorded_days"], &answer["known_days"]), (&json!(0), &json!(1)), "{answer}");
    assert_eq!(compared(&service).await["total"]["billed_usd"], "0.022");
}

#[tokio::test]
async fn differences_are_explained_from_the_ledger() {
    let service = Service::new().await;
    let used = |id: &str, at: &str, model: &str, tokens: u64| {
        json!({"id": id, "task": "T-1", "occurred_at": at,
            "usage_recorded": {"provider": "openai", "model": model, "tokens": {"output": tokens}}})
    };
    let events = json!([
        used("a", "2026-11-02T12:00:00Z", "gpt-5", 100_000),
        used("b", "2026-11-03T12:00:00Z", "gpt-5", 200_000),
        used("c", "2026-11-03T12:00:00Z", "nobody's", 7),
        {"id": "d", "task": "T-1", "occurred_at": "2026-11-05T00:00:00Z", "usage_adjusted":
            {"adjusts": "b", "tokens": {"output": -100_000}, "reason": "counted twice"}},
    ]);
    let (status, answer) = service.append(events).await;
    assert_eq!(status, 201, "{answer}");
    let lines = json!([
        line("2026-11-02", "gpt-5", 100_000, "1.1"),
        line("2026-11-03", "gpt-5", 100_000, "1"),
        line("2026-11-03", "nobody's", 7, "0.01"),
        line("2026-11-03", "o5", 9, "3")
    ]);
    let _ = service.post("/v1/bills", bill(lines)).await;
    let answer = compared(&service).await;
    let row = |row: &Value| {
        let parts = row["explained"].as_array().unwrap().iter();
        let parts: Vec<String> = parts
            .map(|part| {
                format!("{}={}", part["reason"].as_str().unwrap(), part["amount_usd"].as_str().unwrap())
            })
            .collect();
        let text = |name: &str| row[name].as_str().unwrap().to_owned();
        format!(
            "{} {} {} [{}] {}",
            text("day"),
            text("model"),
            text("difference_usd"),
            parts.join(" "),
            text("unexplained_usd")
        )
    };
    let rows: Vec<String> = answer["rows"].as_array().unwrap().iter().map(row).collect();
    assert_eq!(
        rows,
        [
            "2026-11-02 gpt-5 0.1 [rate=0.1] 0",
            "2026-11-03 gpt-5 -1 [correction=-1] 0",
            "2026-11-03 nobody's 0.01 [unpriced=0.01] 0",
            "2026-11-03 o5 3 [not_in_ledger=3] 0",
        ],
        "{answer}"
    );
    assert_eq!(
        (&answer["rows"][2]["unpriced_tokens"], &answer["total"]["unexplained_usd"]),
        (&json!(7), &json!("0"))
    );
    assert_eq!(answer["rows"][0]["difference_percent"], "10.00");
}
