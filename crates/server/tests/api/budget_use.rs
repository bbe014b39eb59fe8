//! What was used of allocations, as decisions see it: it is read once, and then only what came since.

use serde_json::{Value, json};

use crate::budgets::{set_policy, used};
use crate::support::Service;

async fn figures(service: &Service) -> (i64, i64) {
    let (status, check) = service.post("/v1/check", json!({"tokens": 1})).await;
    assert_eq!(status, 200, "{check}");
    let of = |what: &str| check["policies"][0][what]["tokens"].as_i64().unwrap();
    (of("booked"), of("reserved"))
}

async fn allocate(service: &Service, name: &str, tokens: u64) {
    let (_, made) = service.post("/v1/allocations", json!({"allocation": name, "tokens": tokens})).await;
    assert_eq!(made["state"], "open", "{made}");
}

#[tokio::test]
async fn use_before_after_and_beyond_an_allocation_moves_from_reserved_to_booked() {
    let service = Service::new().await;
    let policy = json!({"window": "monthly", "limit_tokens": 10_000, "enforcement": "hard_limit"});
    set_policy(&service, "p", policy).await;
    let mut nth = 0;
    let mut usage = |allocation: &str, output: u64| -> Value {
        nth += 1;
        // In another partition each time.
        json!([used(&format!("u-{nth}"), &format!("T-{nth}"), Some(allocation), output)])
    };
    // Under its name before it is made: it is spent, and no use of what is made later.
    service.append(usage("a", 100)).await;
    allocate(&service, "a", 300).await;
    assert_eq!(figures(&service).await, (100, 300));
    service.append(usage("a", 50)).await;
    assert_eq!(figures(&service).await, (150, 250));
    // Made and used before anybody asks again.
    allocate(&service, "b", 100).await;
    service.append(usage("b", 40)).await;
    service.append(usage("a", 10)).await;
    assert_eq!(figures(&service).await, (200, 300));
    service.append(usage("b", 100)).await;
    assert_eq!(figures(&service).await, (300, 240));
    // What is closed is used, too, and nothing is reserved for it.
    let (_, released) = service.post("/v1/allocations/a/release", json!({})).await;
    assert_eq!(released["released"]["tokens"], 240, "{released}");
    service.append(usage("a", 7)).await;
    service.append(usage("nobody's", 3)).await;
    assert_eq!(figures(&service).await, (310, 0));
    let (_, extended) = service.post("/v1/allocations/b/extend", json!({"tokens": 60})).await;
    assert_eq!(extended["remaining"]["tokens"], 20, "{extended}");
    assert_eq!(figures(&service).await, (310, 20));
    // More uses than are kept: all is read again.
    allocate(&service, "many", 1).await;
    for group in 0..12_u64 {
        let many: Vec<Value> =
            (0..400).map(|nth| used(&format!("m-{group}-{nth}"), "T-many", Some("many"), 1)).collect();
        let (status, answer) = service.append(json!(many)).await;
        assert_eq!(status, 201, "{answer}");
    }
    service.append(usage("b", 5)).await;
    assert_eq!(figures(&service).await, (310 + 12 * 400 + 5, 15));
}
