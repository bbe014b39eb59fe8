//! Whether the gate would stop a task, as far as sums of its phases tell.

use tollgate_domain::gate::{PhaseFigures, Switches, TaskFigures, Verdict, decide_without_sentences};
use tollgate_domain::limits::TaskLimits;
use tollgate_domain::metadata::Enforcement;
use tollgate_domain::phase::Advance;

use super::history::{Taken, Task};
use super::utilization::Limits;

/// Whether the rules would block one of a task's advances, whatever the rollout is. In which order its phases ran is
/// not known: they are left in the order of the config, each with all its attempts, and after the last one the task is
/// completed. Usage outside of phases, or of one that the config does not know, counts at completion.
pub(super) fn is_stopped(
    limits: &Limits,
    task: &Task,
    taken: impl Iterator<Item = Taken>,
    switches: Switches,
) -> bool {
    let Some(of_class) = limits.of_class(task) else { return false };
    let (mut executed, mut outside) = (Vec::new(), (0_u128, 0_u128));
    for taken in taken {
        let used = (u128::from(taken.tokens), u128::from(taken.latency_ms.unwrap_or(0)));
        match limits.place(&taken) {
            Some(place) => executed.push((place, used)),
            None => outside = (outside.0 + used.0, outside.1 + used.1),
        }
    }
    executed.sort_unstable();
    let mut sums = (0, 0);
    for (nth, &(place, used)) in executed.iter().enumerate() {
        sums = (sums.0 + used.0, sums.1 + used.1);
        let leaving = of_class.phases.get(place).map(|limit| PhaseFigures {
            phase: limit.phase.clone(),
            tokens_used: used.0,
            latency_ms: used.1,
        });
        let next = executed.get(nth + 1).and_then(|(next, _)| of_class.phases.get(*next));
        let Some(next) = next else {
            sums = (sums.0 + outside.0, sums.1 + outside.1);
            return blocks(of_class, sums, leaving, &Advance::Completion, switches);
        };
        if blocks(of_class, sums, leaving, &Advance::Phase(next.phase.clone()), switches) {
            return true;
        }
    }
    blocks(of_class, outside, None, &Advance::Completion, switches)
}

/// Whether the gate blocks one advance: by tokens and latency of all phases so far, and of the one that is left.
fn blocks(
    limits: &TaskLimits,
    (tokens_used, latency_ms): (u128, u128),
    leaving: Option<PhaseFigures>,
    advance: &Advance,
    switches: Switches,
) -> bool {
    let figures = TaskFigures {
        task: "",
        limits: Some(limits),
        enforcement: Enforcement::On,
        tokens_used,
        latency_ms,
        leaving,
        active: None,
        passes: &[],
        progress: None,
    };
    decide_without_sentences(&figures, advance, switches).ruled == Verdict::Block
}

#[cfg(test)]
mod tests {
    use tollgate_domain::config::{BreachAction, BudgetConfig};
    use tollgate_domain::decimal::Decimal;
    use tollgate_domain::tier::{Complexity, Importance};

    use super::super::cells::Order;
    use super::super::testing::{history, sample};
    use super::*;

    /// With the built-in thresholds of a config whose phases may use 100 tokens and 1000 ms each: 1.2 in all, 1.5 in
    /// one phase and before VERIFY.
    #[test]
    fn the_rules_are_those_of_the_gate() {
        let (none, latency, phase) = ((false, false), (true, false), (false, true));
        for (used, (latency_blocks, phase_blocks), expected) in [
            (vec![("PLAN", 1080, 0)], none, false),
            (vec![("PLAN", 1081, 0)], none, true),
            (vec![("PLAN", 1351, 0), ("VERIFY", 0, 0)], none, true),
            (vec![("OWN", 1081, 0)], none, true),
            // Phases that are left on the way, and the last one: nearly done, below 1.1 of all tokens.
            (vec![("PLAN", 151, 0), ("VERIFY", 1, 0)], none, false),
            (vec![("PLAN", 151, 0), ("VERIFY", 1, 0)], phase, true),
            (vec![("PLAN", 150, 1500), ("VERIFY", 1, 0)], phase, false),
            (vec![("PLAN", 1, 1501), ("VERIFY", 1, 0)], phase, true),
            (vec![("PLAN", 151, 0), ("MONITOR", 1, 0)], phase, false),
            (vec![("VERIFY", 151, 0), ("PLAN", 1, 0)], phase, false),
            (vec![("PLAN", 990, 0)], phase, true),
            (vec![("PLAN", 0, 10_801), ("VERIFY", 1, 0)], none, false),
            (vec![("PLAN", 0, 10_801), ("VERIFY", 1, 0)], latency, true),
            (vec![("PLAN", 0, 10_800), ("VERIFY", 1, 0)], latency, false),
            (vec![("PLAN", 0, 10_801)], latency, false),
        ] {
            let mut config = BudgetConfig::built_in();
            for base in &mut config.phases {
                (base.tokens, base.latency_ms, base.weight) = (100, 1000, Decimal::ONE);
            }
            let action = |blocks| if blocks { BreachAction::Block } else { BreachAction::Warn };
            config.stop_loss.latency_action = action(latency_blocks);
            config.stop_loss.per_phase_action = action(phase_blocks);
            let samples = used.iter().map(|(phase, tokens, ms)| {
                let mut sample = sample(1, phase, (Complexity::Medium, Importance::Medium), *tokens);
                sample.latency_ms = Some(*ms);
                sample
            });
            let mut history = history(samples);
            history.seal();
            let limits = Limits::of(&config, Order::of(&config, &history).in_config()).unwrap();
            let (task, taken) = history.by_task().next().unwrap();
            let found = is_stopped(&limits, task, taken, Switches::from(&config));
            assert_eq!(found, expected, "{used:?}, latency {latency_blocks}, phase {phase_blocks}");
        }
    }
}
