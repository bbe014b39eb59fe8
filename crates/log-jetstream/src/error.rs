//! Why a log cannot be used.

use crate::credentials::CredentialsError;
use crate::durability::error::DurabilityError;
use crate::identity::Regression;
use crate::setup::error::SetupError;

/// Why a log cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The server is not there, or does not let this client in.
    #[error("connecting to {url}: {reason}; check the address, the credentials, and that nats-server runs")]
    Unreachable {
        /// The address.
        url: String,
        /// What happened.
        reason: String,
    },
    /// The credentials, or the files of TLS, cannot be used.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// The stream is not what a ledger needs.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// The stream changed while it was opened.
    #[error(transparent)]
    Regression(#[from] Regression),
    /// Its last records cannot be read.
    #[error("reading the last records: {0}")]
    Read(#[from] tollgate_log::contract::ReadError),
    /// A durability class was asked for that is not so, or that nothing shows.
    #[error(transparent)]
    Durability(#[from] DurabilityError),
    /// The server is too old for what is asked.
    #[error("server {version}: {what}")]
    Unsupported {
        /// Its version.
        version: String,
        /// What it cannot do, and what to do.
        what: String,
    },
}
