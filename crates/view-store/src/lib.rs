//! Rows of a view and the checkpoint up to which they are valid, in one atomic write.
//!
//! The rows are a fold of the log and never the only copy of anything. So the store may lose its latest
//! writes in a power cut (sled's flush does not survive one): rows and checkpoint roll back together. What it
//! must not do is return wrong rows: each open compares a digest over all rows with the one stored with the
//! checkpoint, and a store that does not open or does not match is set aside, for its view to be rebuilt from
//! the log.

mod digest;
mod store;

pub use digest::Digest;
pub use store::{Opened, StoreError, ViewStore, Written};
