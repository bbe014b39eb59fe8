//! Reads a history once, its partitions on all threads, and calibrates.

use tokio::runtime::Handle;
use tollgate_domain::hex::hex;
use tollgate_domain::position::{PartitionId, Sequence};
use tollgate_log::record::StoredRecord;

use super::error::CollectError;
use super::result::{Calibrated, CalibrationInputs, CalibrationResult, FORMAT};
use super::rows::{Made, Rows};
use crate::calibrate::{CalibrateError, History as Samples, Options, calibrate};
use crate::error::ReplayError;
use crate::session_phases::PhaseCoverage;
use crate::source::History;
use crate::walk::{self, Part, Walk, Watcher};
use crate::what_if::Candidate;
use crate::what_if::result::{PartitionInput, Source};

/// What is calibrated against, and how.
pub struct Asked<'a> {
    /// The config in force: what nothing is known of stays as it is there.
    pub current: &'a Candidate,
    /// How.
    pub options: &'a Options,
    /// What the phases of sessions came from, if rules gave them any.
    pub session_phases: Option<&'a PhaseCoverage>,
    /// How many threads read.
    pub threads: usize,
}

/// One thread's work.
struct Worker {
    key: Vec<u8>,
}

/// Proposes limits from a history, up to the end that it had when it was opened. Writes nothing. `progress` is told how
/// far reading is, from any thread, and may stop it.
///
/// Memory is that of the rows of open tasks, of the names of the others, whose rows are in a file without a name of the
/// temporary directory; then that of the samples.
///
/// # Errors
///
/// [`CollectError`].
pub fn calibrate_history(
    history: &dyn History,
    asked: &Asked<'_>,
    runtime: &Handle,
    progress: Watcher<'_>,
) -> Result<Calibrated, CollectError> {
    let origin = || history.origin().to_owned();
    let refused = |error: CalibrateError| CollectError::Calibrate { origin: origin(), error };
    // Before anything is read.
    asked.options.check().map_err(refused)?;
    let walk = Walk::new(history, history.end(), u64::MAX, progress);
    let parts = walk.run(asked.threads, runtime, || Worker { key: Vec::new() })?;
    let mut samples = Samples::default();
    for sentence in asked.session_phases.iter().flat_map(|coverage| coverage.sentences()) {
        samples.remark(sentence);
    }
    let mut all = Made::default();
    let mut digest = blake3::Hasher::new();
    let (mut partitions, mut repeated_events, mut unreadable_events) = (Vec::new(), 0, 0);
    for (partition, rows) in parts {
        let counts = rows.counts;
        let input = PartitionInput {
            partition: partition.index(),
            events: counts.events,
            digest: hex(&rows.digest.value()),
        };
        digest.update(input.digest.as_bytes());
        partitions.push(input);
        repeated_events += counts.repeated;
        unreadable_events += counts.unreadable;
        let made = rows.into_samples(&mut samples, history.origin())?;
        all.tasks += made.tasks;
        all.unreadable += made.unreadable;
        all.phases += made.phases;
    }
    if all.phases == 0 {
        return Err(CollectError::NoPhases { origin: origin(), tasks: all.tasks });
    }
    let calibration = calibrate(&mut samples, &asked.current.config, asked.options).map_err(refused)?;
    let inputs = CalibrationInputs {
        tollgate: env!("CARGO_PKG_VERSION").to_owned(),
        events: partitions.iter().map(|partition| partition.events).sum(),
        digest: hex(digest.finalize().as_bytes()),
        partitions,
        unreadable_events,
        unreadable_tasks: all.unreadable,
        current: asked.current.config.hash(),
        session_phases: asked.session_phases.cloned(),
    };
    let result = CalibrationResult { format: FORMAT, inputs, calibration };
    let source = Source { origin: origin(), position: history.end().to_string(), repeated_events };
    Ok(Calibrated { hash: result.hash(), source, current: asked.current.name.clone(), result })
}

impl walk::Worker for Worker {
    type Part = Rows;

    fn begin(&self, _partition: PartitionId) -> Result<Rows, ReplayError> {
        Ok(Rows::default())
    }

    fn take(
        &mut self,
        rows: &mut Rows,
        stored: &StoredRecord,
        originals: Option<&[bool]>,
    ) -> Result<(), ReplayError> {
        rows.take(stored, originals, &mut self.key)
    }

    /// Every run begins anew.
    fn save(&self, _rows: &[(PartitionId, Rows)]) -> Result<(), ReplayError> {
        Ok(())
    }
}

impl Part for Rows {
    fn done(&self) -> Sequence {
        self.done
    }

    fn records(&self) -> u64 {
        0
    }
}
