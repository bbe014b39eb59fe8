//! Keys of the API.

use std::fmt;

use serde::{Deserialize, Serialize};
use tollgate_domain::words;
use utoipa::ToSchema;

use super::word::{self, list};

words!(
    /// Whether a key opens anything.
    KeyState {
        /// It does.
        Active = "active",
        /// Its time is over.
        Expired = "expired",
        /// It was revoked.
        Revoked = "revoked"
    }
);

/// A key to make.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyRequest {
    /// Its name, 1 to 64 of A-Z a-z 0-9 - _ . @: who reads reports with it. Never given again, not even after it is
    /// revoked.
    pub key: String,
    /// What it may do, of `append`, `decide`, `read`, `read_reports`, `operate`, `admin`. The first key of a ledger
    /// must have `admin`, which allows everything.
    pub scopes: Vec<String>,
    /// Only data of these tenants (default: of all).
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub tenants: Vec<String>,
    /// Only as these producers (default: as any).
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub producers: Vec<String>,
    /// Only for these components (default: for any).
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub components: Vec<String>,
    /// From when on it is refused: a time, or the beginning of a day in UTC (default: never).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub expires_at: Option<String>,
    /// Requests per second that each server takes from it (default: any number).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub requests_per_second: Option<u32>,
    /// How many at once after a pause (default: those of one second).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub burst: Option<u32>,
}

/// Another secret for a key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyRotateRequest {
    /// For how many seconds the secrets before it are still accepted, at most 90 days (default: one day; 0: they are
    /// refused at once).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub overlap_s: Option<u32>,
}

/// The end of a key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyRevokeRequest {
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
}

/// A key, without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KeyView {
    /// Its name.
    pub key: String,
    /// Whether it opens anything.
    #[serde(with = "word")]
    #[schema(inline = false, value_type = list::KeyState)]
    pub state: KeyState,
    /// What it may do.
    pub scopes: Vec<String>,
    /// Only data of these tenants; absent: of all.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub tenants: Vec<String>,
    /// Only as these producers; absent: as any.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub producers: Vec<String>,
    /// Only for these components; absent: for any.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub components: Vec<String>,
    /// From when on it is refused; absent: never.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub expires_at: Option<String>,
    /// Requests per second that each server takes from it; absent: any number.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub requests_per_second: Option<u32>,
    /// How many at once after a pause.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub burst: Option<u32>,
    /// Who made it.
    pub created_by: String,
    /// When.
    pub created_at: String,
    /// Who gave it another secret last.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rotated_by: Option<String>,
    /// When.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rotated_at: Option<String>,
    /// Up to when a secret before the latest is accepted; absent: none is.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub overlap_until: Option<String>,
    /// Who revoked it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub revoked_by: Option<String>,
    /// When.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub revoked_at: Option<String>,
    /// Why, if they said so.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
}

/// A key after a decision about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KeyResponse {
    /// The key.
    pub key: KeyView,
    /// Its new secret: this is the only time that it is shown. Absent where it got none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schema(value_type = Option<String>)]
    pub secret: Option<SecretText>,
    /// Whether it was as asked for before, so that nothing was recorded.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub repeated: bool,
    /// The position that includes the decision.
    pub position: String,
}

/// All keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KeyList {
    /// By name; revoked ones too.
    pub keys: Vec<KeyView>,
    /// Whether the API answers only those who send a key: so it is from the first key on.
    pub required: bool,
}

/// The text of a secret, which is never written with `Debug`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SecretText(pub String);

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText(…)")
    }
}
