//! given | then for what stopping tasks was worth.

use tollgate_domain::config::BudgetConfig;
use tollgate_domain::event::{ConfigLoaded, EventBody};
use tollgate_wire::api::SavingsReport;

use super::*;
use crate::reports::{Blocks, ReportRow};
use crate::status::Status;
use crate::testing::{folded, story};

/// A Medium/medium task has 23,400 tokens: blocked before VERIFY above 35,100.
const OBSERVE: &str = "config rollout: observe";
const ENFORCE: &str = "config rollout: enforce";

fn configs() -> Configs {
    let of = |yaml: &str| BudgetConfig::from_yaml(yaml).unwrap().hash();
    [("rollout: observe\n", Blocks::Nobody), ("rollout: enforce\n", Blocks::Everybody)]
        .map(|(yaml, blocks)| (of(yaml), blocks))
        .into()
}

fn savings(script: &str) -> Savings {
    let mut savings = Savings::default();
    for row in folded(&Status, &story(script).events).values() {
        savings.add(row, &configs());
    }
    savings
}

fn of(script: &str, min: u64) -> SavingsReport {
    report(&savings(script), min, Stated::default(), "p".to_owned())
}

/// Tasks with their own names that each used this many tokens; the gate was asked before VERIFY.
fn tasks(prefix: &str, tokens: &[u64], rest: &str) -> String {
    let one = |(nth, tokens): (usize, &u64)| {
        format!(
            "in {prefix}-{nth}, open, start PLAN, use PLAN out={tokens} usd=0.{tokens:06}, end PLAN, gate VERIFY, {rest}, "
        )
    };
    tokens.iter().enumerate().map(one).collect()
}

#[test]
fn tasks_are_told_apart_by_whether_the_gate_could_block_them() {
    for (script, observed, enforced, left_out) in [
        ("config rollout: observe, open, gate VERIFY", 1, 0, 0),
        ("config rollout: observe, open", 1, 0, 0),
        ("config rollout: enforce, open, gate VERIFY", 0, 1, 0),
        // The gate was never asked: what it used says nothing about the gate.
        ("config rollout: enforce, open", 0, 0, 1),
        ("config rollout: enforce, open tracked, gate VERIFY", 0, 0, 1),
        ("config rollout: observe, open, gate VERIFY, config rollout: enforce, gate VERIFY", 0, 1, 0),
        ("config rollout: enforce, open, config rollout: observe, gate VERIFY", 1, 0, 0),
        ("use PLAN out=1", 0, 0, 0),
    ] {
        let savings = savings(script);
        let class = savings.classes.values().next().cloned().unwrap_or_default();
        let found = (class.observed.tasks, class.enforced.tasks, savings.left_out);
        assert_eq!(found, (observed, enforced, left_out), "{script}");
    }
}

#[test]
fn both_sides_with_exact_figures() {
    let before = tasks("B", &[10_000, 20_000, 30_001], "close completed");
    let after = tasks("E", &[9_000, 10_000, 11_001], "close completed");
    let report = of(&format!("{OBSERVE}, {before} {ENFORCE}, {after}"), 3);
    let row = &report.classes[0];
    assert_eq!((row.complexity.as_str(), row.importance.as_str()), ("Medium", "medium"));
    let figures = |side: &tollgate_wire::api::SavingsSide| {
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        (
            side.completed,
            side.median_tokens,
            text(&side.mean_tokens),
            text(&side.median_cost_usd),
            text(&side.mean_cost_usd),
        )
    };
    let (one, other) = (figures(&row.baseline), figures(&row.enforced));
    assert_eq!(
        one,
        (3, Some(20_000), "20000.33".to_owned(), "0.02".to_owned(), "0.020000333333333333".to_owned())
    );
    assert_eq!(
        other,
        (3, Some(10_000), "10000.33".to_owned(), "0.01".to_owned(), "0.010000333333333333".to_owned())
    );
    assert_eq!((row.median_percent.as_deref(), &row.lacks), (Some("50"), &None));
    assert_eq!(
        row.avoided.lacks.as_deref(),
        Some("not enough data: 0 of at least 1 stopped tasks marked runaway")
    );
}

#[test]
fn a_sample_that_is_too_small_gives_no_number() {
    let script = format!(
        "{OBSERVE}, {} {ENFORCE}, {}",
        tasks("B", &[1, 2], "close completed"),
        tasks("E", &[1], "close completed")
    );
    let report = of(&script, 3);
    let row = &report.classes[0];
    assert_eq!(row.baseline.lacks.as_deref(), Some("not enough data: 2 of at least 3 tasks"));
    assert_eq!(
        (row.baseline.median_tokens, &row.baseline.mean_cost_usd, &row.median_percent),
        (None, &None, &None)
    );
    assert_eq!(row.lacks.as_deref(), Some("not enough data: 1 of at least 3 completed tasks on each side"));
    assert_eq!(
        row.avoided.lacks.as_deref(),
        Some("not enough data: 2 of at least 3 closed tasks of the baseline")
    );
    assert_eq!((report.avoided.tokens_up_to, report.avoided.lacks.is_some()), (None, true));
}

