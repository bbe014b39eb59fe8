//! A task: its phases, as folded from what is recorded of it, in the order of the log.

use serde::{Deserialize, Serialize};

use super::carry;
use super::forecast::{self, Forecast};
use super::phase::{Measure, PhaseProgress, PhaseSignal, PhaseStage};
use super::rules::ProgressRules;
use crate::limits::TaskLimits;
use crate::phase::Phase;

/// What is known of a task whose budget follows progress.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskProgress {
    /// The phases that something is known of, in the order in which it became known.
    pub phases: Vec<PhaseProgress>,
    /// The phase that started last.
    pub current: Option<Phase>,
    /// Tokens that belong to no phase with a limit.
    pub elsewhere_tokens: i128,
    /// Whether anybody reported a signal that counts as progress, if only that there is none.
    pub is_reported: bool,
    /// What was expected each time a phase ended first.
    pub forecasts: Vec<Forecast>,
}

/// What happened.
#[derive(Clone, Copy, Debug)]
pub enum Fact<'a> {
    /// A phase started.
    Started,
    /// A phase ended.
    Ended,
    /// A call used tokens.
    Used(i128),
    /// Its tokens were corrected by so many.
    Corrected(i128),
    /// A phase waited, in milliseconds.
    Waited(u64),
    /// A phase showed a sign.
    Signalled {
        /// The signal.
        name: &'a str,
        /// What it is about.
        key: Option<&'a str>,
        /// By how much it grew.
        value: i64,
    },
}

impl TaskProgress {
    /// Takes what happened in a phase, or outside of all. Nothing without rules.
    pub fn take(&mut self, limits: &TaskLimits, phase: Option<&Phase>, fact: Fact<'_>) {
        let Some(rules) = limits.progress.as_deref() else { return };
        let Some((phase, limit)) = phase.and_then(|phase| Some((phase, limits.phase(phase)?.tokens))) else {
            if let Fact::Used(tokens) | Fact::Corrected(tokens) = fact {
                self.elsewhere_tokens = self.elsewhere_tokens.saturating_add(tokens);
            }
            return;
        };
        match fact {
            Fact::Started => {
                self.of(phase).stage = PhaseStage::Running;
                self.current = Some(phase.clone());
                carry::carry_into(&mut self.phases, phase, limits, rules);
            }
            Fact::Ended => self.end(phase, limits, rules),
            Fact::Used(tokens) => {
                let is_reported = self.is_reported;
                self.of(phase).call(tokens, Measure { rules, limit, is_reported });
            }
            Fact::Corrected(change) => {
                let is_reported = self.is_reported;
                self.of(phase).correct(change, Measure { rules, limit, is_reported });
            }
            Fact::Waited(ms) => {
                let of_phase = self.of(phase);
                of_phase.wait_ms = of_phase.wait_ms.saturating_add(ms);
            }
            Fact::Signalled { name, key, value } => {
                let worth = rules.signals_of(phase).and_then(|signals| signals.points.get(name)).copied();
                self.is_reported |= worth.is_some();
                self.of(phase).signal(PhaseSignal { name, key, value, worth });
            }
        }
    }

    /// What is known of a phase.
    #[must_use]
    pub fn phase(&self, phase: &Phase) -> Option<&PhaseProgress> {
        self.phases.iter().find(|known| known.phase == *phase)
    }

    /// The limit of a phase in tokens that holds; `None`: it has none.
    #[must_use]
    pub fn limit_of(&self, phase: &Phase, limits: &TaskLimits) -> Option<u64> {
        let limit = limits.phase(phase)?.tokens;
        Some(self.phase(phase).map_or(limit, |known| known.effective_limit(limit)))
    }

    /// The task's limit in tokens that holds: what is carried between phases changes nothing about it, extensions only
    /// where the rules say so.
    #[must_use]
    pub fn total_limit(&self, limits: &TaskLimits) -> u64 {
        let raises = limits.progress.as_deref().is_some_and(|rules| rules.extension_raises_total);
        let extended = self.phases.iter().filter(|_| raises).map(|phase| phase.extended);
        extended.fold(limits.total_tokens(), u64::saturating_add)
    }

    fn end(&mut self, phase: &Phase, limits: &TaskLimits, rules: &ProgressRules) {
        self.of(phase).stage = PhaseStage::Ended;
        let is_first = self.forecasts.iter().all(|forecast| forecast.after != *phase);
        let made = forecast::at_end_of(phase, self.elsewhere_tokens, &self.phases, limits, rules);
        self.forecasts.extend(made.filter(|_| is_first));
    }

    fn of(&mut self, phase: &Phase) -> &mut PhaseProgress {
        let known = self.phases.iter().position(|known| known.phase == *phase);
        let place = known.unwrap_or(self.phases.len());
        if known.is_none() {
            self.phases.push(PhaseProgress::new(phase.clone()));
        }
        // The place was found, or is the one that was just filled.
        &mut self.phases[place]
    }
}
