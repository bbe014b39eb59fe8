//! The format of a data directory.

/// The format of a new data directory, and of segments.
pub(super) const FORMAT: u32 = 1;

/// The format of a data directory in which segments are packed or archived: versions that know only [`FORMAT`] would
/// miss them.
pub(super) const PACKED: u32 = 2;

/// The newest format that this version reads.
pub(super) const KNOWN: u32 = PACKED;
