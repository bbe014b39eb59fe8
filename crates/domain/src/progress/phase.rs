//! One phase of a task over all its attempts: tokens, points, checks, extensions and repetitions.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::rules::ProgressRules;
use crate::breach::Utilization;
use crate::phase::Phase;
use crate::words::words;

/// Checks kept of a phase, the latest ones. Earlier ones follow from the log.
pub const KEPT_CHECKS: usize = 16;

/// Fewer calls without progress are never too many: what a call achieved is reported after it.
pub const FEWEST_CALLS: u64 = 2;

words!(
    /// What a phase achieves for its tokens.
    Pace {
        /// Nothing counts as progress there, or nobody reported any of it: unknown is not zero.
        Unknown = "unknown",
        /// At least the rate from which a phase is productive.
        Productive = "productive",
        /// Less than that.
        Slow = "slow",
        /// The same again and again, or nothing for too many tokens.
        Spinning = "spinning"
    }
);

words!(
    /// Whether a phase runs.
    PhaseStage {
        /// It has not started.
        Waiting = "waiting",
        /// It has started.
        Running = "running",
        /// It has ended.
        Ended = "ended"
    }
);

/// What is known of a phase.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhaseProgress {
    /// Which phase.
    pub phase: Phase,
    /// Whether it runs.
    pub stage: PhaseStage,
    /// Tokens, corrections included.
    pub tokens: i128,
    /// Reported wait time in milliseconds.
    pub wait_ms: u64,
    /// The signals that count there, summed; repetitions add nothing.
    pub signals: BTreeMap<String, i128>,
    /// Their points.
    pub points: i128,
    /// The most points it has had: only more than that is progress.
    pub best_points: u64,
    /// Its tokens when it last made progress.
    pub tokens_at_progress: u64,
    /// Calls since then.
    pub calls_since_progress: u64,
    /// What came up last, and how often in a row without progress.
    pub repeated: Option<Repeated>,
    /// Shares of its limit that were checked, as a count of `check_percent`.
    pub checked: u64,
    /// The latest checks, oldest first.
    pub checks: Vec<Check>,
    /// Tokens that checks added to its limit.
    pub extended: u64,
    /// Tokens that earlier phases left to it.
    pub carried_in: u64,
    /// Tokens that it left to later phases.
    pub carried_out: u64,
}

/// The same thing several times in a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repeated {
    /// The signal's name.
    pub signal: String,
    /// What it is about.
    pub key: String,
    /// How often.
    pub times: u64,
}

/// A check of a phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// The share of its limit at which it was checked, in percent.
    pub percent: u64,
    /// Its tokens then.
    pub tokens: u64,
    /// The most points it had had by then.
    pub points: u64,
    /// Tokens since the check before.
    pub since_tokens: u64,
    /// Points since the check before.
    pub since_points: u64,
    /// What that is.
    pub pace: Pace,
    /// Tokens that the check added to its limit.
    pub extended_by: u64,
}

/// A signal as a phase sees it.
#[derive(Clone, Copy, Debug)]
pub struct PhaseSignal<'a> {
    /// Its name.
    pub name: &'a str,
    /// What it is about.
    pub key: Option<&'a str>,
    /// By how much it grew.
    pub value: i64,
    /// What one unit is worth; `None`: it is no progress.
    pub worth: Option<u64>,
}

/// What a phase is judged by.
#[derive(Clone, Copy, Debug)]
pub struct Measure<'a> {
    /// The task's rules.
    pub rules: &'a ProgressRules,
    /// The phase's own limit in tokens.
    pub limit: u64,
    /// Whether anybody reports progress of this task.
    pub is_reported: bool,
}

impl PhaseProgress {
    /// A phase of which nothing is known.
    #[must_use]
    pub fn new(phase: Phase) -> Self {
        Self {
            phase,
            stage: PhaseStage::Waiting,
            tokens: 0,
            wait_ms: 0,
            signals: BTreeMap::new(),
            points: 0,
            best_points: 0,
            tokens_at_progress: 0,
            calls_since_progress: 0,
            repeated: None,
            checked: 0,
            checks: Vec::new(),
            extended: 0,
            carried_in: 0,
            carried_out: 0,
        }
    }

    /// Its tokens; never below 0.
    #[must_use]
    pub fn used(&self) -> u64 {
        u64::try_from(self.tokens.max(0)).unwrap_or(u64::MAX)
    }

    /// Tokens since it last made progress.
    #[must_use]
    pub fn since_progress(&self) -> u64 {
        self.used().saturating_sub(self.tokens_at_progress)
    }

    /// The limit that holds: its own, with what was added and carried.
    #[must_use]
    pub fn effective_limit(&self, limit: u64) -> u64 {
        limit.saturating_add(self.extended).saturating_add(self.carried_in).saturating_sub(self.carried_out)
    }

    /// How many tokens may still be added to its limit.
    #[must_use]
    pub fn room(&self, limit: u64, rules: &ProgressRules) -> u64 {
        rules.ceiling.times_rounded_down(limit).saturating_sub(self.effective_limit(limit))
    }

    /// Adds the tokens of a call, and checks the phase if that took it past another share of its limit.
    pub fn call(&mut self, tokens: i128, measure: Measure<'_>) {
        self.calls_since_progress = self.calls_since_progress.saturating_add(1);
        self.correct(tokens, measure);
    }

