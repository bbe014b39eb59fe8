//! Replay: runs recorded history through other limits, and proposes limits from history. It reads a log and writes
//! files of its own; it appends nothing.
//!
//! [`source`] reads history, [`session_phases`] gives phases to sessions that have none; [`what_if`] runs history
//! through other limits, [`calibrate`] proposes limits from samples, [`collect`] makes those of a history,
//! [`pictures`] draws results, [`generate`] makes histories whose truth is known.

pub mod calibrate;
mod checkpoint;
pub mod collect;
mod concluded;
mod digest;
mod error;
mod estimates;
pub mod generate;
mod marks;
pub mod pictures;
pub mod session_phases;
mod shelf;
pub mod source;
mod walk;
pub mod what_if;

pub use concluded::ConcludedPhases;
pub use error::ReplayError;
pub use estimates::EstimateView;
pub use marks::{InvalidMarks, Marks};
pub use walk::{Progress, Watcher, recorded};
