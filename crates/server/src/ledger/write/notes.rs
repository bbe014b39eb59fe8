//! What the ledger records alongside an answer: noted in memory, appended soon. The answer neither waits for
//! it nor fails with it.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};

use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::task::JoinHandle;
use tollgate_domain::event::Event;
use tollgate_log::contract::EventLog;
use tollgate_wire::Submitted;

use crate::ledger::own::append_one;

/// How many notes may wait to be recorded. A log that accepts none for that long is in trouble, which is
/// reported elsewhere.
const WAITING: usize = 4096;

/// How many of the latest notes are remembered, so that repeats do not go to the log, which would only find
/// duplicates.
const REMEMBERED: usize = 1024;

/// What waits to be recorded.
enum Note {
    /// An event.
    Event(Box<Event>),
    /// Someone waiting for everything before it to be recorded.
    Waiter(oneshot::Sender<()>),
}

/// Takes notes of one kind and appends them in the order in which they came.
pub(in crate::ledger) struct Notes {
    /// What they are notes of, for the process's log.
    what: &'static str,
    notes: std::sync::Mutex<Option<mpsc::Sender<Note>>>,
    writer: Mutex<Option<JoinHandle<()>>>,
    lost: Arc<AtomicU64>,
}

impl Notes {
    /// Starts the task that appends them.
    pub(in crate::ledger) fn start(log: Arc<dyn EventLog>, what: &'static str) -> Self {
        let (notes, mut noted) = mpsc::channel::<Note>(WAITING);
        let lost = Arc::new(AtomicU64::new(0));
        let failed = Arc::clone(&lost);
        let writer = tokio::spawn(async move {
            let mut recorded = HashSet::new();
            while let Some(note) = noted.recv().await {
                let event = match note {
                    Note::Event(event) => *event,
                    Note::Waiter(waiter) => {
                        // A caller that no longer waits need not know.
                        let _ = waiter.send(());
                        continue;
                    }
                };
                let name = (event.tenant.clone(), event.task.clone(), event.id.clone());
                if recorded.contains(&name) {
                    continue;
                }
                if let Err(error) = append(&*log, event).await {
                    failed.fetch_add(1, Ordering::Relaxed);
                    tracing::error!(error, "{what} could not be recorded");
                    continue;
                }
                if recorded.len() >= REMEMBERED {
                    recorded.clear();
                }
                recorded.insert(name);
            }
        });
        Self { what, notes: std::sync::Mutex::new(Some(notes)), writer: Mutex::new(Some(writer)), lost }
    }

    /// Takes a note. Returns at once, whatever becomes of it.
    pub(in crate::ledger) fn note(&self, event: Event) {
        let notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = notes.as_ref().is_some_and(|notes| notes.try_send(Note::Event(Box::new(event))).is_ok());
        if !taken {
            self.lost.fetch_add(1, Ordering::Relaxed);
            tracing::error!("{} is not recorded: too many wait, or the ledger closes", self.what);
        }
    }

    /// Waits until what has been noted so far is recorded, or could not be.
    pub(in crate::ledger) async fn recorded(&self) {
        let notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (waiter, waits) = oneshot::channel();
        let Some(notes) = notes else { return };
        if notes.send(Note::Waiter(waiter)).await.is_ok() {
            // An error means that nothing records any more.
            let _ = waits.await;
        }
    }

    /// How many could not be recorded since this process started.
    pub(in crate::ledger) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// Appends what has been noted so far and stops.
    pub(in crate::ledger) async fn stop(&self) {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(writer) = self.writer.lock().await.take()
            && writer.await.is_err()
        {
            tracing::error!("whoever records {} panicked", self.what);
        }
    }
}

async fn append(log: &dyn EventLog, event: Event) -> Result<(), String> {
    let submitted = Submitted::from_event(event).map_err(|error| error.to_string())?;
    append_one(log, &submitted).await.map(|_| ()).map_err(|error| error.to_string())
}
