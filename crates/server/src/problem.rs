//! Problems: why a request was not carried out, with a stable code and what to do.

use tollgate_log::contract::{AppendError, ReadError};
use tollgate_projector::{Busy, QueryError, RebuildError, RowError};
use tollgate_wire::FieldError;
use tollgate_wire::api::Problem;

/// What a request returns.
pub type Answer<T> = Result<T, Box<Problem>>;

/// A kind of problem: one stable code, one status, one title.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// The stable code.
    pub code: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// A short sentence, the same for every problem of the kind.
    pub title: &'static str,
    /// Whether the same request may succeed later.
    pub retryable: bool,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $status:literal, $retryable:literal, $title:literal;)+) => {
        $($(#[$doc])* pub const $name: Kind =
            Kind { code: $code, status: $status, title: $title, retryable: $retryable };)+

        /// Every kind, for the documentation.
        pub const KINDS: &[Kind] = &[$($name),+];
    };
}

kinds! {
    /// A field, a parameter or a body breaks a rule.
    INVALID = "invalid", 400, false, "The request is invalid";
    /// No key, or one that opens nothing.
    UNAUTHENTICATED = "unauthenticated", 401, false, "A valid key is required";
    /// A token came, and the keys of its issuer are not known yet.
    NO_ISSUER_KEYS = "no_issuer_keys", 503, true, "The keys that tokens are checked with are not known";
    /// The key does not allow it.
    NOT_PERMITTED = "not_permitted", 403, false, "The key does not allow this";
    /// There is no such key.
    KEY_UNKNOWN = "key_unknown", 404, false, "Unknown key";
    /// A key of this name was made before.
    KEY_TAKEN = "key_taken", 409, false, "The name of a key is never given again";
    /// The key was revoked, or its time is over.
    KEY_ENDED = "key_ended", 409, false, "The key opens nothing any more";
    /// The key sends more requests than it may.
    RATE_LIMITED = "rate_limited", 429, true, "The key sends too many requests";
    /// A write from a web page of another origin.
    FORBIDDEN_ORIGIN = "forbidden_origin", 403, false, "Cross-origin requests are not allowed";
    /// There is nothing at this path.
    NOT_FOUND = "not_found", 404, false, "Not found";
    /// The ledger has no event of this task.
    TASK_UNKNOWN = "task_unknown", 404, false, "Unknown task";
    /// There is no such alert.
    ALERT_UNKNOWN = "alert_unknown", 404, false, "Unknown alert";
    /// There is no such budget.
    BUDGET_UNKNOWN = "budget_unknown", 404, false, "Unknown budget";
    /// There is no such policy.
    POLICY_UNKNOWN = "policy_unknown", 404, false, "Unknown policy";
    /// There is no such allocation.
    ALLOCATION_UNKNOWN = "allocation_unknown", 404, false, "Unknown allocation";
    /// A policy does not allow what was asked for.
    OVER_BUDGET = "over_budget", 409, false, "A policy does not allow it";
    /// There is no such message in quarantine.
    QUARANTINE_UNKNOWN = "quarantine_unknown", 404, false, "No message with this id is in quarantine";
    /// The path accepts a different method.
    METHOD = "method_not_allowed", 405, false, "Method not allowed";
    /// An event id was already used with different content.
    CONFLICT = "conflict", 409, false, "An event id was already used with different content";
    /// A message was already redriven or dropped.
    QUARANTINE_ENDED = "quarantine_ended", 409, false, "The quarantine of this message has already ended";
    /// The body is larger than allowed.
    TOO_LARGE = "too_large", 413, false, "The request is too large";
    /// The body is not JSON.
    MEDIA_TYPE = "media_type", 415, false, "The body must be JSON";
    /// The request is meant for a different ledger.
    OTHER_LEDGER = "other_ledger", 421, false, "A different ledger serves this address";
    /// A rule refused an event.
    REFUSED = "refused", 422, false, "A rule refused an event";
    /// A config breaks a rule.
    CONFIG_INVALID = "config_invalid", 422, false, "The config is invalid; the previous one stays in force";
    /// The circuit breaker is closed: there is nothing to reset.
    BREAKER_CLOSED = "breaker_closed", 409, false, "The circuit breaker is not open";
    /// No price of this version waits for a person.
    PRICE_NOT_WAITING = "price_not_waiting", 404, false, "No price of this version is waiting";
    /// No sources of prices are named, or their file is invalid.
    PRICE_SOURCES = "price_sources", 422, false, "The sources of prices cannot be used";
    /// More requests are waiting than may wait.
    OVERLOADED = "overloaded", 429, true, "Too many requests are waiting for the log";
    /// The body arrived too slowly.
    TOO_SLOW = "too_slow", 408, true, "The request did not arrive in time";
    /// More clients are connected, sending or following than allowed.
    CROWDED = "crowded", 503, true, "Too many clients are connected";
    /// Something that should not happen.
    INTERNAL = "internal", 500, false, "Internal error";
    /// The log has stopped.
    STOPPED = "stopped", 503, false, "The log no longer accepts appends";
    /// The log does not answer.
    LOG_UNREADABLE = "log_unreadable", 503, true, "The log cannot be read";
    /// The outcome is unknown.
    UNKNOWN_OUTCOME = "unknown_outcome", 503, true, "It is not known whether the append is in the log";
    /// Other decisions about the same task keep coming first.
    CONTENDED = "contended", 503, true, "Other decisions about the task kept coming first";
    /// A view did not reach the requested position in time.
    STALE = "stale", 503, true, "The view has not reached the requested position";
    /// As much of this work is already in progress as is allowed.
    BUSY = "busy", 503, true, "Too much of this work is already in progress";
    /// No projector answers for a view.
    NO_PROJECTOR = "no_projector", 503, true, "No projector is serving the view";
    /// A projector could not answer.
    PROJECTOR_FAILED = "projector_failed", 503, true, "The view's projector could not answer";
    /// Part of a task's events cannot be read.
    DEGRADED = "degraded", 503, false, "Part of the task's events cannot be read";
    /// The disk is full.
    DISK_FULL = "disk_full", 507, true, "The ledger's disk is full";
}

