//! Tokens of an issuer over gRPC: they are judged as over HTTP.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::{Value, json};
use tollgate_grpc::proto::TasksQuery;
use tollgate_grpc::proto::events_client::EventsClient;
use tollgate_grpc::proto::tasks_client::TasksClient;
use tollgate_server::jwt::Jwt;
use tonic::Code;

use crate::support::{Service, events, opened};

/// The time of the ledger, 2026-11-20T10:00:00Z, in seconds since 1970.
const NOW: i64 = 1_795_168_800;

/// A service that takes the tokens of an issuer, whose key it is.
async fn service() -> (Service, Ed25519KeyPair) {
    let pair = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
    let pair = Ed25519KeyPair::from_pkcs8(pair.as_ref()).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let public = URL_SAFE_NO_PAD.encode(pair.public_key());
    let keys = json!({"keys": [{"kty": "OKP", "kid": "ed", "crv": "Ed25519", "x": public}]});
    std::fs::write(dir.path().join("jwks.json"), keys.to_string()).unwrap();
    let settings = "issuer: https://id.example.com/\naudience: tollgate\njwks: jwks.json\n";
    std::fs::write(dir.path().join("jwt.yaml"), settings).unwrap();
    let jwt = Jwt::open(&dir.path().join("jwt.yaml")).await.unwrap();
    (Service::with_tokens(jwt).await, pair)
}

fn token(pair: &Ed25519KeyPair, audience: &str, scopes: &Value) -> String {
    let claims = json!({"iss": "https://id.example.com/", "aud": audience, "sub": "alice", "exp": NOW + 60,
        "tollgate": {"scopes": scopes, "tenants": ["default"]}});
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(&json!({"alg": "EdDSA", "kid": "ed"})), part(&claims));
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(pair.sign(signed.as_bytes())))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_allows_what_it_does_over_http() {
    let (service, pair) = service().await;
    let good = token(&pair, "tollgate", &json!(["append"]));
    let request = events(vec![opened("1", "T-1")]);
    let reply = EventsClient::new(service.calls.with(&good)).append(request).await.unwrap().into_inner();
    assert!(reply.problem.is_none(), "{reply:?}");
    let listed = |token: String, tenant: &str| {
        let (tenant, at_least) = (tenant.to_owned(), "tail".to_owned());
        let query = TasksQuery { tenant, at_least, ..TasksQuery::default() };
        let mut tasks = TasksClient::new(service.calls.with(&token));
        async move { tasks.list(query).await }
    };
    let read = token(&pair, "tollgate", &json!(["read"]));
    assert_eq!(listed(read.clone(), "default").await.unwrap().into_inner().tasks.len(), 1);
    for (token, tenant, code, part) in [
        (String::new(), "default", Code::Unauthenticated, "a token of the issuer"),
        (token(&pair, "billing", &json!(["read"])), "default", Code::Unauthenticated, "wrong audience"),
        (format!("{read}A"), "default", Code::Unauthenticated, "the token is refused"),
        (good, "default", Code::PermissionDenied, "token `jwt:alice` has append"),
        (read, "rival", Code::PermissionDenied, "token `jwt:alice` is for default only"),
    ] {
        let refused = listed(token, tenant).await.unwrap_err();
        assert_eq!(refused.code(), code, "{refused}");
        assert!(refused.message().contains(part), "{refused}");
    }
}
