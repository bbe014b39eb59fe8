//! Evidence files: when VERIFY ends, at completion, on a block and when someone explained a phase, each
//! task's budget report is written for people and for machines.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tollgate_clock::{Stopwatch, sleep};
use tollgate_domain::event::{EventBody, GateEvent, TaskEvent, UsageEvent};
use tollgate_domain::gate::Verdict;
use tollgate_domain::ids::LEDGER_TENANT;
use tollgate_domain::position::{PartitionId, Position, Sequence};
use tollgate_log::contract::{Partitions, ReadError};
use tollgate_log::groups::Groups;
use tollgate_log::record::StoredRecord;
use tollgate_projection::report::{html, markdown};
use tollgate_wire::decode_stored;

use self::mark::Mark;
pub use self::place::evidence_dir;
use self::place::{FILES, check_place};
use self::retry::Retries;
use super::files::{Failed, Staged};
use crate::ledger::{Ledger, Read};

mod mark;
mod place;
mod retry;

/// The phase whose end asks for a report.
const VERIFY: &str = "VERIFY";

/// How many records without an occasion pass before the mark file is written: that many are read again after
/// a crash.
const MARK_EVERY: u64 = 10_000;

/// Occasions within this time of files being written are handled together: files about an active task are
/// written at most this often.
const SPREAD: Duration = Duration::from_secs(1);

/// How many tasks have their files written together.
const AT_ONCE: usize = 32;

/// How long a server that stops goes on writing: what is left is written at the next start.
const AT_STOP: Duration = Duration::from_secs(10);

/// How long to wait after a failure.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// Writes the evidence files of a ledger's tasks, each at least once per occasion.
pub struct Evidence {
    ledger: Arc<Ledger>,
    dir: PathBuf,
    mark_file: PathBuf,
    mark: Mark,
    /// Tasks whose files could not be written. They do not hold up other tasks.
    retries: Retries,
    /// What was wrong with the mark.
    noticed: Vec<String>,
    /// What the mark file says.
    marked: Mark,
}

/// A task, by tenant and name, and the record that asks for its evidence.
type Due = ((String, String), Sequence);

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
    /// What should be an evidence directory is not one.
    #[error(
        "writing evidence: {path} is a symbolic link or no directory; evidence is written below its own directory only: \
         move it away"
    )]
    Place {
        /// Where.
        path: String,
    },
    /// A report could not be read.
    #[error("writing evidence of task `{task}`: {detail}")]
    Report {
        /// Which task.
        task: String,
        /// Why.
        detail: String,
    },
}

impl Evidence {
    /// Continues where the mark file says; from the log's first record if there is none.
    #[must_use]
    pub fn new(ledger: Arc<Ledger>, dir: PathBuf, mark_file: PathBuf) -> Self {
        let epoch = ledger.log().epoch().id;
        let (mark, unlike) = match Mark::read(&mark_file) {
            Ok(Some(mark)) if mark.epoch == epoch => (Some(mark), None),
            Ok(Some(mark)) => (None, Some(format!("is of another log, {}", mark.epoch.simple()))),
            Ok(None) => (None, None),
            Err(reason) => (None, Some(format!("cannot be read ({reason})"))),
        };
        let mark = mark.unwrap_or(Mark { epoch, read_through: 0, retry: Vec::new() });
        let retries = Retries::of(mark.retry.clone());
        let mut evidence =
            Self { ledger, dir, mark_file, marked: mark.clone(), mark, retries, noticed: Vec::new() };
        if let Some(unlike) = unlike {
            evidence.begin_again(&unlike);
        }
        evidence
    }

