//! The gate: before a phase advances, may the task go on? A pure function of the task's figures and the config.

mod decide;
mod deciding;
mod message;
mod progress;
mod remediation;

use serde::{Deserialize, Serialize};

pub use crate::printable::grouped;
pub use decide::{decide, decide_without_sentences, stop_loss_disabled};
pub use remediation::remediation_of;

use crate::breach::Utilization;
use crate::config::{BreachAction, BudgetConfig, Rollout};
use crate::limits::TaskLimits;
use crate::metadata::Enforcement;
use crate::phase::{Advance, ExecutionId, Phase};
use crate::pool::PoolRules;
use crate::progress::{ProgressFigures, TaskProgress};
use crate::words::words;

/// A task's figures at the time the gate is asked.
#[derive(Clone, Debug)]
pub struct TaskFigures<'a> {
    /// The task's id, for messages.
    pub task: &'a str,
    /// Its limits; `None`: opened implicitly, so never blocked.
    pub limits: Option<&'a TaskLimits>,
    /// Whether it is only tracked.
    pub enforcement: Enforcement,
    /// Tokens of all its executions plus unphased usage.
    pub tokens_used: u128,
    /// Budgeted latency of all its executions, the running one up to now.
    pub latency_ms: u128,
    /// The phase about to be left: the active one, otherwise the one that ended last.
    pub leaving: Option<PhaseFigures>,
    /// The running execution.
    pub active: Option<&'a ExecutionId>,
    /// Advances for which a person set the block aside.
    pub passes: &'a [Advance],
    /// What its phases achieved; `None`: its budget does not follow progress.
    pub progress: Option<&'a TaskProgress>,
}

impl TaskFigures<'_> {
    /// The limit of a phase in tokens that holds, with what progress added to it; `None`: it has none.
    #[must_use]
    pub fn token_limit(&self, limits: &TaskLimits, phase: &Phase) -> Option<u64> {
        match self.progress {
            Some(progress) => progress.limit_of(phase, limits),
            None => limits.phase(phase).map(|limit| limit.tokens),
        }
    }

    /// The task's limit in tokens that holds.
    #[must_use]
    pub fn total_token_limit(&self, limits: &TaskLimits) -> u64 {
        self.progress.map_or_else(|| limits.total_tokens(), |progress| progress.total_limit(limits))
    }
}

/// What a phase used over all its attempts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhaseFigures {
    /// Which phase.
    pub phase: Phase,
    /// Tokens over all attempts.
    pub tokens_used: u128,
    /// Budgeted latency over all attempts, the running one up to now.
    pub latency_ms: u128,
}

/// The settings that take effect immediately, including for tasks already open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Switches {
    /// The circuit breaker is open: transitions were too slow for too long. Nothing blocks and every answer says so.
    pub breaker: bool,
    /// The stop-loss itself. Off: nothing blocks and every answer says so.
    pub enabled: bool,
    /// How strictly decisions are enforced.
    pub rollout: Rollout,
    /// What cumulative latency above its threshold leads to.
    pub latency_action: BreachAction,
    /// What a phase above its threshold leads to.
    pub per_phase_action: BreachAction,
}

impl From<&BudgetConfig> for Switches {
    fn from(config: &BudgetConfig) -> Self {
        Self {
            breaker: false,
            enabled: config.stop_loss.enabled,
            rollout: config.rollout,
            latency_action: config.stop_loss.latency_action,
            per_phase_action: config.stop_loss.per_phase_action,
        }
    }
}

words!(
    /// The answer, least severe first.
    Verdict {
        /// Go on.
        Allow = "allow",
        /// Go on, and look at the reasons.
        Warn = "warn",
        /// Do not go on.
        Block = "block"
    }
);

/// What the gate answered, with everything that led to it. Recorded: this is the ledger's audit trail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GateDecided {
    /// Where the orchestrator wants to go.
    pub advance: Advance,
    /// The answer.
    pub verdict: Verdict,
    /// What the rules say before rollout, switches and overrides soften it.
    pub ruled: Verdict,
    /// Why, in the order of the rules.
    pub reasons: Vec<Reason>,
    /// What the orchestrator has to do beyond the verdict.
    pub requirements: Vec<Requirement>,
    /// The task's tokens against its limit; `None` without limits.
    pub tokens: Option<Utilization>,
    /// The task's budgeted latency against its limit; `None` without limits.
    pub latency: Option<Utilization>,
    /// The execution that was running.
    pub active: Option<ExecutionId>,
    /// Tokens left of the active phase's limit.
    pub remaining_tokens: Option<u64>,
    /// Milliseconds left of the active phase's limit.
    pub remaining_latency_ms: Option<u64>,
    /// Hash of the config in force when the gate was asked; the task's own limits carry theirs.
    pub config_hash: String,
    /// The position the decision is based on; added by the appender.
    pub as_of: String,
    /// Whether the view was behind the requested position.
    pub stale: bool,
    /// The rollout in force at the time; `None`: earlier versions did not record it.
    pub rollout: Option<Rollout>,
    /// The policies of money and tokens by which nothing more may be spent there.
    pub policies: Vec<String>,
    /// Whether that was not known in time.
    pub policies_unknown: bool,
    /// What its phase achieved; `None`: its budget does not follow progress, or no phase started.
    pub progress: Option<Box<ProgressFigures>>,
    /// What the task has drawn from its owner's pool: its limit is so much higher.
    pub drawn_tokens: u64,
}

