//! Generates the Rust types of `proto/tollgate/v1`, without a system protoc.

use std::path::Path;

/// Every file of the contract.
const FILES: [&str; 12] = [
    "alert", "append", "budget", "event", "gate", "inbox", "ledger", "limits", "price", "progress", "task",
    "usage",
];

/// Rarely used and large: boxed, so that the many small events take little memory.
const BOXED: [&str; 38] = [
    ".tollgate.v1.Event.body.task_opened",
    ".tollgate.v1.Event.body.gate_decided",
    ".tollgate.v1.StoredEvent.body.task_opened",
    ".tollgate.v1.StoredEvent.body.gate_decided",
    ".tollgate.v1.Event.body.condition_observed",
    ".tollgate.v1.Event.body.delivery_attempted",
    ".tollgate.v1.Event.body.delivery_requested",
    ".tollgate.v1.Event.body.inbox_rejected",
    ".tollgate.v1.StoredEvent.body.condition_observed",
    ".tollgate.v1.StoredEvent.body.delivery_attempted",
    ".tollgate.v1.StoredEvent.body.delivery_requested",
    ".tollgate.v1.StoredEvent.body.inbox_rejected",
    ".tollgate.v1.Event.body.policy_set",
    ".tollgate.v1.Event.body.allocated",
    ".tollgate.v1.Event.body.allocation_refused",
    ".tollgate.v1.Event.body.allocation_extended",
    ".tollgate.v1.Event.body.budget_set",
    ".tollgate.v1.Event.body.limit_raised",
    ".tollgate.v1.StoredEvent.body.policy_set",
    ".tollgate.v1.StoredEvent.body.allocated",
    ".tollgate.v1.StoredEvent.body.allocation_refused",
    ".tollgate.v1.StoredEvent.body.allocation_extended",
    ".tollgate.v1.StoredEvent.body.budget_set",
    ".tollgate.v1.StoredEvent.body.limit_raised",
    ".tollgate.v1.Event.body.key_created",
    ".tollgate.v1.StoredEvent.body.key_created",
    ".tollgate.v1.Event.body.price_changed",
    ".tollgate.v1.Event.body.price_proposed",
    ".tollgate.v1.Event.body.price_decided",
    ".tollgate.v1.Event.body.price_source_checked",
    ".tollgate.v1.Event.body.usage_repriced",
    ".tollgate.v1.StoredEvent.body.price_changed",
    ".tollgate.v1.StoredEvent.body.price_proposed",
    ".tollgate.v1.StoredEvent.body.price_decided",
    ".tollgate.v1.StoredEvent.body.price_source_checked",
    ".tollgate.v1.StoredEvent.body.usage_repriced",
    ".tollgate.v1.Added.limits",
    ".tollgate.v1.Added.resolved",
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Of this run: a folder of build results may have been made for a checkout in another place.
    let manifest = std::env::var("CARGO_MANIFEST_DIR")?;
    let root = Path::new(&manifest).join("../../proto");
    println!("cargo::rerun-if-changed={}", root.join("tollgate/v1").display());
    let files = FILES.map(|name| root.join(format!("tollgate/v1/{name}.proto")));
    let descriptors = protox::compile(files, [&root])?;
    let mut config = prost_build::Config::new();
    // Sorted maps: the content hash requires a single encoding.
    config.btree_map(["."]);
    for path in BOXED {
        config.boxed(path);
    }
    config.compile_fds(descriptors)?;
    Ok(())
}
