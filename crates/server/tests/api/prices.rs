//! Prices in force: their age by the ledger's clock, and custom model names.

use serde_json::{Value, json};

use crate::support::{Service, at};

fn call(id: &str, provider: &str, model: &str, service_tier: &str) -> Value {
    json!({"id": id, "task": "T-1", "usage_recorded": {
        "provider": provider, "model": model, "service_tier": service_tier, "tokens": {"input_uncached": 1_000_000}}})
}

fn check<'a>(health: &'a Value, name: &str) -> &'a str {
    let checks = health["checks"].as_array().unwrap();
    checks.iter().find(|check| check["name"] == name).unwrap()["detail"].as_str().unwrap()
}

#[tokio::test]
async fn the_age_of_the_shipped_prices_is_shown_and_warned_of_after_sixty_days() {
    let service = Service::new().await;
    let config = service.get("/v1/config").await.1;
    let day = config["prices_as_of"].as_str().unwrap().to_owned();
    let compared = at(&format!("{day}T00:00:00Z"));
    for (days, old) in [(0, false), (60, false), (61, true), (400, true)] {
        service.clock.set(compared.plus_millis(days * 86_400_000 + 3_600_000));
        let config = service.get("/v1/config").await.1;
        assert_eq!(config["prices_age_days"], days, "{config}");
        let health = service.get("/v1/health").await.1;
        let ago = if days == 0 { "today".to_owned() } else { format!("{days} days ago") };
        assert!(check(&health, "prices").contains(&format!("on {day} ({ago})")), "{health}");
        let says = format!("were last compared with their sources on {day}, more than 60 days ago");
        assert_eq!(check(&health, "config").contains(&says), old, "{health}");
        let report = service.get("/v1/report").await.1;
        assert_eq!(report["price_warnings"].to_string().contains(&says), old, "{report}");
    }
}

#[tokio::test]
async fn calls_under_names_of_the_house_have_the_prices_that_the_config_says() {
    let config = "prices:\n  providers: { house-gateway: openai }\n  models: { house/large: gpt-5-codex, lost: nobody }\n";
    let service = Service::with_config(Some(config)).await;
    for (id, provider, model, tier, usd) in [
        ("a", "house", "large", "", "1.25"),
        ("b", "house-gateway", "gpt-5-codex", "", "2.5"),
        ("c", "house", "gpt-5-codex", "", "2.5"),
        ("d", "anyone", "lost", "", "2.5"),
        ("e", "house", "large", "nobody-knows", "2.5"),
    ] {
        let (status, answer) = service.append(json!([call(id, provider, model, tier)])).await;
        assert_eq!(status, 201, "{answer}");
        let report = service.get("/v1/report?at_least=tail").await.1;
        assert_eq!(report["cost_usd"], usd, "{id}: {report}");
    }
    let shown = service.get("/v1/config").await.1;
    assert!(shown["yaml"].as_str().unwrap().contains("\"house/large\": \"gpt-5-codex\""), "{shown}");
    assert!(shown["warnings"].to_string().contains("prices.models.lost: "), "{shown}");
    let log = service.get("/v1/log").await.1.to_string();
    assert!(log.contains("prices.models.house/large=gpt-5-codex"), "{log}");
}

#[tokio::test]
async fn the_book_is_listed_in_pages() {
    let service = Service::new().await;
    let names = |page: &Value| {
        let rows = page["prices"].as_array().unwrap().iter();
        rows.map(|row| row["entry"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let first = service.get("/v1/prices?search=GPT-5&provider=azure&limit=2").await.1;
    let all = service.get("/v1/prices?search=gpt-5&provider=azure.ai.openai&limit=1000").await.1;
    let (first_names, all_names) = (names(&first), names(&all));
    assert!(first_names.len() == 2 && all_names.len() > 2 && all_names.starts_with(&first_names), "{all}");
    assert!(all_names.iter().all(|name| name.starts_with("azure/")), "{all}");
    let rest = service
        .get(&format!("/v1/prices?search=gpt-5&provider=azure&limit=1000&after={}", first_names[1]))
        .await
        .1;
    assert_eq!(names(&rest), all_names[2..], "{rest}");
    assert_eq!((first["next"].as_str(), rest.get("next")), (Some(first_names[1].as_str()), None));
    assert_eq!(first["source"], "shipped");
    for (query, field) in [("limit=0", "limit"), ("limit=1001", "limit"), ("limt=1", "limt")] {
        let (status, problem) = service.get(&format!("/v1/prices?{query}")).await;
        assert!(status == 400 && problem.to_string().contains(field), "{query}: {problem}");
    }
}

#[tokio::test]
async fn a_quote_is_what_a_call_is_recorded_with() {
    let config = "prices:\n  models: { house/large: gpt-5-codex }\n";
    let service = Service::with_config(Some(config)).await;
    for (id, query, tokens) in [
        (
            "a",
            "model=gpt-5-codex&provider=openai",
            json!({"input_uncached": 1200, "cached_input": 300, "output": 70, "reasoning": 20}),
        ),
        ("b", "model=large&provider=house", json!({"input_uncached": 5, "output": 1})),
        ("c", "model=gpt-5-codex&provider=openai&service_tier=priority", json!({"input_uncached": 1000})),
        ("d", "model=gpt-5-codex&service_tier=turbo", json!({"input_uncached": 1000})),
        ("e", "model=nobody", json!({"output": 10})),
    ] {
        let counts: String =
            tokens.as_object().unwrap().iter().map(|(kind, count)| format!("&{kind}={count}")).collect();
        let (status, quote) = service.get(&format!("/v1/prices/quote?{query}{counts}")).await;
        assert_eq!(status, 200, "{quote}");
        let mut usage = json!({"tokens": tokens});
        for pair in query.split('&') {
            let (name, value) = pair.split_once('=').unwrap();
            usage[name] = value.into();
        }
        let task = format!("T-{id}");
        let (status, answer) =
            service.append(json!([{"id": id, "task": task, "usage_recorded": usage}])).await;
        assert_eq!(status, 201, "{answer}");
        let task = service.get(&format!("/v1/tasks/{task}?at_least=tail")).await.1;
        let priced = quote.get("cost_usd").is_some();
        assert_eq!(quote.get("unpriced_because").is_some(), !priced, "{quote}");
        assert_eq!(
            task["cost_usd"],
            quote.get("cost_usd").cloned().unwrap_or_else(|| "0".into()),
            "{id}: {quote} {task}"
        );
        assert_eq!(task["unpriced_tokens"] == 0, priced, "{id}: {task}");
    }
    for (query, says) in [
        ("output=1", "model"),
        ("model=", "must name a model"),
        ("model=gpt-5&at=noon", "must be a time such as"),
        ("model=gpt-5&output=1&reasoning=2", "reasoning is a part of output"),
        ("model=gpt-5&output=many", "output"),
        ("model=gpt-5&outputs=1", "outputs"),
    ] {
        let (status, problem) = service.get(&format!("/v1/prices/quote?{query}")).await;
        assert!(status == 400 && problem["detail"].as_str().unwrap().contains(says), "{query}: {problem}");
    }
}
