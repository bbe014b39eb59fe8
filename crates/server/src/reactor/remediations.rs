//! Opens the remediations of blocked tasks: the task in the ledger, and what `remediation.yaml` says.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tollgate_clock::{Backoff, sleep};
use tollgate_deliver::channel::Channel;
use tollgate_deliver::config::InvalidConfig;
use tollgate_deliver::connect::ChannelError;
use tollgate_deliver::message::Message;
use tollgate_deliver::notice::Remediation;
use tollgate_deliver::remediation::EvidenceOf;
use tollgate_deliver::remediation::config::RemediationConfig;
use tollgate_deliver::schedule::Answer;
use tollgate_domain::time::Timestamp;

use super::evidence_dir;
use crate::ledger::{Ledger, Name, ReadFile, RemediationState};

/// How often to look for tasks that another server blocked: one that has died since, or one that could not
/// open what is due.
const LOOK_EVERY: Duration = Duration::from_secs(30);

/// How long to wait after a failure.
const BACKOFF: Backoff = Backoff { first: Duration::from_secs(1), longest: Duration::from_secs(5 * 60) };

/// How long another server is given for an attempt it began, in addition to the attempt's own wait. Longer
/// than any attempt takes.
const LEFT_ALONE_MS: i64 = 6 * 60 * 1000;

/// How long attempts in progress may continue after it was told to stop. Those that are cut off are retried
/// by the next server.
const GRACE: Duration = Duration::from_secs(3);

/// Why remediations cannot be opened as the file says.
#[derive(Debug, thiserror::Error)]
#[error("remediation config {}: {reason}", path.display())]
pub struct RemediationError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong.
    pub reason: RemediationProblem,
}

