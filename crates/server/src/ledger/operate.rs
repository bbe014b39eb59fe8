//! Operating a ledger: where the log ends, health, rebuilding views.

use tollgate_domain::position::PartitionId;
use tollgate_log::embedded::Anchor;
use tollgate_projection::fold::Projection;
use tollgate_projector::{Projector, Rebuilt};
use tollgate_wire::api::{Health, HealthCheck, PositionResponse, RebuildResponse};

use super::Ledger;
use crate::problem::{Answer, NOT_FOUND, of_read, of_rebuild};

/// The views, by name.
pub const VIEWS: [&str; 3] = ["status", "reports", "alerts"];

impl Ledger {
    /// Where the log ends.
    ///
    /// # Errors
    ///
    /// The problem to answer with.
    pub async fn position(&self) -> Answer<PositionResponse> {
        let epoch = self.log.epoch();
        let tail = self.log.tail().await.map_err(|error| of_read(&error))?;
        Ok(PositionResponse {
            position: tail.to_string(),
            epoch: epoch.id.simple().to_string(),
            created_at: epoch.created_at.to_string(),
            durability: self.log.durability().to_string(),
        })
    }

    /// Whether everything works.
    pub async fn health(&self) -> Health {
        let (failed, settings) = (self.log.failed(), self.settings());
        let views = vec![self.status.health().await, self.reports.health().await, self.alerts.health().await];
        let mut checks = vec![HealthCheck {
            name: "log".to_owned(),
            ok: failed.is_none(),
            detail: failed.unwrap_or_else(|| format!("takes appends, class {}", self.log.durability())),
        }];
        checks.push(HealthCheck {
            name: "config".to_owned(),
            ok: true,
            detail: match settings.warnings.as_slice() {
                [] => format!("{} ({:.12})", settings.config_source, settings.config_hash),
                warnings => warnings.join("; "),
            },
        });
        for view in &views {
            let waits = view.quarantined.len();
            checks.push(HealthCheck {
                name: format!("view {}", view.view),
                ok: view.running,
                detail: match (&view.note, waits) {
                    (Some(note), _) if !view.running => note.clone(),
                    (_, 0) => format!("{} records behind", view.lag_records),
                    (_, tasks) => format!(
                        "{} records behind; of {tasks} tasks events could not be read",
                        view.lag_records
                    ),
                },
            });
        }
        let ok = checks.iter().all(|check| check.ok);
        Health {
            status: if ok { "ok" } else { "failing" }.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            checks,
            views,
        }
    }

    /// Builds a view a second time, beside the live one, and compares them.
    ///
    /// # Errors
    ///
    /// The problem to answer with.
    pub async fn rebuild(&self, view: &str) -> Answer<RebuildResponse> {
        match view {
            "status" => rebuild(&self.status).await,
            "reports" => rebuild(&self.reports).await,
            "alerts" => rebuild(&self.alerts).await,
            _ => {
                Err(NOT_FOUND.with(format!("rebuilding view `{view}`: must be one of {}", VIEWS.join(", "))))
            }
        }
    }

    /// What the views remember of the log, for `log verify` to compare with.
    pub async fn anchors(&self) -> Vec<Anchor> {
        let mut anchors = anchors_of(&self.status, "status").await;
        anchors.extend(anchors_of(&self.reports, "reports").await);
        anchors.extend(anchors_of(&self.alerts, "alerts").await);
        anchors
    }
}

async fn rebuild<P: Projection + Clone>(projector: &Projector<P>) -> Answer<RebuildResponse> {
    let rebuilt = projector.rebuild().await.map_err(|error| of_rebuild(&error))?;
    let identical = rebuilt.identical();
    let Rebuilt { rows, records, digest, live, as_of } = rebuilt;
    Ok(RebuildResponse {
        view: P::NAME.to_owned(),
        identical,
        rows,
        records,
        digest: digest.to_string(),
        live_digest: (!identical).then(|| live.to_string()),
        as_of: as_of.to_string(),
    })
}

async fn anchors_of<P: Projection + Clone>(projector: &Projector<P>, name: &str) -> Vec<Anchor> {
    let position = projector.position();
    let wait =
        tollgate_projector::Wait { at_least: Some(&position), up_to: std::time::Duration::from_secs(2) };
    let read = projector.read(wait, |view| {
        let marks =
            PartitionId::all().filter_map(|partition| Some((partition, view.checkpoint().mark(partition)?)));
        marks
            .map(|(partition, mark)| Anchor {
                source: format!("view {name}"),
                partition,
                sequence: mark.sequence,
                chain: mark.chain(),
            })
            .collect()
    });
    read.await.unwrap_or_default()
}