    /// Corrects its tokens; checks the phase, too. What was checked stays checked.
    pub fn correct(&mut self, change: i128, measure: Measure<'_>) {
        self.tokens = self.tokens.saturating_add(change);
        self.tokens_at_progress = self.tokens_at_progress.min(self.used());
        let step = u128::from(measure.rules.check_percent);
        let percent = u128::from(self.used()).saturating_mul(100).checked_div(measure.limit.into());
        let Some(passed) = percent.and_then(|percent| percent.checked_div(step)) else { return };
        let passed = u64::try_from(passed).unwrap_or(u64::MAX);
        if passed > self.checked {
            self.checked = passed;
            self.check(measure);
        }
    }

    /// Takes a signal.
    pub fn signal(&mut self, signal: PhaseSignal<'_>) {
        let is_repetition = self.repeat(signal);
        let Some(worth) = signal.worth.filter(|_| !is_repetition) else { return };
        let sum = self.signals.entry(signal.name.to_owned()).or_default();
        *sum = sum.saturating_add(signal.value.into());
        let points = i128::from(signal.value).saturating_mul(worth.into());
        self.points = self.points.saturating_add(points);
        let points = u64::try_from(self.points.max(0)).unwrap_or(u64::MAX);
        if points > self.best_points {
            self.best_points = points;
            self.tokens_at_progress = self.used();
            self.calls_since_progress = 0;
            if signal.key.is_none() {
                self.repeated = None;
            }
        }
    }

    /// Counts what came up; returns whether it came up before, with nothing else in between.
    fn repeat(&mut self, signal: PhaseSignal<'_>) -> bool {
        let (Some(key), Ok(times @ 1..)) = (signal.key, u64::try_from(signal.value)) else { return false };
        match &mut self.repeated {
            Some(repeated) if repeated.signal == signal.name && repeated.key == key => {
                repeated.times = repeated.times.saturating_add(times);
                true
            }
            Some(_) | None => {
                let (signal, key) = (signal.name.to_owned(), key.to_owned());
                self.repeated = Some(Repeated { signal, key, times });
                false
            }
        }
    }

    /// How often the same came up in a row, if that is too often.
    #[must_use]
    pub fn too_often(&self, rules: &ProgressRules) -> Option<&Repeated> {
        let is_too_often = |repeated: &&Repeated| repeated.times >= rules.spinning_repeats;
        self.repeated.as_ref().filter(|_| rules.spinning_repeats > 0).filter(is_too_often)
    }

    /// Tokens without progress beside its limit, if these are too many.
    #[must_use]
    pub fn too_long(&self, measure: Measure<'_>) -> Option<Utilization> {
        let share = measure.rules.spinning_share;
        let spent = Utilization::new(self.since_progress(), measure.limit);
        let is_judged = self.is_judged(measure) && self.calls_since_progress >= FEWEST_CALLS;
        (is_judged && !share.is_zero() && spent.above(share)).then_some(spent)
    }

    /// What it achieves now: at once where it spins, otherwise as of the latest check, or so far.
    #[must_use]
    pub fn pace(&self, measure: Measure<'_>) -> Pace {
        let latest = self.checks.last().map(|check| check.pace);
        let latest = latest.filter(|pace| matches!(pace, Pace::Productive | Pace::Slow));
        match self.pace_of(self.used(), self.best_points, measure) {
            // What has ended goes in circles no more.
            Pace::Spinning if self.stage == PhaseStage::Ended => {
                self.rate(self.used(), self.best_points, measure)
            }
            pace @ (Pace::Spinning | Pace::Unknown) => pace,
            pace @ (Pace::Productive | Pace::Slow) => latest.unwrap_or(pace),
        }
    }

    fn check(&mut self, measure: Measure<'_>) {
        let before = self.checks.last().map_or((0, 0), |check| (check.tokens, check.points));
        let (tokens, points) = (self.used(), self.best_points);
        let since_tokens = tokens.saturating_sub(before.0);
        let since_points = points.saturating_sub(before.1);
        let pace = self.pace_of(since_tokens, since_points, measure);
        let extended_by = if pace == Pace::Productive { self.extend(measure) } else { 0 };
        let percent = self.checked.saturating_mul(measure.rules.check_percent.into());
        if self.checks.len() >= KEPT_CHECKS {
            self.checks.remove(0);
        }
        self.checks.push(Check { percent, tokens, points, since_tokens, since_points, pace, extended_by });
    }

    /// Adds to the limit until it is above what was used, in whole steps, up to the ceiling. Returns how much.
    fn extend(&mut self, Measure { rules, limit, .. }: Measure<'_>) -> u64 {
        let Some(beyond) = self.used().checked_sub(self.effective_limit(limit)) else { return 0 };
        let step = rules.extension.times_rounded_down(limit);
        let steps = beyond.checked_div(step).map_or(0, |steps| steps.saturating_add(1));
        let by = steps.saturating_mul(step).min(self.room(limit, rules));
        self.extended = self.extended.saturating_add(by);
        by
    }

    fn is_judged(&self, measure: Measure<'_>) -> bool {
        measure.is_reported && measure.rules.signals_of(&self.phase).is_some()
    }

    fn pace_of(&self, tokens: u64, points: u64, measure: Measure<'_>) -> Pace {
        if self.too_often(measure.rules).is_some() || self.too_long(measure).is_some() {
            Pace::Spinning
        } else {
            self.rate(tokens, points, measure)
        }
    }

    /// By points for tokens alone; unknown where nothing was spent so far.
    fn rate(&self, tokens: u64, points: u64, measure: Measure<'_>) -> Pace {
        let rate = Utilization::new(u128::from(points).saturating_mul(1000), tokens);
        if !self.is_judged(measure) || (tokens == 0 && points == 0) {
            Pace::Unknown
        } else if rate.below(measure.rules.productive_rate) {
            Pace::Slow
        } else {
            Pace::Productive
        }
    }
}
