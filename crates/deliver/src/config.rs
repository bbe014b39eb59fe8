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

/// The most endpoints in a file: each has a task of its own and an entry in the outbox.
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
    /// Its name, by which the outbox identifies it. With a different name it is a different endpoint.
    pub name: String,
    /// How it is reached.
    pub way: Way,
    /// Which alerts it receives.
    pub filter: Filter,
    /// When changes are combined into one message.
    pub digest: DigestPolicy,
}

/// How an endpoint is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// By HTTP.
    Webhook {
        /// The address.
        target: Target,
        /// Files with the signing secrets: one, or the new and the old one during a rotation.
        secret_files: Vec<PathBuf>,
        /// Whose certificates are trusted.
        trust: Trust,
    },
    /// By the ledger's NATS server.
    Bus,
}

/// Which alerts an endpoint receives. An empty list means all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filter {
    /// Only alerts of these rules.
    pub rules: Vec<AlertRule>,
    /// Only alerts of these severities.
    pub severities: Vec<Severity>,
    /// Only alerts of these tenants.
    pub tenants: Vec<String>,
}

impl Filter {
    /// Whether an endpoint receives alerts like this.
    #[must_use]
    pub fn wants(&self, rule: AlertRule, severity: Severity, tenant: &str) -> bool {
        (self.rules.is_empty() || self.rules.contains(&rule))
            && (self.severities.is_empty() || self.severities.contains(&severity))
            && (self.tenants.is_empty() || self.tenants.iter().any(|wanted| wanted == tenant))
    }
}

impl AlertsConfig {
    /// Parses the text of a file. Paths in it are relative to `dir`, the directory of the file.
    ///
    /// # Errors
    ///
    /// [`InvalidConfig`] with everything that is wrong, each with field, value and rule, but nothing secret.
    pub fn from_yaml(text: &str, dir: &Path) -> Result<Self, InvalidConfig> {
        read::from_yaml(text, dir).map_err(|invalid| invalid.placed_in(text))
    }
}

impl Endpoint {
    /// Whether it receives a change.
    #[must_use]
    pub fn wants(&self, change: &AlertNotice) -> bool {
        self.filter.wants(change.rule, change.severity, &change.tenant)
    }
}

#[cfg(test)]
mod tests;
