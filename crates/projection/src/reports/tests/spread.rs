//! How phases of a class are spread is what its tasks have at the moment, whatever came before.

use super::*;

/// What the rows of tasks say of each class and phase.
fn of_tasks(rows: &BTreeMap<Vec<u8>, ReportRow>) -> BTreeMap<Vec<u8>, Spread> {
    let mut found: BTreeMap<Vec<u8>, Spread> = BTreeMap::new();
    for (key, row) in rows {
        let ReportRow::Task(task) = row else { continue };
        let Some((complexity, importance)) = task.tiers else { continue };
        let tenant = std::str::from_utf8(&key[1..]).unwrap().split('\0').next().unwrap();
        for (phase, used) in &task.phases {
            let mut key = Class { tenant, complexity, importance }.prefix();
            key.extend_from_slice(phase.as_bytes());
            used.took().into_iter().for_each(|took| found.entry(key.clone()).or_default().note(took));
        }
    }
    found
}

fn of_classes(rows: &BTreeMap<Vec<u8>, ReportRow>) -> BTreeMap<Vec<u8>, Spread> {
    let spread = |(key, row): (&Vec<u8>, &ReportRow)| {
        let ReportRow::Class(class) = row else { return None };
        (class.spread != Spread::default()).then(|| (key.clone(), class.spread.clone()))
    };
    rows.iter().filter_map(spread).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn of_any_history(events in events()) {
        let rows = folded(&Reports, &events);
        prop_assert_eq!(of_classes(&rows), of_tasks(&rows));
    }
}

#[test]
fn late_usage_corrections_and_further_attempts_move_a_task_within_its_class() {
    let mut script = String::new();
    let mut seen = Vec::new();
    for step in [
        "open, start THINK, use THINK/1 in=100, +10s",
        "end THINK",
        "use THINK/1 in=50",
        "adjust THINK/1 in=-30",
        "start THINK, use THINK/2 in=7, +5s, end THINK",
        "adjust THINK/1 in=-100",
    ] {
        script += &format!("{}{step}", if script.is_empty() { "" } else { ", " });
        let rows = folded(&Reports, &story(&script).events);
        assert_eq!(of_classes(&rows), of_tasks(&rows), "{script}");
        let spread = of_classes(&rows).into_values().next().unwrap_or_default();
        seen.push((spread.tokens.0, spread.latency_ms.0));
    }
    let took = |tokens: u64, ms: u64| (BTreeMap::from([(tokens, 1)]), BTreeMap::from([(ms, 1)]));
    let nothing = (BTreeMap::new(), BTreeMap::new());
    assert_eq!(
        seen,
        [
            nothing,
            took(100, 10_000),
            took(150, 10_000),
            took(120, 10_000),
            took(127, 15_000),
            took(27, 15_000)
        ]
    );
}
