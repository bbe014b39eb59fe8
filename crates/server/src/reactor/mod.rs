//! Reactors: what is done outside the ledger because of what is in it. None of them changes a balance.

mod deliveries;
mod evidence;

pub use deliveries::{AlertsError, Deliveries};
pub use evidence::{Evidence, EvidenceError, evidence_dir};
