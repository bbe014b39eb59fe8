//! Replay: runs recorded history through other limits, and proposes limits from history. It reads a log and writes
//! files of its own; it appends nothing.
//!
//! [`calibrate`] proposes limits from samples, [`generate`] makes histories whose truth is known.

pub mod calibrate;
pub mod generate;