    /// Starts again at the first record; the contradicting mark is kept, and health reports it while this
    /// process runs.
    fn begin_again(&mut self, why: &str) {
        let mut numbers =
            (1_u32..).map(|number| self.mark_file.with_extension(format!("json.aside-{number}")));
        let kept = numbers.find(|path| !path.exists()).unwrap_or_default();
        let kept = match std::fs::rename(&self.mark_file, &kept) {
            Ok(()) => format!("it is kept as {}", kept.display()),
            Err(error) => format!("it could not be kept ({error}) and will be written over"),
        };
        let noticed = format!(
            "{} {why}: evidence of all tasks is written again from the log's first record, {kept}; unless a loss of its \
             end was accepted (--accept-loss), find out which log was meant before you restart",
            self.mark_file.display()
        );
        tracing::error!("{noticed}");
        self.mark.read_through = 0;
        // The next mark is written as soon as there is something to record, not only beyond the one that was
        // set aside.
        self.marked = self.mark.clone();
        self.noticed.push(noticed);
        self.say();
    }

    /// Reports to health what is wrong.
    fn say(&self) {
        let all: Vec<String> = self.noticed.iter().cloned().chain(self.retries.summary()).collect();
        self.ledger.operate().evidence_fails((!all.is_empty()).then(|| all.join("; ")));
    }

