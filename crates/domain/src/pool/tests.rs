//! given | then

use proptest::prelude::*;

use super::{Drawn, Pool, PoolRules};
use crate::tier::Importance;
use crate::time::Timestamp;
use crate::yaml::ConfigProblem;

fn at(hours: i64) -> Timestamp {
    let monday: Timestamp = "2026-11-23T00:00:00Z".parse().unwrap();
    monday.plus_millis(hours * 3_600_000)
}

#[test]
fn a_task_needs_all_that_it_used_beyond_its_limit_in_whole_steps() {
    let rules = PoolRules::default();
    for (used, limit, needed) in [
        (99, 100, Some(0)),
        (100, 100, Some(0)),
        (101, 100, Some(25)),
        (125, 100, Some(25)),
        (126, 100, Some(50)),
        (200, 100, Some(100)),
        (201, 100, None),
        // A quarter of three tokens is none: one token is a step.
        (4, 3, Some(1)),
        (1, 0, None),
        (u128::MAX, u64::MAX, None),
    ] {
        assert_eq!(rules.needed(used, limit), needed, "{used} of {limit}");
    }
}

#[test]
fn who_is_less_important_leaves_more() {
    let rules = PoolRules::default();
    for (importance, most) in [
        (Importance::Low, 500),
        (Importance::Medium, 750),
        (Importance::High, 900),
        (Importance::Critical, 1_000),
    ] {
        let mut pool = Pool::default();
        pool.give(&rules, at(0), 1_000);
        assert_eq!(pool.draw(&rules, at(1), importance, 1_001), Drawn::Empty, "{importance}");
        if most < 1_000 {
            assert_eq!(pool.draw(&rules, at(1), importance, most + 1), Drawn::Reserved, "{importance}");
        }
        assert_eq!(pool.draw(&rules, at(1), importance, most), Drawn::All, "{importance}");
        assert_eq!(pool.sums().left, 1_000 - most);
    }
}

#[test]
fn what_is_left_at_the_end_of_a_window_expires_and_what_comes_back_is_no_gift() {
    let rules = PoolRules::from_yaml("pool: { window: daily, give: 0.5, leave: { low: 0.5 } }").unwrap();
    let mut pool = Pool::default();
    pool.give(&rules, at(1), 2_001);
    assert_eq!(pool.draw(&rules, at(2), Importance::Low, 500), Drawn::All, "a half of what was given");
    pool.give_back(&rules, at(3), 100);
    assert_eq!(pool.draw(&rules, at(3), Importance::Low, 101), Drawn::Reserved, "a half is still to be left");
    assert_eq!(pool.draw(&rules, at(24), Importance::Critical, 1), Drawn::Empty, "the day is over");
    let sums = pool.sums();
    assert_eq!((sums.given, sums.returned, sums.drawn, sums.expired, sums.left), (1_000, 100, 500, 600, 0));
}

#[test]
fn files_are_read_or_refused_with_all_that_is_wrong() {
    assert_eq!(PoolRules::from_yaml("pool: {}").unwrap(), PoolRules::default());
    let read = PoolRules::from_yaml("pool: { window: monthly, give: 0.25, ceiling: 1.5, leave: { low: 1 } }");
    assert_eq!(
        read.unwrap().canonical(),
        "pool.window = monthly\npool.give = 0.25\npool.step = 0.25\npool.ceiling = 1.5\npool.leave.low = 1\n\
         pool.leave.medium = 0.25\npool.leave.high = 0.1\npool.leave.critical = 0\n"
    );
    for (text, problems) in [
        ("pool: 3", &["pool: must be a mapping"][..]),
        ("pools: {}", &["pools", "pool: must be given"]),
        (
            "pool: { window: yearly, give: 2, step: 0, ceiling: 1, leave: { low: -1, lowest: 0 } }",
            &["pool.window", "pool.give", "pool.step", "pool.ceiling", "pool.leave.low", "pool.leave.lowest"],
        ),
        ("pool: { window: per_task }", &["pool.window"]),
        ("pool: { leave: { critical: 0.2 } }", &["pool.leave"]),
    ] {
        let invalid = PoolRules::from_yaml(text).unwrap_err();
        let shown: Vec<String> = invalid.problems.iter().map(ConfigProblem::message).collect();
        assert_eq!(shown.len(), problems.len(), "{text}: {shown:?}");
        for (shown, expected) in shown.iter().zip(problems) {
            assert!(shown.starts_with(expected.split(':').next().unwrap()), "{text}: {shown}");
        }
    }
}

proptest! {
    /// Tokens are moved, never made; a draw leaves what it has to.
    #[test]
    fn tokens_are_moved_and_never_made(
        moves in prop::collection::vec((0_i64..30, 0_u8..3, 0_usize..4, 0_u64..1_000), 0..60),
        give in 0_u32..=100,
    ) {
        let text = format!("pool: {{ window: daily, give: {}.{:02} }}", give / 100, give % 100);
        let rules = PoolRules::from_yaml(&text).unwrap();
        let (mut pool, mut now, mut out) = (Pool::default(), 0, 0);
        for (hours, what, importance, tokens) in moves {
            now += hours;
            match what {
                0 => {
                    pool.give(&rules, at(now), tokens);
                }
                1 => {
                    let back = tokens.min(out);
                    out -= back;
                    pool.give_back(&rules, at(now), back);
                }
                _ => {
                    let before = pool.sums();
                    let importance = Importance::ALL[importance];
                    let drawn = pool.draw(&rules, at(now), importance, tokens);
                    out += if drawn == Drawn::All { tokens } else { 0 };
                    prop_assert_eq!(pool.sums().drawn - before.drawn, if drawn == Drawn::All { tokens } else { 0 });
                }
            }
            let sums = pool.sums();
            prop_assert_eq!(sums.given + sums.returned, sums.drawn + sums.expired + sums.left);
        }
        prop_assert!(pool.sums().returned <= pool.sums().drawn);
    }
}
