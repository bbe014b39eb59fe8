//! From what is known of all partitions to the result.

use std::collections::HashMap;

use tollgate_domain::breach::Utilization;
use tollgate_domain::event::{Mark, TaskOutcome};
use tollgate_domain::gate::Verdict;
use tollgate_domain::hex::hex;
use tollgate_domain::position::PartitionId;
use tollgate_domain::task::TaskStage;
use tollgate_domain::time::Timestamp;
use tollgate_projection::fold::read_task_key;
use tollgate_projection::savings::{Configs, Savings, report};

use super::anomaly::{Anomalies, Usual};
use super::compared::Compared;
use super::crossing::Crossing;
use super::figures::{Figures, Sum, amounts, count, shown};
use super::inputs::Inputs;
use super::money::{Money, MoneyLog, Names};
use super::partition::{PartitionState, Tasks};
use super::pool::{Moves, PoolFigures};
use super::result::{
    CandidateResult, DifferingTask, FORMAT, FirstCrossing, HistoryFigures, LiveFigures, PartitionInput,
    TaskOutcomeView, WhatIf,
};
use super::run::Question;
use super::settled::{Beginning, Settled, SettledUnder};
use super::task::Unopened;
use crate::concluded::ConcludedPhases;
use crate::error::ReplayError;
use crate::estimates::{EstimateView, Estimates};
use crate::marks::Met;

/// What every result assumes.
const ASSUMPTIONS: [&str; 11] = [
    "a decision is made at each one that the live gate recorded, at each start of a phase and at each completion, from what was known then",
    "over the limit, never asked after: tasks that were neither blocked nor completed and whose tokens went above their limit, or from a warning to \
     more than 1.5 times the limit, after the last decision; no block can stop these, and what they used is in no savings",
    "blocks count as if they were enforced on every judged task; how many of them the candidate's own rollout would enforce is stated beside",
    "tasks that are only tracked (enforcement: off) are not judged: a gate blocks them under no rollout",
    "after its first block a task is taken to stop: what it used after that is saved if it did not end well, and interrupted work if it did, \
     was marked legitimate, or was let through by a person",
    "thresholds: a task is taken to stop at the first decision at which it has used more than so many times its token limit; other rules, and what \
     is lower before the checkpoint, are left out",
    "usage counts as after a block by the time that it happened, not by the time it was reported",
    "the history is what happened under the live gate: a task that it stopped has no work after that to save, and is \
     counted beside what is saved",
    "overrides that people granted hold under every candidate",
    "anomalies: each phase of a task beside those of completed tasks of its owner, complexity and importance that closed on earlier days, as it was when it \
     closed: in tokens for each point of progress, or in tokens if it has none",
    "money is what usage was costed with when it was recorded, later corrections included; what has no price is in no amount",
];

const JUDGED_UNOPENED: &str = "tasks that were not opened have the limits of a Medium task of medium importance, and a decision is made before each call \
     whether they may go on in its phase, if rules concluded one when they were imported, or else be completed, from their tokens alone where \
     no phase and so no latency is known";

const JUDGED_PHASED: &str = "tasks that were not opened have the limits of a Medium task of medium importance, and a decision is made before each call \
     whether they may go on in its phase, or be completed if it has none: phases are those of the rules for sessions; latency is from the first to \
     the last call of an execution, waits of a person within it included";

const LEFT_OUT: &str = "tasks that were not opened have no limits and are not judged";

const PROGRESS: &str = "where budgets follow progress a decision is also made inside a phase: at each check, and as soon as it spins; fixed limits are those of the \
     same config without that, asked as all others are; forecasts are compared with completed tasks, as they were when they closed";

