//! Why a command about money was refused.

use super::InvalidPolicy;
use super::policy::MAX_NAME_BYTES;
use crate::time::Timestamp;

/// A command refused by a rule. Part of the public API: each variant has one stable code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BudgetRejection {
    /// A name that is none.
    #[error("{field}: must have 1 to {MAX_NAME_BYTES} bytes")]
    Name {
        /// Which one.
        field: &'static str,
    },
    /// The policy makes no sense.
    #[error("{because}")]
    Policy {
        /// Which one.
        policy: String,
        /// What is wrong.
        because: InvalidPolicy,
    },
    /// No such budget.
    #[error("there is no budget `{0}`: set it first")]
    UnknownBudget(String),
    /// No such policy.
    #[error("there is no policy `{0}`: set it first")]
    UnknownPolicy(String),
    /// The version differs from what its author saw.
    #[error(
        "policy `{policy}` is at version {current}, not {asked}: look at it again, or leave `if_version` out"
    )]
    VersionMismatch {
        /// Which one.
        policy: String,
        /// The version that its author saw.
        asked: u32,
        /// The latest one; 0: there is none.
        current: u32,
    },
    /// A raise that makes no sense.
    #[error("{because}")]
    Raise {
        /// Whose limit.
        policy: String,
        /// What is wrong.
        because: &'static str,
    },
    /// No such raise.
    #[error("policy `{policy}` has no raise `{raise}`: `tollgate policy show` lists them")]
    UnknownRaise {
        /// Whose limit.
        policy: String,
        /// Which one.
        raise: String,
    },
    /// A request for an allocation that makes no sense.
    #[error("{because}")]
    Request {
        /// Which one.
        allocation: String,
        /// What is wrong.
        because: String,
    },
    /// No such allocation is open.
    #[error("allocation `{0}` is not open: it was never made, or it was released or has expired")]
    NotOpen(String),
    /// Its time is over.
    #[error("allocation `{allocation}` expired at {expired_at}: allocate anew")]
    Expired {
        /// Which one.
        allocation: String,
        /// When.
        expired_at: Timestamp,
    },
    /// Its time is not over.
    #[error("allocation `{allocation}` lasts until {expires_at}: release it instead")]
    NotExpired {
        /// Which one.
        allocation: String,
        /// Until when.
        expires_at: Timestamp,
    },
}

impl BudgetRejection {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Name { .. } => "invalid_name",
            Self::Policy { .. } => "invalid_policy",
            Self::UnknownBudget(_) => "unknown_budget",
            Self::UnknownPolicy(_) => "unknown_policy",
            Self::VersionMismatch { .. } => "version_mismatch",
            Self::Raise { .. } => "invalid_raise",
            Self::UnknownRaise { .. } => "unknown_raise",
            Self::Request { .. } => "invalid_request",
            Self::NotOpen(_) => "allocation_not_open",
            Self::Expired { .. } => "allocation_expired",
            Self::NotExpired { .. } => "allocation_not_expired",
        }
    }
}
