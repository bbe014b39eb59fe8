//! The durable, ordered, append-only record of events. It knows an event's name and the hash of its content,
//! but not what it means.
//!
//! [`contract`] states what every log promises, and [`conformance`] holds each backend to it. [`embedded`] is
//! the log of one machine, [`memory`] the one for tests. [`record`] defines the bytes of a record on every
//! backend, [`index`] the id index.

#![warn(missing_docs)]

pub mod admission;
mod batch;
pub mod conformance;
pub mod contract;
pub mod copy;
pub mod digests;
mod durability;
pub mod embedded;
pub mod groups;
mod hash;
pub mod index;
pub mod key;
pub mod memory;
mod partitions;
pub mod record;
pub mod verify;
