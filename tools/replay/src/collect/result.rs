//! The result of calibrating a history: plain data with canonical bytes, and a hash over all of it.

use serde::Serialize;
use tollgate_domain::hex::hex;

use crate::calibrate::Calibration;
use crate::concluded::ConcludedPhases;
use crate::estimates::EstimateView;
use crate::session_phases::PhaseCoverage;
use crate::what_if::result::{PartitionInput, Source};

/// The version of the result's form.
pub(super) const FORMAT: u32 = 1;

/// Limits proposed from a history, and where it was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Calibrated {
    /// BLAKE3 of the canonical bytes of `result`, in hex: over all inputs and outputs.
    pub hash: String,
    /// Where the history was read.
    pub source: Source,
    /// The name of the config in force.
    pub current: String,
    /// Whether it went on from an earlier run of its directory: then it is about the history up to where that began.
    #[serde(skip)]
    pub resumed: bool,
    /// Partitions of which that run had kept something that could not be used: they were read anew.
    #[serde(skip)]
    pub read_anew: u64,
    /// What was computed, and from what.
    pub result: CalibrationResult,
}

/// What was computed, and from what: nothing that depends on where events were stored or how they were worked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CalibrationResult {
    /// The version of this form.
    pub format: u32,
    /// What it was computed from, beside the options.
    pub inputs: CalibrationInputs,
    /// The limits, with the options.
    pub calibration: Calibration,
}

/// What limits were computed from, beside the options.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CalibrationInputs {
    /// The version of Tollgate that computed it.
    pub tollgate: String,
    /// Events, each once.
    pub events: u64,
    /// A digest of all of them, in hex.
    pub digest: String,
    /// The parts of the history.
    pub partitions: Vec<PartitionInput>,
    /// Events that could not be read.
    pub unreadable_events: u64,
    /// Tasks with such an event: they are left out.
    pub unreadable_tasks: u64,
    /// How much of the usage was estimated, and how far estimates were off.
    pub estimates: EstimateView,
    /// Phases that rules concluded when sessions were imported; absent: there are none, or `session_phases` says more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concluded_phases: Option<ConcludedPhases>,
    /// The hash of the config in force, which says what stays as it is.
    pub current: String,
    /// BLAKE3 of the marks that were given beside the history, and their tenant, if there are any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub marks_hash: Option<String>,
    /// What phases came from, if they were given to sessions by rules.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_phases: Option<PhaseCoverage>,
}

impl Calibrated {
    /// The proposed config as a file, which says from which history it is and of which result it is a part.
    #[must_use]
    pub fn config_file(&self) -> String {
        let inputs = &self.result.inputs;
        let origin = self.source.origin.escape_debug();
        format!(
            "# From {origin}, position {}: {} events with the digest {}.\n# Part of calibrate.json with the hash {}, by tollgate {}, against the config {} \
             with the hash {}.\n{}",
            self.source.position,
            inputs.events,
            inputs.digest,
            self.hash,
            inputs.tollgate,
            self.current.escape_debug(),
            inputs.current,
            self.result.calibration.config
        )
    }
}

impl CalibrationResult {
    /// The bytes that the hash is over: JSON without blanks, fields in the order of the types.
    #[must_use]
    pub fn canonical(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("plain data always serializes")
    }

    /// BLAKE3 of [`Self::canonical`], in hex.
    #[must_use]
    pub fn hash(&self) -> String {
        hex(blake3::hash(&self.canonical()).as_bytes())
    }
}
