//! The config that determines limits and how the gate acts. Read from YAML, validated as a whole, hashed.

mod canonical;
mod fields;
mod prices;
mod progress;
mod read;
mod reports;
mod watch;
mod yaml;

use serde::{Deserialize, Serialize};

use crate::decimal::Decimal;
use crate::nearest;
use crate::phase::Phase;
use crate::pool::PoolRules;
use crate::price::Aliases;
use crate::progress::rules::ProgressRules;
use crate::tier::{Complexity, Importance};
use crate::words::words;
use crate::yaml::InvalidConfig;

pub use reports::ReportsConfig;
pub use watch::WatchConfig;

/// The config that ships with Tollgate, as text: `config/phase_budgets.yaml`.
pub const DEFAULT_CONFIG: &str = include_str!("../../../../config/phase_budgets.yaml");

/// Everything the ledger's rules read from configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BudgetConfig {
    /// The phases in order, each with its base budget and weight.
    pub phases: Vec<PhaseBase>,
    /// One multiplier per complexity, lowest tier first.
    pub complexity: [Decimal; 4],
    /// One multiplier per importance, lowest tier first.
    pub importance: [Decimal; 4],
    /// The rule that blocks a task.
    pub stop_loss: StopLoss,
    /// How strictly decisions are enforced.
    pub rollout: Rollout,
    /// Which time counts against latency limits.
    pub budgeted_latency: BudgetedLatency,
    /// Percent of a limit, ascending; each is reported once per scope.
    pub pressure_levels: Vec<u32>,
    /// What the ledger monitors by the clock.
    pub alerts: WatchConfig,
    /// Defaults for reports.
    pub reports: ReportsConfig,
    /// Local names that price books know under other names.
    pub prices: Aliases,
    /// Off: nothing that a producer sends is recorded, the gate allows everything, and every answer says so.
    pub tracking: bool,
    /// Budgets that follow progress; `None`: limits are those computed at a task's opening.
    pub progress: Option<ProgressRules>,
    /// The pool of unused budget that the tasks of each owner share; `None`: there is none.
    pub pool: Option<PoolRules>,
}

/// A phase before the tiers of a task scale it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PhaseBase {
    /// Its name.
    pub phase: Phase,
    /// Base budget in tokens.
    pub tokens: u64,
    /// Base budget in milliseconds.
    pub latency_ms: u64,
    /// Its weight.
    pub weight: Decimal,
}

/// The settings of the stop-loss.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StopLoss {
    /// Off: tracking and reports continue, nothing blocks, every answer says so.
    pub enabled: bool,
    /// The thresholds a task is given when it opens.
    pub thresholds: Thresholds,
    /// What cumulative latency above its threshold leads to.
    pub latency_action: BreachAction,
    /// What a single phase above its threshold leads to.
    pub per_phase_action: BreachAction,
    /// What the gate does when its view is behind.
    pub on_stale: StalePolicy,
    /// What happens to a command that proceeds despite a block.
    pub on_bypass: BypassPolicy,
}

/// The numbers the gate compares with; a task keeps those that were in force when it was opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Thresholds {
    /// Which set of rules.
    pub profile: Profile,
    /// Total tokens / total limit, from the checkpoint phase to completion.
    pub cumulative_token: Decimal,
    /// Total latency / total latency limit.
    pub cumulative_latency: Decimal,
    /// A phase's tokens or latency / its own limit.
    pub per_phase: Decimal,
    /// The nearly-done rule applies strictly below this token utilization.
    pub allow_completion: Decimal,
    /// The early thresholds apply up to the start of this phase; `None`: they never apply.
    pub checkpoint_phase: Option<Phase>,
    /// Token utilization above which an early advance gets a warning.
    pub early_warn: Decimal,
    /// Token utilization above which an early advance is blocked.
    pub early_block: Decimal,
    /// The nearly-done rule may apply once only these phases are left.
    pub nearly_done_phases: Vec<Phase>,
}

