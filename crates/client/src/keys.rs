//! Keys of the API as typed calls.

use tollgate_wire::api::{KeyList, KeyRequest, KeyResponse, KeyRevokeRequest, KeyRotateRequest};

use crate::address::escaped;
use crate::client::Client;
use crate::error::ClientError;

impl Client {
    /// All keys, without their secrets.
    ///
    /// # Errors
    ///
    /// [`ClientError`], as for all calls.
    pub async fn keys(&self) -> Result<KeyList, ClientError> {
        self.get("/v1/keys").await
    }

    /// Makes a key. The answer has its secret, which is nowhere else; it is durable on return.
    ///
    /// # Errors
    ///
    /// [`ClientError`]; `key_taken` if the name was given before. After no answer, or `unknown_outcome`, the key may be
    /// there, with a secret that nobody knows: rotate it.
    pub async fn create_key(&self, request: &KeyRequest) -> Result<KeyResponse, ClientError> {
        self.post("/v1/keys", request).await
    }

    /// Gives a key another secret, which is in the answer. It is durable on return.
    ///
    /// # Errors
    ///
    /// [`ClientError`]; `key_unknown`, or `key_ended` if it was revoked or its time is over.
    pub async fn rotate_key(
        &self,
        key: &str,
        request: &KeyRotateRequest,
    ) -> Result<KeyResponse, ClientError> {
        self.post(&format!("/v1/keys/{}/rotate", escaped(key)), request).await
    }

    /// Revokes a key for good. When this returns, no server lets it in again.
    ///
    /// # Errors
    ///
    /// [`ClientError`]; `key_unknown` if there is none.
    pub async fn revoke_key(
        &self,
        key: &str,
        request: &KeyRevokeRequest,
    ) -> Result<KeyResponse, ClientError> {
        self.post(&format!("/v1/keys/{}/revoke", escaped(key)), request).await
    }
}
