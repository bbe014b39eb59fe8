//! Unused budget of ended phases goes to a later phase when that starts. It is moved, never made: what one phase gets,
//! others have less.

use super::phase::{PhaseProgress, PhaseStage};
use super::rules::ProgressRules;
use crate::limits::TaskLimits;
use crate::phase::Phase;

/// Moves what ended phases left unused to a phase that starts, up to its ceiling: the stated share of it, the same
/// tokens once.
pub(super) fn carry_into(
    phases: &mut [PhaseProgress],
    into: &Phase,
    limits: &TaskLimits,
    rules: &ProgressRules,
) {
    if rules.carry_forward.is_zero() || !rules.carry_phases.contains(into) {
        return;
    }
    let Some(limit) = limits.phase(into).map(|limit| limit.tokens) else { return };
    let Some(mut room) = phases.iter().find(|known| known.phase == *into).map(|to| to.room(limit, rules))
    else {
        return;
    };
    let mut moved: u64 = 0;
    for from in phases.iter_mut().filter(|from| from.stage == PhaseStage::Ended && from.phase != *into) {
        let own = limits.phase(&from.phase).map_or(0, |limit| limit.tokens);
        let unused = own.saturating_add(from.carried_in).saturating_sub(from.used());
        let offered = rules.carry_forward.times_rounded_down(unused).saturating_sub(from.carried_out);
        let taken = offered.min(room);
        from.carried_out = from.carried_out.saturating_add(taken);
        room = room.saturating_sub(taken);
        moved = moved.saturating_add(taken);
    }
    if let Some(to) = phases.iter_mut().find(|known| known.phase == *into) {
        to.carried_in = to.carried_in.saturating_add(moved);
    }
}
