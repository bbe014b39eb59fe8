//! Which rule gives each call of a session its phase, and the executions that follow. Pure: the same calls give the
//! same phases, whichever files they were read from.

use std::collections::BTreeMap;

use super::activity::{Activity, ToolKind, ToolUse};
use super::{Gives, Rule, SessionPhases, Share, When};
use crate::phase::{ExecutionId, Phase};
use crate::time::Timestamp;

/// A call of a session, as far as rules ask about it.
#[derive(Clone, Copy, Debug)]
pub struct SessionCall<'a> {
    /// When it ended.
    pub at: Timestamp,
    /// What it did.
    pub activity: &'a Activity,
    /// How many tokens it wrote, without those of reasoning.
    pub written_tokens: u64,
}

/// What the rules say of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sorted {
    /// The place of the first rule that holds; `None`: none does.
    pub rule: Option<usize>,
    /// The phase; `None`: it has none.
    pub phase: Option<Phase>,
}

/// Calls of a session that follow each other in one phase: those between another phase and the next. Calls without a
/// phase among them do not end it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Execution {
    /// Phase and attempt, from 1 for each phase.
    pub id: ExecutionId,
    /// The place of its first call.
    pub first: usize,
    /// The place of its last call.
    pub last: usize,
}

/// What a session is known to be as a whole.
struct Session {
    calls: usize,
    begins: Timestamp,
    ends: Timestamp,
    tools_recorded: bool,
    turns_recorded: bool,
}

/// Where a call stands in its session.
struct Place<'a> {
    session: &'a Session,
    nth: usize,
    at: Timestamp,
    written_tokens: u64,
    turn: Option<u64>,
    before_edit: bool,
}

/// A call that used no tool.
const NO_TOOL: [ToolUse; 1] = [ToolUse::of(ToolKind::None)];

/// Sorts the calls of one session, which are given in the order of time.
#[must_use]
pub fn classify(phases: &SessionPhases, calls: &[SessionCall<'_>]) -> Vec<Sorted> {
    let session = Session {
        calls: calls.len(),
        begins: calls.iter().map(|call| call.at).min().unwrap_or_default(),
        ends: calls.iter().map(|call| call.at).max().unwrap_or_default(),
        tools_recorded: calls.iter().any(|call| !call.activity.tools.is_empty()),
        turns_recorded: calls.iter().any(|call| call.activity.begins_turn),
    };
    let (mut turn, mut edited) = (0_u64, false);
    let mut before: Option<Phase> = None;
    let mut sorted = Vec::with_capacity(calls.len());
    for (nth, call) in calls.iter().enumerate() {
        turn = turn.saturating_add(u64::from(call.activity.begins_turn));
        edited |= call.activity.tools.iter().any(|tool| tool.kind == ToolKind::Edit);
        let place = Place {
            session: &session,
            nth,
            at: call.at,
            written_tokens: call.written_tokens,
            // Calls before the first message that was recorded are of the first turn.
            turn: session.turns_recorded.then_some(turn.max(1)),
            before_edit: !edited,
        };
        let rule = phases.rules.iter().position(|rule| holds(rule, call.activity, &place));
        let gives = rule.and_then(|rule| phases.rules.get(rule)).map(|rule| &rule.gives);
        let phase = match gives {
            Some(Gives::Phase(phase)) => Some(phase.clone()),
            Some(Gives::Continues) => before.take(),
            None => None,
        };
        before.clone_from(&phase);
        sorted.push(Sorted { rule, phase });
    }
    sorted
}

/// What a ledger has of a call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Recorded {
    /// Nothing.
    #[default]
    No,
    /// The call, in this execution; `None`: in none.
    In(Option<ExecutionId>),
}

/// Where the calls of a session belong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Placed {
    /// The executions that begin, in order.
    pub executions: Vec<Execution>,
    /// The execution of each call; what is recorded stays where it is.
    pub calls: Vec<Option<ExecutionId>>,
}

/// The executions of a session whose calls were sorted, in order.
#[must_use]
pub fn executions(sorted: &[Sorted]) -> Vec<Execution> {
    placed(sorted, &[]).executions
}