impl Kind {
    /// A problem of this kind. `detail` says what was attempted, on what, which value, which rule, and what
    /// to do.
    #[must_use]
    pub fn with(self, detail: impl Into<String>) -> Box<Problem> {
        Box::new(Problem {
            kind: format!("about:tollgate/{}", self.code),
            title: self.title.to_owned(),
            status: self.status,
            detail: detail.into(),
            code: self.code.to_owned(),
            retryable: self.retryable,
            field: None,
            value: None,
            as_of: None,
            position: None,
            outcomes: Vec::new(),
        })
    }

    /// A problem with one field.
    #[must_use]
    pub fn of_field(self, field: &str, value: &str, rule: &str) -> Box<Problem> {
        let shown: String = value.chars().take(80).collect();
        let mut problem = self.with(format!("{field}: `{shown}`: {rule}"));
        problem.field = Some(field.to_owned());
        problem.value = Some(shown);
        problem
    }
}

/// A failed append as a problem.
#[must_use]
pub fn of_append(error: &AppendError) -> Box<Problem> {
    kind_of_append(error).with(error.to_string())
}

/// The kind of a failed append.
#[must_use]
const fn kind_of_append(error: &AppendError) -> Kind {
    match error {
        AppendError::TooLarge { .. } => TOO_LARGE,
        AppendError::Malformed(_) => INTERNAL,
        AppendError::WrongExpected { .. } => CONTENDED,
        AppendError::DiskFull { .. } => DISK_FULL,
        // A code after which every client retries.
        AppendError::Overloaded { .. } | AppendError::Unavailable { .. } => OVERLOADED,
        AppendError::Stopped { .. } => STOPPED,
        AppendError::Unknown { .. } => UNKNOWN_OUTCOME,
    }
}

/// A field of a request that breaks a rule.
#[must_use]
pub fn of_field(error: &FieldError) -> Box<Problem> {
    INVALID.of_field(&error.field, &error.value, &error.rule)
}

/// A query that was not answered.
#[must_use]
pub fn of_query(error: &QueryError) -> Box<Problem> {
    match error {
        QueryError::Stale { as_of, .. } => {
            let mut problem = STALE.with(error.to_string());
            problem.as_of = Some(as_of.to_string());
            problem
        }
        QueryError::OtherLog { wanted, .. } => {
            INVALID.of_field("at_least", &wanted.to_string(), "is a position of another ledger; leave it out")
        }
        QueryError::Log(error) => of_read(error),
        QueryError::Busy { .. } | QueryError::Rows(RowError::Overtaken) => BUSY.with(error.to_string()),
        QueryError::Rows(error) => of_row(error),
        QueryError::Missing { .. } => NO_PROJECTOR.with(error.to_string()),
        QueryError::Overlap { .. } | QueryError::Failed { .. } => PROJECTOR_FAILED.with(error.to_string()),
    }
}

/// Too many readers at once.
#[must_use]
pub fn of_busy(busy: Busy) -> Box<Problem> {
    BUSY.with(format!("writing the answer: {busy}"))
}

/// A log that could not be read.
#[must_use]
pub fn of_read(error: &ReadError) -> Box<Problem> {
    let kind = match error {
        ReadError::Io { .. } => LOG_UNREADABLE,
        ReadError::Closed => STOPPED,
        ReadError::Damaged { .. } | ReadError::Newer { .. } | ReadError::Regressed { .. } => INTERNAL,
    };
    kind.with(error.to_string())
}

/// A row that could not be read.
#[must_use]
pub fn of_row(error: &RowError) -> Box<Problem> {
    INTERNAL.with(format!("{error}; the view is rebuilt automatically from the log"))
}

/// A rebuild that failed.
#[must_use]
pub fn of_rebuild(error: &RebuildError) -> Box<Problem> {
    match error {
        RebuildError::Running => BUSY.with(error.to_string()),
        RebuildError::Remote(error) => of_query(error),
        RebuildError::View(_) | RebuildError::Stopped => INTERNAL.with(error.to_string()),
    }
}
