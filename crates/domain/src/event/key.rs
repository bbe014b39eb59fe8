//! Keys of the API: made, rotated, revoked.

use crate::key::{KeyHash, KeyReach, KeyScope, Rate};
use crate::time::Timestamp;

/// A key was made. Written by the ledger itself, under the tenant `_ledger` and the task `_keys`, where all
/// decisions about keys are in one order. The first one closes the API to everybody without a key, for good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyCreated {
    /// Its name, which stays its own after it is revoked.
    pub key: String,
    /// The hash of its secret.
    pub hash: KeyHash,
    /// What it may do, in the order of the scopes, each once.
    pub scopes: Vec<KeyScope>,
    /// About whose data, and in whose name.
    pub reach: KeyReach,
    /// From when on it is refused; `None`: never.
    pub expires_at: Option<Timestamp>,
    /// How many requests it may send to each server; `None`: any number.
    pub rate: Option<Rate>,
    /// Who made it.
    pub by: String,
}

/// A key got another secret. The one before it is accepted for a while, so that whoever holds it can change over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRotated {
    /// The key's name.
    pub key: String,
    /// The hash of its new secret.
    pub hash: KeyHash,
    /// From when on all secrets before it are refused.
    pub before_until: Timestamp,
    /// Who rotated it.
    pub by: String,
}

/// A key is refused from now on, with all of its secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRevoked {
    /// The key's name.
    pub key: String,
    /// Who revoked it.
    pub by: String,
    /// Why, if they said so.
    pub reason: Option<String>,
}
