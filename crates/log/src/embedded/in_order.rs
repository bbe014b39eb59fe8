//! Batches in order: all are admitted before the first one is waited for, so that they share syncs.

use super::{EmbeddedLog, Submitted, durable};
use crate::contract::{Batch, InOrder};

pub(super) async fn append(log: &EmbeddedLog, batches: Vec<Batch>) -> InOrder {
    let mut submitted: Vec<Submitted> = Vec::with_capacity(batches.len());
    let mut stopped = None;
    for batch in batches {
        match log.submit(batch, submitted.last()) {
            Ok(one) => submitted.push(one),
            Err(error) => {
                stopped = Some(error);
                break;
            }
        }
    }
    let mut receipts = Vec::with_capacity(submitted.len());
    for Submitted { receipt, wait, .. } in submitted {
        // A rollback takes everything after it along, so the first failure marks the place.
        if let Err(error) = durable(wait).await {
            return InOrder { receipts, stopped: Some(error) };
        }
        receipts.push(receipt);
    }
    InOrder { receipts, stopped }
}
