//! Entry points for producers that have only NATS.

mod append;
mod budgets;
mod inbox;

pub use append::{APPEND_SUBJECT, AppendService};
pub use budgets::{BUDGET_SUBJECT, BudgetService};
pub use inbox::Drainer;
pub(crate) use inbox::{CONTENT_TYPE, ID_HEADER, PRODUCER_HEADER, Published, read};

/// Protobuf, as spelled in the `Content-Type` header of an answer.
pub(crate) const PROTOBUF: &str = "application/x-protobuf";

/// Whether a `Content-Type` means protobuf: there are several spellings.
fn is_protobuf(content_type: &str) -> bool {
    content_type.to_ascii_lowercase().contains("protobuf")
}
