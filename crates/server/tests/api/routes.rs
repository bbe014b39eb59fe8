//! The cheapest model: what is asked has to be in the price book, and embeddings write nothing.

use serde_json::json;

use crate::support::Service;

#[tokio::test]
async fn a_model_for_embeddings_writes_nothing_all_of_it_is_input() {
    let service = Service::new().await;
    let (_, route) = service.post("/v1/route", json!({"tokens": 1000, "mode": "embedding"})).await;
    let arithmetic = route["chosen"]["arithmetic"].as_str().unwrap();
    assert!(arithmetic.starts_with("1000 input_uncached × ") && !arithmetic.contains("output"), "{route}");
}

#[tokio::test]
async fn what_is_mistyped_or_means_nothing_is_refused_instead_of_finding_none_allowed() {
    let service = Service::new().await;
    for (body, because) in [
        (json!({"tokens": 10, "mode": "embeding"}), "did you mean `embedding`"),
        (json!({"tokens": 10, "models": ["gpt-5", "gpt-55"]}), "models: `gpt-55`: must be an entry"),
        // What would mean nothing.
        (json!({"model": "gpt-5", "usd": "1"}), "usd: `1`: a route asks what tokens cost"),
        (json!({"provider": "openai", "tokens": 10}), "say `providers`"),
        (json!({"tokens": 0}), "looking for a model: must be of something"),
        (json!({"tokens": 3, "input_tokens": 2, "usd": "1"}), "leave it out"),
    ] {
        let (status, problem) = service.post("/v1/route", body).await;
        let detail = problem["detail"].as_str().unwrap();
        assert!(status.as_u16() == 400 && detail.contains(because), "{status} {detail}");
    }
}

#[tokio::test]
async fn a_model_that_is_not_looked_at_is_said_to_be_so() {
    let service = Service::new().await;
    for (body, because) in [
        (json!({"tokens": 10, "model": "nope"}), "`nope` has no price"),
        (json!({"tokens": 10, "model": "gpt-5", "mode": "embedding"}), "`gpt-5` does not take such a call"),
    ] {
        let (_, route) = service.post("/v1/route", body).await;
        assert!(route["not_looked_at"].as_str().unwrap().starts_with(because), "{route}");
        assert!(route["chosen"].is_object() && route.get("preferred").is_none(), "{route}");
    }
    let (_, route) = service.post("/v1/route", json!({"tokens": 10, "model": "gpt-5"})).await;
    assert!(route["preferred"].is_object() && route.get("not_looked_at").is_none(), "{route}");
}
