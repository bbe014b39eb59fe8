//! How what a ledger raises gets delivered: which files configure that, and whether it is as it was before.

use std::path::Path;
use std::sync::PoisonError;
use std::time::Duration;

use tollgate_projector::Wait;
use tollgate_projector::queries::ListDeliveries;
use tollgate_wire::api::HealthCheck;

use super::Operations;

/// How long to query the view for deliveries.
const VIEW_WAIT: Duration = Duration::from_secs(1);

/// A file that says where something goes, as the server read it at startup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadFile {
    /// Its path.
    pub path: String,
    /// The first part of the BLAKE3 hash of its text, so that two servers can be compared.
    pub hash: String,
    /// How many endpoints it names.
    pub endpoints: usize,
    /// Whether it can be read again: it may have been a pipe.
    lasts: bool,
}

impl ReadFile {
    /// A file with this text that names this many endpoints.
    #[must_use]
    pub fn new(path: &Path, text: &str, endpoints: usize) -> Self {
        Self { path: path.display().to_string(), hash: hash_of(text), endpoints, lasts: path.is_file() }
    }

    /// What it says, and whether the file still has that content.
    fn now(&self) -> (bool, String) {
        let line = self.line();
        if !self.lasts {
            return (true, line);
        }
        match tollgate_files::read_settings(Path::new(&self.path)) {
            Ok(text) if hash_of(&text) == self.hash => (true, line),
            Ok(_) => {
                let changed = format!(
                    "{line}; the file was changed since this server read it: restart the server to follow it"
                );
                (false, changed)
            }
            Err(error) => {
                (false, format!("{line}; the file cannot be read any more ({error}): a restart would fail"))
            }
        }
    }

    fn line(&self) -> String {
        let plural = if self.endpoints == 1 { "" } else { "s" };
        format!("by {} ({}), {} endpoint{plural}", self.path, self.hash, self.endpoints)
    }
}

fn hash_of(text: &str) -> String {
    blake3::hash(text.as_bytes()).to_hex()[..12].to_owned()
}

/// Who delivers the ledger's alerts from here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AlertsBy {
    /// This process, as configured by a file.
    File(ReadFile),
    /// Nobody here, and that is intended.
    Nobody,
    /// Nobody here: no file was named.
    Unnamed,
}

/// How what a served ledger raises gets delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivering {
    /// Alerts.
    pub alerts: AlertsBy,
    /// Remediations of blocked tasks; `None`: tasks in the ledger, and files next to the evidence.
    pub remediation: Option<ReadFile>,
}

/// What is known about it.
#[derive(Default)]
pub(super) struct Known {
    delivering: Option<Delivering>,
    /// Whether the log has deliveries: once it has any, that stays so.
    delivered_before: bool,
}

impl Operations {
    /// Says how what it raises gets delivered, and checks whether the log has deliveries that nobody is
    /// continuing.
    pub(crate) async fn delivers(&self, delivering: Delivering) {
        let unnamed = delivering.alerts == AlertsBy::Unnamed;
        self.delivering.lock().unwrap_or_else(PoisonError::into_inner).delivering = Some(delivering);
        if unnamed && self.delivered_before().await {
            tracing::warn!("{}", forgotten());
        }
    }

    /// How what it raises gets delivered, one line each for people; none for a ledger that is not served.
    #[must_use]
    pub fn delivery_lines(&self) -> Vec<String> {
        let known = self.delivering.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(delivering) = &known.delivering else { return Vec::new() };
        checks_of(delivering, known.delivered_before)
            .into_iter()
            .map(|check| format!("{}{}: {}", if check.ok { "" } else { "! " }, check.name, check.detail))
            .collect()
    }

    /// What health reports about it.
    pub(super) async fn delivery_checks(&self) -> Vec<HealthCheck> {
        let known = self.delivering.lock().unwrap_or_else(PoisonError::into_inner).delivering.clone();
        let Some(delivering) = known else { return Vec::new() };
        let before = delivering.alerts == AlertsBy::Unnamed && self.delivered_before().await;
        checks_of(&delivering, before).into()
    }

    /// Whether the log has deliveries. A view that does not answer knows of none.
    async fn delivered_before(&self) -> bool {
        if self.delivering.lock().unwrap_or_else(PoisonError::into_inner).delivered_before {
            return true;
        }
        let wait = Wait { at_least: None, up_to: VIEW_WAIT };
        let any = ListDeliveries { all: true, limit: 1, ..ListDeliveries::default() };
        let asked = tokio::time::timeout(VIEW_WAIT, self.views.alerts.ask_all(wait, &any)).await;
        let found = asked.is_ok_and(|asked| {
            asked.is_ok_and(|(parts, _)| parts.iter().any(|part| !part.deliveries.is_empty()))
        });
        self.delivering.lock().unwrap_or_else(PoisonError::into_inner).delivered_before |= found;
        found
    }
}

/// Reads the files again to see whether they have changed.
fn checks_of(delivering: &Delivering, delivered_before: bool) -> [HealthCheck; 2] {
    let (ok, alerts) = match &delivering.alerts {
        AlertsBy::File(file) => {
            let (ok, line) = file.now();
            (ok, format!("delivered {line}"))
        }
        AlertsBy::Nobody => (true, "not delivered from here, as asked (--alerts none)".to_owned()),
        AlertsBy::Unnamed if delivered_before => (false, forgotten()),
        AlertsBy::Unnamed => (true, "not delivered; name a file with --alerts".to_owned()),
    };
    let elsewhere = || (true, "in the ledger, and in a file where there is evidence".to_owned());
    let (remediation_ok, opened) = delivering.remediation.as_ref().map_or_else(elsewhere, ReadFile::now);
    [
        HealthCheck { name: "alerts".to_owned(), ok, detail: alerts },
        HealthCheck {
            name: "remediation".to_owned(),
            ok: remediation_ok,
            detail: format!("opened {opened}"),
        },
    ]
}

fn forgotten() -> String {
    "not delivered: no file is named, but the log has deliveries; name the file with --alerts, or say --alerts none where another \
     server delivers them or none should"
        .to_owned()
}
