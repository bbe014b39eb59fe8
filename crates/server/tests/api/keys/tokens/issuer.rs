//! An issuer of tokens.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tollgate_server::jwt::{Jwt, JwtError};

use crate::support::{Service, at};

/// The time of the ledger in these tests, in seconds since 1970.
pub(super) fn now() -> i64 {
    at("2026-11-20T10:00:00Z").micros() / 1_000_000
}

pub(super) fn base64(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Keys of each kind. Those of RSA are a file: ring makes none.
pub(super) struct Issuer {
    pub(super) rsa: RsaKeyPair,
    pub(super) ec: EcdsaKeyPair,
    pub(super) ed: Ed25519KeyPair,
    random: SystemRandom,
    dir: TempDir,
}

impl Issuer {
    /// One whose keys are in a file.
    pub(super) fn new() -> Self {
        let random = SystemRandom::new();
        let ec = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let ed = Ed25519KeyPair::generate_pkcs8(&random).unwrap();
        let issuer = Self {
            rsa: RsaKeyPair::from_pkcs8(include_bytes!("rsa.pk8")).unwrap(),
            ec: EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, ec.as_ref(), &random).unwrap(),
            ed: Ed25519KeyPair::from_pkcs8(ed.as_ref()).unwrap(),
            random,
            dir: tempfile::tempdir().unwrap(),
        };
        issuer.publish(&issuer.jwks());
        issuer
    }

    /// The public keys.
    pub(super) fn jwks(&self) -> Value {
        let PublicKeyComponents::<Vec<u8>> { n, e } = self.rsa.public().into();
        let point = self.ec.public_key().as_ref();
        json!({"keys": [
            {"kty": "RSA", "kid": "rsa", "use": "sig", "alg": "RS256", "n": base64(&n), "e": base64(&e)},
            {"kty": "EC", "kid": "ec", "crv": "P-256", "x": base64(&point[1..33]), "y": base64(&point[33..])},
            {"kty": "OKP", "kid": "ed", "crv": "Ed25519", "x": base64(self.ed.public_key().as_ref())},
            {"kty": "RSA", "kid": "enc", "use": "enc", "n": base64(&n), "e": base64(&e)},
            {"kty": "something new"},
        ]})
    }

    pub(super) fn publish(&self, jwks: &Value) {
        std::fs::write(self.path("jwks.json"), jwks.to_string()).unwrap();
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(super) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// With a file of these lines more.
    pub(super) async fn taken(&self, lines: &str) -> Result<Arc<Jwt>, JwtError> {
        self.taken_from("jwks.json", lines).await
    }

    /// With keys that are read there.
    pub(super) async fn taken_from(&self, jwks: &str, lines: &str) -> Result<Arc<Jwt>, JwtError> {
        let text = format!("issuer: https://id.example.com/\naudience: tollgate\njwks: {jwks}\n{lines}");
        std::fs::write(self.path("jwt.yaml"), text).unwrap();
        Jwt::open(&self.path("jwt.yaml")).await
    }

    /// A ledger without keys whose server takes its tokens.
    pub(super) async fn service(&self, lines: &str) -> Service {
        Service::new().await.with_tokens(self.taken(lines).await.unwrap())
    }

    /// What is signed: header and claims.
    pub(super) fn unsigned(header: &Value, claims: &Value) -> String {
        format!("{}.{}", base64(header.to_string().as_bytes()), base64(claims.to_string().as_bytes()))
    }

    /// A token with the key that its header names by its kind.
    pub(super) fn signed(&self, header: &Value, claims: &Value) -> String {
        let signed = Self::unsigned(header, claims);
        let bytes = signed.as_bytes();
        let signature = match header["alg"].as_str().unwrap() {
            "RS256" => {
                let mut signature = vec![0; self.rsa.public().modulus_len()];
                self.rsa.sign(&RSA_PKCS1_SHA256, &self.random, bytes, &mut signature).unwrap();
                signature
            }
            "ES256" => self.ec.sign(&self.random, bytes).unwrap().as_ref().to_vec(),
            _ => self.ed.sign(bytes).as_ref().to_vec(),
        };
        format!("{signed}.{}", base64(&signature))
    }

    /// A token of alice with these claims in place of the usual ones; `null`: without it.
    pub(super) fn token(&self, changed: &Value) -> String {
        self.signed(&json!({"alg": "EdDSA", "kid": "ed"}), &claims(changed))
    }
}

/// The usual claims, changed.
pub(super) fn claims(changed: &Value) -> Value {
    let mut claims = json!({
        "iss": "https://id.example.com/", "aud": "tollgate", "sub": "alice", "exp": now() + 600,
        "tollgate": {"scopes": ["read", "append"]},
    });
    for (name, value) in changed.as_object().unwrap() {
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        } else {
            claims[name] = value.clone();
        }
    }
    claims
}
