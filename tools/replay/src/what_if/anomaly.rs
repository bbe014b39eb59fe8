//! Phases that took far more or less than the same phase of tasks of their class, as it was known when they closed.
//!
//! What is usual on a day follows from the tasks that were completed before it. Days are added up in any order, so the
//! result depends on no order of tasks.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use foldhash::fast::FixedState;
use serde::{Deserialize, Serialize};
use tollgate_domain::event::{Mark, TaskOutcome};
use tollgate_domain::limits::TaskLimits;
use tollgate_domain::phase::Phase;
use tollgate_domain::progress::TaskProgress;
use tollgate_domain::progress::anomaly::{Judged, Quartiles, Side};
use tollgate_domain::task::TaskStage;
use tollgate_domain::tier::{Complexity, Importance};
use tollgate_projection::fold::read_task_key;
use tollgate_projection::overview::{Counted, Share};
use tollgate_projection::status::TaskRow;

use super::figures::share;
use super::result::ShareView;
use super::settled::{Beginning, Settled};

/// What is unusual among all tasks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct AnomalyResult {
    /// Phases of tasks whose class had enough others before.
    pub judged_phases: u64,
    /// Phases whose class had too few.
    pub unjudged_phases: u64,
    /// Tasks with a phase that took far more than usual, of those that were judged.
    pub far_above: ShareView,
    /// The same of those marked runaway.
    pub far_above_of_runaways: ShareView,
    /// The same of those that are known to be good.
    pub far_above_of_good: ShareView,
    /// Each such phase, and each that took far less, those that are farthest away first.
    pub phases: Vec<AnomalousPhase>,
}

/// A phase that is far from those of its class.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct AnomalousPhase {
    /// Owner.
    pub tenant: String,
    /// The task.
    pub task: String,
    /// The phase.
    pub phase: String,
    /// `above` or `below`.
    pub side: &'static str,
    /// `tokens`, or `tokens_per_point` of progress, rounded up.
    pub of: &'static str,
    /// What it took.
    pub value: u64,
    /// A quarter of its class took no more, to three digits.
    pub p25: u64,
    /// Half of it.
    pub p50: u64,
    /// Three quarters of it.
    pub p75: u64,
    /// How many the class was.
    pub others: u64,
    /// Complexity of the class.
    pub complexity: &'static str,
    /// Importance of the class.
    pub importance: &'static str,
}

/// What is kept of a task: its class, and what its phases took.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Class {
    complexity: Complexity,
    importance: Importance,
    /// The day, in UTC, on which it closed; `None`: it has not.
    closed: Option<i32>,
    phases: Box<[Took]>,
}

/// What a phase took.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Took {
    phase: Phase,
    tokens: u64,
    /// Of progress; 0: none, or nobody reports it.
    points: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    owner: u32,
    complexity: Complexity,
    importance: Importance,
    phase: u32,
    of: Of,
}

tollgate_domain::words!(
    /// What is compared.
    Of {
        /// Tokens.
        Tokens = "tokens",
        /// Tokens for each point of progress.
        PerPoint = "tokens_per_point"
    }
);

/// Owners and phases as numbers.
#[derive(Debug, Default)]
struct Names {
    owners: HashMap<Box<str>, u32>,
    phases: HashMap<Phase, u32>,
}

/// What completed tasks took, by class and by the day on which they closed.
#[derive(Debug, Default)]
pub(super) struct Usual {
    names: Names,
    days: HashMap<Key, BTreeMap<i32, Counted>, FixedState>,
}

/// What is not usual.
#[derive(Debug, Default)]
pub(super) struct Anomalies {
    names: Names,
    /// By class, what was usual up to each day on which that changed, the day itself included.
    usual: HashMap<Key, Vec<(i32, Quartiles)>, FixedState>,
    judged: u64,
    unjudged: u64,
    above: Share,
    above_of_runaways: Share,
    above_of_good: Share,
    found: Vec<(Reverse<u64>, AnomalousPhase)>,
}

impl Class {
    /// What is known of a task as it closes, or as the history ends.
    pub(super) fn of(row: &TaskRow, limits: &TaskLimits, progress: Option<&TaskProgress>) -> Self {
        let mut phases: Vec<Took> = Vec::new();
        for execution in row.executions.iter().filter(|execution| execution.activity.usage_events > 0) {
            let tokens = u64::try_from(execution.activity.tokens.total().max(0)).unwrap_or(u64::MAX);
            match phases.iter_mut().find(|took| took.phase == execution.id.phase) {
                Some(took) => took.tokens = took.tokens.saturating_add(tokens),
                None => {
                    let phase = execution.id.phase.clone();
                    let known = progress.and_then(|progress| progress.phase(&phase));
                    phases.push(Took { points: known.map_or(0, |known| known.best_points), phase, tokens });
                }
            }
        }
        Self {
            complexity: limits.complexity,
            importance: limits.importance,
            closed: row.closed.as_ref().map(|closed| closed.at.believed(closed.recorded_at).day().0),
            phases: phases.into_boxed_slice(),
        }
    }
}

#[cfg(test)]
impl Class {
    pub(super) fn example() -> Self {
        let took = |phase: &str, tokens| Took { phase: phase.parse().unwrap(), tokens, points: 3 };
        Self {
            complexity: Complexity::Medium,
            importance: Importance::Low,
            closed: Some(20_000),
            phases: Box::new([took("PLAN", 1_000_000), took("REVIEW", 3)]),
        }
    }
}

