//! Answers over many rows: appends and decisions do not wait for them, and they are valid at one position.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tollgate_projection::fold::read_task_key;
use tollgate_projection::status::{Status, TaskRow, figures};

use crate::cache::Kept;
use crate::pool::ReadPool;
use crate::projector::Projector;
use crate::query::{Query, QueryError, Wait};
use crate::rows::RowError;
use crate::seen::{PAGE, Seen};
use crate::stored::decode;
use crate::testing::{append, memory, records, tokens, usage};
use crate::view::{View, store_dir};

const LONG: Duration = Duration::from_secs(30);

/// Where a reader pauses in the middle of its answer.
struct Hold {
    begun: Mutex<Option<mpsc::Sender<()>>>,
    until: Mutex<mpsc::Receiver<()>>,
}

/// The tokens of all tasks; pauses after the first row until it is released.
#[derive(Clone, Serialize, Deserialize)]
struct Held {
    #[serde(skip)]
    hold: Option<Arc<Hold>>,
}

impl Query<Status> for Held {
    const VERB: &'static str = "held";
    const OVER_MANY: bool = true;
    type Answer = BTreeMap<String, i128>;

    fn answer(&self, view: &Seen<'_, Status>) -> Result<Self::Answer, RowError> {
        let mut found = BTreeMap::new();
        for row in view.scan(&[], None) {
            let (key, row) = row?;
            if let (Some(hold), true) = (&self.hold, found.is_empty()) {
                if let Some(begun) = hold.begun.lock().unwrap().take() {
                    begun.send(()).unwrap();
                }
                let _ = hold.until.lock().unwrap().recv();
            }
            found.insert(task_of(&key), used(&row));
        }
        Ok(found)
    }
}

fn task_of(key: &[u8]) -> String {
    read_task_key(key).unwrap().1.to_owned()
}

fn used(row: &TaskRow) -> i128 {
    figures(row, None).total.tokens.total()
}

fn hold() -> (Held, mpsc::Receiver<()>, mpsc::Sender<()>) {
    let ((begun, has_begun), (go_on, until)) = (mpsc::channel(), mpsc::channel());
    let hold = Hold { begun: Mutex::new(Some(begun)), until: Mutex::new(until) };
    (Held { hold: Some(Arc::new(hold)) }, has_begun, go_on)
}

/// On a single-threaded runtime: its thread has to be free while a reader is in the middle of its answer.
#[tokio::test]
async fn a_reader_in_the_middle_of_its_answer_holds_up_nobody_and_sees_one_position() {
    let (log, dir) = (memory(), tempfile::tempdir().unwrap());
    let projector = Projector::start(Status, dir.path(), Arc::clone(&log)).await.unwrap();
    let projector = Arc::new(projector);
    let task = |n: usize| format!("T-{n:04}");
    let mut position = append(&*log, vec![usage(&task(0), "a", 1)]).await;
    for n in 1..3 * PAGE {
        position.merge(&append(&*log, vec![usage(&task(n), "a", 1)]).await);
    }
    let (held, begun, go_on) = hold();
    let reading = tokio::spawn({
        let (projector, at_least) = (Arc::clone(&projector), position.clone());
        async move { projector.ask(Wait { at_least: Some(&at_least), up_to: LONG }, &held).await }
    });
    tokio::task::spawn_blocking(move || begun.recv().unwrap()).await.unwrap();

    // One that it has already seen, one that is still to come, and one that did not exist.
    for task in [task(0), task(3 * PAGE - 1), format!("{}x", task(PAGE))] {
        let position = append(&*log, vec![usage(&task, "b", 7)]).await;
        let wait = Wait { at_least: Some(&position), up_to: LONG };
        let found = projector.read(wait, |view| tokens(view, &task)).await.unwrap();
        assert!(found >= Some(7), "appended, folded and answered beside the reader: {found:?}");
    }
    drop(go_on);
    let answered = reading.await.unwrap().unwrap();
    assert_eq!(answered.as_of, position);
    assert_eq!(answered.answer, (0..3 * PAGE).map(|n| (task(n), 1)).collect());
    let now = projector.ask(Wait { at_least: None, up_to: LONG }, &Held { hold: None }).await.unwrap();
    assert_eq!(now.answer.values().sum::<i128>(), (3 * PAGE) as i128 + 21);
}

/// A query whose view moves on too far at the first attempts.
#[derive(Clone, Serialize, Deserialize)]
struct MovedOn {
    attempts: usize,
    #[serde(skip)]
    made: Arc<AtomicUsize>,
}

impl Query<Status> for MovedOn {
    const VERB: &'static str = "moved_on";
    const OVER_MANY: bool = true;
    type Answer = usize;

    fn answer(&self, _: &Seen<'_, Status>) -> Result<usize, RowError> {
        let made = self.made.fetch_add(1, Ordering::SeqCst) + 1;
        if made > self.attempts { Ok(made) } else { Err(RowError::Overtaken) }
    }
}

