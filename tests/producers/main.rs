//! Producers without any of our code: the blocks of the guide, and the bare NATS protocol.

#![expect(clippy::unwrap_used, reason = "in a test an error is a failed test")]

mod alerts;
mod allocations;
mod grpc;
mod guide;
mod inbox;
mod orchestrator;
mod python;
mod requests;
