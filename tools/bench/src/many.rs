//! Questions over many tasks, answered by what the view keeps beside its rows, and by a look at every row.

use std::path::Path;

use tollgate_clock::Stopwatch;
use tollgate_domain::ids::DEFAULT_TENANT;
use tollgate_log::embedded::EmbeddedLog;
use tollgate_projection::fold::read_task_key;
use tollgate_projection::overview::{Overview, Present};
use tollgate_projection::selection::{SelectionSums, TaskFilter};
use tollgate_projection::status::Status;
use tollgate_projector::queries::{ListTasks, OverviewOf, RunningTasks};
use tollgate_projector::{Query, Seen, View};

use crate::usage::{DAYS, days_ms, time};

/// How often each question is asked; the middle is told.
const ASKED: usize = 5;

/// What was asked, in milliseconds.
pub(crate) struct Asked {
    pub(crate) question: &'static str,
    pub(crate) kept: f64,
    /// By a look at every row; the last question has no such way.
    pub(crate) looked: Option<f64>,
}

/// Opens the view that was folded into a directory, and asks it. Returns lines to print.
pub(crate) fn run(log: &EmbeddedLog, dir: &Path) -> String {
    let (opened, rows, answers) = ask(log, dir);
    let mut lines = format!("opening a view of {rows} rows: {opened:.2} ms\n");
    for Asked { question, kept, looked } in answers {
        lines += &match looked {
            Some(looked) => format!(
                "{question}: {kept:.2} ms, {looked:.1} ms by a look at every row, {:.0} times as long\n",
                looked / kept
            ),
            None => format!("{question}: {kept:.2} ms\n"),
        };
    }
    lines
}

/// How many milliseconds opening takes, how many rows there are, and the answers.
pub(crate) fn ask(log: &EmbeddedLog, dir: &Path) -> (f64, u64, Vec<Asked>) {
    let (opened, mut view) = timed(|| pollster::block_on(View::open(Status, dir, log)).expect("a view"));
    let rows = view.rows();
    view.count(usize::MAX).expect("rows that can be read");
    let now = time(u64::from(u32::MAX));
    let overview = OverviewOf { tenant: None, now, stuck_after_ms: 14_400_000, own: false };
    let kept = middle(|| overview.answer(&Seen::Now(&view)).expect("an answer"));
    let looked = middle(|| overview_by_rows(&view, &overview));
    let mut answers = vec![Asked { question: "health of budgets", kept, looked: Some(looked) }];
    let filter = |statuses: &[&str]| TaskFilter {
        statuses: statuses.iter().map(|status| (*status).to_owned()).collect(),
        ..TaskFilter::default()
    };
    // From the noon of one day to that of the next one, a third of the way back.
    let noon = time(0).plus_millis(-days_ms(DAYS / 3));
    let one_day = TaskFilter { since: Some(noon), until: Some(noon.plus_millis(days_ms(1))), ..filter(&[]) };
    for (question, filter) in [
        ("sums of all tasks", filter(&[])),
        ("first 50 above limits, with sums", filter(&["exceeded"])),
        ("tasks that began within a day, with sums", one_day),
    ] {
        let list = ListTasks {
            tenant: DEFAULT_TENANT.to_owned(),
            after: None,
            filter,
            summed: true,
            limit: 50,
            now,
        };
        let kept = middle(|| list.answer(&Seen::Now(&view)).expect("an answer"));
        let looked = middle(|| sums_by_rows(&view, &list));
        answers.push(Asked { question, kept, looked: Some(looked) });
    }
    let kept = middle(|| RunningTasks::default().answer(&Seen::Now(&view)).expect("an answer"));
    answers.push(Asked { question: "running executions, a page", kept, looked: None });
    (opened, rows, answers)
}

fn overview_by_rows(view: &View<Status>, asked: &OverviewOf) -> Overview {
    let mut overview = Overview::default();
    let present = Present { now: asked.now, stuck_after_ms: asked.stuck_after_ms };
    for row in view.scan(&[], None) {
        let (key, row) = row.expect("a row");
        let (tenant, task) = read_task_key(&key).expect("a task's key");
        overview.add(tenant, task, &row, present);
    }
    overview
}

fn sums_by_rows(view: &View<Status>, asked: &ListTasks) -> SelectionSums {
    let mut sums = SelectionSums::default();
    for row in view.scan(&[], None) {
        let (_, row) = row.expect("a row");
        if asked.filter.wants(&row, Some(asked.now)) {
            sums.add(&row, Some(asked.now));
        }
    }
    sums
}

/// Milliseconds that something takes, and what it gives.
fn timed<R>(of: impl FnOnce() -> R) -> (f64, R) {
    let took = Stopwatch::start();
    let made = std::hint::black_box(of());
    (took.elapsed().as_secs_f64() * 1e3, made)
}

/// Milliseconds that a question takes: the middle of a few.
fn middle<R>(mut ask: impl FnMut() -> R) -> f64 {
    let mut took: Vec<f64> = (0..ASKED).map(|_| timed(&mut ask).0).collect();
    took.sort_by(f64::total_cmp);
    took[ASKED / 2]
}
