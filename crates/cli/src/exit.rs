//! How a command ends: one documented code per kind of end.

use std::process::ExitCode;

use tollgate_client::ClientError;
use tollgate_domain::yaml::{ConfigProblem, InvalidConfig};
use tollgate_log::embedded::{ArchiveError, BackupError, OpenError, PackError};
use tollgate_log_jetstream::{ConnectError, SetupError};
use tollgate_projector::ViewError;
use tollgate_server::{LedgerError, ServeError};
use tollgate_wire::api::{Outcome, Problem};

use crate::args::Format;
pub(crate) use crate::exit_codes::{BLOCKED, DIFFERS, FAILED, INTERRUPTED, REFUSED, STALE};
use crate::output::{error_line, json};

/// A command that did not do what was asked.
#[derive(Debug)]
pub(crate) struct Failure {
    code: u8,
    pub(crate) message: String,
    problem: Option<Box<Problem>>,
    /// What is wrong with a config.
    config: Vec<ConfigProblem>,
}

impl Failure {
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self { code: FAILED, message: message.into(), problem: None, config: Vec::new() }
    }

    pub(crate) fn refused(message: impl Into<String>) -> Self {
        Self { code: REFUSED, message: message.into(), problem: None, config: Vec::new() }
    }

    pub(crate) fn differs(message: impl Into<String>) -> Self {
        Self { code: DIFFERS, message: message.into(), problem: None, config: Vec::new() }
    }

    /// A config that is not valid, with a message for people.
    pub(crate) fn of_config(message: String, invalid: InvalidConfig) -> Self {
        Self { config: invalid.problems, ..Self::differs(message) }
    }

    /// Prints it on stderr, and for programs on stdout too.
    pub(crate) fn report(&self, format: Format) -> ExitCode {
        if format == Format::Json {
            let error = match &self.problem {
                Some(problem) => serde_json::to_value(problem).unwrap_or_default(),
                None if self.config.is_empty() => serde_json::json!({"detail": self.message}),
                None => self.config_json(),
            };
            json(&serde_json::json!({"error": error, "exit_code": self.code}));
        }
        error_line(&self.message);
        for outcome in self.problem.iter().flat_map(|problem| &problem.outcomes) {
            let refused = matches!(outcome.outcome, Outcome::Conflict | Outcome::Refused);
            if let (true, Some(detail)) = (refused && !self.message.contains(&outcome.id), &outcome.detail) {
                error_line(&format!("  event `{}`: {detail}", outcome.id));
            }
        }
        ExitCode::from(self.code)
    }

    fn config_json(&self) -> serde_json::Value {
        let of = |problem: &ConfigProblem| {
            let place = problem.place;
            serde_json::json!({"field": problem.field, "value": problem.value, "rule": problem.rule,
                "line": place.map(|place| place.line), "column": place.map(|place| place.column)})
        };
        let problems: Vec<serde_json::Value> = self.config.iter().map(of).collect();
        serde_json::json!({"detail": self.message.lines().next(), "problems": problems})
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let message = error.to_string();
        match error {
            ClientError::Problem(problem) => {
                let code = match (problem.code.as_str(), problem.status) {
                    ("stale", _) => STALE,
                    // What an allocation was to be extended by.
                    ("over_budget", _) => BLOCKED,
                    // Not a rule: the intended ledger does not answer.
                    ("other_ledger", _) => FAILED,
                    (_, 400..=499) => REFUSED,
                    _ => FAILED,
                };
                Self { code, message, problem: Some(problem), config: Vec::new() }
            }
            ClientError::Transport(_) | ClientError::Unreadable { .. } => Self::failed(message),
        }
    }
}

macro_rules! failed_from {
    ($($error:ty),+) => {
        $(impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self::failed(error.to_string())
            }
        })+
    };
}

failed_from!(ConnectError, SetupError, std::io::Error);

impl From<BackupError> for Failure {
    fn from(error: BackupError) -> Self {
        let message = error.to_string();
        match error {
            BackupError::Open(error) => error.into(),
            BackupError::Behind { .. } | BackupError::Incomplete { .. } | BackupError::Damaged { .. } => {
                Self::differs(message)
            }
            BackupError::Io { .. } | BackupError::NotEmpty { .. } => Self::failed(message),
        }
    }
}

impl From<PackError> for Failure {
    fn from(error: PackError) -> Self {
        let message = error.to_string();
        match error {
            PackError::Open(error) => error.into(),
            PackError::Damaged { .. } => Self::differs(message),
            PackError::Io { .. } | PackError::Stopped => Self::failed(message),
        }
    }
}

impl From<ArchiveError> for Failure {
    fn from(error: ArchiveError) -> Self {
        let message = error.to_string();
        match error {
            ArchiveError::Open(error) => error.into(),
            ArchiveError::Busy { .. } | ArchiveError::NotMoved { .. } => Self::failed(message),
        }
    }
}

/// How the lock of a directory says where its server is.
const SERVES_AT: &str = "tollgate serve at ";

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        let message = error.to_string();
        match error {
            OpenError::Regressed { .. }
            | OpenError::LogIsGone { .. }
            | OpenError::NotWhole { .. }
            | OpenError::Damaged(_) => Self::differs(message),
            // Its lock says where it is; its file may be missing, if the disk is full.
            OpenError::Locked { holder, .. } if holder.contains(SERVES_AT) => {
                let url = holder
                    .split_once(SERVES_AT)
                    .map(|(_, rest)| rest.split([',', ' ']).next().unwrap_or(rest));
                Self::failed(format!("{message}: --server {}", url.unwrap_or_default()))
            }
            OpenError::Io { .. }
            | OpenError::Locked { .. }
            | OpenError::NoLedger { .. }
            | OpenError::NotADataDirectory { .. }
            | OpenError::NewerFormat { .. }
            | OpenError::Durability { .. } => Self::failed(message),
        }
    }
}

impl From<LedgerError> for Failure {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Log(error) => error.into(),
            LedgerError::View(ViewError::Regressed { .. }) => Self::differs(error.to_string()),
            LedgerError::View(_) | LedgerError::Settings(_) => Self::failed(error.to_string()),
        }
    }
}

impl From<ServeError> for Failure {
    fn from(error: ServeError) -> Self {
        match error {
            ServeError::Open(error) => error.into(),
            ServeError::Ledger(error) => error.into(),
            ServeError::Remote(_)
            | ServeError::Unguarded { .. }
            | ServeError::Keys(_)
            | ServeError::NoKeys
            | ServeError::Tls(_)
            | ServeError::Listen { .. }
            | ServeError::Alerts(_)
            | ServeError::Remediation(_)
            | ServeError::Nats(_)
            | ServeError::Jwt(_)
            | ServeError::Io(_) => Self::failed(error.to_string()),
        }
    }
}