impl GateDecided {
    /// What a task has to have drawn from a pool to pass. `None`: it is not blocked, or not by its tokens alone, so
    /// that no pool lets it pass; the inner `None`: it is beyond the pool's ceiling.
    #[must_use]
    pub fn needed_from(&self, pool: &PoolRules) -> Option<Option<u64>> {
        let mut blocks = self.reasons.iter().filter(|reason| reason.verdict == Verdict::Block);
        let is_by_tokens = blocks.all(|reason| reason.code == ReasonCode::TokenBudgetExceeded);
        let tokens = self.tokens.filter(|_| self.verdict == Verdict::Block && is_by_tokens)?;
        let own = u64::try_from(tokens.limit).unwrap_or(u64::MAX).saturating_sub(self.drawn_tokens);
        Some(pool.needed(tokens.used, own))
    }

    /// Adds why the pool does not let the task pass. It changes no verdict.
    pub fn add_pool_refused(&mut self, message: String) {
        self.reasons.push(Reason { code: ReasonCode::PoolRefused, verdict: Verdict::Allow, message });
    }

    /// Adds a policy by which nothing more may be spent there, with what it says. The gate warns of it: what refuses is
    /// the check, or the allocation, before something is spent.
    pub fn add_policy(&mut self, policy: String, message: String) {
        let verdict = Verdict::Warn;
        self.reasons.push(Reason { code: ReasonCode::PolicyExhausted, verdict, message });
        self.policies.push(policy);
        self.ruled = self.ruled.max(verdict);
        self.verdict = self.verdict.max(verdict);
    }
}

/// One reason of a decision: machine-readable code, message for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// Which rule.
    pub code: ReasonCode,
    /// The verdict this reason alone would lead to.
    pub verdict: Verdict,
    /// A sentence with all the details.
    pub message: String,
}

macro_rules! codes {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal),+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$variant_doc])* $variant),+
        }

        impl $name {
            /// The stable code.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text),+
                }
            }

            /// The reason with this code, if there is one.
            #[must_use]
            pub fn from_code(code: &str) -> Option<Self> {
                match code {
                    $($text => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }
    };
}

codes!(
    /// The rules that give reasons.
    ReasonCode {
        /// Tokens above a threshold that warns.
        TokenBudgetWarning = "token_budget_warning",
        /// Tokens above a threshold that blocks.
        TokenBudgetExceeded = "token_budget_exceeded",
        /// Cumulative latency above its threshold.
        LatencyBudgetExceeded = "latency_budget_exceeded",
        /// A single phase above its threshold.
        PhaseBudgetExceeded = "phase_budget_exceeded",
        /// Only the last phases are left and little is overspent: a block became a warning.
        NearlyDone = "nearly_done",
        /// The task has no limits.
        NoLimits = "no_limits",
        /// The task is only tracked.
        TrackingOnly = "tracking_only",
        /// The stop-loss is switched off.
        StopLossDisabled = "stop_loss_disabled",
        /// Tracking itself is switched off: nothing is known, nothing is decided.
        TrackingOff = "tracking_off",
        /// The circuit breaker is open.
        BreakerOpen = "breaker_open",
        /// Rollout: decide and record, never block.
        ObserveOnly = "observe_only",
        /// Rollout: this importance is not blocked yet.
        RolloutExempt = "rollout_exempt",
        /// A person set this block aside.
        OverrideGranted = "override_granted",
        /// The view was behind the position asked for.
        Stale = "stale",
        /// Part of the task's events could not be read.
        Degraded = "degraded",
        /// By a policy of money or tokens, nothing more may be spent in the phase asked for.
        PolicyExhausted = "policy_exhausted",
        /// A phase does the same again and again, or makes no progress for too many tokens.
        Spinning = "spinning",
        /// A productive phase got more than its limit.
        Extended = "extended",
        /// A phase has what earlier phases left unused.
        CarriedForward = "carried_forward",
        /// The task is expected to end far above its limit.
        ForecastExceeded = "forecast_exceeded",
        /// The task is above its own limit and lives on what it drew from its owner's pool.
        PoolDrawn = "pool_drawn",
        /// The pool of its owner does not let it pass.
        PoolRefused = "pool_refused"
    }
);

codes!(
    /// What a decision requires of people.
    Requirement {
        /// Explain the breach; the report shows the explanation.
        Explanation = "explanation",
        /// Look at the task before it goes on.
        Review = "review",
        /// Write a post-mortem.
        PostMortem = "post_mortem",
        /// Investigate before the task goes on.
        Investigation = "investigation",
        /// Work on the remediation task `FIX-BUDGET-BREACH-{task}`.
        Remediation = "remediation"
    }
);

impl Requirement {
    /// The requirement, as worded in sentences.
    #[must_use]
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::Explanation => "an explanation",
            Self::Review => "a review",
            Self::PostMortem => "a post-mortem",
            Self::Investigation => "an investigation",
            Self::Remediation => "a remediation",
        }
    }
}

#[cfg(test)]
mod tests;
