//! How much of its limits each task used, under a config.

use tollgate_domain::config::BudgetConfig;
use tollgate_domain::decimal::Decimal;
use tollgate_domain::limits::{LimitError, TaskLimits, task_limits};
use tollgate_domain::metadata::TaskMetadata;
use tollgate_domain::tier::{Complexity, Importance};

use super::cells::CLASSES;
use super::history::{TIERS, Taken, Task};

/// What a task used of its limits, in parts per million, rounded up; u64::MAX for more than that holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Used {
    /// All tokens against the total.
    pub(super) tokens: u64,
    /// Tokens of the phases before the checkpoint against the total.
    pub(super) early_tokens: u64,
    /// Latency against the total, as far as it is known.
    pub(super) latency: u64,
    /// The phase that used most of its own limit, tokens or latency.
    pub(super) phase: u64,
    /// Phases, and those above their limit.
    pub(super) phases: (u64, u64),
}

/// The limits of each class of tasks under a config.
pub(super) struct Limits {
    classes: Vec<TaskLimits>,
    /// Of each phase of the history, its place in the config.
    order: Vec<Option<usize>>,
    /// The checkpoint's place.
    checkpoint: usize,
}

impl Limits {
    /// # Errors
    ///
    /// [`LimitError`]: limits out of range.
    pub(super) fn of(config: &BudgetConfig, order: Vec<Option<usize>>) -> Result<Self, LimitError> {
        let limits = (0..CLASSES).map(|class| {
            let metadata = TaskMetadata {
                complexity: Complexity::ALL.get(class / TIERS).copied(),
                importance: Importance::ALL.get(class % TIERS).copied(),
                ..TaskMetadata::default()
            };
            task_limits(config, &metadata)
        });
        let checkpoint = config.stop_loss.thresholds.checkpoint_phase.as_ref();
        let checkpoint =
            checkpoint.and_then(|phase| config.phases.iter().position(|base| base.phase == *phase));
        Ok(Self { classes: limits.collect::<Result<_, _>>()?, order, checkpoint: checkpoint.unwrap_or(0) })
    }

    /// The limits of a task.
    pub(super) fn of_class(&self, task: &Task) -> Option<&TaskLimits> {
        self.classes.get(task.class())
    }

    /// The place in the config of the phase that something was taken in; `None`: outside of phases, or of one that the
    /// config does not know.
    pub(super) fn place(&self, taken: &Taken) -> Option<usize> {
        taken.phase.and_then(|phase| self.order.get(phase).copied().flatten())
    }

    /// What a task used. A phase that the config does not know counts in the total only.
    pub(super) fn used(&self, task: &Task, taken: impl Iterator<Item = Taken>) -> Used {
        let mut used = Used::default();
        let Some(limits) = self.of_class(task) else { return used };
        let (mut tokens, mut early, mut latency) = (0_u128, 0_u128, 0_u128);
        for taken in taken {
            tokens += u128::from(taken.tokens);
            latency += u128::from(taken.latency_ms.unwrap_or(0));
            let Some(place) = self.place(&taken) else { continue };
            if place < self.checkpoint {
                early += u128::from(taken.tokens);
            }
            if let Some(limit) = limits.phases.get(place) {
                let of_latency = share(taken.latency_ms.unwrap_or(0).into(), limit.latency_ms);
                let share = share(taken.tokens.into(), limit.tokens).max(of_latency);
                used.phase = used.phase.max(share);
                used.phases.0 += 1;
                used.phases.1 += u64::from(share > PPM);
            }
        }
        used.tokens = share(tokens, limits.total_tokens());
        used.early_tokens = share(early, limits.total_tokens());
        used.latency = share(latency, limits.total_latency_ms());
        used
    }
}

/// One, in parts per million.
pub(super) const PPM: u64 = 1_000_000;

/// Parts per million, rounded up: at most a threshold in hundredths exactly when the fraction is.
fn share(used: u128, limit: u64) -> u64 {
    let share = used.saturating_mul(PPM.into()).div_ceil(u128::from(limit.max(1)));
    u64::try_from(share).unwrap_or(u64::MAX)
}

/// A threshold or weight in parts per million; it has no more than six decimal places.
pub(super) fn ppm(number: Decimal) -> u64 {
    number.times_rounded_up(PPM)
}
