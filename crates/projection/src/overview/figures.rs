//! The figures, and how those of two parts of a ledger are merged.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use serde::{Deserialize, Serialize};
use tollgate_domain::progress::anomaly::Quartiles;
use tollgate_domain::tier::{Complexity, Importance};
use tollgate_domain::time::{Day, Timestamp};

/// Tasks that are listed for review by name; the others are only counted.
pub const KEPT_FOR_REVIEW: usize = 50;

/// Upper bounds of the utilization classes in percent of the limit, each inclusive; anything above the last
/// has its own class.
pub const BOUNDS: [u32; 8] = [25, 50, 60, 80, 90, 100, 150, 200];

/// The Monday of the week of a time, in UTC.
#[must_use]
pub fn week_of(time: Timestamp) -> Day {
    let day = time.day().0;
    // 1970-01-01 was a Thursday.
    Day(day.saturating_sub(day.saturating_add(3).rem_euclid(7)))
}

/// How often each value occurred. Values are kept to three digits, rounded up, so that many tasks need no
/// more space than few.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted(pub BTreeMap<u64, u64>);

impl Counted {
    /// Adds a value.
    pub fn note(&mut self, value: u64) {
        let count = self.0.entry(kept(value)).or_default();
        *count = count.saturating_add(1);
    }

    /// Takes back a value that was added.
    pub fn take_back(&mut self, value: u64) {
        if let Entry::Occupied(mut entry) = self.0.entry(kept(value)) {
            *entry.get_mut() = entry.get().saturating_sub(1);
            if *entry.get() == 0 {
                entry.remove();
            }
        }
    }

    /// Its quartiles; of nothing, zeros.
    #[must_use]
    pub fn quartiles(&self) -> Quartiles {
        let percentile = |percent| self.percentile(percent).unwrap_or_default();
        let (low, median, high) = (percentile(25), percentile(50), percentile(75));
        Quartiles { values: self.count(), low, median, high }
    }

    /// How many values there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.values().fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// How many are less than or equal to this.
    #[must_use]
    pub fn up_to(&self, value: u64) -> u64 {
        self.0.range(..=value).fold(0, |sum, (_, count)| sum.saturating_add(*count))
    }

    /// The smallest value that this percentage of values does not exceed; `None`: there are no values.
    #[must_use]
    pub fn percentile(&self, percent: u64) -> Option<u64> {
        let rank = self.count().saturating_mul(percent).div_ceil(100).max(1);
        let mut seen: u64 = 0;
        self.0.iter().find_map(|(value, count)| {
            seen = seen.saturating_add(*count);
            (seen >= rank).then_some(*value)
        })
    }

    /// Adds the counts of another.
    pub fn merge(&mut self, other: &Self) {
        for (value, count) in &other.0 {
            let sum = self.0.entry(*value).or_default();
            *sum = sum.saturating_add(*count);
        }
    }
}

/// A value to three digits, rounded up.
pub(super) fn kept(value: u64) -> u64 {
    let mut unit: u64 = 1;
    while value.div_ceil(unit) > 999 {
        unit = unit.saturating_mul(10);
    }
    value.div_ceil(unit).saturating_mul(unit)
}

/// Adds up fields of the same name.
macro_rules! merge {
    ($to:expr, $from:expr; $($field:ident),+) => {
        $($to.$field = $to.$field.saturating_add($from.$field);)+
    };
}

/// All tasks of a ledger, or of a part of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overview {
    /// By the Monday of the week: of the opening; for closed tasks, of the end; for implicit ones, of their
    /// first event.
    pub weeks: BTreeMap<Day, WeekFigures>,
    /// Open tasks that are blocked.
    pub blocked: Review,
    /// Open tasks with an execution that runs too long.
    pub stuck: Review,
    /// Open tasks of critical importance without a justification.
    pub unjustified: Review,
    /// Tasks whose importance was changed, open or closed.
    pub importance_changed: Review,
    /// When the latest event of all happened.
    pub last_at: Timestamp,
    /// Tasks with an event that could not be read: it is missing from the figures.
    pub degraded: u64,
}

impl Overview {
    /// Adds the figures of another part.
    pub fn merge(&mut self, other: Self) {
        for (week, figures) in other.weeks {
            self.weeks.entry(week).or_default().merge(&figures);
        }
        self.last_at = self.last_at.max(other.last_at);
        self.blocked.merge(other.blocked);
        self.stuck.merge(other.stuck);
        self.unjustified.merge(other.unjustified);
        self.importance_changed.merge(other.importance_changed);
        self.degraded = self.degraded.saturating_add(other.degraded);
    }
}

/// Tasks that someone should look at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Review {
    /// How many.
    pub count: u64,
    /// The first of them by tenant and id, at most [`KEPT_FOR_REVIEW`], each with a sentence.
    #[serde(with = "crate::pairs")]
    pub tasks: BTreeMap<(String, String), String>,
}

impl Review {
    /// Adds a task.
    pub fn note(&mut self, tenant: &str, task: &str, why: String) {
        self.count = self.count.saturating_add(1);
        self.tasks.insert((tenant.to_owned(), task.to_owned()), why);
        self.cut();
    }

    fn merge(&mut self, other: Self) {
        self.count = self.count.saturating_add(other.count);
        self.tasks.extend(other.tasks);
        self.cut();
    }