/// Places the calls of a session, of which a ledger may have some: `recorded` has one for each call, or fewer if the
/// others are not recorded. New calls go on in the execution of the call before, if that is of their phase, and begin
/// another attempt otherwise.
#[must_use]
pub fn placed(sorted: &[Sorted], recorded: &[Recorded]) -> Placed {
    let mut attempts: BTreeMap<Phase, u32> = BTreeMap::new();
    for recorded in recorded {
        if let Recorded::In(Some(id)) = recorded {
            let attempt = attempts.entry(id.phase.clone()).or_default();
            *attempt = id.attempt.max(*attempt);
        }
    }
    let mut placed = Placed::default();
    // The execution of the last call that has one, and whether it begins here.
    let mut current: Option<(ExecutionId, bool)> = None;
    for (nth, call) in sorted.iter().enumerate() {
        match recorded.get(nth).unwrap_or(&Recorded::No) {
            Recorded::In(Some(id)) => {
                let begins = current.take().is_some_and(|(before, begins)| begins && before == *id);
                current = Some((id.clone(), begins));
                placed.calls.push(Some(id.clone()));
            }
            Recorded::In(None) => {
                // It has no phase in the ledger; what follows is still separated by it from what was before.
                if call.phase.is_some() && call.phase.as_ref() != current.as_ref().map(|(id, _)| &id.phase) {
                    current = None;
                }
                placed.calls.push(None);
            }
            Recorded::No => {
                let Some(phase) = &call.phase else {
                    placed.calls.push(None);
                    continue;
                };
                let (id, begins) = current.take().filter(|(id, _)| id.phase == *phase).unwrap_or_else(|| {
                    let attempt = attempts.entry(phase.clone()).or_default();
                    *attempt = attempt.saturating_add(1);
                    let id = ExecutionId { phase: phase.clone(), attempt: *attempt };
                    placed.executions.push(Execution { id: id.clone(), first: nth, last: nth });
                    (id, true)
                });
                if let Some(execution) = placed.executions.last_mut().filter(|_| begins) {
                    execution.last = nth;
                }
                placed.calls.push(Some(id.clone()));
                current = Some((id, begins));
            }
        }
    }
    placed
}

fn holds(rule: &Rule, activity: &Activity, place: &Place<'_>) -> bool {
    let when = &rule.when;
    let session = place.session;
    let is = |wanted: Option<bool>, found: bool| wanted.is_none_or(|wanted| wanted == found);
    is(when.plan_mode, activity.plan_mode)
        && is(when.tools_recorded, session.tools_recorded)
        // Where no tool is recorded it is not known what was edited.
        && when.before_edit.is_none_or(|wanted| session.tools_recorded && wanted == place.before_edit)
        && when.written_tokens.is_none_or(|range| range.contains(place.written_tokens))
        && when.turns.is_none_or(|range| place.turn.is_some_and(|turn| range.contains(turn)))
        && when.share_of_calls.is_none_or(|share| is_in_calls(share, place))
        && when.share_of_time.is_none_or(|share| is_in_time(share, place))
        && tool_holds(when, activity, session)
}

/// Whether one use of a tool is as all of the conditions on tools say.
fn tool_holds(when: &When, activity: &Activity, session: &Session) -> bool {
    if when.tools.is_empty() && when.commands.is_empty() && when.files.is_empty() {
        return true;
    }
    if !session.tools_recorded {
        return false;
    }
    let uses: &[ToolUse] = if activity.tools.is_empty() { &NO_TOOL } else { &activity.tools };
    uses.iter().any(|tool| {
        let runs = || {
            let mut patterns = when.commands.iter();
            patterns.any(|pattern| tool.commands.iter().any(|command| pattern.matches(command)))
        };
        (when.tools.is_empty() || when.tools.contains(&tool.kind))
            && (when.files.is_empty() || when.files.iter().any(|class| tool.files.contains(class)))
            && (when.commands.is_empty() || runs())
    })
}

/// Whether `nth / calls` is within.
fn is_in_calls(share: Share, place: &Place<'_>) -> bool {
    let (nth, calls) = (place.nth as u128, place.session.calls as u128);
    is_within(share, nth, calls)
}

/// Whether the time since the first call is within, as a part of that up to the last. A session of no length has no
/// parts.
fn is_in_time(share: Share, place: &Place<'_>) -> bool {
    let session = place.session;
    let span = i128::from(session.ends.micros()).saturating_sub(session.begins.micros().into());
    let since = i128::from(place.at.micros()).saturating_sub(session.begins.micros().into());
    match (u128::try_from(since), u128::try_from(span)) {
        (Ok(since), Ok(span)) if span > 0 => is_within(share, since, span),
        (Ok(_), Ok(_)) | (Err(_), _) | (_, Err(_)) => false,
    }
}

fn is_within(share: Share, part: u128, whole: u128) -> bool {
    let hundredfold = part.saturating_mul(100);
    let bound = |percent: u8| whole.saturating_mul(percent.into());
    bound(share.from) <= hundredfold && (hundredfold < bound(share.to) || share.to == 100)
}
