//! A server's way to the log: where it can be ended, and faults that are planted.

use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex};

use tollgate_domain::ids::EventId;
use tollgate_domain::position::{Epoch, Position, Sequence};
use tollgate_log::contract::{
    AppendError, AppendOutcome, Batch, BoxFuture, DedupScope, Durability, EventLog, EventName, Found, Hints,
    Partitions, ReadError, Receipt, RecordReader,
};

/// What is wrong with the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Nothing,
    /// It does not look at what a decision expects, so that two servers can both win.
    AnyDecisionWins,
    /// It says where its end was a few appends ago.
    OldEnd,
    /// Usage that is sent again gets another id.
    CountsAgain,
}

/// When a server ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// Its next record is decided, and not in the log.
    BeforeItsRecord,
    /// Its next record is in the log, and nobody was told.
    AfterItsRecord,
}

/// What says that a server is where it ends.
type Told = Box<dyn Fn() + Send>;

/// Where a server is to end: the log keeps it there for ever, and says so.
#[derive(Default)]
pub(crate) struct End(Mutex<Option<(Moment, Told)>>);

impl End {
    pub(crate) fn at<T: Send + 'static>(&self, moment: Moment, told: Sender<T>, what: fn() -> T) {
        let tell = move || told.send(what()).unwrap_or_default();
        *self.0.lock().unwrap() = Some((moment, Box::new(tell)));
    }

    pub(crate) fn nowhere(&self) {
        *self.0.lock().unwrap() = None;
    }

    /// Whether this is it. Said once.
    fn is(&self, moment: Moment) -> bool {
        let mut end = self.0.lock().unwrap();
        let is = end.as_ref().is_some_and(|(at, _)| *at == moment);
        if is && let Some((_, tell)) = end.take() {
            tell();
        }
        is
    }
}

/// A log as one server has it.
pub(crate) struct Shared {
    log: Arc<dyn EventLog>,
    end: Arc<End>,
    fault: Fault,
    /// The log is used by others, too.
    others: bool,
    ends: Mutex<Vec<Position>>,
    again: Mutex<u64>,
}

impl Shared {
    pub(crate) fn new(log: Arc<dyn EventLog>, end: Arc<End>, fault: Fault, others: bool) -> Self {
        Self { log, end, fault, others, ends: Mutex::default(), again: Mutex::default() }
    }

    async fn appended(&self, mut batch: Batch) -> Result<Receipt, AppendError> {
        if self.fault == Fault::AnyDecisionWins {
            batch.decision = None;
        }
        let copy = batch.clone();
        let receipt = self.log.append(batch).await?;
        let is_usage = copy.decision.is_none() && !copy.tenant.as_str().starts_with('_');
        let repeated = matches!(receipt.outcomes[..], [AppendOutcome::Duplicate(_)]);
        if self.fault == Fault::CountsAgain && is_usage && repeated {
            let mut copy = copy;
            let nth = {
                let mut again = self.again.lock().unwrap();
                *again += 1;
                *again
            };
            for event in &mut copy.events {
                event.id = EventId::new(format!("{}-again-{nth}", event.id)).unwrap();
            }
            self.log.append(copy).await?;
        }
        Ok(receipt)
    }
}

impl EventLog for Shared {
    fn epoch(&self) -> Epoch {
        self.log.epoch()
    }

    fn durability(&self) -> Durability {
        self.log.durability()
    }

    fn dedup(&self) -> DedupScope {
        if self.others { DedupScope::Window } else { self.log.dedup() }
    }

    fn append(&self, batch: Batch) -> BoxFuture<'_, Result<Receipt, AppendError>> {
        Box::pin(async move {
            if self.end.is(Moment::BeforeItsRecord) {
                std::future::pending::<()>().await;
            }
            let receipt = self.appended(batch).await;
            if self.end.is(Moment::AfterItsRecord) {
                std::future::pending::<()>().await;
            }
            receipt
        })
    }

    fn find(&self, keys: Vec<EventName>) -> BoxFuture<'_, Result<Vec<Option<Found>>, ReadError>> {
        self.log.find(keys)
    }

    fn tail(&self) -> BoxFuture<'_, Result<Position, ReadError>> {
        Box::pin(async move {
            let end = self.log.tail().await?;
            if self.fault != Fault::OldEnd {
                return Ok(end);
            }
            let mut ends = self.ends.lock().unwrap();
            if ends.last() != Some(&end) {
                ends.push(end);
            }
            let late = ends.len().saturating_sub(4);
            Ok(ends.get(late).cloned().unwrap())
        })
    }

    fn read_from(
        &self,
        partitions: Partitions,
        after: Sequence,
    ) -> BoxFuture<'_, Result<Box<dyn RecordReader>, ReadError>> {
        self.log.read_from(partitions, after)
    }

    fn hints(&self) -> Option<&dyn Hints> {
        self.log.hints()
    }
}
