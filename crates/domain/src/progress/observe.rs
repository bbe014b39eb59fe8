//! From events to what the rules take.

use super::task::{Fact, TaskProgress};
use crate::event::{EventBody, TaskEvent, UsageEvent};
use crate::limits::TaskLimits;
use crate::tokens::TokenSums;
use crate::usage::NamedExecution;

impl TaskProgress {
    /// Folds one event of the task. Nothing without rules.
    pub fn observe(&mut self, limits: &TaskLimits, event: &EventBody) {
        if limits.progress.is_none() {
            return;
        }
        match event {
            EventBody::Usage(said) => self.observe_usage(limits, said),
            EventBody::Task(TaskEvent::PhaseStarted(started)) => {
                self.take(limits, Some(&started.phase), Fact::Started);
            }
            EventBody::Task(TaskEvent::PhaseEnded(ended)) => {
                self.take(limits, Some(&ended.phase), Fact::Ended);
            }
            EventBody::Task(_)
            | EventBody::Gate(_)
            | EventBody::Ledger(_)
            | EventBody::Price(_)
            | EventBody::Alert(_)
            | EventBody::Inbox(_)
            | EventBody::Budget(_)
            | EventBody::Report(_)
            | EventBody::Bill(_)
            | EventBody::Key(_) => {}
        }
    }

    fn observe_usage(&mut self, limits: &TaskLimits, said: &UsageEvent) {
        let mut take = |named: Option<&NamedExecution>, fact: Fact<'_>| {
            self.take(limits, named.map(|named| &named.phase), fact);
        };
        match said {
            UsageEvent::UsageRecorded(usage) => {
                let tokens = TokenSums::from(usage.tokens).total();
                take(usage.execution.as_ref(), Fact::Used(tokens));
            }
            UsageEvent::UsageAdjusted(adjusted) => {
                let named = adjusted.resolved.as_ref().and_then(|found| found.execution.as_ref());
                take(named, Fact::Corrected(adjusted.counted().tokens.total()));
            }
            UsageEvent::WaitRecorded(wait) => take(wait.execution.as_ref(), Fact::Waited(wait.wait_ms)),
            UsageEvent::SignalRecorded(signal) => {
                let (name, key, value) = (signal.name.as_str(), signal.key.as_deref(), signal.value);
                take(signal.execution.as_ref(), Fact::Signalled { name, key, value });
            }
            UsageEvent::UsageRepriced(_) | UsageEvent::PhaseExplained(_) => {}
        }
    }
}
