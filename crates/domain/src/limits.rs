//! Limits: `ceil(base × complexity × importance × phase weight)`, exact, with a single ceil. For tokens and latency.

use std::fmt::Write;

use serde::{Deserialize, Serialize};

use crate::config::{BudgetConfig, BudgetedLatency, PhaseBase, Thresholds, UnknownPhase};
use crate::decimal::Decimal;
use crate::metadata::{Enforcement, LimitOverride, TaskMetadata};
use crate::phase::Phase;
use crate::progress::rules::ProgressRules;
use crate::tier::{Complexity, Importance, ImportanceSource};

/// The limits of a task with everything they were computed from. Computed once, when the task opens, and
/// stored in that event; config changes do not affect them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskLimits {
    /// Scope tier.
    pub complexity: Complexity,
    /// Its factor.
    pub complexity_multiplier: Decimal,
    /// Importance tier.
    pub importance: Importance,
    /// Its factor.
    pub importance_multiplier: Decimal,
    /// Where the importance came from.
    pub importance_source: ImportanceSource,
    /// The task's own factor for computed limits.
    pub budget_multiplier: Option<Decimal>,
    /// One limit per phase, in order.
    pub phases: Vec<PhaseLimit>,
    /// The thresholds that the gate compares with.
    pub thresholds: Thresholds,
    /// The percentages of a limit that are reported.
    pub pressure_levels: Vec<u32>,
    /// Which time counts against latency limits.
    pub budgeted_latency: BudgetedLatency,
    /// Hash of the config they were computed from.
    pub config_hash: String,
    /// What its owner should know: an override below the computed limit, a fallback.
    pub warnings: Vec<String>,
    /// How its budget follows progress; `None`: it does not.
    pub progress: Option<Box<ProgressRules>>,
    /// Tokens that it has drawn from its owner's pool, beside the limits of its phases. Nothing as it opens.
    pub drawn_tokens: u64,
}

/// The limit of one phase of a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhaseLimit {
    /// Which phase.
    pub phase: Phase,
    /// Base budget in tokens.
    pub base_tokens: u64,
    /// Base budget in milliseconds.
    pub base_latency_ms: u64,
    /// The phase's weight.
    pub weight: Decimal,
    /// The effective limit in tokens.
    pub tokens: u64,
    /// The effective limit in milliseconds.
    pub latency_ms: u64,
    /// The part of it that was set by an override.
    pub overridden: LimitOverride,
}

/// Limits that could not be computed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LimitError {
    /// An override names a phase that is not in the config.
    #[error("budget_overrides: {0}")]
    UnknownPhase(#[from] UnknownPhase),
    /// The product exceeds the range of a limit.
    #[error("limit of {phase}: {base} × {factors} is above 18,446,744,073,709,551,615")]
    TooLarge {
        /// Which phase.
        phase: Phase,
        /// Its base budget.
        base: u64,
        /// The factors, as text.
        factors: String,
    },
}

/// The limits of a task with this metadata under this config.
///
/// # Errors
///
/// [`LimitError`]: nothing is rounded or cut to fit.
pub fn task_limits(config: &BudgetConfig, metadata: &TaskMetadata) -> Result<TaskLimits, LimitError> {
    for phase in metadata.budget_overrides.keys() {
        config.find_phase(phase)?;
    }
    let complexity = metadata.complexity.unwrap_or_default();
    let (importance, importance_source) = importance_of(metadata);
    let mut limits = TaskLimits {
        complexity,
        complexity_multiplier: config.complexity_multiplier(complexity),
        importance,
        importance_multiplier: config.importance_multiplier(importance),
        importance_source,
        budget_multiplier: metadata.budget_multiplier,
        phases: Vec::with_capacity(config.phases.len()),
        thresholds: config.stop_loss.thresholds.clone(),
        pressure_levels: config.pressure_levels.clone(),
        budgeted_latency: config.budgeted_latency,
        config_hash: config.hash(),
        warnings: Vec::new(),
        progress: config.progress.clone().map(Box::new),
        drawn_tokens: 0,
    };
    for base in &config.phases {
        let given = metadata.budget_overrides.get(&base.phase).copied().unwrap_or_default();
        let limit = phase_limit(&mut limits, base, given)?;
        limits.phases.push(limit);
    }
    Ok(limits)
}

/// Like [`task_limits`], but if the calculation fails, returns the limits of a Medium/medium task with the
/// failure as a warning, so that a task is never without limits because of arithmetic.
///
/// # Errors
///
/// [`UnknownPhase`] for an override of a nonexistent phase: that is the caller's mistake, not a failed calculation.
pub fn task_limits_or_fallback(
    config: &BudgetConfig,
    metadata: &TaskMetadata,
) -> Result<TaskLimits, UnknownPhase> {
    let error = match task_limits(config, metadata) {
        Ok(limits) => return Ok(limits),
        Err(LimitError::UnknownPhase(error)) => return Err(error),
        Err(error @ LimitError::TooLarge { .. }) => error,
    };
    // Bases are at most 10^10 and multipliers at most 10, so without the task's own factor the product fits.
    let mut limits =
        task_limits(config, &TaskMetadata { enforcement: Enforcement::On, ..TaskMetadata::default() })
            .expect("a validated config gives limits for Medium and medium");
    limits.warnings.push(format!("limit calculation failed, using Medium and medium: {error}"));
    Ok(limits)
}

impl TaskLimits {
    /// The limit of a phase.
    #[must_use]
    pub fn phase(&self, phase: &Phase) -> Option<&PhaseLimit> {
        self.phases.iter().find(|limit| limit.phase == *phase)
    }

