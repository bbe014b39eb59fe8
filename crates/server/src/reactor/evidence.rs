//! Evidence files: when VERIFY ends, at completion, on a block and when somebody explained a phase, each task's budget report is
//! written for people and for machines.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tollgate_domain::event::EventBody;
use tollgate_domain::gate::Verdict;
use tollgate_domain::ids::{DEFAULT_TENANT, LEDGER_TENANT};
use tollgate_domain::position::{PartitionId, Position, Sequence};
use tollgate_log::clock::passed;
use tollgate_log::contract::{Partitions, ReadError};
use tollgate_log::groups::Groups;
use tollgate_log::record::StoredRecord;
use tollgate_projection::report::{html, markdown};
use tollgate_wire::decode_stored;
use uuid::Uuid;

use super::files::{Failed, Staged};
use crate::http::path_segment;
use crate::ledger::{Ledger, Read};

/// The phase whose end asks for a report.
const VERIFY: &str = "VERIFY";

/// Records without an occasion after which the mark file is written: so many are read again after a crash.
const MARK_EVERY: u64 = 10_000;

/// Occasions of this time after files were written are taken together: a task that goes on is written about at most so often.
const SPREAD: Duration = Duration::from_secs(1);

/// Tasks whose files are written together.
const AT_ONCE: usize = 32;

/// How long it waits after a failure.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// Writes the evidence files of a ledger's tasks, each at least once per occasion.
pub struct Evidence {
    ledger: Arc<Ledger>,
    dir: PathBuf,
    mark_file: PathBuf,
    mark: Mark,
    /// What the mark file says.
    marked: u64,
}

/// How far the log was read. Files are written again after a crash, never left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Mark {
    epoch: Uuid,
    read_through: u64,
}

/// Why evidence could not be written.
#[derive(Debug, thiserror::Error)]
pub enum EvidenceError {
    /// A file could not be written.
    #[error("writing evidence {path}: {message}")]
    Io {
        /// The file.
        path: String,
        /// The system's message.
        message: String,
    },
    /// The log could not be read.
    #[error("writing evidence: {0}")]
    Log(#[from] ReadError),
    /// A report could not be had.
    #[error("writing evidence of task `{task}`: {detail}")]
    Report {
        /// Which task.
        task: String,
        /// Why.
        detail: String,
    },
}

impl Evidence {
    /// Goes on where the mark file says; from the log's first record where there is none.
    #[must_use]
    pub fn new(ledger: Arc<Ledger>, dir: PathBuf, mark_file: PathBuf) -> Self {
        let epoch = ledger.log().epoch().id;
        let found =
            std::fs::read(&mark_file).ok().and_then(|bytes| serde_json::from_slice::<Mark>(&bytes).ok());
        let mark = found.filter(|mark| mark.epoch == epoch).unwrap_or(Mark { epoch, read_through: 0 });
        Self { ledger, dir, mark_file, mark, marked: mark.read_through }
    }

    /// Follows the log until it is told to stop.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        loop {
            let failed = tokio::select! {
                // An error means that whoever would stop it is gone.
                _ = stop.wait_for(|stop| *stop) => None,
                followed = self.follow() => followed.err(),
            };
            let Some(error) = failed else { break };
            tracing::error!(%error, "evidence is not written until this is mended; tried again in a while");
            if tokio::time::timeout(RETRY_AFTER, stop.wait_for(|stop| *stop)).await.is_ok() {
                break;
            }
        }
        if let Err(error) = self.catch_up().await {
            tracing::error!(%error, "evidence of the last events is written at the next start");
        }
    }

    /// Writes what is due up to the log's present end.
    ///
    /// # Errors
    ///
    /// [`EvidenceError`]; what was not written is written the next time.
    pub async fn catch_up(&mut self) -> Result<(), EvidenceError> {
        let mut reader =
            self.ledger.log().read_unchained(Partitions::ALL, Sequence(self.mark.read_through)).await?;
        loop {
            let records = reader.try_next().await?;
            if records.is_empty() {
                return self.mark().await;
            }
            self.take(&records).await?;
        }
    }

    async fn follow(&mut self) -> Result<(), EvidenceError> {
        let mut reader =
            self.ledger.log().read_unchained(Partitions::ALL, Sequence(self.mark.read_through)).await?;
        reader.in_groups();
        let mut groups = Groups::default();
        loop {
            let records = groups.next(&mut *reader, passed).await?;
            if self.take(&records).await? {
                passed(SPREAD).await;
            }
        }
    }

    /// Writes what these records ask for; whether they did.
    async fn take(&mut self, records: &[StoredRecord]) -> Result<bool, EvidenceError> {
        let mut due: BTreeMap<(String, String), Sequence> = BTreeMap::new();
        for stored in records {
            let tenant = stored.record.tenant();
            for event in stored.record.events().filter(|_| tenant != LEDGER_TENANT) {
                if decode_stored(event.payload).is_ok_and(|decoded| is_occasion(&decoded.body)) {
                    due.insert((tenant.to_owned(), event.task.to_owned()), stored.sequence);
                }
            }
        }
        let written = !due.is_empty();
        let due: Vec<_> = due.into_iter().collect();
        for some in due.chunks(AT_ONCE) {
            self.write(some).await?;
        }
        if let Some(last) = records.last() {
            self.mark.read_through = last.sequence.0;
        }
        // A file that is written and synced for each record would take from the log what its appends need.
        if written || self.mark.read_through >= self.marked + MARK_EVERY {
            self.mark().await?;
        }
        Ok(written)
    }

    /// Writes down how far the log was read.
    async fn mark(&mut self) -> Result<(), EvidenceError> {
        if self.marked == self.mark.read_through {
            return Ok(());
        }
        let bytes = serde_json::to_vec(&self.mark).unwrap_or_default();
        let file = self.mark_file.clone();
        beside(move |staged| Ok(staged.add(&file, &bytes)?)).await?;
        self.marked = self.mark.read_through;
        Ok(())
    }

    /// Writes the files of some tasks, each as of the record that asks for it, or later.
    async fn write(&self, due: &[((String, String), Sequence)]) -> Result<(), EvidenceError> {
        let mut reports = Vec::with_capacity(due.len());
        for ((tenant, task), sequence) in due {
            let mut asked_at = Position::start(self.mark.epoch);
            asked_at.advance(PartitionId::of(tenant, task), *sequence);
            let read = Read { at_least: Some(asked_at.to_string()), ..Read::default() };
            let report = self.ledger.task_report(tenant, task, false, &read).await;
            let report = report.map_err(|problem| EvidenceError::Report {
                task: task.clone(),
                detail: problem.detail.clone(),
            })?;
            reports.push((evidence_dir(&self.dir, tenant, task), report));
        }
        beside(move |staged| {
            for (dir, report) in reports {
                let mut json = serde_json::to_vec_pretty(&report).map_err(|error| EvidenceError::Report {
                    task: report.task_id.clone(),
                    detail: error.to_string(),
                })?;
                json.push(b'\n');
                staged.add(&dir.join("budget_report.md"), markdown(&report).as_bytes())?;
                staged.add(&dir.join("budget_report.html"), html(&report).as_bytes())?;
                staged.add(&dir.join("budget_enforcement.json"), &json)?;
            }
            Ok(())
        })
        .await
    }
}

