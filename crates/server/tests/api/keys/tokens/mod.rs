//! Tokens of an issuer beside keys: which are taken, what is said of those that are not, and what they allow.

mod address;
mod config;
mod issuer;
mod mcp;

use serde_json::{Value, json};

use self::issuer::{Issuer, base64, claims, now};
use crate::support::{Service, at};

/// Asks with a bearer token; the status and what is said.
async fn asked(service: &Service, token: &str, path: &str) -> (u16, String) {
    let (status, answer) = service.ask_with(token, "GET", path, &Value::Null).await;
    (status.as_u16(), answer["detail"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn tokens_alone_close_a_ledger_and_keys_open_it_too() {
    let issuer = Issuer::new();
    let service = issuer.service("").await;
    for path in ["/v1/tasks", "/v1/keys", "/metrics", "/v1/openapi.json", "/v1/nowhere", "/"] {
        let (status, problem) = service.get(path).await;
        assert_eq!((status.as_u16(), problem["code"].as_str()), (401, Some("unauthenticated")), "{path}");
        assert!(problem["detail"].as_str().unwrap().contains("a token of the issuer"), "{problem}");
    }
    for path in ["/v1/health", "/v1/ready"] {
        assert_eq!(service.get(path).await.0, 200, "{path}");
    }
    let admin = issuer.token(&json!({"tollgate": {"scopes": ["admin"]}}));
    let (_, keys) = service.ask_with(&admin, "GET", "/v1/keys", &Value::Null).await;
    assert_eq!(keys, json!({"keys": [], "required": true}));
    let root = service.make_key(&admin, &json!({"key": "root", "scopes": ["admin"]})).await;
    assert_eq!(asked(&service, &root, "/v1/tasks").await.0, 200);
    assert_eq!(asked(&service, &admin, "/v1/tasks").await.0, 200);
    let (most, last) = root.split_at(root.len() - 1);
    let mistyped = format!("{most}{}", if last == "0" { "1" } else { "0" });
    assert_eq!(asked(&service, &mistyped, "/v1/tasks").await.0, 401);
    let (_, keys) = service.ask_with(&root, "GET", "/v1/keys", &Value::Null).await;
    assert_eq!(keys["keys"][0]["created_by"], "jwt:alice", "{keys}");
}

#[tokio::test]
async fn signatures_of_each_kind_are_checked() {
    let issuer = Issuer::new();
    let service = issuer.service("").await;
    for (alg, kid) in [("RS256", "rsa"), ("ES256", "ec"), ("EdDSA", "ed")] {
        let token = issuer.signed(&json!({"alg": alg, "kid": kid}), &claims(&json!({})));
        assert_eq!(asked(&service, &token, "/v1/tasks").await, (200, String::new()), "{alg}");
        // There is one key of each kind.
        let unnamed = issuer.signed(&json!({"alg": alg}), &claims(&json!({})));
        assert_eq!(asked(&service, &unnamed, "/v1/tasks").await.0, 200, "{alg}");
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let (header, _) = signed.split_once('.').unwrap();
        let other = base64(claims(&json!({"sub": "mallory"})).to_string().as_bytes());
        let turned = format!("{}{}", if signature.starts_with('A') { "B" } else { "A" }, &signature[1..]);
        for changed in [
            format!("{header}.{other}.{signature}"),
            format!("{signed}.{turned}"),
            format!("{signed}."),
            format!("{signed}.{}", &signature[4..]),
        ] {
            let (status, said) = asked(&service, &changed, "/v1/tasks").await;
            assert_eq!(status, 401, "{alg}");
            assert!(said.contains("signature is not that of the key it names"), "{said}");
        }
    }
}

#[tokio::test]
async fn a_token_that_breaks_a_rule_is_refused_by_its_name_and_never_shown() {
    let issuer = Issuer::new();
    let service = issuer.service("").await;
    let ed = |changed: Value| issuer.token(&changed);
    let with = |header: Value| issuer.signed(&header, &claims(&json!({})));
    let unsigned = Issuer::unsigned(&json!({"alg": "none"}), &claims(&json!({})));
    let public = issuer.jwks()["keys"][0]["n"].as_str().unwrap().to_owned();
    let secret = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, public.as_bytes());
    let by_secret = Issuer::unsigned(&json!({"alg": "HS256", "kid": "rsa"}), &claims(&json!({})));
    let by_secret =
        format!("{by_secret}.{}", base64(ring::hmac::sign(&secret, by_secret.as_bytes()).as_ref()));
    let of_another = Issuer::new();
    for (token, part) in [
        (
            ed(json!({"exp": now() - 31})),
            "it expired at 2026-11-20T09:59:29Z, here it is 2026-11-20T10:00:00Z",
        ),
        (ed(json!({"exp": null})), "must say when (exp)"),
        (ed(json!({"exp": "tomorrow"})), "`exp` `tomorrow` must be a time in seconds"),
        (ed(json!({"exp": 1e300})), "must be a time in seconds"),
        (ed(json!({"nbf": now() + 31})), "it is not valid before 2026-11-20T10:00:31Z"),
        (ed(json!({"nbf": true})), "`nbf` `true` must be a time"),
        (ed(json!({"iss": "https://evil.example.com/"})), "wrong issuer `https://evil.example.com/`"),
        (ed(json!({"iss": null})), "wrong issuer (none): must be `https://id.example.com/`"),
        (ed(json!({"aud": "billing"})), "wrong audience `billing`: must have `tollgate`"),
        (ed(json!({"aud": ["billing", "other"]})), "wrong audience"),
        (ed(json!({"aud": null})), "wrong audience (none)"),
        (ed(json!({"sub": null})), "must have a subject"),
        (ed(json!({"sub": ""})), "must be 1 to 120 bytes"),
        (ed(json!({"sub": "a\u{202e}b"})), "that can be shown"),
        (ed(json!({"sub": "s".repeat(121)})), "must be 1 to 120 bytes"),
        (with(json!({"alg": "EdDSA", "kid": "newer"})), "unknown kid `newer`"),
        (with(json!({"alg": "EdDSA", "kid": "rsa"})), "unknown kid `rsa`"),
        (with(json!({"alg": "RS256", "kid": "enc"})), "unknown kid `enc`"),
        (with(json!({"alg": "EdDSA", "kid": "ed", "crit": ["exp"]})), "`crit`"),
        (
            with(json!({"alg": "RS512", "kid": "rsa"})),
            "algorithm `RS512` is not allowed: RS256, ES256, EdDSA is",
        ),
        (of_another.token(&json!({})), "signature is not that of the key"),
        (format!("{unsigned}."), "algorithm `none` is not allowed"),
        (by_secret, "algorithm `HS256` is not allowed"),
        ("a.b.c".to_owned(), "its header is not Base64"),
        ("e30.e30.e30".to_owned(), "header must be a JSON object with `alg`"),
        (format!("{}.e30.e30", "A".repeat(20_000)), "bytes, more than"),
    ] {
        let (status, said) = asked(&service, &token, "/v1/tasks").await;
        assert_eq!(status, 401, "{said}");
        assert!(said.starts_with("the token is refused: ") && said.contains(part), "{said}\n{part}");
        let parts: Vec<&str> = token.split('.').filter(|part| part.len() > 8).collect();
        assert!(!parts.iter().any(|part| said.contains(part)), "{said}");
    }
    for token in [
        ed(json!({"exp": now() - 29, "nbf": now() + 29, "aud": ["other", "tollgate"]})),
        ed(json!({"exp": 1_795_168_900.5})),
    ] {
        assert_eq!(asked(&service, &token, "/v1/tasks").await, (200, String::new()));
    }
}

#[tokio::test]
async fn a_token_allows_what_a_key_with_the_same_fields_does() {
    let issuer = Issuer::new();
    let service = issuer.service("").await;
    let of = |fields: Value| issuer.token(&json!({"tollgate": fields}));
    for (token, path, status, part) in [
        (of(json!({"scopes": ["append"]})), "/v1/tasks", 403, "scope `read`; token `jwt:alice` has append"),
        (of(json!({})), "/v1/tasks", 403, "token `jwt:alice` has none"),
        (issuer.token(&json!({"tollgate": null})), "/v1/tasks", 403, "token `jwt:alice` has none"),
        (issuer.token(&json!({"tollgate": null})), "/v1/position", 200, ""),
        (of(json!({"scopes": ["read"], "tenants": ["acme"]})), "/v1/tasks?tenant=acme", 200, ""),
        (
            of(json!({"scopes": ["read"], "tenants": ["acme"]})),
            "/v1/tasks?tenant=rival",
            403,
            "for acme only",
        ),
        (of(json!({"scopes": ["read"], "tenants": ["acme"]})), "/v1/tasks", 403, "tenant `default`"),
        (of(json!({"scopes": ["read"], "tenants": ["acme"]})), "/metrics", 403, "the whole ledger"),
        (of(json!({"scopes": ["read"], "tenant": ["acme"]})), "/v1/tasks", 401, "did you mean `tenants`?"),
        (
            of(json!({"scopes": ["read"], "tenants": []})),
            "/v1/tasks",
            401,
            "`tollgate.tenants` names nothing",
        ),
        (of(json!({"scopes": ["read"], "tenants": "acme"})), "/v1/tasks", 401, "must be a list of text"),
        (of(json!({"scopes": ["red"]})), "/v1/tasks", 401, "did you mean `read`?"),
        (of(json!({"scopes": ["admin"], "tenants": ["acme"]})), "/v1/tasks", 401, "cannot be restricted"),
        (
            of(json!({"scopes": ["read"], "tenants": ["a b"]})),
            "/v1/tasks",
            401,
            "each as requests may name it",
        ),
        (of(json!("read")), "/v1/tasks", 401, "must be an object"),
        (of(json!({"scopes": ["admin"]})), "/v1/keys", 200, ""),
    ] {
        let (found, said) = asked(&service, &token, path).await;
        assert_eq!(found, status, "{path}: {said}");
        assert!(said.contains(part), "{said}\n{part}");
    }
    let token = of(json!({"scopes": ["append"], "producers": ["ci"]}));
    let event = json!([{"id": "1", "task": "T-1", "task_opened": {}}]);
    for (producer, status) in [("ci", 201), ("other", 403)] {
        let body = json!({"producer": producer, "events": event});
        assert_eq!(service.ask_with(&token, "POST", "/v1/events", &body).await.0, status, "{producer}");
    }
}

#[tokio::test]
async fn claims_of_other_names_give_the_same() {
    let issuer = Issuer::new();
    let lines =
        "claims: {scopes: scope, tenants: groups, producers: client}\nleeway_s: 0\nalgorithms: [EdDSA]";
    let service = issuer.service(lines).await;
    let of = |scope: &str, more: Value| {
        let mut changed = json!({"scope": scope, "groups": ["acme"], "client": "ci cd"});
        changed.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        issuer.token(&changed)
    };
    for (token, path, status, part) in [
        (of("openid tollgate:read", json!({})), "/v1/tasks?tenant=acme", 200, ""),
        (of("openid tollgate:read", json!({})), "/v1/tasks?tenant=rival", 403, "for acme only"),
        (of("openid profile", json!({})), "/v1/tasks?tenant=acme", 403, "has none"),
        (of("tollgate:reed", json!({})), "/v1/tasks?tenant=acme", 401, "did you mean `read`?"),
        (of("tollgate:read", json!({"groups": null})), "/v1/tasks", 401, "it has no claim `groups`"),
        (of("tollgate:read", json!({"client": " "})), "/v1/tasks", 401, "`client` names nothing"),
        (of("tollgate:admin", json!({"groups": null, "client": null})), "/v1/keys", 200, ""),
        (of("tollgate:read", json!({"exp": now()})), "/v1/tasks?tenant=acme", 401, "it expired at"),
        (of("tollgate:read", json!({"exp": now() + 1})), "/v1/tasks?tenant=acme", 200, ""),
    ] {
        let (found, said) = asked(&service, &token, path).await;
        assert_eq!(found, status, "{path}: {said}");
        assert!(said.contains(part), "{said}\n{part}");
    }
    let token = issuer.signed(&json!({"alg": "ES256", "kid": "ec"}), &claims(&json!({})));
    assert!(asked(&service, &token, "/v1/tasks").await.1.contains("`ES256` is not allowed: EdDSA is"));
}

#[tokio::test]
async fn a_reader_of_reports_is_who_its_token_says() {
    let issuer = Issuer::new();
    let service = issuer.service("").await;
    let token = issuer.token(&json!({"tollgate": {"scopes": ["append", "read_reports"]}}));
    let event = json!({"producer": "ci", "events": [{"id": "1", "task": "T-1", "task_opened": {}}]});
    assert_eq!(service.ask_with(&token, "POST", "/v1/events", &event).await.0, 201);
    let latest = "?at_least=tail&wait_ms=30000";
    assert_eq!(asked(&service, &token, &format!("/v1/tasks/T-1/report{latest}")).await.0, 200);
    let (status, reads) =
        service.ask_with(&token, "GET", &format!("/v1/report/accesses{latest}"), &Value::Null).await;
    assert_eq!(status, 200, "{reads}");
    assert!(reads.to_string().contains("\"jwt:alice\""), "{reads}");
}

#[tokio::test]
async fn keys_that_come_later_are_found_and_keys_that_cannot_be_read_change_nothing() {
    let issuer = Issuer::new();
    let mut jwks = issuer.jwks();
    issuer.publish(&json!({"keys": [jwks["keys"][0]]}));
    let service = issuer.service("").await;
    let token = issuer.token(&json!({"exp": now() + 6_000}));
    let check = async || {
        let (_, health) = service.get("/v1/health").await;
        let checks = health["checks"].as_array().unwrap();
        let check = checks.iter().find(|check| check["name"] == "jwt").unwrap().clone();
        (health["status"].as_str().unwrap().to_owned(), check)
    };
    assert!(asked(&service, &token, "/v1/tasks").await.1.contains("unknown kid `ed`"));
    assert!(
        check().await.1["detail"].as_str().unwrap().starts_with("1 keys of issuer"),
        "{:?}",
        check().await
    );
    issuer.publish(&jwks);
    // It was looked at just now.
    assert_eq!(asked(&service, &token, "/v1/tasks").await.0, 401);
    service.clock.set(at("2026-11-20T10:00:30Z"));
    assert_eq!(asked(&service, &token, "/v1/tasks").await, (200, String::new()));
    std::fs::write(issuer.path("jwks.json"), "{").unwrap();
    service.clock.set(at("2026-11-20T10:01:00Z"));
    let newer =
        issuer.signed(&json!({"alg": "EdDSA", "kid": "newer"}), &claims(&json!({"exp": now() + 6_000})));
    assert_eq!(asked(&service, &newer, "/v1/tasks").await.0, 401);
    let (status, told) = check().await;
    assert_eq!((status.as_str(), &told["ok"]), ("degraded", &json!(false)));
    assert!(told["detail"].as_str().unwrap().contains("3 keys from before stay in force"), "{told}");
    assert_eq!(asked(&service, &token, "/v1/tasks").await.0, 200);
    jwks["keys"][2]["kid"] = json!("newer");
    issuer.publish(&jwks);
    service.clock.set(at("2026-11-20T10:01:30Z"));
    assert_eq!(asked(&service, &newer, "/v1/tasks").await.0, 200);
    assert_eq!(check().await.1["ok"], json!(true));
    assert_eq!(asked(&service, &token, "/v1/tasks").await.0, 401, "its key is no longer published");
}
