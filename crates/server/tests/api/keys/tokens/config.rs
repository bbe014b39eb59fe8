//! What is wrong with a file that says whose tokens are taken.

use serde_json::json;
use tollgate_server::jwt::{Jwt, JwtConfig};

use super::issuer::Issuer;

#[test]
fn what_is_wrong_is_told_with_its_line() {
    let lines = "issuer: https://id.example.com/\naudience: tollgate\n";
    for (text, said) in [
        ("", "issuer"),
        ("audience: a\njwks: f\n", "issuer: must be the claim `iss`"),
        ("issuer: 1\naudience: a\njwks: f\n", "line 1: issuer: `1`: must be text, is"),
        (&format!("{lines}jwks: ' '\n"), "line 3: jwks: ` `: must be 1 to 2048 bytes"),
        (lines, "jwks: must name the issuer's public keys"),
        (&format!("{lines}jwks: http://id.example.com/keys\n"), "line 3: jwks: `http://id.example.com"),
        (&format!("{lines}jwks: https://127.0.0.1/keys\n"), "line 3: jwks:"),
        (
            &format!("{lines}jwks: f\nalgorithms: [HS256]\n"),
            "line 4: algorithms: `HS256`: must be one of RS256, ES256, EdDSA",
        ),
        (&format!("{lines}jwks: f\nalgorithms: [none]\n"), "line 4: algorithms: `none`: must be one of"),
        (&format!("{lines}jwks: f\nalgorithms: []\n"), "line 4: algorithms: `[]`: must name at least one"),
        (
            &format!("{lines}jwks: f\nleeway_s: 301\n"),
            "line 4: leeway_s: `301`: must be a whole number from 0 to 300",
        ),
        (&format!("{lines}jwks: f\nleeway: 30\n"), "line 4: leeway: `30`: unknown key"),
        (
            &format!("{lines}jwks: f\nallow_private: true\n"),
            "line 4: allow_private: `true`: is only allowed where",
        ),
        (
            &format!("{lines}jwks: f\nclaim: sub\n"),
            "line 4: claim: `sub`: is a claim that means something else",
        ),
        (&format!("{lines}jwks: f\nclaims:\n  tenants: groups\n"), "claims.scopes: must name the claim"),
        (
            &format!("{lines}jwks: f\nclaims: {{scopes: scope}}\nclaim: x\n"),
            "line 5: claim: cannot be combined",
        ),
        (
            &format!("{lines}jwks: f\nclaims:\n  scopes: scope\n  tenant: x\n"),
            "line 6: claims.tenant: `x`: unknown key",
        ),
    ] {
        let invalid = JwtConfig::from_yaml(text, std::path::Path::new("")).unwrap_err().to_string();
        assert!(invalid.contains(said), "{text}\n{invalid}");
    }
}

#[tokio::test]
async fn a_server_does_not_start_without_the_keys_of_a_file() {
    let issuer = Issuer::new();
    let missing = Jwt::open(&issuer.dir().join("nowhere.yaml")).await.err().unwrap().to_string();
    assert!(missing.starts_with("tokens (--jwt) ") && missing.contains("check the path"), "{missing}");
    let mut short = issuer.jwks()["keys"][0].clone();
    short["n"] = json!("AQAB");
    for (jwks, said) in [
        ("[]".to_owned(), "must be a JSON Web Key Set"),
        (json!({"keys": []}).to_string(), "none of its 0 keys can be used"),
        (json!({"keys": [short, {"kty": "oct", "kid": "x", "k": "AQAB"}]}).to_string(), "none of its 2 keys"),
    ] {
        std::fs::write(issuer.path("jwks.json"), jwks).unwrap();
        let refused = issuer.taken("").await.err().unwrap().to_string();
        assert!(refused.contains(": jwks: ") && refused.contains(said), "{refused}");
    }
}
