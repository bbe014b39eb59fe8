//! Why a log cannot be used.

use crate::credentials::CredentialsError;
use crate::durability::error::DurabilityError;
use crate::identity::Regression;
use crate::setup::error::SetupError;

/// Why a log cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The server is not there, or rejects this client.
    #[error("connecting to {url}: {reason}; check the address, the credentials, and that nats-server runs")]
    Unreachable {
        /// The address.
        url: String,
        /// What happened.
        reason: String,
    },
    /// The credentials or the TLS files cannot be used.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// The stream is not what a ledger needs.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// The stream changed while it was being opened.
    #[error(transparent)]
    Regression(#[from] Regression),
    /// Its last records cannot be read.
    #[error("reading the last records: {0}")]
    Read(#[from] tollgate_log::contract::ReadError),
    /// A durability class was requested that does not hold, or for which there is no evidence.
    #[error(transparent)]
    Durability(#[from] DurabilityError),
    /// The server is too old for what was requested.
    #[error("server {version}: {what}")]
    Unsupported {
        /// Its version.
        version: String,
        /// What it cannot do, and how to proceed.
        what: String,
    },
}
