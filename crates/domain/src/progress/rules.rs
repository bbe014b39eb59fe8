//! The settings of budgets that follow progress. A task keeps those that were in force when it was opened.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::decimal::Decimal;
use crate::phase::Phase;
use crate::words::words;

/// What counts as progress, and what follows from it. All comparisons are exact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgressRules {
    /// What counts as progress, phase by phase, in the order of the phases. A phase that is not here is not judged.
    pub phases: Vec<PhaseSignals>,
    /// A phase is checked each time it has used another share of this size of its limit, in percent.
    pub check_percent: u32,
    /// Points per 1,000 tokens from which a phase is productive.
    pub productive_rate: Decimal,
    /// What a productive phase gets when it has reached its limit, as a share of its own limit; 0: nothing.
    pub extension: Decimal,
    /// Extensions and carried tokens never raise a limit above this multiple of it.
    pub ceiling: Decimal,
    /// Whether extensions raise the task's limit, too.
    pub extension_raises_total: bool,
    /// How often in a row the same call or file may come up without progress in between: from then on the phase is
    /// spinning; 0: off.
    pub spinning_repeats: u64,
    /// The share of its limit that a phase may use without progress: above it the phase is spinning; 0: off.
    pub spinning_share: Decimal,
    /// What a spinning phase leads to.
    pub spinning_action: SpinningAction,
    /// The share of what ended phases left unused that a later phase gets when it starts; 0: nothing.
    pub carry_forward: Decimal,
    /// The phases that get it.
    pub carry_phases: Vec<Phase>,
    /// The gate warns of a forecast above this multiple of the task's limit; 0: never.
    pub forecast_warn: Decimal,
    /// Forecasts are made once this many phases have ended.
    pub forecast_min_phases: u64,
}

/// What counts as progress in one phase.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhaseSignals {
    /// Which phase.
    pub phase: Phase,
    /// Names of signals, and the points that one unit of each is worth.
    pub points: BTreeMap<String, u64>,
    /// The points that the phase ends with, as expected; `None`: nobody expects a number.
    pub expected_points: Option<u64>,
}

words!(
    /// What a spinning phase leads to.
    SpinningAction {
        /// The gate warns.
        Warn = "warn",
        /// The gate blocks.
        Block = "block"
    }
);

/// Signals of the shipped phases, if a config names none: phase, signal, points.
const DEFAULT_SIGNALS: [(&str, &str, u64); 14] = [
    ("STRATEGIZE", "alternatives_considered", 3),
    ("SPEC", "criteria_defined", 2),
    ("PLAN", "planner_iterations", 3),
    ("THINK", "alternatives_considered", 3),
    ("THINK", "edge_cases_found", 2),
    ("IMPLEMENT", "files_changed", 2),
    ("IMPLEMENT", "tests_passing", 1),
    ("VERIFY", "tests_passing", 1),
    ("VERIFY", "coverage_percent", 1),
    ("VERIFY", "criteria_verified", 2),
    ("REVIEW", "quality", 1),
    ("REVIEW", "criteria_verified", 2),
    ("PR", "criteria_verified", 2),
    ("MONITOR", "criteria_verified", 2),
];

impl ProgressRules {
    /// The defaults for a ledger with these phases: checks at each 25 %, extensions of 25 % up to twice the limit for
    /// phases with at least 1 point per 1,000 tokens, which do not raise the task's limit; a warning for 8 repeats or
    /// half of the limit without progress; nothing carried forward; a warning of forecasts above 150 %.
    #[must_use]
    pub fn of_phases(phases: &[Phase]) -> Self {
        let signals = phases.iter().map(|phase| PhaseSignals {
            phase: phase.clone(),
            points: DEFAULT_SIGNALS
                .iter()
                .filter(|(name, ..)| *name == phase.as_str())
                .map(|(_, signal, points)| ((*signal).to_owned(), *points))
                .collect(),
            expected_points: None,
        });
        Self {
            phases: signals.filter(|signals| !signals.points.is_empty()).collect(),
            check_percent: 25,
            productive_rate: Decimal::ONE,
            extension: Decimal::new(25, 2),
            ceiling: Decimal::new(2, 0),
            extension_raises_total: false,
            spinning_repeats: 8,
            spinning_share: Decimal::new(5, 1),
            spinning_action: SpinningAction::Warn,
            carry_forward: Decimal::ZERO,
            carry_phases: phases.to_vec(),
            forecast_warn: Decimal::new(15, 1),
            forecast_min_phases: 1,
        }
    }

    /// What counts as progress in a phase; `None`: nothing does, so it is not judged.
    #[must_use]
    pub fn signals_of(&self, phase: &Phase) -> Option<&PhaseSignals> {
        self.phases.iter().find(|signals| signals.phase == *phase)
    }
}
