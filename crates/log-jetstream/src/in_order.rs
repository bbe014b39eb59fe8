//! Many records in flight at once, yet in order: each names the record that must be the stream's last when it
//! arrives. If one gets lost, the server rejects all those after it, so no record can end up before one it
//! follows.

use std::collections::VecDeque;
use std::sync::Arc;

use tollgate_domain::position::Sequence;
use tollgate_log::admission::{Checked, bytes_of};
use tollgate_log::contract::{AppendOutcome, Batch, InOrder, Receipt};

use crate::append::{Held, Room, append, message, receipt, stored};
use crate::ids::Admission;
use crate::publish::{Message, published};
use crate::shared::Shared;

/// The most records in flight at once.
const RUN: usize = 256;

/// The approximate number of bytes in flight.
const RUN_BYTES: usize = 8 << 20;

/// A record to be published.
struct Prepared {
    held: Held,
    outcomes: Vec<AppendOutcome>,
    message: Message,
}

/// Appends batches, each behind the one before it.
pub(crate) async fn append_in_order(shared: &Arc<Shared>, batches: Vec<Batch>) -> InOrder {
    let mut rest = VecDeque::from(batches);
    let mut receipts = Vec::with_capacity(rest.len());
    while !rest.is_empty() {
        let run = prepare(shared, &rest);
        let tried = run.len();
        // In a task of its own: what is in flight is recorded even if the caller is gone.
        let done = tokio::spawn(publish_all(Arc::clone(shared), run)).await.unwrap_or_default();
        // The next one is known already, refused, or not acknowledged: it is settled alone. If nothing of a
        // run was stored (because others append too), the whole run goes one by one.
        let alone = if done.is_empty() { tried.max(1) } else { usize::from(done.len() < tried) };
        rest.drain(..done.len());
        receipts.extend(done);
        for batch in rest.drain(..alone.min(rest.len())) {
            match append(shared, batch).await {
                Ok(receipt) => receipts.push(receipt),
                Err(error) => return InOrder { receipts, stopped: Some(error) },
            }
        }
    }
    InOrder { receipts, stopped: None }
}

/// The first batches that have something new and nothing in common.
fn prepare(shared: &Arc<Shared>, batches: &VecDeque<Batch>) -> Vec<Prepared> {
    let (mut run, mut bytes) = (Vec::new(), 0);
    for batch in batches.iter().take(RUN) {
        let Ok(checked) = Checked::new(batch.clone()).map(Arc::new) else { break };
        let admission = shared.ids().admit(&checked);
        let Admission::Publish(outcomes, taken) = admission else { break };
        let record = bytes_of(batch, &outcomes, shared.options.clock.now());
        let message = message(&checked, &outcomes, record);
        bytes += message.payload.len();
        let held = Held { shared: Arc::clone(shared), checked, taken };
        run.push(Prepared { held, outcomes, message });
        if bytes >= RUN_BYTES {
            break;
        }
    }
    run
}

/// Publishes a run and returns the receipts of the records that were stored in their places, from the first
/// one on.
async fn publish_all(shared: Arc<Shared>, run: Vec<Prepared>) -> Vec<Receipt> {
    let bytes = run.iter().map(|prepared| prepared.message.payload.len()).sum();
    let Ok(_room) = Room::take(&shared, bytes).await else { return Vec::new() };
    if run.is_empty() || shared.compare_after_reconnect().await.is_err() {
        return Vec::new();
    }
    let base = shared.identity.seen();
    let mut sent = Vec::with_capacity(run.len());
    for (last, prepared) in (base.0..).zip(&run) {
        let publish = published(&shared, &prepared.message).expected_last_sequence(last);
        match shared.context.send_publish(prepared.message.subject.clone(), publish).await {
            Ok(acknowledgement) => sent.push(acknowledgement),
            Err(_) => break,
        }
    }
    let mut receipts = Vec::with_capacity(sent.len());
    for ((last, mut prepared), acknowledgement) in (base.0..).zip(run).zip(sent) {
        let sequence = Sequence(last).next();
        match acknowledgement.await {
            Ok(ack) if ack.sequence == sequence.0 && !ack.duplicate => {
                stored(&prepared.held, sequence, &mut prepared.outcomes);
                receipts.push(receipt(&shared, &prepared.held.checked, prepared.outcomes));
            }
            // Refused, lost, or already there. Those after it are in the stream only if it is.
            Ok(_) | Err(_) => break,
        }
    }
    receipts
}
