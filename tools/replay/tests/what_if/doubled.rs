//! A history in which everything is there twice.

use std::sync::Arc;

use tokio::runtime::Runtime;
use tollgate_clock::ManualClock;
use tollgate_domain::position::{Position, Sequence};
use tollgate_log::contract::{BoxFuture, EventLog, Partitions, ReadError, RecordReader};
use tollgate_log::memory::MemoryLog;
use tollgate_log::record::StoredRecord;
use tollgate_replay::source::History;

use crate::story::Story;

/// A history in which every record is there a second time, as a stream may hold what was sent again late.
pub(crate) struct Doubled {
    records: Vec<StoredRecord>,
    end: Position,
}

impl Doubled {
    pub(crate) fn of(runtime: &Runtime, story: &Story) -> Self {
        let log = MemoryLog::new(Arc::new(ManualClock::default()));
        story.append_to(runtime, &log, 100);
        let mut reader = runtime.block_on(log.read_from(Partitions::ALL, Sequence::ZERO)).unwrap();
        let once = runtime.block_on(reader.try_next()).unwrap();
        let mut end = Position::start(log.epoch().id);
        let twice = once.iter().chain(&once).zip(1..);
        let records = twice.map(|(stored, sequence)| {
            end.advance(stored.record.partition(), Sequence(sequence));
            StoredRecord { sequence: Sequence(sequence), ..stored.clone() }
        });
        let records = records.collect();
        Self { records, end }
    }
}

impl History for Doubled {
    fn origin(&self) -> &str {
        "doubled"
    }

    fn end(&self) -> &Position {
        &self.end
    }

    fn repeats(&self) -> bool {
        true
    }

    fn read(
        &self,
        partitions: Partitions,
        after: Sequence,
    ) -> BoxFuture<'_, Result<Box<dyn RecordReader>, ReadError>> {
        let wanted = |stored: &&StoredRecord| {
            stored.sequence > after && partitions.contains(stored.record.partition())
        };
        let mut records: Vec<StoredRecord> = self.records.iter().filter(wanted).cloned().collect();
        records.reverse();
        Box::pin(async move { Ok(Box::new(OneByOne(records)) as Box<dyn RecordReader>) })
    }
}

/// Records, the next one last.
struct OneByOne(Vec<StoredRecord>);

impl RecordReader for OneByOne {
    fn next(&mut self) -> BoxFuture<'_, Result<Vec<StoredRecord>, ReadError>> {
        self.try_next()
    }

    fn try_next(&mut self) -> BoxFuture<'_, Result<Vec<StoredRecord>, ReadError>> {
        let next = self.0.pop().into_iter().collect();
        Box::pin(async move { Ok(next) })
    }
}