impl From<Failed> for EvidenceError {
    fn from(Failed { path, error }: Failed) -> Self {
        Self::Io { path: path.display().to_string(), message: error.to_string() }
    }
}

/// Writes files on a thread that may wait for the disk: those of requests may not.
async fn beside(
    stage: impl FnOnce(&mut Staged) -> Result<(), EvidenceError> + Send + 'static,
) -> Result<(), EvidenceError> {
    let write = move || {
        let mut staged = Staged::default();
        stage(&mut staged)?;
        Ok(staged.publish()?)
    };
    let failed = |error: tokio::task::JoinError| EvidenceError::Io {
        path: "its files".to_owned(),
        message: error.to_string(),
    };
    tokio::task::spawn_blocking(write).await.map_err(failed)?
}

/// Where the evidence of a task is: `{dir}/{task}/verify`, with the tenant before the task unless it is `default`. Names
/// are escaped like in an address, so that none leaves the directory.
#[must_use]
pub fn evidence_dir(dir: &Path, tenant: &str, task: &str) -> PathBuf {
    let base = if tenant == DEFAULT_TENANT { dir.to_owned() } else { dir.join(safe(tenant)) };
    base.join(safe(task)).join("verify")
}

fn safe(name: &str) -> String {
    let escaped = path_segment(name);
    // `.` and `..` are no names of their own.
    match escaped.strip_prefix('.') {
        Some(rest) => format!("%2E{rest}"),
        None => escaped,
    }
}

fn is_occasion(body: &EventBody) -> bool {
    match body {
        EventBody::PhaseEnded(ended) => ended.phase.as_str() == VERIFY,
        // Who explains a breach finds the explanation in the report.
        EventBody::TaskClosed(_) | EventBody::PhaseExplained(_) => true,
        EventBody::GateDecided(decided) => decided.verdict == Verdict::Block,
        EventBody::TaskOpened(_)
        | EventBody::PhaseStarted(_)
        | EventBody::OverrideGranted(_)
        | EventBody::ImportanceChanged(_)
        | EventBody::TaskMarked(_)
        | EventBody::UsageRecorded(_)
        | EventBody::UsageAdjusted(_)
        | EventBody::WaitRecorded(_)
        | EventBody::SignalRecorded(_)
        | EventBody::ConfigLoaded(_)
        | EventBody::ConfigRejected(_)
        | EventBody::PriceBookLoaded(_)
        | EventBody::TransitionsMeasured(_)
        | EventBody::AlertAcknowledged(_)
        | EventBody::ConditionObserved(_)
        | EventBody::DeliveryAttempted(_)
        | EventBody::DeliveryRequested(_)
        | EventBody::InboxRejected(_)
        | EventBody::InboxResolved(_)
        | EventBody::ReportRead(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_leaves_the_directory() {
        for (tenant, task, expected) in [
            ("default", "T-1", "e/T-1/verify"),
            ("acme", "T-1", "e/acme/T-1/verify"),
            ("default", "../../x", "e/%2E.%2F..%2Fx/verify"),
            ("default", "..", "e/%2E./verify"),
            ("default", "a/b c", "e/a%2Fb%20c/verify"),
        ] {
            assert_eq!(evidence_dir(Path::new("e"), tenant, task), Path::new(expected));
        }
    }
}
