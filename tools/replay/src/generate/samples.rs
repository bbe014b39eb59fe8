//! The samples that calibration would make of a history, without its events.

use tollgate_domain::ids::{TaskId, TenantId};

use super::plan::{TaskKind, TaskPlan, cost_of, task_name};
use super::spec::Spec;
use crate::calibrate::{Outcome, Sample};

impl Spec {
    /// The samples of all tasks, in order of their beginnings.
    pub fn samples(&self) -> impl Iterator<Item = Sample> + '_ {
        self.plans().flat_map(|plan| samples(&plan))
    }
}

fn samples(plan: &TaskPlan) -> Vec<Sample> {
    let task = TaskId::new(task_name(plan.number)).expect("letters and digits are a task");
    let outcome = match plan.kind {
        TaskKind::Ordinary => Outcome::Finished,
        TaskKind::Runaway => Outcome::Runaway,
        TaskKind::Large => Outcome::Legitimate,
        TaskKind::Failed => Outcome::Failed,
    };
    let sample = |phase: &super::plan::PlannedPhase| Sample {
        tenant: TenantId::default_tenant(),
        task: task.clone(),
        phase: Some(phase.phase.clone()),
        complexity: plan.complexity,
        importance: plan.importance,
        tokens: phase.tokens,
        latency_ms: Some(phase.latency_ms),
        cost: Some(cost_of(phase.tokens)),
        at: plan.begins,
        outcome,
    };
    plan.phases.iter().map(sample).collect()
}
