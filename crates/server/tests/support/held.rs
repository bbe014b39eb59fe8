//! A log whose view `spending` can be held back, while what reads a single partition of it goes on at the pace of a
//! test.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::sync::{Semaphore, watch};
use tollgate_domain::position::{Epoch, Position, Sequence};
use tollgate_log::contract::{
    AppendError, Batch, BoxFuture, DedupScope, Durability, EventLog, EventName, Found, Partitions, ReadError,
    Receipt, RecordReader,
};
use tollgate_log::memory::MemoryLog;
use tollgate_log::record::StoredRecord;

/// What a test does to the log.
pub(crate) struct Held {
    log: Arc<MemoryLog>,
    dedup: DedupScope,
    /// Whether the view `spending` gets what was appended.
    spending: watch::Sender<bool>,
    /// How many more records readers of one partition get.
    pub(crate) records: Arc<Semaphore>,
    /// How often a reader of one partition asked for a record.
    pub(crate) waits: watch::Sender<usize>,
    /// How many readers of one partition there were, and whether they fail.
    pub(crate) opened: AtomicUsize,
    pub(crate) fails: Arc<AtomicBool>,
    /// Records instead of which readers of one partition get an earlier one.
    pub(crate) repeats: Arc<Mutex<HashMap<Sequence, Sequence>>>,
}

impl Held {
    pub(crate) fn new(log: Arc<MemoryLog>, dedup: DedupScope) -> Arc<Self> {
        Arc::new(Self {
            log,
            dedup,
            spending: watch::Sender::new(true),
            records: Arc::new(Semaphore::new(0)),
            waits: watch::Sender::new(0),
            opened: AtomicUsize::default(),
            fails: Arc::default(),
            repeats: Arc::default(),
        })
    }

    /// From now on that view gets nothing.
    pub(crate) fn hold_spending(&self) {
        self.spending.send_replace(false);
    }
}

impl EventLog for Held {
    fn epoch(&self) -> Epoch {
        self.log.epoch()
    }

    fn durability(&self) -> Durability {
        self.log.durability()
    }

    fn dedup(&self) -> DedupScope {
        self.dedup
    }

    fn append(&self, batch: Batch) -> BoxFuture<'_, Result<Receipt, AppendError>> {
        self.log.append(batch)
    }

    fn find(&self, names: Vec<EventName>) -> BoxFuture<'_, Result<Vec<Option<Found>>, ReadError>> {
        self.log.find(names)
    }

    fn tail(&self) -> BoxFuture<'_, Result<Position, ReadError>> {
        self.log.tail()
    }

    fn read_from(
        &self,
        partitions: Partitions,
        after: Sequence,
    ) -> BoxFuture<'_, Result<Box<dyn RecordReader>, ReadError>> {
        Box::pin(async move {
            let reader = self.log.read_from(partitions, after).await?;
            let spending = self.spending.subscribe();
            if partitions == Partitions::ALL {
                return Ok(Box::new(View { reader, spending, held: None }) as Box<dyn RecordReader>);
            }
            if *spending.borrow() {
                return Ok(reader);
            }
            self.opened.fetch_add(1, Ordering::SeqCst);
            let all = self.log.read_from(Partitions::ALL, Sequence::ZERO).await?.try_next().await?;
            Ok(Box::new(ByOne {
                reader,
                records: VecDeque::new(),
                all,
                left: Arc::clone(&self.records),
                waits: self.waits.clone(),
                fails: Arc::clone(&self.fails),
                repeats: Arc::clone(&self.repeats),
            }))
        })
    }
}

/// What a view follows.
struct View {
    reader: Box<dyn RecordReader>,
    spending: watch::Receiver<bool>,
    held: Option<Vec<StoredRecord>>,
}

impl RecordReader for View {
    fn next(&mut self) -> BoxFuture<'_, Result<Vec<StoredRecord>, ReadError>> {
        Box::pin(async move {
            if self.held.is_none() {
                self.held = Some(self.reader.next().await?);
            }
            self.spending
                .wait_for(|goes_on| *goes_on || !is_spending())
                .await
                .map_err(|_| ReadError::Closed)?;
            Ok(self.held.take().unwrap_or_default())
        })
    }

    fn try_next(&mut self) -> BoxFuture<'_, Result<Vec<StoredRecord>, ReadError>> {
        Box::pin(async move {
            let goes_on = *self.spending.borrow() || !is_spending();
            match self.held.take_if(|_| goes_on) {
                Some(held) => Ok(held),
                None if goes_on => self.reader.try_next().await,
                None => Ok(Vec::new()),
            }
        })
    }
}

/// Whether this is the thread of that view.
fn is_spending() -> bool {
    std::thread::current().name() == Some("view-spending")
}

/// A reader that gets one record at a time, when the test says so.
struct ByOne {
    reader: Box<dyn RecordReader>,
    records: VecDeque<StoredRecord>,
    /// What it repeats is one of these.
    all: Vec<StoredRecord>,
    left: Arc<Semaphore>,
    waits: watch::Sender<usize>,
    fails: Arc<AtomicBool>,
    repeats: Arc<Mutex<HashMap<Sequence, Sequence>>>,
}

impl RecordReader for ByOne {
    fn next(&mut self) -> BoxFuture<'_, Result<Vec<StoredRecord>, ReadError>> {
        self.try_next()
    }

    fn try_next(&mut self) -> BoxFuture<'_, Result<Vec<StoredRecord>, ReadError>> {
        Box::pin(async move {
            if self.fails.load(Ordering::SeqCst) {
                return Err(ReadError::Io { path: "the log".to_owned(), message: "no answer".to_owned() });
            }
            if self.records.is_empty() {
                self.records = self.reader.try_next().await?.into();
            }
            if self.records.is_empty() {
                return Ok(Vec::new());
            }
            self.waits.send_modify(|waits| *waits += 1);
            self.left.acquire().await.map_err(|_| ReadError::Closed)?.forget();
            let mut record: Vec<StoredRecord> = self.records.pop_front().into_iter().collect();
            for stored in &mut record {
                let repeated = self.repeats.lock().unwrap().get(&stored.sequence).copied();
                if let Some(first) = self.all.iter().find(|first| Some(first.sequence) == repeated) {
                    stored.record = first.record.clone();
                }
            }
            Ok(record)
        })
    }
}
