//! Reads a history once, its partitions on all threads, and calibrates.

use std::path::Path;

use serde::Serialize;
use tokio::runtime::Handle;
use tollgate_domain::hex::hex;
use tollgate_domain::position::{PartitionId, Sequence};
use tollgate_log::record::StoredRecord;

use super::error::CollectError;
use super::result::{Calibrated, CalibrationInputs, CalibrationResult, FORMAT};
use super::rows::{Made, Rows};
use crate::calibrate::{CalibrateError, History as Samples, Options, calibrate};
use crate::checkpoint::{Begun, Checkpoint};
use crate::concluded::ConcludedPhases;
use crate::error::ReplayError;
use crate::estimates::{EstimateView, Estimates};
use crate::marks::{Marks, Met};
use crate::session_phases::PhaseCoverage;
use crate::source::History;
use crate::walk::{self, Part, Scratch, Walk, Watcher};
use crate::what_if::Candidate;
use crate::what_if::result::{PartitionInput, Source};

/// What is calibrated against, and how.
pub struct Asked<'a> {
    /// The config in force: what nothing is known of stays as it is there.
    pub current: &'a Candidate,
    /// How.
    pub options: &'a Options,
    /// What people say that tasks were, beside the history, if anything.
    pub marks: Option<&'a Marks>,
    /// What the phases of sessions came from, if rules gave them any.
    pub session_phases: Option<&'a PhaseCoverage>,
    /// How many threads read.
    pub threads: usize,
    /// The run's own directory: what was read is kept there, so that the same run can go on after an interruption.
    pub out: Option<&'a Path>,
    /// After how many events of a thread what was read is written to the directory. It is when the run is stopped, too.
    pub checkpoint_events: u64,
}

/// One thread's work.
struct Worker<'a> {
    checkpoint: Option<&'a Checkpoint>,
    scratch: Scratch,
}

/// Proposes limits from a history, up to the end that it had when it was opened. Writes only below the run's own
/// directory. `progress` is told how far reading is, from any thread, and may stop it.
///
/// Memory is that of the rows of open tasks, of the names of the others, whose rows are in files of the run's own
/// directory, or without a name in the temporary one, and some 200 bytes of each estimated call; then that of the
/// samples.
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
    let begun = asked
        .out
        .filter(|_| history.is_lasting())
        .map(|out| Checkpoint::begin(out, &Setting::of(asked).hash(), history.end()));
    let (checkpoint, end, resumed) = match begun.transpose()? {
        Some(Begun { checkpoint, end, resumed }) => (Some(checkpoint), end, resumed),
        None => (None, history.end().clone(), false),
    };
    let worker = || Worker { checkpoint: checkpoint.as_ref(), scratch: Scratch::default() };
    let walk = Walk::new(history, &end, asked.checkpoint_events, progress);
    let parts = walk.run(asked.threads, runtime, worker)?;
    let calibrated = calibrated(history, asked, parts);
    let read_anew = checkpoint.as_ref().map_or(0, Checkpoint::unusable);
    if let Some(checkpoint) = checkpoint {
        checkpoint.remove()?;
    }
    let (source, result) = calibrated?;
    let source = Source { position: end.to_string(), ..source };
    Ok(Calibrated {
        hash: result.hash(),
        source,
        current: asked.current.name.clone(),
        resumed,
        read_anew,
        result,
    })
}

/// What two runs have to have in common so that one can go on with the other.
#[derive(Serialize)]
struct Setting<'a> {
    kind: &'static str,
    format: u32,
    tollgate: &'static str,
    current: String,
    options: &'a Options,
    session_phases: Option<&'a PhaseCoverage>,
    marks: Option<String>,
}

impl<'a> Setting<'a> {
    fn of(asked: &Asked<'a>) -> Self {
        Self {
            kind: "calibration",
            format: FORMAT,
            tollgate: env!("CARGO_PKG_VERSION"),
            current: asked.current.config.hash(),
            options: asked.options,
            session_phases: asked.session_phases,
            marks: asked.marks.map(Marks::hash),
        }
    }

    fn hash(&self) -> String {
        hex(blake3::hash(&serde_json::to_vec(self).expect("plain data always serializes")).as_bytes())
    }
}

/// What follows from all rows.
fn calibrated(
    history: &dyn History,
    asked: &Asked<'_>,
    parts: Vec<(PartitionId, Rows)>,
) -> Result<(Source, CalibrationResult), CollectError> {
    let origin = || history.origin().to_owned();
    let refused = |error: CalibrateError| CollectError::Calibrate { origin: origin(), error };
    let mut samples = Samples::default();
    for sentence in asked.session_phases.iter().flat_map(|coverage| coverage.sentences()) {
        samples.remark(sentence);
    }
    let (mut all, mut met) = (Made::default(), Met::new(asked.marks));
    let mut digest = blake3::Hasher::new();
    let (mut partitions, mut repeated_events, mut unreadable_events) = (Vec::new(), 0, 0);
    let (mut estimates, mut concluded): (Vec<Estimates>, _) = (Vec::new(), ConcludedPhases::default());
    for (partition, mut rows) in parts {
        estimates.push(std::mem::take(&mut rows.estimates));
        concluded.merge(&rows.concluded);
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
        let made = rows.into_samples(&mut samples, &mut met, history.origin())?;
        all.tasks += made.tasks;
        all.unreadable += made.unreadable;
        all.phases += made.phases;
    }
    met.check()?;
    let estimates = EstimateView::of(&estimates);
    estimates.sentence().into_iter().for_each(|sentence| samples.remark(sentence));
    let concluded_phases = concluded.unless(asked.session_phases.is_some());
    concluded_phases.iter().for_each(|concluded| samples.remark(concluded.sentence()));
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
        estimates,
        concluded_phases,
        current: asked.current.config.hash(),
        marks_hash: asked.marks.map(Marks::hash),
        session_phases: asked.session_phases.cloned(),
    };
    let result = CalibrationResult { format: FORMAT, inputs, calibration };
    let source = Source { origin: origin(), position: history.end().to_string(), repeated_events };
    Ok((source, result))
}

impl walk::Worker for Worker<'_> {
    type Part = Rows;

    fn begin(&self, partition: PartitionId) -> Result<Rows, ReplayError> {
        let Some(checkpoint) = self.checkpoint else { return Ok(Rows::default()) };
        let known = checkpoint.load(partition)?;
        Ok(known.unwrap_or_else(|| Rows::new(checkpoint.shelf(partition))))
    }

    fn take(
        &mut self,
        rows: &mut Rows,
        stored: &StoredRecord,
        originals: Option<&[bool]>,
    ) -> Result<(), ReplayError> {
        rows.take(stored, originals, &mut self.scratch)
    }

    fn save(&self, rows: &mut [(PartitionId, Rows)]) -> Result<(), ReplayError> {
        let Some(checkpoint) = self.checkpoint else { return Ok(()) };
        rows.iter_mut().try_for_each(|(partition, rows)| checkpoint.save(*partition, rows))
    }
}

impl Part for Rows {
    fn done(&self) -> Sequence {
        self.done
    }

    fn records(&self) -> u64 {
        self.records
    }
}
