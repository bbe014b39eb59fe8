//! What is kept beside the rows of `status` answers as a look at every row does: after reopening, after a crash, and
//! while the view moves on.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tollgate_clock::ManualClock;
use tollgate_domain::position::Position;
use tollgate_domain::task::TaskStage;
use tollgate_domain::tier::{Complexity, Importance};
use tollgate_domain::time::Timestamp;
use tollgate_files::crash::Seeded;
use tollgate_log::contract::EventLog;
use tollgate_log::memory::MemoryLog;
use tollgate_projection::fold::read_task_key;
use tollgate_projection::overview::{Overview, Present, WeekFigures};
use tollgate_projection::selection::{TaskFilter, TaskTime};
use tollgate_projection::status::Status;
use tollgate_wire::api::BudgetStatus;

use crate::projector::Projector;
use crate::queries::{ListTasks, OverviewOf, RunningTasks};
use crate::query::{Query, Wait};
use crate::seen::Seen;
use crate::testing::{append, lived, records};
use crate::view::View;

const HOUR: i64 = 3_600_000;

fn now(random: &mut Seeded) -> Timestamp {
    let began: Timestamp = "2026-11-21T08:00:00Z".parse().unwrap();
    began.plus_millis(i64::try_from(random.number(100)).unwrap() * HOUR)
}

async fn log(random: &mut Seeded, events: u64) -> (Arc<dyn EventLog>, Position) {
    // Recorded after all that happened: times ahead of that are not believed.
    let clock = ManualClock::at("2026-12-01T00:00:00Z".parse().unwrap());
    let log: Arc<dyn EventLog> = Arc::new(MemoryLog::new(Arc::new(clock)));
    let mut position = append(&*log, vec![lived(random, 0)]).await;
    for nth in 1..events {
        position.merge(&append(&*log, vec![lived(random, nth)]).await);
    }
    (log, position)
}

/// Every row of the view looked at.
fn overview_by_rows(view: &View<Status>, asked: &OverviewOf) -> Overview {
    let mut overview = Overview { degraded: view.degraded_tasks(), ..Overview::default() };
    let present = Present { now: asked.now, stuck_after_ms: asked.stuck_after_ms };
    for row in view.scan(&[], None) {
        let (key, row) = row.unwrap();
        let (tenant, task) = read_task_key(&key).unwrap();
        if asked.tenant.as_deref().is_none_or(|asked| asked == tenant) {
            overview.add(tenant, task, &row, present);
        }
    }
    overview.weeks.retain(|_, figures| *figures != WeekFigures::default());
    overview
}

/// Some of a few words.
fn some<T: Clone>(random: &mut Seeded, of: &[T]) -> Vec<T> {
    if random.number(2) == 0 {
        return Vec::new();
    }
    (0..=random.number(2)).map(|_| of[random.number(of.len())].clone()).collect()
}

/// One within the days in which tasks began, often the first of a day.
fn some_time(random: &mut Seeded) -> Timestamp {
    let at = now(random);
    if random.number(2) == 0 { format!("{}T00:00:00Z", at.day()).parse().unwrap() } else { at }
}

fn list(random: &mut Seeded) -> ListTasks {
    let words = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    ListTasks {
        tenant: "default".to_owned(),
        after: (random.number(2) == 0).then(|| format!("T-{:02}", random.number(40))),
        filter: TaskFilter {
            stages: some(random, &words(TaskStage::NAMES)),
            statuses: some(random, &words(BudgetStatus::NAMES)),
            complexities: some(random, Complexity::ALL),
            importances: some(random, Importance::ALL),
            producers: some(random, &words(&["agent", "other"])),
            by: if random.number(4) == 0 { TaskTime::Last } else { TaskTime::Opened },
            since: (random.number(2) == 0).then(|| some_time(random)),
            until: (random.number(2) == 0).then(|| some_time(random)),
        },
        summed: random.number(2) == 0,
        limit: 1 + random.number(12),
        now: now(random),
    }
}

