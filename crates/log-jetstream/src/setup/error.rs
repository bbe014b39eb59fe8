//! Why there is no usable stream, field by field if it differs from what a ledger needs.

use std::fmt;

use tollgate_domain::gate::grouped;
use tollgate_domain::printable::with_causes;

use crate::identity::Regression;

/// One field that differs from what a ledger needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The field, as the server's configuration spells it.
    pub field: &'static str,
    /// What a ledger needs.
    pub needed: String,
    /// What is there.
    pub found: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is {}, needed is {}", self.field, self.found, self.needed)
    }
}

/// Why there is no usable stream.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// It exists but differs from what a ledger needs.
    #[error(
        "stream {stream}: {}; nothing was changed: correct it with the `nats` CLI, or choose another stream",
        listed(differences)
    )]
    Differs {
        /// The stream.
        stream: String,
        /// Each field that differs.
        differences: Vec<Difference>,
    },
    /// It does not start at its first record.
    #[error("stream {stream}: {regression}")]
    Incomplete {
        /// The stream.
        stream: String,
        /// What is missing.
        regression: Regression,
    },
    /// It does not exist.
    #[error("stream {stream}: does not exist; make it with `tollgate log init`")]
    Missing {
        /// The stream.
        stream: String,
    },
    /// The server has less room than the stream may take.
    #[error(
        "stream {stream}: making it: the server has no room for the {} bytes that it may take; say fewer with --max-bytes, \
         or give JetStream more (max_file in nats-server.conf)",
        grouped((*max_bytes).into())
    )]
    NoRoom {
        /// The stream.
        stream: String,
        /// The most bytes it may take.
        max_bytes: u64,
    },
    /// The server refused, or did not answer.
    #[error("stream {stream}: {attempt}: {reason}")]
    Refused {
        /// The stream.
        stream: String,
        /// What was attempted.
        attempt: &'static str,
        /// The server's message.
        reason: String,
    },
}

fn listed(differences: &[Difference]) -> String {
    differences.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

pub(crate) fn refused(stream: &str, attempt: &'static str, error: &dyn std::error::Error) -> SetupError {
    SetupError::Refused { stream: stream.to_owned(), attempt, reason: with_causes(error) }
}

pub(crate) fn difference(
    field: &'static str,
    needed: &dyn fmt::Debug,
    found: &dyn fmt::Debug,
) -> Option<Difference> {
    let (needed, found) = (format!("{needed:?}"), format!("{found:?}"));
    (needed != found).then_some(Difference { field, needed, found })
}
