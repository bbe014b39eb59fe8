//! The last record of every partition, queried from the server if this process does not know it.

use std::sync::Arc;

use async_nats::jetstream::stream::Info;
use tokio::task::JoinSet;
use tollgate_domain::position::{PartitionId, Position, Sequence};
use tollgate_log::contract::ReadError;

use crate::get::last_of;
use crate::shared::Shared;
use crate::topology::partition_filter;

/// The current position of the stream's end.
pub(crate) async fn tail(shared: &Arc<Shared>) -> Result<Position, ReadError> {
    let info = shared.compare().await.map_err(|error| shared.of_compare(error))?;
    let last = Sequence(info.state.last_sequence);
    if let Some(position) = shared.frontier().at(last) {
        return Ok(position.clone());
    }
    let mut asked = JoinSet::new();
    for partition in PartitionId::all() {
        let shared = Arc::clone(shared);
        asked.spawn(async move { (partition, last_of(&shared, &partition_filter(partition)).await) });
    }
    let mut position = shared.start();
    while let Some(answer) = asked.join_next().await {
        let (partition, answer) = answer.map_err(|error| shared.unread(error.to_string()))?;
        if let Some(message) = answer.map_err(|reason| shared.unread(reason))? {
            position.advance(partition, Sequence(message.sequence));
        }
    }
    still_led(shared, &info).await?;
    // If records arrived in the meantime, it is not the position at a single moment and must not be
    // remembered.
    if position.highest() == last {
        shared.frontier().learn(last, &position);
    }
    Ok(position)
}

/// The current last record of one partition. One query if this process is the only appender; otherwise two,
/// sent at the same time.
pub(crate) async fn tail_of(shared: &Arc<Shared>, partition: PartitionId) -> Result<Sequence, ReadError> {
    let alone = shared.frontier().at(shared.identity.seen()).is_some();
    let last_of = async {
        if alone {
            return Ok(None);
        }
        let last = last_of(shared, &partition_filter(partition)).await;
        let last = last.map_err(|reason| shared.unread(reason))?;
        Ok(Some(last.map_or(Sequence::ZERO, |message| Sequence(message.sequence))))
    };
    let (info, last) = tokio::join!(shared.compare(), last_of);
    let info = info.map_err(|error| shared.of_compare(error))?;
    let known = shared.frontier().at(Sequence(info.state.last_sequence)).map(|known| known.get(partition));
    match (known, last) {
        (Some(known), _) => Ok(known),
        (None, Ok(Some(last))) => {
            still_led(shared, &info).await?;
            Ok(last)
        }
        (None, Ok(None)) => Ok(tail(shared).await?.get(partition)),
        (None, Err(error)) => Err(error),
    }
}

/// Checks that the answers since then came from the leader that the stream had then: another one may know
/// less or more.
pub(crate) async fn still_led(shared: &Shared, then: &Info) -> Result<(), ReadError> {
    if !shared.is_replicated() {
        return Ok(());
    }
    let now = shared.compare().await.map_err(|error| shared.of_compare(error))?;
    let leader = |info: &Info| info.cluster.as_ref().and_then(|cluster| cluster.leader.clone());
    if leader(&now) == leader(then) {
        return Ok(());
    }
    Err(shared.unread("the stream's leader changed meanwhile; ask again".to_owned()))
}
