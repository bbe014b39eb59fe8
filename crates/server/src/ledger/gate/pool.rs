//! Drawing from the pool of a task's owner before the task is blocked for its tokens.

use std::time::Duration;

use tollgate_domain::gate::{GateDecided, Switches, decide, grouped};
use tollgate_domain::pool::{Demand, PoolRules, Refused, RefusedBecause};
use tollgate_domain::task::TaskStage;
use tollgate_projector::queries::DecidedTask;

use super::{Gate, Question};
use crate::ledger::budgets::Drawing;

/// The least that the answer waits for the pool: without it the task is blocked.
const AT_LEAST: Duration = Duration::from_millis(500);

/// How much longer it waits for what says why the pool does not answer.
const MOMENT: Duration = Duration::from_millis(50);

impl Gate {
    /// The decision with what the task draws from the pool, or the same one with why it draws nothing. Only a block
    /// that takes effect, for the task's tokens alone, is worth a draw.
    ///
    /// What is drawn is in the log before the gate answers, and the answer's own record raises the task's limit. If
    /// that record is lost, the next question finds what was drawn, and raises it then.
    pub(super) async fn with_pool(
        &self,
        question: &Question,
        task: &mut DecidedTask,
        decided: GateDecided,
        (pool, switches): (&PoolRules, Switches),
        up_to: Duration,
    ) -> GateDecided {
        let Some(needed) = decided.needed_from(pool).filter(|_| task.state.stage == TaskStage::Open) else {
            return decided;
        };
        let Some(limits) = task.state.limits.as_deref_mut() else { return decided };
        let whose = format!("The pool of {}", question.tenant);
        let refused = |because: String| {
            let mut decided = decided.clone();
            decided.add_pool_refused(format!("{whose} {because}"));
            decided
        };
        let Some(needed) = needed else {
            return refused(format!("lets no task pass that is beyond {} × its limit", pool.ceiling));
        };
        let (task_name, importance) = (question.task.as_str().to_owned(), limits.importance);
        let demand = Demand { task: task_name, importance, needed };
        let up_to = up_to.max(AT_LEAST);
        let drawing = self.budgets.draw(&question.tenant, demand, pool, up_to);
        match tokio::time::timeout(up_to.saturating_add(MOMENT), drawing).await {
            Ok(Ok(Drawing::Has(tokens))) => {
                limits.drawn_tokens = limits.drawn_tokens.max(tokens);
                decide(&task.figures(question.task.as_str()), &question.advance, switches)
            }
            Ok(Ok(Drawing::Refused(why))) => refused(in_words(why)),
            Ok(Err(problem)) => {
                tracing::warn!(task = %question.task, problem = problem.detail, "the gate could not draw from the pool");
                refused(format!("could not be asked, the task is judged without it: {}", problem.detail))
            }
            Err(_) => {
                tracing::warn!(task = %question.task, "the gate could not draw from the pool in time");
                refused("did not answer in time, the task is judged without it".to_owned())
            }
        }
    }
}

fn in_words(refused: Refused) -> String {
    let Refused { because, tokens, in_pool, to_leave } = refused;
    let [tokens, in_pool, to_leave] = [tokens, in_pool, to_leave].map(|tokens| grouped(tokens.into()));
    match because {
        RefusedBecause::Empty => format!("has {in_pool} tokens, {tokens} are needed"),
        RefusedBecause::Reserved => {
            format!(
                "has {in_pool} tokens, {tokens} are needed, and {to_leave} must be left to more important tasks"
            )
        }
    }
}
