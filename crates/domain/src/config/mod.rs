//! The config: what limits follow from and how the gate acts. Read from YAML, validated as a whole, hashed.

mod canonical;
mod fields;
mod prices;
mod read;
mod reports;
mod watch;
mod yaml;

use serde::{Deserialize, Serialize};

use crate::decimal::Decimal;
use crate::nearest;
use crate::phase::Phase;
use crate::price::Aliases;
use crate::tier::{Complexity, Importance};
use crate::words::words;
use crate::yaml::InvalidConfig;

pub use reports::ReportsConfig;
pub use watch::WatchConfig;

/// The config that ships with Tollgate, as text: `config/phase_budgets.yaml`.
pub const DEFAULT_CONFIG: &str = include_str!("../../../../config/phase_budgets.yaml");

/// Everything a ledger's rules take from configuration.
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
    /// How far decisions are carried out.
    pub rollout: Rollout,
    /// Which time counts against latency limits.
    pub budgeted_latency: BudgetedLatency,
    /// Percent of a limit, ascending; each is announced once per scope.
    pub pressure_levels: Vec<u32>,
    /// What the ledger watches by the clock.
    pub alerts: WatchConfig,
    /// How reports are made where nobody says it.
    pub reports: ReportsConfig,
    /// Names of this house that price books have other names for.
    pub prices: Aliases,
    /// Off: nothing that a producer sends is recorded, the gate allows, and every answer says so.
    pub tracking: bool,
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
    /// Off: tracking and reports go on, nothing blocks, every answer says so.
    pub enabled: bool,
    /// What a task takes with it when it opens.
    pub thresholds: Thresholds,
    /// What cumulative latency above its threshold leads to.
    pub latency_action: BreachAction,
    /// What a single phase above its threshold leads to.
    pub per_phase_action: BreachAction,
    /// What the gate does when its view is behind.
    pub on_stale: StalePolicy,
    /// What becomes of a command that goes on in spite of a block.
    pub on_bypass: BypassPolicy,
}

/// The numbers the gate compares with; a task keeps those in force when it was opened.
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
    /// Strictly below this token utilization the nearly-done rule holds.
    pub allow_completion: Decimal,
    /// Up to the start of this phase the early thresholds hold; `None`: they hold nowhere.
    pub checkpoint_phase: Option<Phase>,
    /// Token utilization above which an early advance is warned of.
    pub early_warn: Decimal,
    /// Token utilization above which an early advance is blocked.
    pub early_block: Decimal,
    /// With only these left, the nearly-done rule may apply.
    pub nearly_done_phases: Vec<Phase>,
}

words!(
    /// A set of stop-loss rules.
    Profile {
        /// The rules as they stand.
        Strict = "strict",
        /// Cumulative 1.5 and per phase 2.0, whatever the thresholds in the config say.
        Loose = "loose",
        /// Steps: to 1.2 go on; to 1.5 warn and review; to 2.0 ask for a post-mortem; above, block and investigate.
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
    /// What the gate answers when its view did not reach the asked position in time.
    StalePolicy {
        /// Allow, and say `stale`.
        Open = "open",
        /// Block, and say `stale`.
        Closed = "closed"
    }
);
words!(
    /// What becomes of a command that starts a phase of a blocked task, or completes it.
    BypassPolicy {
        /// It is recorded, and a critical alert tells of it.
        Alert = "alert",
        /// It is refused.
        Refuse = "refuse"
    }
);
words!(
    /// How far decisions are carried out.
    Rollout {
        /// Decide and record, never block.
        Observe = "observe",
        /// Low and medium importance are blocked, high and critical pass with a warning.
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
        /// Without reported wait time.
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
    /// [`InvalidConfig`] with every problem found, not only the first.
    pub fn from_yaml(text: &str) -> Result<Self, InvalidConfig> {
        read::from_yaml(text)
    }

    /// SHA-256 of the canonical content, as 64 hex digits. Two files that mean the same have the same hash,
    /// whatever their order of keys, spelling of numbers, comments and omitted defaults.
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

    /// The config whose [canonical content](Self::canonical) this is: what a log holds of the config in force.
    ///
    /// # Errors
    ///
    /// [`InvalidConfig`] where this version cannot put it in force as it was.
    pub fn from_canonical(text: &str) -> Result<Self, InvalidConfig> {
        yaml::from_canonical(text)
    }

    /// As the text of a config's file. Keys that it leaves out have their defaults.
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

/// A phase that a config or task does not have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("phase `{given}`: must be one of {}{}", known.join(", "), nearest::hint(given, known))]
pub struct UnknownPhase {
    /// What was given.
    pub given: String,
    /// The phases there are.
    pub known: Vec<String>,
}

impl UnknownPhase {
    /// Names the given phase beside the known ones.
    pub fn new<'a>(given: &str, known: impl Iterator<Item = &'a Phase>) -> Self {
        Self { given: given.to_owned(), known: known.map(|phase| phase.as_str().to_owned()).collect() }
    }
}

#[cfg(test)]
mod tests;
