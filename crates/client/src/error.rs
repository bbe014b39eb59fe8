//! Why a call failed.

use tollgate_wire::api::Problem;

use crate::transport::TransportError;

/// Why a call failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// The ledger answered with a problem.
    #[error("{}", .0.detail)]
    Problem(Box<Problem>),
    /// There was no answer.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// The answer is not one of this API.
    #[error(
        "{endpoint}: status {status}, and an answer that is none of Tollgate's: `{begins}`; is another program there?"
    )]
    Unreadable {
        /// The endpoint that was called.
        endpoint: String,
        /// The HTTP status of the answer.
        status: u16,
        /// The beginning of the answer.
        begins: String,
    },
}

impl ClientError {
    /// Whether the same call may succeed later.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        match self {
            Self::Problem(problem) => problem.retryable,
            Self::Transport(_) => true,
            Self::Unreadable { status, .. } => *status >= 500,
        }
    }

    /// The stable code of the problem, if the ledger answered with one.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Problem(problem) => Some(&problem.code),
            Self::Transport(_) | Self::Unreadable { .. } => None,
        }
    }
}
