//! Where alerts go: `alerts.yaml`, checked as a whole before anything is sent.

pub(crate) mod read;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tollgate_domain::alert::{AlertRule, Severity};
pub use tollgate_domain::yaml::{ConfigProblem, InvalidConfig};

use crate::digest::DigestPolicy;
use crate::notice::AlertNotice;
use tollgate_outbound::target::Target;
use tollgate_outbound::tls::Trust;

/// Most endpoints of a file: each has a task and a place in the outbox.
pub const MAX_ENDPOINTS: usize = 32;

/// All endpoints.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AlertsConfig {
    /// In the order of the file.
    pub endpoints: Vec<Endpoint>,
}

/// One receiver of alerts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Its name: what the outbox knows it by. Under another name it is another endpoint.
    pub name: String,
    /// How it is reached.
    pub way: Way,
    /// Which alerts it is told of.
    pub filter: Filter,
    /// When changes are told together.
    pub digest: DigestPolicy,
}

/// How an endpoint is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// By HTTP.
    Webhook {
        /// Where.
        target: Target,
        /// Files of the secrets that sign: one, or the new and the old one during a rotation.
        secret_files: Vec<PathBuf>,
        /// Whose certificates are trusted.
        trust: Trust,
    },
    /// By the ledger's NATS server.
    Bus,
}

/// Which alerts an endpoint is told of. An empty list is every one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filter {
    /// Of these rules.
    pub rules: Vec<AlertRule>,
    /// Of these severities.
    pub severities: Vec<Severity>,
    /// Of these tenants.
    pub tenants: Vec<String>,
}

impl Filter {
    /// Whether an endpoint is told of alerts like this.
    #[must_use]
    pub fn wants(&self, rule: AlertRule, severity: Severity, tenant: &str) -> bool {
        (self.rules.is_empty() || self.rules.contains(&rule))
            && (self.severities.is_empty() || self.severities.contains(&severity))
            && (self.tenants.is_empty() || self.tenants.iter().any(|wanted| wanted == tenant))
    }
}

impl AlertsConfig {
    /// Reads a file's text. Paths in it are relative to `dir`, where the file is.
    ///
    /// # Errors
    ///
    /// [`InvalidConfig`] with everything that is wrong, each with field, value and rule; nothing secret.
    pub fn from_yaml(text: &str, dir: &Path) -> Result<Self, InvalidConfig> {
        read::from_yaml(text, dir)
    }
}

impl Endpoint {
    /// Whether it is told of a change.
    #[must_use]
    pub fn wants(&self, change: &AlertNotice) -> bool {
        self.filter.wants(change.rule, change.severity, &change.tenant)
    }
}

#[cfg(test)]
mod tests;
