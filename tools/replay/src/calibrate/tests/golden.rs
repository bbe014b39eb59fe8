//! What people see, and the bytes of the result.

use super::super::testing::calibrated;
use super::super::{Calibration, Options};
use crate::generate::Spec;

fn found() -> Calibration {
    let spec = Spec::new(20, 400);
    let phases = spec.phases.iter().skip(4).take(2).cloned().collect();
    let spec = Spec {
        phases,
        runaways_permille: 30,
        complexity_mix: [0, 1, 1, 0],
        importance_mix: [0, 3, 1, 0],
        ..spec
    };
    calibrated(spec.samples(), &Options::default())
}

#[test]
fn tables() {
    insta::assert_snapshot!(found().to_markdown());
}

#[test]
fn config_file() {
    insta::assert_snapshot!(found().config);
}

/// The same on every machine: statistics in floats must not differ in the last bit.
#[test]
fn bytes() {
    let json = serde_json::to_vec(&found()).unwrap();
    assert_eq!(
        blake3::hash(&json).to_hex().as_str(),
        "4ddb94a3a714a8412651c8712456e2e91c00af6ad5319d8c42f8a09a6f8bf65c"
    );
}