impl Took {
    /// What is compared with the class.
    fn value(&self) -> (Of, u64) {
        if self.points == 0 {
            (Of::Tokens, self.tokens)
        } else {
            (Of::PerPoint, self.tokens.div_ceil(self.points))
        }
    }
}

impl Anomalies {
    /// Beside what is usual.
    pub(super) fn beside(usual: Usual) -> Self {
        let Usual { names, days } = usual;
        let usual = days.into_iter().map(|(key, days)| (key, by_day(days))).collect();
        Self { names, usual, ..Self::default() }
    }

    /// Judges a task.
    pub(super) fn judge(&mut self, key: &[u8], task: &Settled) {
        let Some(class) = task.class.as_ref().filter(|_| !task.is_remediation) else { return };
        let (mut is_judged, mut is_above) = (false, false);
        for took in &class.phases {
            let (of, value) = took.value();
            let usual =
                self.usual.get(&self.names.key(key, class, took, of)).map(Vec::as_slice).unwrap_or_default();
            // Up to the day before.
            let before = usual.partition_point(|(day, _)| class.closed.is_none_or(|closed| *day < closed));
            let usual = before.checked_sub(1).and_then(|last| usual.get(last)).map(|(_, usual)| *usual);
            let judged = usual.map(|usual| (usual, usual.judge(value)));
            let Some((usual, judged)) = judged.filter(|(_, judged)| *judged != Judged::TooFew) else {
                self.unjudged = self.unjudged.saturating_add(1);
                continue;
            };
            self.judged = self.judged.saturating_add(1);
            is_judged = true;
            let Judged::Far(side) = judged else { continue };
            is_above |= side == Side::Above;
            self.found.push(found(key, class, took, side, usual));
        }
        let count = |share: &mut Share, belongs: bool| {
            share.of = share.of.saturating_add(u64::from(belongs && is_judged));
            share.part = share.part.saturating_add(u64::from(belongs && is_above));
        };
        count(&mut self.above, true);
        count(&mut self.above_of_runaways, task.mark == Some(Mark::Runaway));
        count(&mut self.above_of_good, task.is_good());
    }

    /// What is said of it.
    pub(super) fn result(mut self) -> AnomalyResult {
        self.found.sort();
        AnomalyResult {
            judged_phases: self.judged,
            unjudged_phases: self.unjudged,
            far_above: share(self.above),
            far_above_of_runaways: share(self.above_of_runaways),
            far_above_of_good: share(self.above_of_good),
            phases: self.found.into_iter().map(|(_, phase)| phase).collect(),
        }
    }
}

impl Usual {
    /// Notes what the phases of a task took, if it was completed.
    pub(super) fn note(&mut self, key: &[u8], task: &Beginning) {
        let Some(class) = task.class.as_ref().filter(|_| !task.is_remediation) else { return };
        let is_completed = task.stage == TaskStage::Closed(TaskOutcome::Completed);
        let Some(day) = class.closed.filter(|_| is_completed) else { return };
        for took in &class.phases {
            self.names.enter(key, &took.phase);
            let mut note = |of, value| {
                let by_day = self.days.entry(self.names.key(key, class, took, of)).or_default();
                by_day.entry(day).or_default().note(value);
            };
            // Who reports no progress is compared with all.
            note(Of::Tokens, took.tokens);
            if let (Of::PerPoint, value) = took.value() {
                note(Of::PerPoint, value);
            }
        }
    }
}

impl Names {
    fn enter(&mut self, key: &[u8], phase: &Phase) {
        let (owner, _) = read_task_key(key).unwrap_or_default();
        if !self.owners.contains_key(owner) {
            let number = self.owners.len() as u32;
            self.owners.insert(owner.into(), number);
        }
        if !self.phases.contains_key(phase) {
            let number = self.phases.len() as u32;
            self.phases.insert(phase.clone(), number);
        }
    }

    /// What no completed task has is a class without values.
    fn key(&self, key: &[u8], class: &Class, took: &Took, of: Of) -> Key {
        let (owner, _) = read_task_key(key).unwrap_or_default();
        Key {
            owner: self.owners.get(owner).copied().unwrap_or(u32::MAX),
            complexity: class.complexity,
            importance: class.importance,
            phase: self.phases.get(&took.phase).copied().unwrap_or(u32::MAX),
            of,
        }
    }
}

/// What was usual up to each day.
fn by_day(days: BTreeMap<i32, Counted>) -> Vec<(i32, Quartiles)> {
    let mut all = Counted::default();
    let quartiles = days.into_iter().map(|(day, counted)| {
        all.merge(&counted);
        (day, all.quartiles())
    });
    quartiles.collect()
}

fn found(
    key: &[u8],
    class: &Class,
    took: &Took,
    side: Side,
    usual: Quartiles,
) -> (Reverse<u64>, AnomalousPhase) {
    let (of, value) = took.value();
    let (tenant, task) = read_task_key(key).unwrap_or_default();
    let phase = AnomalousPhase {
        tenant: tenant.to_owned(),
        task: task.to_owned(),
        phase: took.phase.to_string(),
        side: side.as_str(),
        of: of.as_str(),
        value,
        p25: usual.low,
        p50: usual.median,
        p75: usual.high,
        others: usual.values,
        complexity: class.complexity.as_str(),
        importance: class.importance.as_str(),
    };
    (Reverse(usual.times(value, side)), phase)
}