    /// The index of a phase in the order.
    #[must_use]
    pub fn index_of(&self, phase: &Phase) -> Option<usize> {
        self.phases.iter().position(|limit| limit.phase == *phase)
    }

    /// Sets the limit of a phase aside: an override is absolute. Does nothing if there is no such phase.
    pub fn set_aside(&mut self, phase: &Phase, given: LimitOverride) {
        let Some(limit) = self.phases.iter_mut().find(|limit| limit.phase == *phase) else { return };
        if let Some(tokens) = given.tokens {
            limit.tokens = tokens;
            limit.overridden.tokens = Some(tokens);
        }
        if let Some(latency_ms) = given.latency_ms {
            limit.latency_ms = latency_ms;
            limit.overridden.latency_ms = Some(latency_ms);
        }
    }

    /// The last phase: the task closes when it ends.
    #[must_use]
    pub fn last_phase(&self) -> Option<&Phase> {
        self.phases.last().map(|limit| &limit.phase)
    }

    /// The task's limit in tokens: each phase once, whether started or not, and what was drawn from the pool.
    #[must_use]
    pub fn total_tokens(&self) -> u64 {
        self.phases.iter().fold(self.drawn_tokens, |total: u64, limit| total.saturating_add(limit.tokens))
    }

    /// The task's limit in milliseconds: each phase once, whether started or not.
    #[must_use]
    pub fn total_latency_ms(&self) -> u64 {
        self.phases.iter().fold(0, |total: u64, limit| total.saturating_add(limit.latency_ms))
    }

    /// Tokens and milliseconds of the phases not yet completed.
    #[must_use]
    pub fn remaining(&self, completed: &[Phase]) -> (u64, u64) {
        self.phases.iter().filter(|limit| !completed.contains(&limit.phase)).fold(
            (0, 0),
            |(tokens, latency), limit| {
                (u64::saturating_add(tokens, limit.tokens), u64::saturating_add(latency, limit.latency_ms))
            },
        )
    }

    /// A table of every limit with each factor, readable without knowing the formula.
    #[must_use]
    pub fn breakdown(&self) -> String {
        let mut out = format!(
            "complexity {} ×{}, importance {} ×{}{}\n",
            self.complexity,
            self.complexity_multiplier,
            self.importance,
            self.importance_multiplier,
            self.budget_multiplier.map(|factor| format!(", task ×{factor}")).unwrap_or_default(),
        );
        for limit in &self.phases {
            let tokens = self.explain(limit.base_tokens, limit.weight, limit.tokens, limit.overridden.tokens);
            let latency = self.explain(
                limit.base_latency_ms,
                limit.weight,
                limit.latency_ms,
                limit.overridden.latency_ms,
            );
            writeln!(out, "{}: {tokens} tokens; {latency} ms", limit.phase)
                .expect("writing to a String cannot fail");
        }
        out
    }

    fn explain(&self, base: u64, weight: Decimal, limit: u64, overridden: Option<u64>) -> String {
        match overridden {
            Some(_) => format!("{limit} (override, absolute)"),
            None => format!("{limit} = ceil({base} × {})", self.factors(weight)),
        }
    }

    fn factors(&self, weight: Decimal) -> String {
        let task = self.budget_multiplier.map(|factor| format!(" × {factor}")).unwrap_or_default();
        format!("{} × {} × {weight}{task}", self.complexity_multiplier, self.importance_multiplier)
    }
}

fn importance_of(metadata: &TaskMetadata) -> (Importance, ImportanceSource) {
    if let Some(stated) = metadata.importance {
        return (stated, ImportanceSource::Stated);
    }
    match Importance::inferred_from(&metadata.tags) {
        Some((importance, tag)) => (importance, ImportanceSource::Tag(tag)),
        None => (Importance::default(), ImportanceSource::Default),
    }
}

fn phase_limit(
    limits: &mut TaskLimits,
    base: &PhaseBase,
    given: LimitOverride,
) -> Result<PhaseLimit, LimitError> {
    let factors = [limits.complexity_multiplier, limits.importance_multiplier, base.weight]
        .into_iter()
        .chain(limits.budget_multiplier);
    let computed = |amount: u64| {
        ceil_product(amount, factors.clone()).ok_or_else(|| LimitError::TooLarge {
            phase: base.phase.clone(),
            base: amount,
            factors: limits.factors(base.weight),
        })
    };
    let (tokens, latency_ms) = (computed(base.tokens)?, computed(base.latency_ms)?);
    let mut warn_if_below = |what: &str, given: Option<u64>, computed: u64| {
        if let Some(given) = given
            && given < computed
        {
            let phase = &base.phase;
            limits
                .warnings
                .push(format!("override of {phase} to {given} {what} is below the computed {computed}"));
        }
    };
    warn_if_below("tokens", given.tokens, tokens);
    warn_if_below("ms", given.latency_ms, latency_ms);
    Ok(PhaseLimit {
        phase: base.phase.clone(),
        base_tokens: base.tokens,
        base_latency_ms: base.latency_ms,
        weight: base.weight,
        tokens: given.tokens.unwrap_or(tokens),
        latency_ms: given.latency_ms.unwrap_or(latency_ms),
        overridden: given,
    })
}

/// `ceil(base × factors)`, or `None` if it exceeds `u64`.
fn ceil_product(base: u64, factors: impl Iterator<Item = Decimal>) -> Option<u64> {
    let mut mantissa = u128::from(base);
    let mut scale: u32 = 0;
    for factor in factors {
        mantissa = mantissa.checked_mul(u128::from(factor.mantissa()))?;
        scale = scale.checked_add(u32::from(factor.scale()))?;
    }
    u64::try_from(mantissa.div_ceil(10_u128.checked_pow(scale)?)).ok()
}

#[cfg(test)]
mod tests;
