//! Which configs the log has, and which tasks the gate may block under each.

use serde::{Deserialize, Serialize};
use tollgate_domain::config::Rollout;
use tollgate_domain::event::ConfigLoaded;
use tollgate_domain::tier::Importance;

use super::ReportRow;
use crate::fold::Rows;

/// Prefix of the keys of configs: all of them, by hash.
pub const CONFIGS: &[u8] = b"g";

/// Which tasks the gate blocks under a config.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Blocks {
    /// None: rollout `observe`, or the stop-loss is switched off.
    Nobody,
    /// Tasks of low and medium importance.
    LowMedium,
    /// All tasks.
    Everybody,
}

impl Blocks {
    /// Whether a task of this importance may be blocked.
    #[must_use]
    pub fn reaches(self, importance: Importance) -> bool {
        match self {
            Self::Nobody => false,
            Self::LowMedium => importance <= Importance::Medium,
            Self::Everybody => true,
        }
    }

    /// For a config, according to its canonical text.
    #[must_use]
    pub fn of(canonical: &str) -> Self {
        let value = |key: &str| canonical.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        if value("stop_loss.enabled") == Some("false") {
            return Self::Nobody;
        }
        match value("rollout").and_then(Rollout::from_word) {
            None | Some(Rollout::Observe) => Self::Nobody,
            Some(Rollout::EnforceLowMedium) => Self::LowMedium,
            Some(Rollout::Enforce) => Self::Everybody,
        }
    }
}

/// The hash of a config, by its key.
#[must_use]
pub fn config_hash(key: &[u8]) -> Option<&str> {
    std::str::from_utf8(key.strip_prefix(CONFIGS)?).ok()
}

/// Records a config.
pub(super) fn note<R: Rows<ReportRow>>(rows: &mut R, loaded: &ConfigLoaded) -> Result<(), R::Error> {
    let mut key = CONFIGS.to_vec();
    key.extend_from_slice(loaded.config_hash.as_bytes());
    rows.change(&key, || ReportRow::Config(Blocks::of(&loaded.canonical))).map(|_| ())
}

#[cfg(test)]
mod tests {
    use tollgate_domain::config::BudgetConfig;

    use super::*;

    #[test]
    fn whom_a_config_lets_the_gate_block() {
        for (yaml, low, critical) in [
            ("rollout: observe\n", false, false),
            ("rollout: enforce_low_medium\n", true, false),
            ("rollout: enforce\n", true, true),
            ("rollout: enforce\nstop_loss: { enabled: false }\n", false, false),
        ] {
            let blocks = Blocks::of(&BudgetConfig::from_yaml(yaml).unwrap().canonical());
            let found = [Importance::Low, Importance::Critical].map(|tier| blocks.reaches(tier));
            assert_eq!(found, [low, critical], "{yaml}");
        }
        assert_eq!(Blocks::of("another version"), Blocks::Nobody);
    }
}
