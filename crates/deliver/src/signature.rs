//! Signing of webhooks: Standard Webhooks 1.0.0, symmetric (`v1`, HMAC-SHA256).

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::{digest, hmac};
use serde::{Deserialize, Serialize};
use tollgate_domain::hex::hex;
use tollgate_domain::time::Timestamp;

use crate::secret::Secret;

/// Header: the message's id, the same at every attempt.
pub const ID: &str = "webhook-id";
/// Header: the time of this attempt, in whole seconds since 1970.
pub const TIMESTAMP: &str = "webhook-timestamp";
/// Header: one signature per secret, separated by spaces.
pub const SIGNATURE: &str = "webhook-signature";

/// The id of a message, the same at every attempt and after every restart: receivers recognize repetitions by
/// it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WebhookId(Arc<str>);

impl WebhookId {
    /// The id derived from the parts that identify a message: always the same for the same parts, different
    /// for others.
    #[must_use]
    pub fn of(parts: &[&str]) -> Self {
        let mut hash = digest::Context::new(&digest::SHA256);
        for part in parts {
            // The length separates the parts, whatever they contain.
            hash.update(&(part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        let digest = hash.finish();
        let first = digest.as_ref().get(..16).unwrap_or_default();
        Self(format!("msg_{}", hex(first)).into())
    }

    /// Accepts an id that was issued before.
    ///
    /// # Errors
    ///
    /// [`InvalidWebhookId`] for anything other than 1 to 64 letters, digits, `_` and `-`. In particular it
    /// has no `.`, which separates the parts that are signed.
    pub fn parse(text: &str) -> Result<Self, InvalidWebhookId> {
        let letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        if (1..=64).contains(&text.len()) && text.bytes().all(letter) {
            Ok(Self(text.into()))
        } else {
            Err(InvalidWebhookId(text.chars().take(80).collect()))
        }
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for WebhookId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A text that is not a webhook id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("webhook id `{0}`: must be 1 to 64 of A-Z a-z 0-9 _ -")]
pub struct InvalidWebhookId(pub String);

/// The secrets of an endpoint: one, or several during a rotation.
#[derive(Clone, Debug)]
pub struct Signer(Vec<Secret>);

impl Signer {
    /// Signs with all of these secrets, in this order.
    #[must_use]
    pub fn new(secrets: Vec<Secret>) -> Self {
        Self(secrets)
    }

    /// The three headers of an attempt. `body` is what is sent, byte for byte.
    #[must_use]
    pub fn headers(&self, id: &WebhookId, at: Timestamp, body: &[u8]) -> [(&'static str, String); 3] {
        let seconds = at.micros().div_euclid(1_000_000).to_string();
        let signature = self.sign(id.as_str(), &seconds, body);
        [(ID, id.as_str().to_owned()), (TIMESTAMP, seconds), (SIGNATURE, signature)]
    }

    fn sign(&self, id: &str, seconds: &str, body: &[u8]) -> String {
        let signatures: Vec<String> = self
            .0
            .iter()
            .map(|secret| {
                let mut mac = hmac::Context::with_key(secret.key());
                for part in [id.as_bytes(), b".", seconds.as_bytes(), b".", body] {
                    mac.update(part);
                }
                format!("v1,{}", STANDARD.encode(mac.sign()))
            })
            .collect();
        signatures.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const BODY: &[u8] = br#"{"test": 2432232314}"#;

    fn signer(secrets: &[&str]) -> Signer {
        Signer::new(secrets.iter().map(|text| Secret::parse(text).unwrap()).collect())
    }

    /// The test vector of the standard's own libraries.
    #[test]
    fn signs_the_standards_vector() {
        let id = WebhookId::parse("msg_p5jXN8AQM9LWM0D4loKWxJek").unwrap();
        // Fractions of a second are truncated, not rounded.
        let at = Timestamp::from_micros(1_614_265_330_999_999).unwrap();
        let headers = signer(&[SECRET]).headers(&id, at, BODY);
        let expected = [
            ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
            ("webhook-timestamp", "1614265330"),
            ("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
        ];
        assert_eq!(headers.each_ref().map(|(name, value)| (*name, value.as_str())), expected);
    }

    #[test]
    fn during_a_rotation_every_secret_signs() {
        let other = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
        let both = signer(&[SECRET, other]).sign("msg_1", "1", BODY);
        let (first, second) = both.split_once(' ').unwrap();
        assert_eq!(first, signer(&[SECRET]).sign("msg_1", "1", BODY));
        assert_eq!(second, signer(&[other]).sign("msg_1", "1", BODY));
        assert_ne!(first, second);
    }

    #[test]
    fn whatever_differs_gives_another_signature() {
        let signer = signer(&[SECRET]);
        let base = signer.sign("msg_1", "1", BODY);
        for (id, seconds, body) in
            [("msg_2", "1", BODY), ("msg_1", "2", BODY), ("msg_1", "1", &b"{\"test\":2432232314}"[..])]
        {
            assert_ne!(signer.sign(id, seconds, body), base);
        }
    }

    #[test]
    fn ids_follow_from_their_parts_and_hold_no_full_stop() {
        let id = WebhookId::of(&["alert", "raised", "pager"]);
        assert_eq!(id, WebhookId::of(&["alert", "raised", "pager"]));
        assert_ne!(id, WebhookId::of(&["alert", "raise", "dpager"]));
        assert_ne!(id, WebhookId::of(&["alert", "raised", "pager", ""]));
        assert_eq!(WebhookId::parse(id.as_str()).unwrap(), id);
        for bad in ["", "a.b", "a b", "a\n", "ä", &"x".repeat(65)] {
            assert!(WebhookId::parse(bad).is_err(), "{bad}");
        }
    }
}
