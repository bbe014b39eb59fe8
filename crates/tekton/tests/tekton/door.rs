//! What every request passes: origins, keys, and what is switched off.

use serde_json::json;
use tollgate_tekton::Capability;

use crate::support::Port;

#[tokio::test]
async fn pages_of_any_origin_may_ask() {
    let port = Port::new().await;
    let origin = ("origin", "http://localhost:8080");
    let asked = [
        origin,
        ("access-control-request-method", "GET"),
        ("access-control-request-headers", "content-type,x-api-key"),
    ];
    let told = port.send("OPTIONS", "/api/budgets", &asked, "").await;
    let header = |name: &str| told.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
    assert_eq!(told.status.as_u16(), 200);
    assert_eq!(header("access-control-allow-origin").as_deref(), Some("http://localhost:8080"));
    assert_eq!(header("access-control-allow-methods").as_deref(), Some("GET, POST, PUT, DELETE, OPTIONS"));
    assert_eq!(header("access-control-allow-headers").as_deref(), Some("content-type,x-api-key"));
    assert_eq!(header("access-control-allow-credentials").as_deref(), Some("true"));
    for path in ["/api/budgets", "/health", "/api/budgets/nobody"] {
        let told = port.send("GET", path, &[origin], "").await;
        assert_eq!(told.headers["access-control-allow-origin"], "http://localhost:8080", "{path}");
    }
}

#[tokio::test]
async fn keys_are_asked_for_where_they_are_set() {
    let port = Port::with(|options| options.keys = vec!["k-1".to_owned()]).await;
    for (path, headers, status) in [
        ("/health", vec![], 200),
        ("/api/budgets", vec![], 401),
        ("/api/budgets", vec![("x-api-key", "k-2")], 401),
        ("/api/budgets", vec![("x-api-key", "k-1")], 200),
        ("/api/v1/budgets", vec![("authorization", "Bearer k-1")], 200),
        ("/api/v1/budgets", vec![("authorization", "Basic k-1")], 401),
    ] {
        let told = port.send("GET", path, &headers, "").await;
        assert_eq!(told.status.as_u16(), status, "{path} {headers:?}");
        if status == 401 {
            assert_eq!(
                (&told.headers["www-authenticate"], &told.json()["error"]),
                (&http::HeaderValue::from_static("Bearer"), &json!("Authentication required"))
            );
        }
    }
    // Without keys, credentials are accepted and ignored.
    let port = Port::new().await;
    assert_eq!(port.send("GET", "/api/budgets", &[("x-api-key", "any")], "").await.status.as_u16(), 200);
}

#[tokio::test]
async fn what_is_switched_off_is_not_there_and_the_rest_is() {
    let port = Port::with(|options| options.off = [Capability::Prices, Capability::Live].into()).await;
    let (status, told) = port.get("/api/prices").await;
    assert_eq!((status, &told["error"]), (404, &json!("prices is switched off on this port")));
    assert_eq!(port.get("/ws/budget/updates").await.0, 404);
    assert_eq!(port.get("/api/budgets").await.0, 200);
    assert_eq!(port.get("/health").await.0, 200);
}
