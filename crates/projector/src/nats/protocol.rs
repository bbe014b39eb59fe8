//! The messages between a client and the projector that answers: JSON in both directions.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use tollgate_domain::position::{PartitionId, Position};
use tollgate_view_store::Digest;

use crate::pool::Busy;
use crate::query::QueryError;
use crate::rebuild::{RebuildError, Rebuilt};

/// The version of this protocol, in the form that services have.
pub const SERVICE_VERSION: &str = "1.0.0";

/// Requests the health of the projector that answers.
pub(crate) const HEALTH: &str = "health";

/// Requests an answer when the view contains more than a position, or the time is up.
pub(crate) const MOVED: &str = "moved";

/// Requests that the view be built a second time.
pub(crate) const REBUILD: &str = "rebuild";

/// Whether names of queries differ from each other and from the requests that are no query: else one of them would be
/// answered by another.
pub(crate) const fn are_told_apart(verbs: &[&str]) -> bool {
    let mut nth = 0;
    while nth < verbs.len() {
        if is(verbs[nth], HEALTH) || is(verbs[nth], MOVED) || is(verbs[nth], REBUILD) {
            return false;
        }
        let mut other = 0;
        while other < nth {
            if is(verbs[nth], verbs[other]) {
                return false;
            }
            other += 1;
        }
        nth += 1;
    }
    true
}

const fn is(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    let mut at = 0;
    while at < one.len() && at < other.len() {
        if one[at] != other[at] {
            return false;
        }
        at += 1;
    }
    one.len() == other.len()
}

/// The subject on which the projectors of a view answer for a partition.
#[must_use]
pub fn subject(view: &str, partition: PartitionId) -> String {
    format!("tollgate.v1.view.{view}.{partition}")
}

/// The name of a view's projectors as a service.
#[must_use]
pub fn service_name(view: &str) -> String {
    format!("tollgate-{view}")
}

/// A request to a projector.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Request<'a> {
    /// The name of the query.
    pub(crate) ask: &'a str,
    /// The query's parameters.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(crate) query: Option<&'a RawValue>,
    /// The position that the view must contain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) at_least: Option<String>,
    /// The most milliseconds to wait for it.
    #[serde(default)]
    pub(crate) wait_ms: u64,
    /// Whether to confirm first, with an empty reply, that the request has arrived: its answer may take long.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) begin: bool,
}

/// A reply: an answer and the position it is valid for, or an error.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Reply {
    /// The answer. It may be `null`: that something is not there is an answer, too.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub(crate) answer: Option<Box<RawValue>>,
    /// The position up to which it is valid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) as_of: Option<String>,
    /// The partitions that it covers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) partitions: Option<String>,
    /// Why there is no answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<Trouble>,
}

/// A field that is there, whatever it says.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Box<RawValue>>, D::Error> {
    Box::<RawValue>::deserialize(deserializer).map(Some)
}

/// Why a request was not answered.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Trouble {
    /// The view did not reach the position in time.
    Stale {
        /// What it contains.
        as_of: String,
        /// The requested position.
        wanted: String,
        /// How long it waited, in milliseconds.
        waited_ms: u64,
        /// Why it has stopped, if it has.
        failed: Option<String>,
    },
    /// The position is of another log.
    OtherLog {
        /// The requested position.
        wanted: String,
        /// This log.
        epoch: String,
    },
    /// Another rebuild is running.
    Running,
    /// Too many queries over many rows are waiting already.
    Busy {
        /// The number of waiting queries.
        waiting: usize,
        /// The number answered at once.
        at_once: usize,
    },
    /// Anything else.
    Failed {
        /// What happened.
        reason: String,
    },
}

impl Trouble {
    pub(crate) fn failed(reason: impl ToString) -> Self {
        Self::Failed { reason: reason.to_string() }
    }

    pub(crate) fn into_query_error(self, view: &'static str) -> QueryError {
        let position = |text: &str| text.parse::<Position>().map(Box::new);
        match self {
            Self::Stale { as_of, wanted, waited_ms, failed } => match (position(&as_of), position(&wanted)) {
                (Ok(as_of), Ok(wanted)) => QueryError::Stale { view, as_of, wanted, waited_ms, failed },
                (as_of, wanted) => {
                    let reason =
                        format!("it is behind, and says where in no position: {as_of:?}, {wanted:?}");
                    QueryError::Failed { view, reason }
                }
            },
            Self::OtherLog { wanted, epoch } => match position(&wanted) {
                Ok(wanted) => QueryError::OtherLog { wanted, epoch },
                Err(error) => QueryError::Failed { view, reason: error.to_string() },
            },
            Self::Running => QueryError::Failed { view, reason: RebuildError::Running.to_string() },
            Self::Busy { waiting, at_once } => QueryError::Busy { view, busy: Busy { waiting, at_once } },
            Self::Failed { reason } => QueryError::Failed { view, reason },
        }
    }
}

impl From<QueryError> for Trouble {
    fn from(error: QueryError) -> Self {
        match error {
            QueryError::Stale { as_of, wanted, waited_ms, failed, .. } => {
                Self::Stale { as_of: as_of.to_string(), wanted: wanted.to_string(), waited_ms, failed }
            }
            QueryError::OtherLog { wanted, epoch } => Self::OtherLog { wanted: wanted.to_string(), epoch },
            QueryError::Busy { busy: Busy { waiting, at_once }, .. } => Self::Busy { waiting, at_once },
            QueryError::Log(_)
            | QueryError::Rows(_)
            | QueryError::Missing { .. }
            | QueryError::Overlap { .. }
            | QueryError::Failed { .. } => Self::failed(error),
        }
    }
}

impl From<RebuildError> for Trouble {
    fn from(error: RebuildError) -> Self {
        match error {
            RebuildError::Running => Self::Running,
            RebuildError::View(_) | RebuildError::Stopped | RebuildError::Remote(_) => Self::failed(error),
        }
    }
}

/// What a rebuild found.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct RebuiltPart {
    rows: u64,
    records: u64,
    digest: [u8; 32],
    live: [u8; 32],
    as_of: String,
}

impl From<Rebuilt> for RebuiltPart {
    fn from(rebuilt: Rebuilt) -> Self {
        let Rebuilt { rows, records, digest, live, as_of } = rebuilt;
        Self { rows, records, digest: digest.to_bytes(), live: live.to_bytes(), as_of: as_of.to_string() }
    }
}

impl TryFrom<RebuiltPart> for Rebuilt {
    type Error = String;

    fn try_from(part: RebuiltPart) -> Result<Self, String> {
        let RebuiltPart { rows, records, digest, live, as_of } = part;
        let as_of = as_of.parse().map_err(|error| format!("{error}"))?;
        Ok(Self {
            rows,
            records,
            digest: Digest::from_bytes(&digest),
            live: Digest::from_bytes(&live),
            as_of,
        })
    }
}

#[cfg(test)]
mod verbs {
    use super::{HEALTH, MOVED, REBUILD, are_told_apart};

    #[test]
    fn names_of_queries_differ_and_none_is_that_of_another_request() {
        assert!(are_told_apart(&[]));
        assert!(are_told_apart(&["task", "tasks", "move", "moved_allocations", ""]));
        for reserved in [HEALTH, MOVED, REBUILD] {
            assert!(!are_told_apart(&["task", reserved]), "{reserved}");
        }
        assert!(!are_told_apart(&["task", "other", "task"]));
    }
}
