//! Verifying a log through its contract: what its readers return, from the first record to the end.

use tollgate_domain::position::{PARTITIONS, Sequence};

use crate::contract::{EventLog, Partitions, ReadError};
use crate::embedded::{Anchor, CheckEvent, Verification};
use crate::key::ChainHash;
use crate::record::StoredRecord;

/// The most foreign messages that a verification names.
pub const MAX_FOREIGN: usize = 1000;

/// Reads all records up to the current tail: their checksums and order as the log's reader checks them, the
/// chain of every partition, the given anchors, and each event with a check from the caller (the log does not
/// know what an event means).
///
/// # Errors
///
/// [`ReadError`] if the log cannot be reached. Anything wrong with it is not an error but a
/// [`Verification::difference`].
pub async fn verify(
    log: &dyn EventLog,
    anchors: &[Anchor],
    check_event: &CheckEvent<'_>,
) -> Result<Verification, ReadError> {
    let last = log.tail().await?.highest();
    let mut found = Verification {
        records: 0,
        events: 0,
        segments: 0,
        last: Sequence::ZERO,
        chains: [ChainHash::START; PARTITIONS],
        difference: None,
        unproven: Vec::new(),
        anchors_matched: 0,
        foreign: Vec::new(),
    };
    if anchors.is_empty() {
        found.unproven.push(
            "whether a record was changed with all that follow it: no view remembers a chain".to_owned(),
        );
    }
    let mut reader = log.read_from(Partitions::ALL, Sequence::ZERO).await?;
    while found.last < last {
        let records = match reader.try_next().await {
            Ok(records) if records.is_empty() => {
                found.difference = Some(format!("it ends at record {}, its tail is {last}", found.last));
                return Ok(found);
            }
            Ok(records) => records,
            Err(
                error @ (ReadError::Damaged { .. } | ReadError::Newer { .. } | ReadError::Regressed { .. }),
            ) => {
                found.difference = Some(error.to_string());
                return Ok(found);
            }
            Err(error) => return Err(error),
        };
        for stored in records {
            let sequence = stored.sequence;
            if sequence > last {
                break;
            }
            let partition = stored.record.partition();
            let chain = found.chains[partition.index()].then(stored.record.hash());
            if chain != stored.chain {
                found.difference =
                    Some(format!("record {sequence}: the chain of partition {partition} breaks"));
                return Ok(found);
            }
            found.chains[partition.index()] = chain;
            if let Some(difference) = events_differ(&mut found, &stored, check_event)
                .or_else(|| anchors_differ(&mut found, &stored, anchors))
            {
                found.difference = Some(difference);
                return Ok(found);
            }
            match stored.record.foreign() {
                Some(_) if found.foreign.len() == MAX_FOREIGN => {}
                Some(foreign) => found.foreign.push((sequence, foreign.to_string())),
                None => found.records += 1,
            }
            found.last = sequence;
        }
    }
    Ok(found)
}

fn events_differ(
    found: &mut Verification,
    stored: &StoredRecord,
    check_event: &CheckEvent<'_>,
) -> Option<String> {
    for event in stored.record.events() {
        if let Err(what) = check_event(&event) {
            let (sequence, task, id) = (stored.sequence, event.task, event.id);
            return Some(format!("record {sequence}, event `{id}` of task `{task}`: {what}"));
        }
        found.events += 1;
    }
    None
}

fn anchors_differ(found: &mut Verification, stored: &StoredRecord, anchors: &[Anchor]) -> Option<String> {
    let place = (stored.record.partition(), stored.sequence);
    for anchor in anchors.iter().filter(|anchor| (anchor.partition, anchor.sequence) == place) {
        if anchor.chain != stored.chain {
            let (partition, sequence) = place;
            let source = &anchor.source;
            return Some(format!(
                "record {sequence}: {source} remembers another history of partition {partition}"
            ));
        }
        found.anchors_matched += 1;
    }
    None
}
