//! Queries that every view answers.

use serde::{Deserialize, Serialize};
use tollgate_domain::position::{PartitionId, Sequence};
use tollgate_log::contract::{EventName, Found};
use tollgate_log::key::{ChainHash, ContentMark, IdScope};
use tollgate_projection::fold::Projection;

use crate::query::Query;
use crate::rows::RowError;
use crate::seen::Seen;

/// What the view remembers of the log: the chain of each partition at its checkpoint.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Marks {}

/// The last record of a partition that a view contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarkOf {
    /// The partition.
    pub partition: u8,
    /// Its last record.
    pub sequence: Sequence,
    chain: [u8; 32],
}

impl MarkOf {
    /// The chain of the partition after the record.
    #[must_use]
    pub const fn chain(&self) -> ChainHash {
        ChainHash(self.chain)
    }
}

impl<P: Projection> Query<P> for Marks {
    const VERB: &'static str = "marks";
    type Answer = Vec<MarkOf>;

    fn answer(&self, view: &Seen<'_, P>) -> Result<Self::Answer, RowError> {
        let mark = |partition| Some((partition, view.mark(partition)?));
        let of = |(partition, mark): (PartitionId, crate::checkpoint::Mark)| MarkOf {
            partition: partition.number(),
            sequence: mark.sequence,
            chain: mark.chain().0,
        };
        Ok(PartitionId::all().filter_map(mark).map(of).collect())
    }
}

/// What the view's id index has under the names of one task's events. For logs whose outcomes are final only
/// within a window: there a projector's index is what knows them for life.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FindEvents {
    /// Owner of the task.
    pub tenant: String,
    /// The task.
    pub task: String,
    /// Producer and id of each event.
    pub events: Vec<(String, String)>,
}

/// What the log has under an event's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundEvent {
    /// The sequence of its record.
    pub sequence: Sequence,
    content: u32,
}

impl From<FoundEvent> for Found {
    fn from(found: FoundEvent) -> Self {
        Self { sequence: found.sequence, content: ContentMark(found.content) }
    }
}

impl FindEvents {
    /// The query for these names, which must all be of one task; `None` if there are no names.
    #[must_use]
    pub fn of(names: &[EventName]) -> Option<Self> {
        let first = names.first()?;
        let events =
            names.iter().map(|name| (name.producer.as_str().to_owned(), name.id.as_str().to_owned()));
        Some(Self {
            tenant: first.tenant.as_str().to_owned(),
            task: first.task.as_str().to_owned(),
            events: events.collect(),
        })
    }
}

impl<P: Projection> Query<P> for FindEvents {
    const VERB: &'static str = "find_events";
    type Answer = Vec<Option<FoundEvent>>;

    fn answer(&self, view: &Seen<'_, P>) -> Result<Self::Answer, RowError> {
        let find = |(producer, id): &(String, String)| {
            let found = view.find(&IdScope::of(&self.tenant, &self.task, producer).key(id))?;
            Ok(found.map(|found| FoundEvent { sequence: found.sequence, content: found.content.0 }))
        };
        self.events.iter().map(find).collect()
    }
}