words!(
    /// A set of stop-loss rules.
    Profile {
        /// The rules exactly as configured.
        Strict = "strict",
        /// Cumulative 1.5 and per phase 2.0, whatever the thresholds in the config say.
        Loose = "loose",
        /// In steps: up to 1.2 allow; up to 1.5 warn and require a review; up to 2.0 require a post-mortem;
        /// above that, block and investigate.
        Graduated = "graduated"
    }
);
words!(
    /// What a breach that does not block by itself leads to.
    BreachAction {
        /// Go on, with a warning in the answer and the evidence.
        Warn = "warn",
        /// Block the advance.
        Block = "block"
    }
);
words!(
    /// What the gate answers when its view did not reach the requested position in time.
    StalePolicy {
        /// Allow, and say `stale`.
        Open = "open",
        /// Block, and say `stale`.
        Closed = "closed"
    }
);
words!(
    /// What happens to a command that starts a phase of a blocked task, or completes it.
    BypassPolicy {
        /// It is recorded, and a critical alert reports it.
        Alert = "alert",
        /// It is refused.
        Refuse = "refuse"
    }
);
words!(
    /// How strictly decisions are enforced.
    Rollout {
        /// Decide and record, never block.
        Observe = "observe",
        /// Low and medium importance are blocked; high and critical pass with a warning.
        EnforceLowMedium = "enforce_low_medium",
        /// Blocks block.
        Enforce = "enforce"
    }
);
words!(
    /// Which time counts against latency limits.
    BudgetedLatency {
        /// From start to end.
        Full = "full",
        /// Without the reported wait time.
        Active = "active"
    }
);

impl BudgetConfig {
    /// The config that ships with Tollgate.
    #[must_use]
    pub fn built_in() -> Self {
        Self::from_yaml(DEFAULT_CONFIG).expect("the shipped config is valid: a test reads it")
    }

    /// Reads and validates a config.
    ///
    /// # Errors
    ///
    /// [`InvalidConfig`] with every problem found, not just the first.
    pub fn from_yaml(text: &str) -> Result<Self, InvalidConfig> {
        read::from_yaml(text).map_err(|invalid| invalid.placed_in(text))
    }

    /// SHA-256 of the canonical content, as 64 hex digits. Two files with the same meaning have the same
    /// hash, regardless of key order, number formatting, comments and omitted defaults.
    #[must_use]
    pub fn hash(&self) -> String {
        canonical::hash(self)
    }

    /// The canonical content that [`Self::hash`] covers, one `key=value` a line. A ledger stores it with the event
    /// that put the config in force, so that a decision can be explained when the file is long gone.
    #[must_use]
    pub fn canonical(&self) -> String {
        canonical::text(self)
    }

    /// The config with this [canonical content](Self::canonical): the form in which a log stores the config in force.
    ///
    /// # Errors
    /// [`InvalidConfig`] if this version cannot put it in force exactly as it was.
    /// [`InvalidConfig`] where this version cannot put it in force as it was.
    pub fn from_canonical(text: &str) -> Result<Self, InvalidConfig> {
        yaml::from_canonical(text)
    }

    /// The text of a config file. Omitted keys have their default values.
    #[must_use]
    pub fn to_yaml(&self) -> String {
        yaml::of(&self.canonical()).expect("the canonical content of a config is one: a test reads it back")
    }

    /// The multiplier of a complexity.
    #[must_use]
    pub fn complexity_multiplier(&self, complexity: Complexity) -> Decimal {
        self.complexity[complexity as usize]
    }

    /// The multiplier of an importance.
    #[must_use]
    pub fn importance_multiplier(&self, importance: Importance) -> Decimal {
        self.importance[importance as usize]
    }

    /// Finds a phase by name.
    ///
    /// # Errors
    ///
    /// [`UnknownPhase`] with the known names and the nearest one.
    pub fn find_phase(&self, phase: &Phase) -> Result<&PhaseBase, UnknownPhase> {
        self.phases
            .iter()
            .find(|base| base.phase == *phase)
            .ok_or_else(|| UnknownPhase::new(phase.as_str(), self.phases.iter().map(|base| &base.phase)))
    }
}

/// A phase that is not in the config or task.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("phase `{given}`: must be one of {}{}", known.join(", "), nearest::hint(given, known))]
pub struct UnknownPhase {
    /// What was given.
    pub given: String,
    /// The known phases.
    pub known: Vec<String>,
}

impl UnknownPhase {
    /// Reports the given phase along with the known ones.
    pub fn new<'a>(given: &str, known: impl Iterator<Item = &'a Phase>) -> Self {
        Self { given: given.to_owned(), known: known.map(|phase| phase.as_str().to_owned()).collect() }
    }
}

#[cfg(test)]
mod tests;