const POLICIES: [&str; 5] = [
    "policies: a use that no allocation covers is a request for exactly what it used, of normal priority, at the time that it states; a request that is \
     refused stops its task, unless the ledger refused it, too, and what a stopped task would have used counts in no window",
    "policies: an allocation that the ledger made is asked for again, reserves what it has left and covers its uses until it is released, expires, or its task is stopped; \
     one that the ledger refused is asked for again too: if it is refused here as well its task goes on as it did, otherwise it reserves nothing, as what it would have used is not known",
    "policies: unpriced usage counts as nothing; corrections count at their own time; a policy without a begin rules from the first usage on; a policy that degrades \
     refuses, as what another model would have cost is not known; budgets are not switched off and limits not raised",
    "policies: windows and headroom are of all that was used, whoever would have been stopped",
    "policies: each set is run by itself, and no gate stops anything before it",
];

const POOL: &str = "pool: a task that is blocked for its own tokens alone goes on if it can draw all that it used beyond its limit, in whole steps; gifts and draws are \
     decided by time, for each owner; a task that is blocked gives nothing";

/// The result of a run: the same for the same history, candidates and version.
pub(super) fn summary(
    inputs: &Inputs,
    question: &Question<'_>,
    mut states: Vec<(PartitionId, PartitionState)>,
) -> Result<WhatIf, ReplayError> {
    states.sort_by_key(|(partition, _)| *partition);
    let mut all = All::new(question.candidates.len());
    let (mut partitions, mut logs): (_, Vec<(PartitionId, MoneyLog)>) = (Vec::new(), Vec::new());
    let (mut estimates, mut concluded): (Vec<Estimates>, _) = (Vec::new(), ConcludedPhases::default());
    let (mut names, mut tasks): (Names, Vec<Tasks>) = (HashMap::new(), Vec::new());
    for (partition, mut state) in states {
        partitions.push(PartitionInput {
            partition: partition.index(),
            events: state.counts.events,
            digest: hex(&state.digest.value()),
        });
        all.history.late_events = all.history.late_events.saturating_add(state.counts.late);
        all.history.unreadable_events = all.history.unreadable_events.saturating_add(state.counts.unreadable);
        for (sum, compared) in all.compared.iter_mut().zip(&state.compared) {
            sum.merge(compared);
        }
        all.configs.append(&mut state.configs);
        estimates.push(std::mem::take(&mut state.estimates));
        concluded.merge(&state.concluded);
        logs.push((partition, std::mem::take(&mut state.money)));
        let of_partition = state.into_tasks(partition)?;
        if !question.policies.is_empty() {
            let named =
                of_partition.names.iter().map(|(key, place)| ((partition.number(), *place), key.clone()));
            names.extend(named);
        }
        tasks.push(of_partition);
    }
    all.history.estimates = EstimateView::of(&estimates);
    all.history.concluded_phases = concluded.unless(question.session_phases.is_some());
    all.money = Money::of(question.policies, &logs, &names);
    all.add_tasks(&mut tasks, question)?;
    let unopened = match question.unopened {
        Unopened::LeaveOut => LEFT_OUT,
        Unopened::Judge if question.session_phases.is_some() => JUDGED_PHASED,
        Unopened::Judge => JUDGED_UNOPENED,
    };
    let follows = question.candidates.iter().any(|candidate| candidate.config.progress.is_some());
    let assumed = ASSUMPTIONS.into_iter().chain([unopened]).chain(follows.then_some(PROGRESS));
    let assumed = assumed
        .chain(all.money.is_some().then_some(POLICIES).into_iter().flatten())
        .chain(question.has_pool().then_some(POOL));
    let named = question.candidates.iter().zip(all.candidates).zip(&all.compared);
    let mut pools = all.pools.into_iter();
    let candidates = named.map(|((candidate, figures), compared)| CandidateResult {
        pool: pools.next().flatten().map(|pool| pool.result(candidate, question.stated)),
        ..figures.result(candidate, compared, question.stated)
    });
    // The smallest sample that says something is that of the first config, as it is that in force in a ledger.
    let min_tasks = question.candidates.first().map_or(0, |first| first.config.alerts.min_tasks);
    let live = report(&all.savings, min_tasks, question.stated, String::new());
    let live_return = Some(live.return_on_investment);
    let mut differing = all.differing;
    differing.sort_by(|one, other| (&one.tenant, &one.task).cmp(&(&other.tenant, &other.task)));
    Ok(WhatIf {
        format: FORMAT,
        inputs: inputs.with(partitions),
        history: HistoryFigures { used: all.used.view(), ..all.history },
        live: LiveFigures { return_on_investment: live_return, ..all.live },
        candidates: candidates.collect(),
        differing,
        anomalies: all.anomalies.result(),
        money: all.money.map(Money::result),
        assumptions: assumed.map(str::to_owned).collect(),
    })
}

