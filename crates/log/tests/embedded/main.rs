//! The embedded log: recovery, faults, locks, verification, backup. Real files, real syncs.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod archive;
mod backup;
mod faults;
mod loss;
mod opening;
mod packing;
mod reading;
mod recovery;
mod support;
mod verification;
