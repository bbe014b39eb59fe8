//! Queries to a view in this process: the status of a task, whether it may advance, and its report as a page.

use tollgate_clock::Stopwatch;
use tollgate_domain::config::BudgetConfig;
use tollgate_domain::gate::{self, Switches};
use tollgate_domain::ids::DEFAULT_TENANT;
use tollgate_domain::phase::Advance;
use tollgate_projection::fold::task_key;
use tollgate_projection::report::{Named, Similar, html, task_report, task_status};
use tollgate_projection::reports::ClassSums;
use tollgate_projection::status::{Status, task_figures};
use tollgate_projector::View;

use crate::driver::nanoseconds;
use crate::stats::{Samples, percentile};
use crate::usage::{TASKS, phase, task_name, time};
use crate::work::mix;

/// Queries of each kind in a round.
const QUESTIONS: u64 = 20_000;

/// Reports in a round: a page costs a hundred times as much as a query.
const REPORTS: u64 = 2_000;

/// One round of all kinds. `rows` says where the rows are found, for the names of the figures.
pub(crate) fn round(view: &View<Status>, rows: &str, figures: &mut Samples) {
    let now = time(u64::from(u32::MAX));
    let statuses = ask(QUESTIONS, |task, key| {
        let row = view.get(key).expect("a look-up").expect("every task has a row");
        let named = Named { tenant: DEFAULT_TENANT, task, row: &row, degraded: view.is_degraded(key) };
        let status = task_status(named, Some(now), view.position().to_string());
        assert!(status.summary.tokens_used > 0, "{task} used tokens");
    });
    let switches = Switches::from(&BudgetConfig::built_in());
    let advance = Advance::Phase(phase("VERIFY"));
    let decisions = ask(QUESTIONS, |task, key| {
        let row = view.get(key).expect("a look-up").expect("every task has a row");
        let mut decided = gate::decide(&task_figures(task, &row, Some(now)), &advance, switches);
        decided.as_of = view.position().to_string();
        assert!(decided.tokens.is_some(), "{task} has limits");
    });
    let reports = ask(REPORTS, |task, key| {
        let row = view.get(key).expect("a look-up").expect("every task has a row");
        let named = Named { tenant: DEFAULT_TENANT, task, row: &row, degraded: view.is_degraded(key) };
        let similar = Similar::Known(ClassSums::default());
        let report = task_report(named, &similar, Some(now), view.position().to_string());
        assert!(html(&report).contains(task), "{task} is named");
    });
    for (kind, latencies) in [("status", statuses), ("gate", decisions), ("report_html", reports)] {
        for percent in [50, 99] {
            let latency = percentile(&latencies, percent) as f64 / 1e3;
            figures.add(format!("query_{kind}_{rows}_p{percent}_microseconds"), latency);
        }
    }
}

/// Queries tasks in no particular order. Returns how long each query took, in nanoseconds.
fn ask(questions: u64, mut question: impl FnMut(&str, &[u8])) -> Vec<u64> {
    let mut latencies = Vec::new();
    for number in 0..questions {
        let task = task_name(mix(number) % TASKS);
        let took = Stopwatch::start();
        let key = task_key(DEFAULT_TENANT, &task);
        question(&task, &key);
        latencies.push(nanoseconds(took.elapsed()));
    }
    latencies
}