/// Everything that is summed up over tasks.
struct All {
    history: HistoryFigures,
    used: Sum,
    live: LiveFigures,
    candidates: Vec<Figures>,
    /// One for each candidate that has a pool.
    pools: Vec<Option<PoolFigures>>,
    anomalies: Anomalies,
    configs: Configs,
    savings: Savings,
    /// If there are policies.
    money: Option<Money>,
    compared: Vec<Compared>,
    differing: Vec<DifferingTask>,
}

impl All {
    fn new(candidates: usize) -> Self {
        Self {
            history: HistoryFigures::default(),
            used: Sum::default(),
            live: LiveFigures::default(),
            candidates: vec![Figures::default(); candidates],
            pools: Vec::new(),
            anomalies: Anomalies::default(),
            configs: Configs::new(),
            savings: Savings::default(),
            money: None,
            compared: vec![Compared::default(); candidates],
            differing: Vec::new(),
        }
    }

    /// Goes through the tasks twice: what is usual, and what a pool would give, follows from all of them.
    fn add_tasks(&mut self, tasks: &mut [Tasks], question: &Question<'_>) -> Result<(), ReplayError> {
        let (mut usual, mut number) = (Usual::default(), 0);
        let mut moves: Vec<Moves> =
            question.candidates.iter().filter(|_| question.has_pool()).map(|_| Moves::default()).collect();
        let mut met = Met::new(question.marks);
        for of_partition in &mut *tasks {
            of_partition.each(|key, _, task: Option<Beginning>| {
                // Those that cannot be judged are met, too.
                met.mark(key);
                if let Some(task) = task {
                    usual.note(key, &task);
                }
            })?;
            // Without a pool there is nothing more to know of a task.
            if moves.is_empty() {
                continue;
            }
            of_partition.each(|key, _, task: Option<Settled>| {
                if let Some(task) = task.filter(|task| !task.is_remediation) {
                    add_moves(&mut moves, key, number, &task);
                }
                number += 1;
            })?;
        }
        met.check()?;
        self.anomalies = Anomalies::beside(usual);
        let of_candidates = question.candidates.iter().zip(moves);
        let settled = of_candidates.map(|(candidate, moves)| {
            question.pool_of(candidate).map(|pool| PoolFigures::new(moves.settle(pool)))
        });
        self.pools = settled.collect();
        number = 0;
        for of_partition in tasks {
            let partition = of_partition.partition;
            of_partition.each(|key, place, mut task: Option<Settled>| {
                if let Some(task) = &mut task {
                    task.mark = met.mark(key).or(task.mark);
                }
                self.add(key, number, task.as_ref());
                if let (Some(money), Some(task)) = (&mut self.money, &task) {
                    money.add((partition, place), key, task);
                }
                number += 1;
            })?;
        }
        Ok(())
    }

