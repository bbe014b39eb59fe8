//! Why a server does not serve.

use std::io;
use std::net::SocketAddr;

use tollgate_log::embedded::OpenError;

use crate::edge::TlsError;
use crate::jwt::JwtError;
use crate::ledger::LedgerError;
use crate::reactor::{AlertsError, RemediationError};

/// Why it does not serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Other machines can reach the address, and that was not said to be intended.
    #[error(
        "listening on {0}: other machines reach that address; listen on 127.0.0.1, or say --allow-remote, with --tls-cert and \
         --tls-key, for a ledger with keys"
    )]
    Remote(SocketAddr),
    /// Other machines can reach the address, and nothing guards it.
    #[error(
        "listening on {address}: other machines reach that address, and {lacks}; give it that, or say --allow-remote twice if the \
         network itself is closed"
    )]
    Unguarded {
        /// The address.
        address: SocketAddr,
        /// What it lacks, and what gives it that.
        lacks: &'static str,
    },
    /// Keys were asked for, and there are none.
    #[error(
        "keys were asked for, and the ledger has none; make one: `tollgate key create NAME --scope admin`"
    )]
    NoKeys,
    /// It is not known whether the ledger has keys.
    #[error("looking whether the ledger has keys: {0}")]
    Keys(String),
    /// The certificate cannot be shown.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// No tokens can be taken.
    #[error(transparent)]
    Jwt(#[from] JwtError),
    /// The address cannot be listened on.
    #[error("listening on {address}: {message}; stop what holds it, or choose another with {flag}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The flag that it is chosen with.
        flag: &'static str,
        /// The system's message.
        message: String,
    },
    /// The log cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The ledger cannot be opened.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// Alerts cannot be delivered.
    #[error(transparent)]
    Alerts(#[from] AlertsError),
    /// Remediations cannot be opened.
    #[error(transparent)]
    Remediation(#[from] RemediationError),
    /// The NATS server does not accept the subscriptions.
    #[error("serving over NATS: {0}")]
    Nats(String),
    /// Serving failed.
    #[error("serving: {0}")]
    Io(#[from] io::Error),
}
