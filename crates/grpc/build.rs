//! Generates the Rust types and services of `proto/tollgate/api/v1`, without a system protoc.

use std::path::Path;

use prost::Message;

/// Every file of the API.
const FILES: [&str; 7] = ["alerts", "budgets", "events", "gate", "reports", "tasks", "usage"];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Of this run: a folder of build results may have been made for a checkout in another place.
    let manifest = std::env::var("CARGO_MANIFEST_DIR")?;
    let root = Path::new(&manifest).join("../../proto");
    println!("cargo::rerun-if-changed={}", root.display());
    let files = FILES.map(|name| root.join(format!("tollgate/api/v1/{name}.proto")));
    let descriptors = protox::compile(files, [&root])?;
    let out = std::env::var("OUT_DIR")?;
    std::fs::write(Path::new(&out).join("descriptors.bin"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure()
        .build_transport(false)
        .extern_path(".tollgate.v1", "::tollgate_wire::proto")
        // Answers are the API's, in JSON with the same names.
        .message_attribute(".tollgate.api.v1", "#[derive(serde::Serialize, serde::Deserialize)]")
        .message_attribute(".tollgate.api.v1", "#[serde(default)]")
        .compile_fds(descriptors)?;
    Ok(())
}