    fn add(&mut self, key: &[u8], number: u32, task: Option<&Settled>) {
        let history = &mut self.history;
        count(&mut history.tasks, true);
        let Some(task) = task else { return count(&mut history.unreadable_tasks, true) };
        count(&mut history.opened, task.is_opened);
        count(&mut history.remediations, task.is_remediation);
        count(&mut history.tracked_only, task.is_only_tracked());
        count(&mut history.legitimate, task.mark == Some(Mark::Legitimate));
        count(&mut history.runaway, task.mark == Some(Mark::Runaway));
        match task.stage {
            TaskStage::Implicit | TaskStage::Open => count(&mut history.unfinished, true),
            TaskStage::Closed(TaskOutcome::Completed) => count(&mut history.completed, true),
            TaskStage::Closed(TaskOutcome::Cancelled | TaskOutcome::Abandoned) => {
                count(&mut history.given_up, true);
            }
        }
        self.used.add(&task.used);
        count(&mut self.live.asked, task.live.verdict.is_some());
        count(&mut self.live.blocked, task.live.blocked_at.is_some());
        count(&mut self.live.ruled_blocked, task.live.ruled == Some(Verdict::Block));
        count(&mut self.live.warned, task.live.verdict == Some(Verdict::Warn));
        for (figures, under) in self.candidates.iter_mut().zip(&task.under) {
            figures.add(key, task, under);
        }
        for (pool, under) in self.pools.iter_mut().zip(&task.under) {
            if let Some(pool) = pool {
                pool.add(key, number, task, under);
            }
        }
        self.anomalies.judge(key, task);
        if let Some(saved) = task.saved() {
            self.savings.add_task(&saved, &self.configs);
        }
        if differs(task) {
            self.differing.push(differing(key, task));
        }
    }
}

/// What a task asks of the pool of each candidate, if there is one.
fn add_moves(moves: &mut [Moves], key: &[u8], number: u32, task: &Settled) {
    let (owner, _) = read_task_key(key).unwrap_or_default();
    for (moves, under) in moves.iter_mut().zip(&task.under) {
        if let Some(asking) = under.pool.as_deref() {
            moves.add(owner, number, asking);
        }
    }
}

/// What tells outcomes of a task apart: how severe, and, of a block, when it came.
fn outcome(task: &Settled, under: &SettledUnder) -> (&'static str, Option<Timestamp>) {
    if under.limit_tokens.is_none() || !task.can_be_blocked() {
        return ("not judged", None);
    }
    match (under.worst, &under.first) {
        (Some(Verdict::Block), Some(first)) => ("blocked", Some(first.at)),
        (_, _) if task.is_over(under) => ("over", None),
        (Some(Verdict::Warn | Verdict::Block), _) => ("warned", None),
        (Some(Verdict::Allow), _) => ("within", None),
        (None, _) => ("unasked", None),
    }
}

fn differs(task: &Settled) -> bool {
    let outcomes: Vec<_> = task.under.iter().map(|under| outcome(task, under)).collect();
    match outcomes.as_slice() {
        [] => false,
        [(word, _)] => {
            let live = match task.live.verdict {
                Some(Verdict::Block) => "blocked",
                Some(Verdict::Warn) => "warned",
                Some(Verdict::Allow) => "within",
                // It was let go on: whatever would have stopped or warned it is something else.
                None => return ["blocked", "over", "warned"].contains(word),
            };
            // The live gate did not see that either, unless it blocked.
            let is_unseen = *word == "over" && live != "blocked";
            *word != "not judged" && *word != live && !is_unseen
        }
        [first, others @ ..] => others.iter().any(|other| other != first),
    }
}

fn differing(key: &[u8], task: &Settled) -> DifferingTask {
    let (tenant, name) = read_task_key(key).unwrap_or_default();
    DifferingTask {
        tenant: tenant.to_owned(),
        task: name.to_owned(),
        stage: task.stage.as_str(),
        mark: task.mark.map(Mark::as_str),
        tokens: shown(task.used.tokens),
        live: task.live.verdict.map(Verdict::as_str),
        outcomes: task
            .under
            .iter()
            .map(|under| TaskOutcomeView {
                outcome: outcome(task, under).0,
                first: under.first.as_deref().map(crossing),
            })
            .collect(),
    }
}

fn crossing(crossing: &Crossing) -> FirstCrossing {
    let Utilization { used, limit } = crossing.measured;
    let small = |number: u128| u64::try_from(number).unwrap_or(u64::MAX);
    FirstCrossing {
        at: crossing.at.to_string(),
        advance: crossing.advance.to_string(),
        rule: crossing.code.as_str(),
        used: small(used),
        limit: small(limit),
        unit: crossing.unit.as_str(),
        percent: crossing.measured.shown_percent(),
        after: amounts(&crossing.after),
    }
}
