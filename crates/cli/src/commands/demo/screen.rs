//! The live table of the demo: one line per task, with how much of its limit it has used.

use std::collections::BTreeMap;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use tollgate_domain::gate::Verdict;
use tollgate_domain::time::Timestamp;
use tollgate_wire::api::{GateResponse, TaskSummary};

use super::day::Step;
use crate::output::{grouped, line, percent, time};

/// A task is displayed again after this many of its events; the others would show no visible change.
const LOOK_EVERY: u32 = 3;

/// What the demo shows while it runs. If stdout is not a terminal, the bars stay hidden and only decisions
/// are printed.
pub(super) struct Screen {
    clock: ProgressBar,
    tasks: BTreeMap<&'static str, (ProgressBar, u32)>,
    shown: bool,
}

impl Screen {
    pub(super) fn new(steps: &[Step], shown: bool) -> Self {
        let all = MultiProgress::new();
        if !shown {
            all.set_draw_target(indicatif::ProgressDrawTarget::hidden());
        }
        let clock = all.add(ProgressBar::new_spinner());
        clock.set_style(style("{msg}"));
        let mut tasks = BTreeMap::new();
        for step in steps {
            tasks.entry(step.task).or_insert_with(|| {
                let bar = all.add(ProgressBar::new(100));
                bar.set_style(style("{prefix:7} {bar:20} {wide_msg}"));
                bar.set_prefix(step.task);
                (bar, 0)
            });
        }
        Self { clock, tasks, shown }
    }

    /// Whether it is time to display the task again.
    pub(super) fn wants(&mut self, task: &str) -> bool {
        let Some((_, seen)) = self.tasks.get_mut(task) else { return false };
        *seen += 1;
        *seen % LOOK_EVERY == 1
    }

    pub(super) fn show(&self, at: Timestamp, task: &TaskSummary) {
        self.clock.set_message(time(&at.to_string()));
        let Some((bar, _)) = self.tasks.get(task.task.as_str()) else { return };
        let used = task.tokens_budget.and_then(|tokens| tokens.percent);
        bar.set_position(used.unwrap_or_default().min(100));
        let phase = task.active.as_ref().map_or(task.stage.as_str(), |active| active.phase.as_str());
        let (tokens, usd) = (grouped(task.tokens_used), &task.cost_usd);
        bar.set_message(format!(
            "{:>4}  {phase:<10}  {tokens:>7} tokens  {usd} USD",
            percent(task.tokens_budget.as_ref())
        ));
    }

    /// A decision worth reporting.
    pub(super) fn decided(&self, task: &str, answer: &GateResponse) {
        if !self.shown || answer.verdict == Verdict::Allow {
            return;
        }
        let why = answer.reasons.first().map(|reason| reason.message.as_str()).unwrap_or_default();
        let text = format!("{:<5} {task} → {}: {why}", answer.verdict, answer.advance_to);
        self.clock.suspend(|| line(&text));
    }

    pub(super) fn finish(&self) {
        for (bar, _) in self.tasks.values() {
            bar.finish_and_clear();
        }
        self.clock.finish_and_clear();
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
