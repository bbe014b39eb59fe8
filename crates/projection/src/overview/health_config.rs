//! What the health figures depend on in addition to the tasks.

use tollgate_domain::config::BudgetConfig;
use tollgate_domain::decimal::Decimal;

/// What the figures depend on in addition to the tasks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthConfig {
    /// How many weeks to look back from the newest in which tasks were opened.
    pub weeks: u32,
    /// With fewer tasks, a share is not meaningful.
    pub min_tasks: u64,
    /// `cumulative_token_threshold`.
    pub threshold: Decimal,
    /// Multipliers of the importances, lowest first.
    pub importance: [Decimal; 4],
}

impl HealthConfig {
    /// The values from a config.
    #[must_use]
    pub fn of(config: &BudgetConfig, weeks: u32) -> Self {
        Self {
            weeks,
            min_tasks: config.alerts.min_tasks,
            threshold: config.stop_loss.thresholds.cumulative_token,
            importance: config.importance,
        }
    }
}
