//! Ways in for producers that have only NATS.

mod append;
mod inbox;

pub use append::{APPEND_SUBJECT, AppendService};
pub use inbox::Drainer;

/// Protobuf, as the header `Content-Type` of a message spells it.
const PROTOBUF: [&str; 2] = ["application/x-protobuf", "application/protobuf"];

/// Whether a `Content-Type` says protobuf.
fn is_protobuf(content_type: &str) -> bool {
    PROTOBUF.contains(&content_type)
}
