//! given | asked | then, of the pool as the ledger keeps it

use proptest::prelude::*;

use super::{Demand, LivePool, PoolRules, PoolSums, Refused, RefusedBecause, Settling, gift};
use crate::tier::Importance;
use crate::time::Timestamp;

fn at(hours: i64) -> Timestamp {
    let monday: Timestamp = "2026-11-23T00:00:00Z".parse().unwrap();
    monday.plus_millis(hours * 3_600_000)
}

fn closed(task: &str, unused: u64, beyond: u64, hours: i64) -> Settling {
    Settling { task: task.to_owned(), unused, beyond, closed_at: at(hours) }
}

fn demand(task: &str, importance: Importance, needed: u64) -> Demand {
    Demand { task: task.to_owned(), importance, needed }
}

/// Gives as the ledger does: decides, and folds what was decided. Returns what was given and what came back.
fn give(live: &mut LivePool, rules: &PoolRules, closed: &Settling, hours: i64) -> Option<(u64, u64)> {
    let given = gift(live, rules, closed, at(hours))?;
    live.given(&given);
    Some((given.tokens, given.returned))
}

/// Draws as the ledger does. Returns what was drawn now.
fn draw(live: &mut LivePool, rules: &PoolRules, asked: &Demand, hours: i64) -> Result<u64, Refused> {
    let Some(drawn) = live.draw(rules, asked, at(hours))? else { return Ok(0) };
    live.drew(&drawn);
    Ok(drawn.tokens)
}

#[test]
fn a_task_draws_what_it_lacks_and_what_it_has_already_is_not_drawn_again() {
    let (rules, mut live) = (PoolRules::default(), LivePool::default());
    assert_eq!(give(&mut live, &rules, &closed("A", 1_000, 0, 1), 1), Some((1_000, 0)));
    for (task, importance, needed, then) in [
        ("B", Importance::Medium, 250, Ok(250)),
        // A retry after a crash between the draw and the gate's answer.
        ("B", Importance::Medium, 250, Ok(0)),
        ("B", Importance::Medium, 100, Ok(0)),
        ("B", Importance::Medium, 600, Ok(350)),
        ("C", Importance::Medium, 151, Err((RefusedBecause::Reserved, 400, 250))),
        ("C", Importance::Medium, 401, Err((RefusedBecause::Empty, 400, 250))),
        ("C", Importance::Critical, 401, Err((RefusedBecause::Empty, 400, 0))),
        ("C", Importance::Medium, 150, Ok(150)),
        ("D", Importance::Critical, 250, Ok(250)),
    ] {
        let drawn = draw(&mut live, &rules, &demand(task, importance, needed), 2);
        let drawn = drawn.map_err(|why| (why.because, why.in_pool, why.to_leave));
        assert_eq!(drawn, then, "{task} needs {needed}");
    }
    assert_eq!(
        live.drawn().iter().map(|(task, it)| (task.as_str(), *it)).collect::<Vec<_>>(),
        [("B", 600), ("C", 150), ("D", 250)]
    );
}

#[test]
fn a_closed_task_gives_a_share_and_gives_back_what_it_did_not_use() {
    let rules =
        PoolRules::from_yaml("pool: { window: daily, give: 0.5, leave: { low: 0, medium: 0, high: 0 } }")
            .unwrap();
    for (drawn, unused, beyond, closed_at, now, then) in [
        (0, 901, 0, 1, 1, Some((450, 0))),
        // It was cancelled, or used all.
        (0, 0, 0, 1, 1, None),
        (400, 0, 301, 1, 1, Some((0, 99))),
        (400, 0, 400, 1, 1, Some((0, 0))),
        (400, 0, 500, 1, 1, Some((0, 0))),
        // What was corrected since.
        (400, 10, 0, 1, 1, Some((5, 400))),
        // It closed on the day before, and the server was away: that would have expired.
        (0, 901, 0, 1, 25, None),
        (400, 10, 0, 1, 25, Some((0, 0))),
    ] {
        let mut live = LivePool::default();
        give(&mut live, &rules, &closed("A", 10_000, 0, 0), 0);
        if drawn > 0 {
            assert_eq!(draw(&mut live, &rules, &demand("B", Importance::Low, drawn), 0), Ok(drawn));
        }
        assert_eq!(
            give(&mut live, &rules, &closed("B", unused, beyond, closed_at), now),
            then,
            "{drawn} drawn, {unused} unused, {beyond} beyond, closed at {closed_at}"
        );
        assert_eq!(live.drawn_by("B"), 0, "it is forgotten");
    }
}

