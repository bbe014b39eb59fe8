//! The format of a data directory.

/// The format of data directories that this version writes; it reads this one and older ones.
pub(super) const FORMAT: u32 = 1;
