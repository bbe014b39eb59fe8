//! What must hold afterwards: the journal of what was acknowledged, the log, and every view agree.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::Outcome;
use super::cluster::Cluster;
use super::orchestrator::Journal;

/// Checks everything.
///
/// # Panics
///
/// At the first promise that is broken.
pub(crate) fn all(mut cluster: Cluster, journal: &Journal, kills: BTreeMap<&'static str, u64>) -> Outcome {
    cluster.wait_until_caught_up();
    let (logged_events, repeated_events) = the_log_has_all(&cluster, journal);
    let mut before = views(&cluster, journal);
    let rebuilt = cluster.command("view rebuild");
    for view in ["status", "reports", "alerts", "spending"] {
        assert!(rebuilt.contains(&format!("{view}: identical")), "a view is no fold of the log:\n{rebuilt}");
    }
    cluster.project_from_zero();
    let mut after = views(&cluster, journal);
    after.as_of_the_time_of(&mut before);
    assert_eq!(before, after, "a view differs from a fold from zero");
    let verified = cluster.command("log verify");
    assert!(verified.starts_with("passed: "), "{verified}");
    let usage = || journal.usage.values().flat_map(BTreeMap::values);
    Outcome {
        kills,
        usage_events: usage().count() as u64,
        tokens: usage().sum(),
        decisions: journal.decisions.values().map(|ids| ids.len() as u64).sum(),
        retries: journal.retries,
        logged_events,
        repeated_events,
        alerts: after.alerts.keys().filter(|(_, change)| change == "\"raised\"").count() as u64,
        slowest: journal.slowest,
    }
}

/// Every acknowledged event is in the log. Returns how many events are, and how many of them a second time.
fn the_log_has_all(cluster: &Cluster, journal: &Journal) -> (u64, u64) {
    let text = cluster.command("--format json log tail --records 0");
    let mut found: BTreeMap<(String, String), u64> = BTreeMap::new();
    for line in text.lines() {
        let event: Value = serde_json::from_str(line).expect("a line is an event");
        let field = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
        *found.entry((field("task"), field("id"))).or_default() += 1;
    }
    let lacking = |task: &String, id: &String| !found.contains_key(&(task.clone(), id.clone()));
    for (task, events) in &journal.usage {
        for id in events.keys() {
            assert!(!lacking(task, id), "usage {id} of task {task} was acknowledged and is not in the log");
        }
    }
    for (task, ids) in &journal.decisions {
        for id in ids {
            assert!(
                !lacking(task, id),
                "decision {id} of task {task} was acknowledged and is not in the log"
            );
        }
    }
    (found.values().sum(), found.values().map(|count| count - 1).sum())
}

/// What the views say.
#[derive(Debug, PartialEq)]
struct Views {
    /// Tokens of each task.
    tasks: BTreeMap<String, u64>,
    /// The ledger's report.
    report: Value,
    /// Changes of alerts, by alert and what happened to it.
    alerts: BTreeMap<(String, String), Value>,
}

impl Views {
    /// Leaves out what was recorded since: servers keep watching while projectors start from zero, and report
    /// that these lag.
    fn as_of_the_time_of(&mut self, before: &mut Self) {
        let last = before.alerts.values().map(|change| change["sequence"].as_u64()).max().flatten();
        for views in [&mut *before, self] {
            views
                .alerts
                .retain(|_, change| change["sequence"].as_u64() <= last && change["alert"]["rule"] != "lag");
        }
    }
}

/// Queries all views, and compares them with the journal.
fn views(cluster: &Cluster, journal: &Journal) -> Views {
    let list = cluster.json("task list --limit 100000");
    let mut tasks = BTreeMap::new();
    for task in list["tasks"].as_array().expect("tasks") {
        let name = task["task"].as_str().expect("a name").to_owned();
        tasks.insert(name, task["tokens_used"].as_u64().expect("tokens"));
    }
    let expected: BTreeMap<String, u64> = journal
        .decisions
        .keys()
        .map(|task| (task.clone(), journal.usage.get(task).map_or(0, |events| events.values().sum())))
        .collect();
    assert_eq!(tasks, expected, "the view `status` counts something else than what was acknowledged");
    let mut report = cluster.json("report");
    let usage = || journal.usage.values().flat_map(BTreeMap::values);
    assert_eq!(
        report["tokens"]["total"].as_u64(),
        Some(usage().sum()),
        "the view `reports` counts something else"
    );
    assert_eq!(report["usage_events"].as_u64(), Some(usage().count() as u64));
    report["as_of"] = Value::Null;
    let (mut alerts, mut raised, mut after) = (BTreeMap::new(), BTreeSet::new(), 0);
    loop {
        let page = cluster.get(&format!("/v1/alerts/changes?after={after}&wait_ms=0"));
        let changes = page["changes"].as_array().expect("changes");
        if changes.is_empty() {
            return Views { tasks, report, alerts };
        }
        for change in changes {
            let alert = &change["alert"];
            let (id, what) = (alert["id"].to_string(), change["change"].to_string());
            let known = alerts.insert((id, what), change.clone());
            assert!(known.is_none(), "a change of an alert came twice: {change}");
            let field = |name: &str| alert[name].to_string();
            let condition = ["tenant", "task", "rule", "scope", "level", "generation"].map(field);
            let first = change["change"] != "raised" || raised.insert(condition);
            assert!(first, "an alert was raised twice: {change}");
        }
        after = page["last"].as_u64().expect("the last record");
    }
}