/// What is wrong with it.
#[derive(Debug, thiserror::Error)]
pub enum RemediationProblem {
    /// The file cannot be read.
    #[error("{0}")]
    Unreadable(#[from] std::io::Error),
    /// Its content breaks rules.
    #[error("{0}")]
    Invalid(#[from] InvalidConfig),
    /// A channel cannot be set up.
    #[error("{0}")]
    Way(#[from] ChannelError),
}

/// The channels through which remediations are opened, each with its name.
#[derive(Default)]
pub struct Ways {
    /// The channels.
    pub channels: Vec<(String, Arc<dyn Channel>)>,
    file: Option<ReadFile>,
}

impl From<Vec<(String, Arc<dyn Channel>)>> for Ways {
    fn from(channels: Vec<(String, Arc<dyn Channel>)>) -> Self {
        Self { channels, file: None }
    }
}

impl Ways {
    /// Those from a file, with its secrets; without a file, one that writes a file next to the evidence.
    /// Nothing is done yet.
    ///
    /// # Errors
    ///
    /// [`RemediationError`] with everything that is wrong with the file; it contains nothing secret.
    pub fn open(file: Option<&Path>, evidence: Option<&Path>) -> Result<Self, RemediationError> {
        let failed = |reason| RemediationError { path: file.unwrap_or(Path::new("")).to_owned(), reason };
        let mut config = RemediationConfig::default();
        let mut read = None;
        if let Some(path) = file {
            let text = tollgate_files::read_settings(path).map_err(|error| failed(error.into()))?;
            let dir = path.parent().unwrap_or(Path::new(""));
            config = RemediationConfig::from_yaml(&text, dir).map_err(|error| failed(error.into()))?;
            read = Some(ReadFile::new(path, &text, config.ways.len()));
        }
        let mut channels = Vec::new();
        for way in config.ways {
            let dir = evidence.map(Path::to_owned);
            let of = dir.map(|dir| {
                Box::new(move |tenant: &str, task: &str| evidence_dir(&dir, tenant, task)) as EvidenceOf
            });
            if let Some(channel) = way.channel(of).map_err(|error| failed(error.into()))? {
                channels.push((way.name, channel));
            } else if file.is_some() {
                tracing::warn!(
                    way = way.name,
                    "remediations are not written beside evidence: this server writes none"
                );
            }
        }
        Ok(Self { channels, file: read })
    }

    /// The file that names them, as it was read.
    #[must_use]
    pub const fn file(&self) -> Option<&ReadFile> {
        self.file.as_ref()
    }
}

/// Opens remediations, each once in the life of the ledger, even if others do so too.
pub struct Remediations {
    ledger: Arc<Ledger>,
    ways: Ways,
    due: BTreeMap<Name, Due>,
    /// Those that this process knows to be open in every channel.
    settled: BTreeSet<Name>,
}

/// A remediation that is not open in every channel yet.
struct Due {
    told: Remediation,
    opened: bool,
    /// By channel, until each has been notified and the log has it.
    left: BTreeMap<usize, Tried>,
    failures: u32,
    next: Timestamp,
    /// Whether the alert was raised, here or by an earlier process.
    raised: bool,
}

/// What is known about the attempts to notify one channel.
#[derive(Clone, Copy, Default)]
struct Tried {
    attempts: u32,
    /// This process notified it, but that is not in the log yet: it is recorded, and the channel is not
    /// notified again.
    told: bool,
}

impl Remediations {
    /// Nothing is due yet.
    #[must_use]
    pub fn new(ledger: Arc<Ledger>, ways: Ways) -> Self {
        Self { ledger, ways, due: BTreeMap::new(), settled: BTreeSet::new() }
    }

    /// Opens them until it is told to stop, then for a moment whatever is still due.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let mut looked: Option<Timestamp> = None;
        loop {
            let now = self.ledger.now();
            let again = i64::try_from(LOOK_EVERY.as_millis()).unwrap_or(i64::MAX);
            if looked.is_none_or(|looked| now.millis_since(looked) >= again) {
                looked = Some(now);
                if let Err(reason) = self.look().await {
                    tracing::warn!(reason, "could not look for blocked tasks; will retry");
                }
            }
            let mut stopping = stop.clone();
            let overdue = async {
                let _ = stopping.wait_for(|stop| *stop).await;
                sleep(GRACE).await;
            };
            tokio::select! {
                _ = self.round() => {}
                () = overdue => return,
            }
            let next = self.due.values().map(|due| due.next.millis_since(self.ledger.now())).min();
            let wait =
                next.map_or(LOOK_EVERY, |ms| Duration::from_millis(u64::try_from(ms).unwrap_or_default()));
            tokio::select! {
                // An error means that the other side, which would stop it, is gone.
                _ = stop.wait_for(|stop| *stop) => break,
                () = self.ledger.operate().blocked() => {}
                () = sleep(wait.min(LOOK_EVERY)) => {}
            }
        }
        // What it does not finish is found by the next server.
        let _ = tokio::time::timeout(GRACE, self.round()).await;
    }

    /// Finds tasks that are blocked and not yet known here.
    ///
    /// # Errors
    ///
    /// Why they are not known, as a sentence.
    pub async fn look(&mut self) -> Result<(), String> {
        let known = |name: &Name| self.settled.contains(name) || self.due.contains_key(name);
        let found = self.ledger.operate().still_blocked(known).await?;
        found.into_iter().for_each(|(name, told)| self.add(name, told));
        Ok(())
    }

    /// Opens what was blocked here and what is due by now; returns how many are not open in every channel.
    pub async fn round(&mut self) -> usize {
        for (name, told) in self.ledger.operate().take_blocked() {
            if !self.settled.contains(&name) {
                self.add(name, told);
            }
        }
        let now = self.ledger.now();
        let names: Vec<Name> =
            self.due.iter().filter(|(_, due)| due.next <= now).map(|(name, _)| name.clone()).collect();
        // The tasks first: no slow channel keeps people from them.
        for name in &names {
            if let Some(due) = self.due.get_mut(name).filter(|due| !due.opened) {
                due.opened = self.ledger.operate().open_remediation_task(name).await.is_ok();
            }
        }
        for name in names {
            let Some(mut due) = self.due.remove(&name) else { continue };
            if self.open(&name, &mut due).await {
                self.settled.insert(name);
            } else {
                self.due.insert(name, due);
            }
        }
        self.ledger.metrics().remediations_waiting(self.due.len());
        self.due.len()
    }

    fn add(&mut self, name: Name, told: Remediation) {
        let left = (0..self.ways.channels.len()).map(|way| (way, Tried::default())).collect();
        let next = Timestamp::default();
        let due = Due { told, opened: false, left, failures: 0, next, raised: false };
        self.due.entry(name).or_insert(due);
    }

    /// One attempt at everything that is left of one; returns whether nothing is left.
    async fn open(&self, name: &Name, due: &mut Due) -> bool {
        let mut failed = Vec::new();
        if !due.opened {
            match self.ledger.operate().open_remediation_task(name).await {
                Ok(()) => due.opened = true,
                Err(reason) => failed.push(format!("its task: {reason}")),
            }
        }
        let mut others: Option<Timestamp> = None;
        if due.opened {
            for (way, known) in due.left.clone() {
                let Some((label, channel)) = self.ways.channels.get(way) else { continue };
                match self.tell(name, &due.told, label, &**channel, known).await {
                    Ok(Done::Told { attempt }) => {
                        due.raised |= attempt > 1;
                        due.left.remove(&way);
                    }
                    Ok(Done::ByOther { attempt, until }) => {
                        due.raised |= attempt > 1;
                        others = Some(others.map_or(until, |other| other.min(until)));
                    }
                    Err((tried, reason)) => {
                        due.left.insert(way, tried);
                        failed.push(format!("way `{label}`: {reason}"));
                    }
                }
            }
        }
        let now = self.ledger.now();
        if failed.is_empty() {
            if let Some(until) = others {
                due.next = until.max(now.plus_millis(wait_ms(1)));
                return false;
            }
            if due.raised
                && let Err(reason) = self.ledger.operate().observe_remediation(name, false, now).await
            {
                failed.push(format!("the end of its alert: {reason}"));
            } else {
                return true;
            }
        } else if !due.raised {
            // If the log does not accept it, it is raised the next time.
            due.raised =
                self.ledger.operate().observe_remediation(name, true, due.told.blocked_at).await.is_ok();
        }
        due.failures = due.failures.saturating_add(1);
        due.next = now.plus_millis(wait_ms(due.failures));
        let ((tenant, task), reason) = (name, failed.join("; "));
        tracing::error!(
            critical = true, %tenant, %task, remediation = due.told.remediation, reason, next = %due.next,
            "the remediation of a blocked task could not be opened; the task stays blocked, it is tried again"
        );
        false
    }

    /// Notifies one channel, unless it has been notified or another server is doing it. An error contains
    /// what is now known about its attempts.
    async fn tell(
        &self,
        name: &Name,
        told: &Remediation,
        way: &str,
        channel: &dyn Channel,
        known: Tried,
    ) -> Result<Done, (Tried, String)> {
        if known.told {
            return self.note_told(name, way, known).await;
        }
        let state = self.ledger.operate().remediation_state(name, way, known.attempts).await;
        let (last, at) = match state.map_err(|reason| (known, reason))? {
            RemediationState::Done => return Ok(Done::Told { attempt: known.attempts }),
            RemediationState::Attempted(last, at) => (last, at),
        };
        if let Some(at) = at {
            // Not begun by this process: the server that began it may still be working on it.
            let until = at.plus_millis(LEFT_ALONE_MS.saturating_add(wait_ms(last)));
            if until > self.ledger.now() {
                return Ok(Done::ByOther { attempt: last, until });
            }
        }
        let attempt = last.saturating_add(1);
        let before = Tried { attempts: last, told: false };
        let mine = self
            .ledger
            .operate()
            .take_attempt(name, way, attempt)
            .await
            .map_err(|reason| (before, reason))?;
        if !mine {
            let until = self.ledger.now().plus_millis(LEFT_ALONE_MS);
            return Ok(Done::ByOther { attempt, until });
        }
        match channel.send(&Message::of_remediation(way, told), self.ledger.now()).await {
            Answer::Delivered { .. } => {}
            answer @ (Answer::Failed { .. } | Answer::Throttled { .. } | Answer::Gone) => {
                return Err((Tried { attempts: attempt, told: false }, answer.error().unwrap_or_default()));
            }
        }
        self.note_told(name, way, Tried { attempts: attempt, told: true }).await
    }

    /// Records that a channel was notified. Until the log has it, a process that starts later would notify it
    /// again, with the same id.
    async fn note_told(&self, name: &Name, way: &str, tried: Tried) -> Result<Done, (Tried, String)> {
        self.ledger.operate().note_told(name, way).await.map_err(|reason| (tried, reason))?;
        Ok(Done::Told { attempt: tried.attempts })
    }
}

/// The outcome of notifying a channel.
enum Done {
    /// It was notified by this attempt.
    Told { attempt: u32 },
    /// Another server has this attempt, and is left alone with it for a while.
    ByOther { attempt: u32, until: Timestamp },
}

fn wait_ms(failures: u32) -> i64 {
    i64::try_from(BACKOFF.doubled(failures).as_millis()).unwrap_or(i64::MAX)
}
