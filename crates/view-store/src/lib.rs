//! Rows of a view and the checkpoint up to which they are valid, in one atomic write.
//!
//! The rows are a fold of the log and never the only copy of anything. So the store may lose its latest
//! writes in a power cut (sled's flush does not survive one): rows and checkpoint roll back together. What it
//! must not do is return wrong rows: everything it reads is compared with a check that the state of the last
//! commit vouches for, and a store that does not match is set aside, for its view to be rebuilt from the log.
//!
//! Recent commits and the state are in sled. Rows settle in runs: files that are sorted by key, written once, and
//! merged in the background. So a commit reads no old rows, and opening reads the recent commits and the
//! indexes of the runs, not the rows.

mod bytes;
mod change;
mod digest;
mod dir;
mod failure;
mod journal;
mod run;
mod runs;
mod settled;
mod sizes;
mod store;

pub use change::{Change, Was};
pub use digest::Digest;
pub use failure::StoreError;
pub use sizes::Sizes;
pub use store::{Opened, ViewStore, Written};