#[test]
fn what_is_left_expires_with_its_window_and_a_clock_behind_does_not_bring_it_back() {
    let rules =
        PoolRules::from_yaml("pool: { window: daily, leave: { low: 0, medium: 0, high: 0 } }").unwrap();
    let mut live = LivePool::default();
    give(&mut live, &rules, &closed("A", 1_000, 0, 1), 1);
    assert_eq!(draw(&mut live, &rules, &demand("B", Importance::Low, 100), 23), Ok(100));
    let empty = |drawn: Result<u64, Refused>| drawn.map_err(|why| (why.because, why.in_pool));
    assert_eq!(
        empty(draw(&mut live, &rules, &demand("C", Importance::Low, 1), 24)),
        Err((RefusedBecause::Empty, 0))
    );
    assert_eq!(live.pool().sums().left, 900, "a refusal moves nothing");
    give(&mut live, &rules, &closed("D", 50, 0, 25), 25);
    assert_eq!(draw(&mut live, &rules, &demand("C", Importance::Low, 50), 22), Ok(50), "of today");
    let PoolSums { given, returned, drawn, expired, left } = live.pool().sums();
    assert_eq!((given, returned, drawn, expired, left), (1_050, 0, 150, 900, 0));
    assert_eq!(give(&mut live, &rules, &closed("B", 0, 40, 26), 26), Some((0, 60)), "it drew yesterday");
}

proptest! {
    /// Tokens are moved, never made, whatever is asked again, folded twice by id, or closed.
    #[test]
    fn tokens_are_moved_and_never_made(
        moves in prop::collection::vec((0_i64..20, any::<bool>(), 0_u8..6, 0_usize..4, 0_u64..1_000), 0..60),
        give_percent in 0_u32..=100,
    ) {
        let text = format!("pool: {{ window: daily, give: {}.{:02} }}", give_percent / 100, give_percent % 100);
        let rules = PoolRules::from_yaml(&text).unwrap();
        let (mut live, mut now) = (LivePool::default(), 0);
        for (hours, closes, task, importance, tokens) in moves {
            now += hours;
            let (task, before) = (format!("T-{task}"), live.pool().sums());
            let had = live.drawn_by(&task);
            if closes {
                let beyond = if tokens % 3 == 0 { tokens } else { 0 };
                let unused = if beyond == 0 { tokens } else { 0 };
                let moved = give(&mut live, &rules, &closed(&task, unused, beyond, now - hours / 2), now);
                let (given, returned) = moved.unwrap_or_default();
                prop_assert!(given <= tokens && returned <= had);
            } else {
                let asked = demand(&task, Importance::ALL[importance], tokens);
                let drawn = draw(&mut live, &rules, &asked, now);
                let most = before.left;
                prop_assert!(drawn.is_err() || drawn.unwrap() <= most);
                prop_assert_eq!(draw(&mut live, &rules, &asked, now).is_ok(), drawn.is_ok());
                prop_assert_eq!(live.drawn_by(&task), if drawn.is_ok() { had.max(tokens) } else { had });
            }
            let sums = live.pool().sums();
            prop_assert_eq!(sums.given + sums.returned, sums.drawn + sums.expired + sums.left);
            prop_assert!(sums.returned <= sums.drawn);
        }
    }
}
