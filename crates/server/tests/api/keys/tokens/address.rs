//! Keys that are read at an address.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use serde_json::json;
use tokio::net::TcpListener;

use super::issuer::{Issuer, claims, now};
use crate::support::{Service, at};

/// What is answered at an address of this machine.
#[derive(Clone)]
struct Published {
    answer: Arc<Mutex<(StatusCode, String)>>,
    port: u16,
}

impl Published {
    async fn start() -> Self {
        let answer = Arc::new(Mutex::new((StatusCode::BAD_GATEWAY, String::new())));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let published = Self { answer: Arc::clone(&answer), port };
        let keys = get(move || std::future::ready(answer.lock().unwrap().clone()));
        let router = Router::new().route("/keys", keys);
        tokio::spawn(async move { axum::serve(listener, router).await });
        published
    }

    fn set(&self, status: StatusCode, text: String) {
        *self.answer.lock().unwrap() = (status, text);
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}/keys", self.port)
    }

    fn permits(&self) -> String {
        format!("allow_http: true\nallow_private: true\nports: [{}]\n", self.port)
    }
}

#[tokio::test]
async fn keys_at_an_address_may_come_late_and_stay_when_it_fails() {
    let (issuer, published) = (Issuer::new(), Published::start().await);
    let jwt = issuer.taken_from(&published.url(), &published.permits()).await.unwrap();
    let service = Service::new().await.with_tokens(jwt);
    let until = json!({"exp": now() + 6_000});
    let (token, newer) =
        (issuer.token(&until), issuer.signed(&json!({"alg": "EdDSA", "kid": "newer"}), &claims(&until)));
    let asked = async |token: &str| {
        let (status, answer) = service.ask_with(token, "GET", "/v1/tasks", &serde_json::Value::Null).await;
        (status.as_u16(), answer["code"].as_str().unwrap_or_default().to_owned(), answer.to_string())
    };
    let health = async || service.get("/v1/health").await.1.to_string();

    // The address has never answered: nobody is refused as if a token were wrong.
    let (status, code, said) = asked(&token).await;
    assert_eq!((status, code.as_str()), (503, "no_issuer_keys"), "{said}");
    assert!(said.contains("it answered 502, not 200"), "{said}");
    assert!(health().await.contains("no token is accepted until they are there"), "{}", health().await);

    published.set(StatusCode::OK, issuer.jwks().to_string());
    service.clock.set(at("2026-11-20T10:00:29Z"));
    assert_eq!(asked(&token).await.0, 503, "it was asked less than 30 s ago");
    service.clock.set(at("2026-11-20T10:00:30Z"));
    assert_eq!(asked(&token).await.0, 200);
    assert!(health().await.contains("3 keys of issuer"), "{}", health().await);

    let large = " ".repeat(300 << 10) + &issuer.jwks().to_string();
    for (minute, status, text) in [
        (1, StatusCode::INTERNAL_SERVER_ERROR, issuer.jwks().to_string()),
        (2, StatusCode::OK, "<html>".to_owned()),
        (3, StatusCode::OK, large),
    ] {
        published.set(status, text);
        service.clock.set(at(&format!("2026-11-20T10:0{minute}:30Z")));
        assert_eq!(asked(&newer).await.0, 401, "{status}");
        assert!(health().await.contains("3 keys from before stay in force"), "{}", health().await);
        assert_eq!(asked(&token).await.0, 200);
    }

    let mut jwks = issuer.jwks();
    jwks["keys"][2]["kid"] = json!("newer");
    published.set(StatusCode::OK, jwks.to_string());
    service.clock.set(at("2026-11-20T10:04:30Z"));
    assert_eq!(asked(&newer).await.0, 200);
    assert_eq!(asked(&token).await.0, 401, "its key is no longer published");
}

#[tokio::test]
async fn an_address_of_this_machine_needs_a_permit() {
    let (issuer, published) = (Issuer::new(), Published::start().await);
    for lines in ["", "allow_http: true\n", "allow_private: true\n"] {
        let refused = issuer.taken_from(&published.url(), lines).await.err().unwrap().to_string();
        assert!(refused.contains("line 3: jwks: `http://127.0.0.1"), "{lines}: {refused}");
    }
}
