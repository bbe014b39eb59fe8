//! Keys of the API: made, rotated, revoked. Written by the ledger itself.

use tollgate_domain::event::{KeyCreated, KeyRevoked, KeyRotated};
use tollgate_domain::key::{KeyHash, KeyReach, KeyScope, Rate};

use super::{Beside, Kind};
use crate::decoded::TextLength;
use crate::error::FieldError;
use crate::out::{Out, whole};
use crate::proto::{self, Added};
use crate::values::{optional, or_empty, time_from_proto, time_to_proto, word};

impl Kind for KeyCreated {
    type Proto = proto::KeyCreated;

    fn to_domain(stored: Self::Proto, _beside: &mut Beside) -> Result<Self, FieldError> {
        let scope = |text: &String| word("scopes", text, KeyScope::NAMES, KeyScope::from_word);
        let rate = stored.per_second.zip(stored.burst);
        Ok(Self {
            hash: hash(&stored.hash)?,
            scopes: stored.scopes.iter().map(scope).collect::<Result<_, _>>()?,
            reach: KeyReach {
                tenants: stored.tenants,
                producers: stored.producers,
                components: stored.components,
            },
            expires_at: stored.expires_at.map(time_from_proto).transpose()?,
            rate: rate.map(|(per_second, burst)| Rate { per_second, burst }),
            key: stored.key,
            by: stored.by,
        })
    }

    fn content(&self, _text_length: Option<TextLength>) -> Self::Proto {
        proto::KeyCreated {
            key: self.key.clone(),
            hash: self.hash.to_string(),
            scopes: self.scopes.iter().map(|scope| scope.as_str().to_owned()).collect(),
            tenants: self.reach.tenants.clone(),
            producers: self.reach.producers.clone(),
            components: self.reach.components.clone(),
            expires_at: self.expires_at.map(time_to_proto),
            per_second: self.rate.map(|rate| rate.per_second),
            burst: self.rate.map(|rate| rate.burst),
            by: self.by.clone(),
        }
    }

    fn write(out: &mut Out, content: &Self::Proto, _added: Option<&Added>) {
        out.text("key", &content.key);
        out.text("hash", &content.hash);
        out.texts("scopes", &content.scopes);
        out.texts("tenants", &content.tenants);
        out.texts("producers", &content.producers);
        out.texts("components", &content.components);
        out.time("expires_at", content.expires_at);
        out.optional("per_second", content.per_second.map(whole));
        out.optional("burst", content.burst.map(whole));
        out.text("by", &content.by);
    }
}

impl Kind for KeyRotated {
    type Proto = proto::KeyRotated;

    fn to_domain(stored: Self::Proto, _beside: &mut Beside) -> Result<Self, FieldError> {
        let until = stored.before_until.ok_or_else(|| FieldError::missing("before_until"))?;
        Ok(Self {
            hash: hash(&stored.hash)?,
            before_until: time_from_proto(until)?,
            key: stored.key,
            by: stored.by,
        })
    }

    fn content(&self, _text_length: Option<TextLength>) -> Self::Proto {
        proto::KeyRotated {
            key: self.key.clone(),
            hash: self.hash.to_string(),
            before_until: Some(time_to_proto(self.before_until)),
            by: self.by.clone(),
        }
    }

    fn write(out: &mut Out, content: &Self::Proto, _added: Option<&Added>) {
        out.text("key", &content.key);
        out.text("hash", &content.hash);
        out.time("before_until", content.before_until);
        out.text("by", &content.by);
    }
}

impl Kind for KeyRevoked {
    type Proto = proto::KeyRevoked;

    fn to_domain(stored: Self::Proto, _beside: &mut Beside) -> Result<Self, FieldError> {
        let proto::KeyRevoked { key, by, reason } = stored;
        Ok(Self { key, by, reason: optional(reason) })
    }

    fn content(&self, _text_length: Option<TextLength>) -> Self::Proto {
        let (key, by) = (self.key.clone(), self.by.clone());
        proto::KeyRevoked { key, by, reason: or_empty(self.reason.as_ref()) }
    }

    fn write(out: &mut Out, content: &Self::Proto, _added: Option<&Added>) {
        out.text("key", &content.key);
        out.text("by", &content.by);
        out.text("reason", &content.reason);
    }
}

fn hash(text: &str) -> Result<KeyHash, FieldError> {
    KeyHash::from_hex(text).ok_or_else(|| FieldError::new("hash", text, "must be 64 hex digits"))
}
