//! Histories for tests.

use tollgate_domain::config::BudgetConfig;
use tollgate_domain::ids::{TaskId, TenantId};
use tollgate_domain::money::Usd;
use tollgate_domain::tier::{Complexity, Importance};
use tollgate_domain::time::Timestamp;

use super::{Calibration, History, Options, Outcome, Sample, calibrate};
use crate::generate::Spec;

/// The samples of a history, in this order.
pub(super) fn history(samples: impl IntoIterator<Item = Sample>) -> History {
    let mut history = History::default();
    history.extend(samples).unwrap();
    history
}

/// A calibration against the shipped config.
pub(super) fn calibrated(samples: impl IntoIterator<Item = Sample>, options: &Options) -> Calibration {
    calibrate(&mut history(samples), &BudgetConfig::built_in(), options).unwrap()
}

/// A small history without anything unusual: some phases, every task ends well.
pub(super) fn plain(seed: u64, tasks: u64, phases: usize) -> Spec {
    let spec = Spec::new(seed, tasks);
    Spec {
        phases: spec.phases.iter().take(phases).cloned().collect(),
        runaways_permille: 0,
        large_permille: 0,
        failed_permille: 0,
        ..spec
    }
}

/// One phase of one task, which ended well.
pub(super) fn sample(task: u64, phase: &str, tiers: (Complexity, Importance), tokens: u64) -> Sample {
    Sample {
        tenant: TenantId::default_tenant(),
        task: TaskId::new(format!("T-{task}")).unwrap(),
        phase: Some(phase.parse().unwrap()),
        complexity: tiers.0,
        importance: tiers.1,
        tokens,
        latency_ms: Some(tokens * 10),
        cost: Some(Usd::from_units(i128::from(tokens) * 1_000_000_000_000)),
        at: Timestamp::from_micros(1_773_734_400_000_000)
            .unwrap()
            .plus_millis((task * 3_600_000).cast_signed()),
        outcome: Outcome::Finished,
    }
}
