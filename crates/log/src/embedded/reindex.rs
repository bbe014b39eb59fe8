//! Rebuilding a damaged id index while the log is open.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tollgate_clock::sleep_blocking;
use tollgate_domain::position::Epoch;

use super::ledger;
use super::writer::Hub;
use crate::contract::AppendError;
use crate::index;

/// How often to check whether everything in flight to the disk has arrived.
const PAUSE: Duration = Duration::from_millis(5);

/// Begins to rebuild the index, unless a rebuild is already running. Returns the error for appenders whose
/// events cannot be looked up meanwhile: an index that guesses would count them twice, or not at all.
pub(super) fn begin(hub: &Arc<Hub>, dir: &Path, epoch: Epoch, error: &str) -> AppendError {
    let mut shared = hub.lock();
    let reason = format!("the id index is damaged ({error}) and is being made again from the log");
    if shared.indexing.is_none() {
        tracing::warn!(error, "the id index is made again from the log, appends are refused meanwhile");
        let (own, dir) = (Arc::clone(hub), dir.to_owned());
        let work = move || {
            if let Err(error) = again(&own, &dir, epoch) {
                tracing::error!(
                    error,
                    "the id index could not be made again; it is tried with the next append"
                );
            }
            own.lock().indexing = None;
        };
        match std::thread::Builder::new().name("tollgate-ids".to_owned()).spawn(work) {
            Ok(_) => shared.indexing = Some(reason.clone()),
            Err(error) => tracing::warn!(%error, "could not begin to make the id index again"),
        }
    }
    AppendError::Unavailable { reason }
}

fn again(hub: &Hub, dir: &Path, epoch: Epoch) -> Result<(), String> {
    loop {
        let mut shared = hub.lock();
        if shared.stopped.is_some() || shared.closing {
            return Ok(());
        }
        if shared.assigned == shared.durable {
            shared.index.settle();
            break;
        }
        drop(shared);
        sleep_blocking(PAUSE);
    }
    // There are no appends now: what is in the log is everything.
    index::drop_damaged(&ledger::ids_dir(dir)).map_err(|error: io::Error| error.to_string())?;
    let made = super::open::open_index(dir, epoch, &hub.frontier).map_err(|error| error.to_string())?;
    hub.lock().index = made;
    tracing::info!("the id index is whole again, appends are taken");
    Ok(())
}