#[test]
fn what_is_not_priced_is_in_no_cost() {
    let unpriced = "in U, open, start PLAN, use PLAN out=5, end PLAN, gate VERIFY, close completed, ";
    let report = of(&format!("{OBSERVE}, {} {unpriced}", tasks("B", &[100, 200], "close completed")), 3);
    let side = &report.classes[0].baseline;
    assert_eq!((side.completed, side.unpriced_tasks, side.median_tokens), (3, 1, Some(100)));
    assert_eq!(
        (&side.mean_cost_usd, side.lacks.as_deref()),
        (&None, Some("not enough data: 2 of at least 3 priced tasks"))
    );
}

#[test]
fn stops_are_counted_by_what_became_of_them_and_avoided_is_a_range() {
    // In the baseline a runaway continued up to 90,000.
    let before = tasks("B", &[10_000, 20_000, 90_000], "close completed");
    let stopped = [
        tasks("R", &[40_000, 95_000], "mark runaway, close cancelled"),
        tasks("S", &[50_000], "mark runaway"),
        tasks("L", &[60_000], "mark legitimate, pass VERIFY, close completed"),
        tasks("U", &[70_000], "close abandoned"),
        // It was let through, and continues.
        tasks("W", &[36_000], "pass VERIFY, gate VERIFY"),
        tasks("E", &[5_000], "close completed"),
    ]
    .concat();
    let report = of(&format!("{OBSERVE}, {before} {ENFORCE}, {stopped}"), 3);
    let row = &report.classes[0].stopped;
    assert_eq!((row.tasks, row.of, row.percent.as_deref()), (6, 7, Some("85.71")));
    assert_eq!((row.legitimate, row.runaway, row.unmarked, row.completed), (1, 3, 2, 1));
    assert_eq!((row.sunk_tasks, row.sunk_tokens), (4, 40_000 + 95_000 + 50_000 + 70_000));
    assert_eq!(report.classes[0].enforced.overrides, 2);
    let avoided = &report.classes[0].avoided;
    assert_eq!((avoided.tasks, avoided.baseline_p90_tokens), (3, Some(90_000)));
    assert_eq!(
        (avoided.tokens_from, avoided.tokens_up_to),
        (Some(0), Some(50_000 + 40_000)),
        "what had used more counts 0"
    );
    assert_eq!(avoided.cost_usd_up_to.as_deref(), Some("0.09"));
    assert_eq!(
        (report.avoided.tokens_up_to, &report.avoided.cost_usd_up_to),
        (Some(90_000), &avoided.cost_usd_up_to)
    );
    assert!(report.assumptions[0].contains("9 of 10 closed tasks"));
    let returned = &report.return_on_investment;
    assert_eq!((returned.saved_usd_up_to.as_deref(), returned.times_from.as_deref()), (Some("0.09"), None));
    // Three were marked runaway; one more ended otherwise and nobody marked it, as nobody marked the one let through.
    assert_eq!(
        (returned.runaways.tasks_from, returned.runaways.tasks_up_to, returned.runaways.of),
        (3, 5, 7)
    );
}

#[test]
fn what_a_stop_loss_returned_is_for_the_cost_that_is_stated() {
    let before = tasks("B", &[10_000, 20_000, 90_000], "close completed");
    let stopped = [
        tasks("R", &[40_000], "mark runaway, close cancelled"),
        tasks("L", &[60_000], "mark legitimate, pass VERIFY, close completed"),
    ];
    let savings = savings(&format!("{OBSERVE}, {before} {ENFORCE}, {}", stopped.concat()));
    let stated = Stated { cost: "0.01".parse().ok(), interruption: "0.02".parse().unwrap() };
    let returned = report(&savings, 3, stated, "p".to_owned()).return_on_investment;
    // At most 0.05 USD were avoided, and one interruption was wrong.
    assert_eq!(
        (returned.saved_usd_up_to.as_deref(), returned.overhead_usd_from.as_deref()),
        (Some("0.05"), Some("0.02"))
    );
    assert_eq!((returned.times_from.as_deref(), returned.times_up_to.as_deref()), (Some("-2"), Some("3")));
}

#[test]
fn parts_add_up() {
    let one = savings(&format!("{OBSERVE}, {}", tasks("B", &[10, 20], "close completed")));
    let other = savings(&format!("{ENFORCE}, {}", tasks("R", &[40_000], "mark runaway")));
    let both = savings(&format!(
        "{OBSERVE}, {} {ENFORCE}, {}",
        tasks("B", &[10, 20], "close completed"),
        tasks("R", &[40_000], "mark runaway")
    ));
    let mut sum = other.clone();
    sum.merge(&one);
    assert_eq!(sum, both);
    let text = serde_json::to_string(&both).unwrap();
    assert_eq!(serde_json::from_str::<Savings>(&text).unwrap(), both, "as projectors answer over NATS");
}

#[test]
fn the_view_knows_the_configs_of_the_log() {
    let config = BudgetConfig::from_yaml("rollout: enforce\n").unwrap();
    let body = EventBody::from(ConfigLoaded {
        config_hash: config.hash(),
        canonical: config.canonical(),
        source: "built-in".to_owned(),
    });
    let mut story = story("open");
    story.append_to_ledger(body);
    let rows = folded(&crate::reports::Reports, &story.events);
    let found: Vec<_> =
        rows.iter().filter_map(|(key, row)| Some((crate::reports::config_hash(key)?, row))).collect();
    assert_eq!(found, [(config.hash().as_str(), &ReportRow::Config(Blocks::Everybody))]);
}
