//! The file that says how far evidence was written.

use std::path::Path;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::retry::Retry;

/// How far the log was read, and which part of that has yet to be written. After a crash files are written
/// again, never left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mark {
    pub(super) epoch: Uuid,
    pub(super) read_through: u64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) retry: Vec<Retry>,
}

impl Mark {
    /// The mark from a file; `None`: there is no file.
    pub(super) fn read(file: &Path) -> Result<Option<Self>, String> {
        match std::fs::read(file) {
            Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|error| error.to_string()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.to_string()),
        }
    }
}