/// Asks what is kept, and the rows.
fn answers_alike(view: &mut View<Status>, random: &mut Seeded, place: &str) {
    view.count(usize::MAX).unwrap();
    let view = &*view;
    let seen = Seen::Now(view);
    for tenant in [None, Some("default".to_owned()), Some("nobody".to_owned())] {
        let asked = OverviewOf { tenant, now: now(random), stuck_after_ms: 4 * 3_600_000, own: false };
        assert_eq!(asked.answer(&seen).unwrap(), overview_by_rows(view, &asked), "{place}: {asked:?}");
    }
    for _ in 0..12 {
        let asked = list(random);
        assert_eq!(asked.answer(&seen).unwrap(), asked.by_rows(&seen).unwrap(), "{place}: {asked:?}");
    }
    let active = view.scan(&[], None).map(Result::unwrap).filter(|(_, row)| row.state.active.is_some());
    let active = active.map(|(key, _)| {
        let (tenant, task) = read_task_key(&key).unwrap();
        (tenant.to_owned(), task.to_owned())
    });
    let mut found = RunningTasks::default().answer(&seen).unwrap().tasks;
    found.sort();
    assert_eq!(found, active.collect::<Vec<_>>(), "{place}");
}

async fn opened(log: &dyn EventLog, dir: &Path) -> View<Status> {
    View::open(Status, dir, log).await.unwrap()
}

#[tokio::test]
async fn what_is_kept_answers_as_the_rows_do() {
    for seed in 0..6 {
        let mut random = Seeded::new(seed);
        let (log, _) = log(&mut random, 500).await;
        let (all, dir) = (records(&*log).await, tempfile::tempdir().unwrap());
        let mut view = opened(&*log, dir.path()).await;
        for (nth, record) in all.iter().enumerate() {
            view.apply(record).unwrap();
            match random.number(60) {
                0 | 1 => drop(view.commit().unwrap()),
                2 => drop(view.count(1 + random.number(9)).unwrap()),
                3 => answers_alike(&mut view, &mut random, &format!("seed {seed}, {nth} records")),
                4 => {
                    // A crash: what was not committed is folded again.
                    view.flush().unwrap();
                    drop(view);
                    view = opened(&*log, dir.path()).await;
                    let contained = view.checkpoint().read_through;
                    answers_alike(&mut view, &mut random, &format!("seed {seed}, opened at {contained}"));
                    let again = all.iter().take(nth + 1).filter(|record| record.sequence > contained);
                    again.for_each(|record| view.apply(record).unwrap());
                }
                _ => {}
            }
        }
        answers_alike(&mut view, &mut random, &format!("seed {seed}, at the end"));
        view.commit().unwrap();
        let fresh = tempfile::tempdir().unwrap();
        let mut again = opened(&*log, fresh.path()).await;
        all.iter().for_each(|record| again.apply(record).unwrap());
        again.commit().unwrap();
        assert_eq!(
            (view.digest(), view.rows()),
            (again.digest(), again.rows()),
            "seed {seed}: byte for byte"
        );
    }
}

#[tokio::test]
async fn an_answer_is_of_one_position_while_the_view_moves_on() {
    let mut random = Seeded::new(77);
    let (log, first) = log(&mut random, 300).await;
    let all = records(&*log).await;
    let dir = tempfile::tempdir().unwrap();
    let projector = Projector::start(Status, &dir.path().join("live"), Arc::clone(&log)).await.unwrap();
    let wait = |at_least| Wait { at_least, up_to: Duration::from_secs(30) };
    projector.read(wait(Some(&first)), |_| ()).await.unwrap();
    let appending = tokio::spawn({
        let log = Arc::clone(&log);
        async move {
            let mut random = Seeded::new(78);
            for nth in 1000..1400 {
                append(&*log, vec![lived(&mut random, nth)]).await;
                tokio::task::yield_now().await;
            }
        }
    });
    let mut answers = Vec::new();
    while !appending.is_finished() || answers.len() < 3 {
        let asked = ListTasks { summed: true, limit: 40, ..list(&mut random) };
        let answered = projector.ask(wait(None), &asked).await.unwrap();
        answers.push((answered.as_of.clone(), asked, answered.answer));
        tokio::task::yield_now().await;
    }
    appending.await.unwrap();
    assert!(answers.iter().all(|(as_of, ..)| as_of.covers(&first)));
    // The view of that position, by its rows.
    let after = records(&*log).await;
    assert!(after.len() > all.len());
    let mut view = opened(&*log, &dir.path().join("again")).await;
    let mut folded = after.iter().peekable();
    for (as_of, asked, answer) in answers {
        while let Some(record) = folded.next_if(|record| record.sequence <= as_of.highest()) {
            view.apply(record).unwrap();
        }
        assert_eq!(asked.by_rows(&Seen::Now(&view)).unwrap(), answer, "{asked:?} as of {as_of}");
    }
}