#[tokio::test]
async fn a_question_whose_view_was_opened_again_is_asked_again_a_few_times() {
    let (log, dir) = (memory(), tempfile::tempdir().unwrap());
    let projector = Projector::start(Status, dir.path(), Arc::clone(&log)).await.unwrap();
    for (attempts, expected) in [(0, Some(1)), (1, Some(2)), (2, Some(3)), (3, None)] {
        let query = MovedOn { attempts, made: Arc::default() };
        let answered = projector.ask(Wait { at_least: None, up_to: LONG }, &query).await;
        assert_eq!(answered.as_ref().ok().map(|answered| answered.answer), expected, "{attempts}");
        if let Err(error) = answered {
            assert_eq!(error, QueryError::Rows(RowError::Overtaken));
        }
    }
}

#[tokio::test]
async fn one_reader_too_many_is_refused_and_says_what_it_met() {
    let (log, dir) = (memory(), tempfile::tempdir().unwrap());
    let position = append(&*log, vec![usage("T-1", "a", 1)]).await;
    let pool = ReadPool::of(1);
    let all = tollgate_log::contract::Partitions::ALL;
    let projector =
        Projector::start_with(Status, dir.path(), Arc::clone(&log), all, false, pool).await.unwrap();
    let projector = Arc::new(projector);
    let (held, begun, go_on) = hold();
    let reading = tokio::spawn({
        let projector = Arc::clone(&projector);
        async move { projector.ask(Wait { at_least: Some(&position), up_to: LONG }, &held).await }
    });
    tokio::task::spawn_blocking(move || begun.recv().unwrap()).await.unwrap();
    let none = Wait { at_least: None, up_to: Duration::ZERO };
    let refused = projector.ask(none, &Held { hold: None }).await.unwrap_err();
    assert!(matches!(refused, QueryError::Busy { view: "status", .. }), "{refused}");
    drop(go_on);
    reading.await.unwrap().unwrap();
}

#[tokio::test]
async fn who_has_gone_keeps_nobody_from_his_turn() {
    let (log, dir) = (memory(), tempfile::tempdir().unwrap());
    let mut position = append(&*log, vec![usage("T-0", "a", 1)]).await;
    for n in 1..2 * PAGE {
        position.merge(&append(&*log, vec![usage(&format!("T-{n}"), "a", 1)]).await);
    }
    let pool = ReadPool::of(1);
    let all = tollgate_log::contract::Partitions::ALL;
    let projector =
        Projector::start_with(Status, dir.path(), Arc::clone(&log), all, false, pool).await.unwrap();
    let projector = Arc::new(projector);
    let (held, begun, go_on) = hold();
    let reading = tokio::spawn({
        let (projector, held) = (Arc::clone(&projector), held.clone());
        async move { projector.ask(Wait { at_least: Some(&position), up_to: LONG }, &held).await }
    });
    tokio::task::spawn_blocking(move || begun.recv().unwrap()).await.unwrap();
    reading.abort();
    let _ = reading.await;
    drop(go_on);
    let wait = Wait { at_least: None, up_to: LONG };
    assert_eq!(projector.ask(wait, &Held { hold: None }).await.unwrap().answer.len(), 2 * PAGE);
}

#[tokio::test]
async fn pages_hold_the_rows_of_the_snapshot_whatever_is_changed_or_committed_meanwhile() {
    let (log, dir) = (memory(), tempfile::tempdir().unwrap());
    for (task, id) in [("A", "1"), ("C", "1"), ("E", "1"), ("C", "2"), ("G", "1")] {
        append(&*log, vec![usage(task, id, 1)]).await;
    }
    for (task, id) in [("A", "3"), ("B", "3"), ("E", "3"), ("G", "3"), ("H", "3"), ("B", "4")] {
        append(&*log, vec![usage(task, id, 10)]).await;
    }
    let records = records(&*log).await;
    let mut view = View::open(Status, &store_dir::<Status>(dir.path()), &*log).await.unwrap();
    records[..3].iter().for_each(|record| view.apply(record).unwrap());
    view.commit().unwrap();
    records[3..5].iter().for_each(|record| view.apply(record).unwrap());
    // A and E are in the store, C and G changed since.
    let before = view.snapshot();
    let expected = [("A", 1), ("C", 2), ("E", 1), ("G", 1)].map(|(task, used)| (task.to_owned(), used));
    for next in 5..=records.len() {
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let page = view.page(&before.rows, &[], after.as_deref(), 2).unwrap();
            found.extend(page.rows.into_iter().map(|(key, row)| match row {
                Kept::Row(row) => (task_of(&key), used(&row)),
                Kept::Bytes(bytes) => (task_of(&key), used(&decode(&bytes).unwrap())),
            }));
            after = page.through;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(found, expected, "after {next} records");
        let key = tollgate_projection::fold::task_key("default", "B");
        assert_eq!(view.get_before(&before.rows, &key).unwrap(), None);
        if let Some(record) = records.get(next) {
            view.apply(record).unwrap();
            if next % 2 == 0 {
                view.commit().unwrap();
            }
        }
    }
    let other = tempfile::tempdir().unwrap();
    let anew = View::open(Status, &store_dir::<Status>(other.path()), &*log).await.unwrap();
    assert!(
        matches!(anew.page(&before.rows, &[], None, 2), Err(RowError::Overtaken)),
        "it is another view's"
    );
}
