//! Which call used the tools that a rollout's lines name.
//!
//! Codex writes what a call answered before its usage; versions of 2025 wrote it after. Which of both a file does is
//! told by what comes first in it.

use tollgate_domain::session_phases::activity::{Activity, ToolUse};

use super::Rollout;
use crate::call::Call;
use crate::codex::tools::{self, Line};
use crate::item::Item;
use crate::reader::Findings;

/// What is known of calls while their lines are read.
#[derive(Debug, Default)]
pub(super) struct Attribution {
    /// The tools that were named since the latest call.
    tools: Vec<ToolUse>,
    begins_turn: bool,
    plan_mode: bool,
    turn: Option<String>,
    /// Whether answers come before their usage; `None`: neither was seen.
    answers_first: Option<bool>,
    /// The latest call, as long as lines may follow that belong to it.
    held: Option<Call>,
}

impl Attribution {
    /// What the call did whose usage was just read, as far as it is known.
    pub(super) fn of_next_call(&mut self) -> Activity {
        self.answers_first.get_or_insert(false);
        Activity {
            tools: std::mem::take(&mut self.tools),
            begins_turn: std::mem::take(&mut self.begins_turn),
            plan_mode: self.plan_mode,
        }
    }
}

impl Rollout {
    /// Reads what calls did, too.
    pub(crate) fn with_activity(mut self) -> Self {
        self.activity = Some(Box::default());
        self
    }

    /// Notes what a line says of what a call did.
    pub(super) fn note_activity(&mut self, bytes: &[u8]) {
        let Some((ordinal, line)) = tools::read(bytes) else { return };
        if self.origin.as_ref().is_some_and(|origin| origin.is_history(ordinal)) {
            return;
        }
        let Some(attribution) = &mut self.activity else { return };
        match line {
            Line::Answer(tools) => {
                if *attribution.answers_first.get_or_insert(true) {
                    attribution.tools.extend(tools);
                    return;
                }
                let latest = self.pending.as_mut().map(|pending| &mut pending.call);
                if let Some(call) = latest.or(attribution.held.as_mut()) {
                    call.activity.tools.extend(tools);
                }
            }
            Line::Message => attribution.begins_turn = true,
            Line::Turn { id, plan_mode } => {
                attribution.plan_mode = plan_mode;
                if id.is_some() && attribution.turn != id {
                    attribution.turn = id;
                    attribution.begins_turn = true;
                }
            }
        }
    }

    /// Gives the latest call away, but for what may still be said of what it did.
    pub(super) fn flush(&mut self, out: &mut Findings) {
        let Some(pending) = self.pending.take() else { return };
        let given = match &mut self.activity {
            Some(attribution) => attribution.held.replace(pending.call),
            None => Some(pending.call),
        };
        out.extend(given.map(|call| Item::Call(Box::new(call))));
    }

    /// Gives away what is still held.
    pub(super) fn release(&mut self, out: &mut Findings) {
        let held = self.activity.as_mut().and_then(|attribution| attribution.held.take());
        out.extend(held.map(|call| Item::Call(Box::new(call))));
    }
}
