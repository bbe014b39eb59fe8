//! Remarks on a rollout's lines besides their calls: what is unusual, and how earlier versions counted them.

use tollgate_domain::time::Timestamp;

use super::{Rollout, Usage};
use crate::call::{Elsewhere, Means, Miscounted};
use crate::codex::before::Snapshot;
use crate::codex::counters::Step;
use crate::codex::keys;
use crate::item::{Item, NoteKind, ProblemKind};
use crate::reader::Findings;

impl Rollout {
    /// Reports how earlier versions counted this line: the pending call under a number, or something that is
    /// not a call.
    pub(super) fn as_counted_before(&mut self, usage: &Usage, at: Option<Timestamp>, out: &mut Findings) {
        let total = &usage.total;
        let now = Snapshot {
            input: total.input,
            cached: total.cached,
            output: total.output,
            reasoning: total.reasoning,
        };
        let Some(origin) = &self.origin else { return };
        let counted = self.before.counted(&now, at.is_some());
        let numbered = |thread: &str, ordinal| keys::numbered(thread, ordinal).ok();
        if let (Some((ordinal, tokens)), Some(at)) = (counted, at)
            && let (Some(name), Some(probe)) =
                (numbered(&origin.thread, ordinal), numbered(&origin.thread, 1))
        {
            let alike = self.pending.as_mut().filter(|pending| pending.tokens == tokens);
            match alike {
                Some(pending) if !pending.copied => {
                    let probe = Some(probe);
                    pending.call.elsewhere.push(Elsewhere { name, probe, means: Means::CountedIfAlike });
                }
                pending => {
                    let parent = origin.ancestors.first();
                    if let (Some(pending), Some(parent)) = (pending, parent)
                        && let Some(name) = numbered(parent, ordinal)
                    {
                        let probe = numbered(parent, 1);
                        pending.call.elsewhere.push(Elsewhere { name, probe, means: Means::CountedIfAlike });
                    }
                    out.push(Item::Miscounted(Box::new(Miscounted { name, probe, occurred_at: at, tokens })));
                }
            }
        }
        self.flush(out);
    }

    /// Reports what is unusual about a line.
    pub(super) fn explain(&mut self, number: u64, usage: &Usage, step: &Step, out: &mut Findings) {
        self.say_step(number, step, usage.total.whole(), out);
        if step.after.restarts() == 0 {
            self.check_total(number, usage.total.whole(), usage.total_tokens, out);
        }
    }

    pub(super) fn say_step(&mut self, number: u64, step: &Step, now: (u64, u64), out: &mut Findings) {
        if let Some(before) = step.restarted_from {
            let what = NoteKind::Restart { input: (before.input, now.0), output: (before.output, now.1) };
            out.note(Some(number), what);
        }
        if let Some(before) = step.stale_after {
            let what = NoteKind::Stale { input: (before.input, now.0), output: (before.output, now.1) };
            out.note(Some(number), what);
        }
        if let (Some(base), Some(origin)) = (step.goes_on_from, &self.origin) {
            let of = origin.goes_on_from.clone().unwrap_or_else(|| origin.thread.clone());
            out.note(Some(number), NoteKind::GoesOn { tokens: base.total(), of });
        }
    }

    /// After counting restarts, Codex keeps its own total, which proves nothing.
    pub(super) fn check_total(
        &mut self,
        number: u64,
        whole: (u64, u64),
        total: Option<u64>,
        out: &mut Findings,
    ) {
        let sum = u128::from(whole.0) + u128::from(whole.1);
        if let Some(total) = total
            && u128::from(total) != sum
            && !self.said.total_differs
        {
            self.said.total_differs = true;
            out.problem(number, ProblemKind::TotalDiffers { total, sum });
        }
    }
}