    fn cut(&mut self) {
        while self.tasks.len() > KEPT_FOR_REVIEW {
            self.tasks.pop_last();
        }
    }
}

/// One week.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WeekFigures {
    /// Tasks that were opened in it, by complexity and current importance.
    #[serde(with = "crate::pairs")]
    pub tiers: BTreeMap<(Complexity, Importance), TierFigures>,
    /// Ended executions of those tasks, by phase.
    pub phases: BTreeMap<String, PhaseFigures>,
    /// Tasks that closed in it.
    pub closed: ClosedFigures,
    /// Implicit tasks that began in it.
    pub implicit_tasks: u64,
    /// Tokens of tasks that were opened or began in it.
    pub tokens: u64,
    /// Of those, tokens that were estimated from text lengths.
    pub estimated_tokens: u64,
}

impl WeekFigures {
    /// Adds the counts of another.
    pub fn merge(&mut self, other: &Self) {
        for (tier, figures) in &other.tiers {
            self.tiers.entry(*tier).or_default().merge(figures);
        }
        for (phase, figures) in &other.phases {
            self.phases.entry(phase.clone()).or_default().merge(figures);
        }
        self.closed.merge(&other.closed);
        merge!(self, other; implicit_tasks, tokens, estimated_tokens);
    }

    /// The combined tasks of those tiers for which `of` is true.
    #[must_use]
    pub fn all(&self, of: impl Fn(Complexity, Importance) -> bool) -> TierFigures {
        let mut all = TierFigures::default();
        for ((complexity, importance), figures) in &self.tiers {
            if of(*complexity, *importance) {
                all.merge(figures);
            }
        }
        all
    }
}

/// Opened tasks that have something in common.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TierFigures {
    /// How many.
    pub tasks: u64,
    /// Those within their limits.
    pub within: u64,
    /// Above their limits, up to 1.5 times.
    pub warning: u64,
    /// Above 1.5 times their limits.
    pub exceeded: u64,
    /// Those that the rules warned about but would not have blocked.
    pub warned: u64,
    /// Those that the rules would have blocked, whatever the rollout.
    pub ruled: u64,
    /// Those that the gate blocked.
    pub stopped: u64,
    /// Of `stopped`, those that went on anyway.
    #[serde(default)]
    pub bypassed: u64,
    /// Of `ruled`, those that a person marked legitimate: false positives.
    pub legitimate: u64,
    /// Of `ruled`, those that a person marked runaway.
    pub runaway: u64,
    /// Of `warned`, those marked legitimate.
    pub warned_legitimate: u64,
    /// Of `warned`, those marked runaway.
    pub warned_runaway: u64,
    /// Tokens of closed tasks.
    pub closed_tokens: u64,
    /// Token limits of closed tasks.
    pub closed_limits: u64,
    /// What the legitimate ones used in the end, in percent of their limits.
    pub legitimate_percent: Counted,
    /// What the runaways used in the end, in percent of their limits.
    pub runaway_percent: Counted,
}

impl TierFigures {
    /// Adds the counts of another.
    pub fn merge(&mut self, other: &Self) {
        merge!(self, other; tasks, within, warning, exceeded, warned, ruled, stopped, bypassed, legitimate, runaway);
        merge!(self, other; warned_legitimate, warned_runaway, closed_tokens, closed_limits);
        self.legitimate_percent.merge(&other.legitimate_percent);
        self.runaway_percent.merge(&other.runaway_percent);
    }
}

/// Ended executions of one phase.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhaseFigures {
    /// How many.
    pub executions: u64,
    /// Their tokens.
    pub tokens: u64,
    /// Their token limits.
    pub token_limits: u64,
    /// Their budgeted milliseconds.
    pub latency_ms: u64,
    /// Their latency limits.
    pub latency_limits_ms: u64,
    /// How many of them used at most this share of their token limit: the classes of [`BOUNDS`], then those above.
    pub classes: [u64; 9],
}

impl PhaseFigures {
    /// Adds the counts of another.
    pub fn merge(&mut self, other: &Self) {
        merge!(self, other; executions, tokens, token_limits, latency_ms, latency_limits_ms);
        for (class, count) in self.classes.iter_mut().zip(other.classes) {
            *class = class.saturating_add(count);
        }
    }
}

/// Tasks that closed in a week.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClosedFigures {
    /// Completed.
    pub completed: u64,
    /// Cancelled.
    pub cancelled: u64,
    /// Abandoned.
    pub abandoned: u64,
    /// Tokens of each completed one.
    pub tokens: Counted,
    /// Milliseconds from opening to end of each completed one.
    pub duration_ms: Counted,
}

impl ClosedFigures {
    /// How many.
    #[must_use]
    pub fn tasks(&self) -> u64 {
        self.completed.saturating_add(self.cancelled).saturating_add(self.abandoned)
    }

    /// Adds the counts of another.
    pub fn merge(&mut self, other: &Self) {
        merge!(self, other; completed, cancelled, abandoned);
        self.tokens.merge(&other.tokens);
        self.duration_ms.merge(&other.duration_ms);
    }
}

/// Tasks that the rules stopped, or would have, without a mark by a person.
pub(super) fn unmarked(tier: &TierFigures) -> u64 {
    tier.ruled.saturating_sub(tier.legitimate).saturating_sub(tier.runaway)
}
