//! Segments that are full: nothing is written to them any more. They are packed, and may be moved to an archive.

pub(super) mod archive;
mod manifest;
pub(super) mod pack;
mod packed;
pub(super) mod packer;
pub(super) mod place;
mod walk;
