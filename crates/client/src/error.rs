//! Why a call gave nothing.

use tollgate_wire::api::Problem;

use crate::transport::TransportError;

/// Why a call gave nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// The ledger answered with a problem.
    #[error("{}", .0.detail)]
    Problem(Box<Problem>),
    /// There is no answer.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// The answer is none of this API's.
    #[error(
        "{endpoint}: status {status}, and an answer that is none of Tollgate's: `{begins}`; is another program there?"
    )]
    Unreadable {
        /// What was asked.
        endpoint: String,
        /// The answer's status.
        status: u16,
        /// How the answer begins.
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

    /// The stable code of the problem, where the ledger answered with one.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Problem(problem) => Some(&problem.code),
            Self::Transport(_) | Self::Unreadable { .. } => None,
        }
    }
}
