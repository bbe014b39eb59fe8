//! Prices in force: their age by the ledger's clock, and the names of the house.

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