    /// Follows the log until it is told to stop.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        loop {
            let failed = tokio::select! {
                // An error means that the other side, which would stop it, is gone.
                _ = stop.wait_for(|stop| *stop) => None,
                followed = self.follow() => followed.err(),
            };
            let Some(error) = failed else { break };
            tracing::error!(%error, "evidence is not written until this is fixed; will retry");
            if tokio::time::timeout(RETRY_AFTER, stop.wait_for(|stop| *stop)).await.is_ok() {
                break;
            }
        }
        match self.catch_up_within(AT_STOP).await {
            Ok(true) => {}
            Ok(false) => tracing::warn!("evidence of the last events is written at the next start"),
            Err(error) => tracing::error!(%error, "evidence of the last events is written at the next start"),
        }
    }

    /// Writes what is due up to the log's current end, and retries what could not be written.
    ///
    /// # Errors
    ///
    /// [`EvidenceError`] of the first task; the others have their files. What was not written is written the
    /// next time.
    pub async fn catch_up(&mut self) -> Result<(), EvidenceError> {
        self.catch_up_within(Duration::MAX).await.map(|_| ())
    }

    /// Like [`Self::catch_up`], but begins nothing new after this time. Returns whether all was written.
    ///
    /// # Errors
    ///
    /// Those of [`Self::catch_up`].
    pub async fn catch_up_within(&mut self, time: Duration) -> Result<bool, EvidenceError> {
        let since = Stopwatch::start();
        self.check_mark().await?;
        let mut reader =
            self.ledger.log().read_unchained(Partitions::ALL, Sequence(self.mark.read_through)).await?;
        loop {
            let records = reader.try_next().await?;
            if records.is_empty() {
                break;
            }
            for some in records.chunks(AT_ONCE) {
                if since.elapsed() >= time {
                    return self.mark().await.map(|()| false);
                }
                self.take(some).await?;
            }
        }
        let all = self.retries.all();
        let failed = self.write(&all).await;
        self.mark().await?;
        failed.map_or(Ok(true), Err)
    }

    /// Starts again at the first record if the log ends before the mark: nothing is left out.
    async fn check_mark(&mut self) -> Result<(), EvidenceError> {
        let last = self.ledger.log().tail().await?.highest().0;
        if self.mark.read_through > last {
            let read = self.mark.read_through;
            self.begin_again(&format!(
                "says that record {read} was read, but the log ends at {last}: it lost its end, or another one is in its place"
            ));
        }
        Ok(())
    }

    async fn follow(&mut self) -> Result<(), EvidenceError> {
        self.check_mark().await?;
        let mut reader =
            self.ledger.log().read_unchained(Partitions::ALL, Sequence(self.mark.read_through)).await?;
        reader.in_groups();
        let mut groups = Groups::default();
        loop {
            // Cancel-safe: it reads and moves on in one step.
            let records = tokio::select! {
                records = groups.next(&mut *reader, sleep) => records?,
                () = self.retries.due() => {
                    let due = self.retries.take_due();
                    // What fails again is reported there, and waits longer.
                    let _ = self.write(&due).await;
                    self.mark().await?;
                    continue;
                }
            };
            if self.take(&records).await? {
                sleep(SPREAD).await;
            }
        }
    }

    /// Writes what these records ask for; returns whether they asked for anything.
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
        // What fails is retried later: the next records do not wait for it.
        let _ = self.write(&due).await;
        if let Some(last) = records.last() {
            self.mark.read_through = last.sequence.0;
        }
        // Writing and syncing a file for each record would take from the log what its appends need.
        if written || self.mark.read_through >= self.marked.read_through + MARK_EVERY {
            self.mark().await?;
        }
        Ok(written)
    }

    /// Saves how far the log was read.
    async fn mark(&mut self) -> Result<(), EvidenceError> {
        self.mark.retry = self.retries.stored();
        if self.marked == self.mark {
            return Ok(());
        }
        let bytes = serde_json::to_vec(&self.mark).unwrap_or_default();
        let file = self.mark_file.clone();
        beside(move |staged| Ok(staged.add(&file, &bytes)?)).await?;
        self.marked = self.mark.clone();
        Ok(())
    }

    /// Writes the files of some tasks, each as of the record that asks for it, or later. A task that fails
    /// holds up no other: it is retried later. Returns the first failure.
    async fn write(&mut self, due: &[Due]) -> Option<EvidenceError> {
        let mut first = None;
        for some in due.chunks(AT_ONCE) {
            if self.write_together(some).await.is_ok() {
                some.iter().for_each(|(task, _)| self.retries.written(task));
                continue;
            }
            // One of them failed, or all: trying each separately tells which.
            for one in some {
                match self.write_together(std::slice::from_ref(one)).await {
                    Ok(()) => self.retries.written(&one.0),
                    Err(error) => {
                        let ((tenant, task), sequence) = one;
                        tracing::error!(tenant, task, %sequence, %error, "evidence is tried again later");
                        self.retries.failed(one, error.to_string());
                        first.get_or_insert(error);
                    }
                }
            }
        }
        if !due.is_empty() {
            self.say();
        }
        first
    }

    async fn write_together(&self, due: &[Due]) -> Result<(), EvidenceError> {
        let mut reports = Vec::with_capacity(due.len());
        for ((tenant, task), sequence) in due {
            let mut asked_at = Position::start(self.mark.epoch);
            asked_at.advance(PartitionId::of(tenant, task), *sequence);
            let read = Read { at_least: Some(asked_at.to_string()), ..Read::default() };
            let report = self.ledger.ask().task_report(tenant, task, false, &read).await;
            let report = report.map_err(|problem| EvidenceError::Report {
                task: task.clone(),
                detail: problem.detail.clone(),
            })?;
            reports.push((evidence_dir(&self.dir, tenant, task), report));
        }
        let base = self.dir.clone();
        beside(move |staged| {
            for (dir, report) in reports {
                check_place(&base, &dir)?;
                let mut json = serde_json::to_vec_pretty(&report).map_err(|error| EvidenceError::Report {
                    task: report.task_id.clone(),
                    detail: error.to_string(),
                })?;
                json.push(b'\n');
                let (markdown, html) = (markdown(&report), html(&report));
                for (name, bytes) in FILES.into_iter().zip([markdown.as_bytes(), html.as_bytes(), &json]) {
                    staged.add(&dir.join(name), bytes)?;
                }
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

/// Writes files on a thread that may wait for the disk: those that serve requests may not.
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

fn is_occasion(body: &EventBody) -> bool {
    match body {
        EventBody::Task(TaskEvent::PhaseEnded(ended)) => ended.phase.as_str() == VERIFY,
        EventBody::Task(event) => matches!(event, TaskEvent::TaskClosed(_)),
        // A person who explains a breach finds the explanation in the report.
        EventBody::Usage(event) => matches!(event, UsageEvent::PhaseExplained(_)),
        EventBody::Gate(GateEvent::GateDecided(decided)) => decided.verdict == Verdict::Block,
        EventBody::Ledger(_)
        | EventBody::Alert(_)
        | EventBody::Inbox(_)
        | EventBody::Budget(_)
        | EventBody::Price(_)
        | EventBody::Bill(_)
        | EventBody::Key(_)
        | EventBody::Report(_) => false,
    }
}
