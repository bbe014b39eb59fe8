//! Who reads reports: noted beside the answer, never in its way.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::task::JoinHandle;
use tollgate_domain::event::{Event, EventBody, ReportKind, ReportRead};
use tollgate_domain::ids::{EventId, ProducerId, TaskId, TenantId};
use tollgate_domain::position::PartitionId;
use tollgate_log::contract::{Batch, EventLog};
use tollgate_projector::Wait;
use tollgate_projector::queries::{AccessPage, ListAccesses};
use tollgate_wire::Submitted;
use tollgate_wire::api::AccessList;
use uuid::Uuid;

use super::facts::new_event;
use super::{Ledger, OWN_PRODUCER, Read};
use crate::problem::{Answer, of_query};

/// Reads that may wait to be recorded. A log that takes none for so long is in trouble that is told elsewhere.
const WAITING: usize = 4096;

/// A read of a report.
#[derive(Clone, Debug)]
pub struct Reading {
    /// What was read.
    pub report: ReportKind,
    /// In which form.
    pub format: &'static str,
    /// Whether names stood as pseudonyms.
    pub redacted: bool,
    /// Who, as the reader says.
    pub reader: String,
    /// From where.
    pub address: String,
}

/// Which reads are asked for.
#[derive(Clone, Debug, Default)]
pub struct AccessQuery {
    /// Only of this tenant.
    pub tenant: Option<String>,
    /// Only by this reader.
    pub reader: Option<String>,
    /// Only of this task.
    pub task: Option<String>,
    /// At most so many.
    pub limit: usize,
}

/// What waits to be recorded.
enum Note {
    /// A read.
    Read(Box<Event>),
    /// Someone who wants to know when all before is recorded.
    Waiter(oneshot::Sender<()>),
}

/// Takes notes of reads and appends them, in the order they came.
pub(super) struct Reads {
    notes: std::sync::Mutex<Option<mpsc::Sender<Note>>>,
    writer: Mutex<Option<JoinHandle<()>>>,
    lost: Arc<AtomicU64>,
}

impl Reads {
    /// Begins.
    pub(super) fn start(log: Arc<dyn EventLog>) -> Self {
        let (notes, mut noted) = mpsc::channel::<Note>(WAITING);
        let lost = Arc::new(AtomicU64::new(0));
        let failed = Arc::clone(&lost);
        let writer = tokio::spawn(async move {
            while let Some(note) = noted.recv().await {
                let event = match note {
                    Note::Read(event) => *event,
                    Note::Waiter(waiter) => {
                        // Who waits no more need not know.
                        let _ = waiter.send(());
                        continue;
                    }
                };
                if let Err(error) = append(&*log, event).await {
                    failed.fetch_add(1, Ordering::Relaxed);
                    tracing::error!(error, "a read of a report could not be recorded");
                }
            }
        });
        Self { notes: std::sync::Mutex::new(Some(notes)), writer: Mutex::new(Some(writer)), lost }
    }

    /// Notes a read. Returns at once, whatever becomes of the note.
    fn note(&self, event: Event) {
        let notes = self.notes.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let taken = notes.as_ref().is_some_and(|notes| notes.try_send(Note::Read(Box::new(event))).is_ok());
        if !taken {
            self.lost.fetch_add(1, Ordering::Relaxed);
            tracing::error!("a read of a report is not recorded: too many wait, or the ledger closes");
        }
    }

    /// Waits until what was noted so far is recorded, or could not be.
    async fn recorded(&self) {
        let notes = self.notes.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
        let (waiter, waits) = oneshot::channel();
        let Some(notes) = notes else { return };
        if notes.send(Note::Waiter(waiter)).await.is_ok() {
            // An error means that nobody records any more.
            let _ = waits.await;
        }
    }

    /// Appends what was noted so far and ends.
    pub(super) async fn stop(&self) {
        self.notes.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        if let Some(writer) = self.writer.lock().await.take()
            && writer.await.is_err()
        {
            tracing::error!("whoever records reads of reports panicked");
        }
    }
}

async fn append(log: &dyn EventLog, event: Event) -> Result<(), String> {
    let submitted = Submitted::from_event(event).map_err(|error| error.to_string())?;
    let new = new_event(&submitted, &submitted.event.body).map_err(|error| error.to_string())?;
    let tenant = submitted.event.tenant.clone();
    let partition = PartitionId::of(tenant.as_str(), submitted.event.task.as_str());
    let batch = Batch { tenant, partition, events: vec![new], decision: None, recorded_at: None };
    log.append(batch).await.map(|_| ()).map_err(|error| error.to_string())
}

impl Ledger {
    /// Notes that someone read a report of a task. It is recorded soon; the read neither waits for that nor fails with it.
    pub fn note_read(&self, tenant: &str, task: &str, reading: Reading) {
        let Reading { report, format, redacted, reader, address } = reading;
        let tenant = TenantId::new(tenant);
        let id = EventId::new(format!("read-{}", Uuid::now_v7().simple()));
        let (Ok(tenant), Ok(id), Ok(producer)) = (tenant, id, ProducerId::new(OWN_PRODUCER)) else {
            // There was no such tenant to read of.
            return;
        };
        let read = ReportRead {
            report,
            task: task.to_owned(),
            reader,
            address,
            format: format.to_owned(),
            redacted,
        };
        self.reads.note(Event {
            tenant,
            task: TaskId::ledger(),
            producer,
            id,
            occurred_at: Some(self.clock.now()),
            trace_parent: None,
            body: EventBody::ReportRead(Box::new(read)),
        });
    }

    /// Reads of reports that could not be recorded since this process began.
    #[must_use]
    pub fn reads_lost(&self) -> u64 {
        self.reads.lost.load(Ordering::Relaxed)
    }

    /// Who read which report when, the latest first.
    ///
    /// # Errors
    ///
    /// The problem to answer with.
    pub async fn accesses(&self, query: AccessQuery, read: &Read) -> Answer<AccessList> {
        // Who read a report finds it in the list; a log that takes nothing keeps nobody from asking.
        let _ = tokio::time::timeout(read.wait, self.reads.recorded()).await;
        let at_least = self.wanted(read).await?;
        let wait = Wait { at_least: at_least.as_ref(), up_to: read.wait };
        let AccessQuery { tenant, reader, task, limit } = query;
        let question = ListAccesses { tenant, reader, task, limit };
        let asked = self.reports().ask_all(wait, &question).await;
        let (parts, as_of) = asked.map_err(|error| of_query(&error))?;
        let mut page = AccessPage::default();
        parts.into_iter().for_each(|part| page.merge(part, limit));
        Ok(AccessList { accesses: page.accesses, more: page.more, as_of: as_of.to_string() })
    }
}
