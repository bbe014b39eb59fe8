//! Limits that follow progress: alerts go by the limit that holds.

use super::*;

/// What is open of THINK: rule and level.
fn open(folded: &Folded) -> Vec<(AlertRule, u32)> {
    folded.watch().open.keys().map(|condition| (condition.rule, condition.level)).collect()
}

#[test]
fn a_phase_is_above_its_limit_only_if_it_is_above_what_was_carried_to_it_too() {
    let config =
        BudgetConfig::from_yaml("progress: { carry_forward: 0.5 }\npressure_levels: [90]\n").unwrap();
    let mut folded = Folded::opened_under(&config);
    folded.start(0, "PLAN");
    folded.end(0, "PLAN");
    folded.start(0, "THINK");
    let think = named("THINK");
    let row = &folded.watch().task;
    let limits = row.state.limits.as_deref().unwrap();
    let own = limits.phase(&think).unwrap().tokens;
    let holds = row.progress.as_deref().unwrap().limit_of(&think, limits).unwrap();
    assert!(holds > own, "{holds} of {own}");
    folded.use_tokens("THINK", own + 1);
    let above_ninety = (own + 1) * 100 / holds >= 90;
    assert_eq!(open(&folded).contains(&(AlertRule::Pressure, 90)), above_ninety);
    folded.use_tokens("THINK", holds - own - 1);
    assert_eq!(open(&folded), [(AlertRule::Pressure, 90)], "all of it is used, and no more");
    folded.use_tokens("THINK", 1);
    assert!(open(&folded).contains(&(AlertRule::Breach, 100)), "{:?}", open(&folded));
}
