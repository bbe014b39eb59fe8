//! Tokens over the Model Context Protocol: a tool may do what the token of its caller allows.

use serde_json::json;

use super::issuer::Issuer;
use crate::mcp::asked;

#[tokio::test]
async fn a_tool_may_do_what_the_token_of_its_caller_allows() {
    let issuer = Issuer::new();
    let service = issuer.service("").await;
    let of = |scopes: &[&str]| issuer.token(&json!({"tollgate": {"scopes": scopes}}));
    let list = asked("tools/list", &json!({}));
    for (token, part) in [
        (String::new(), "a token of the issuer"),
        (issuer.token(&json!({"aud": "billing"})), "wrong audience `billing`"),
        (Issuer::new().token(&json!({})), "signature is not that of the key"),
    ] {
        let (status, answer) = service.tell(&token, &list).await;
        assert_eq!(status, 401, "{answer}");
        assert!(answer["detail"].as_str().unwrap().contains(part), "{answer}");
    }
    let usage = json!({"idempotency_key": "u-1", "task": "T-1", "tokens": {"output": 7}});
    let (did, text) = service.tool(&of(&["read"]), "RecordUsage", &usage).await;
    assert!(!did && text.contains("the scope `append`; token `jwt:alice` has read"), "{text}");
    let (did, text) = service.tool(&of(&["append", "read"]), "RecordUsage", &usage).await;
    assert!(did, "{text}");
    let (did, text) = service.tool(&of(&["read"]), "GetBudgetStatus", &json!({"task": "T-1"})).await;
    assert!(did && text.contains('7'), "{text}");
}
