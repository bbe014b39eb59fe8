//! Sums that are kept beside the rows: filled by a scan while the view moves on.

use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tollgate_domain::budget::{AmountLimit, Dimension, Scope};
use tollgate_domain::position::Position;
use tollgate_projection::spending::{Asked, Spending, SpentAsk};

use crate::projector::Projector;
use crate::queries::{Nearest, NearestTo, SpentAnswer, SpentNow, SpentOf};
use crate::query::{Query, Wait};
use crate::rows::RowError;
use crate::seen::Seen;
use crate::testing::{append, memory, usage};

const LONG: Duration = Duration::from_secs(30);

/// Tells that it has begun, and waits until it may go on.
type Hold = (mpsc::Sender<()>, mpsc::Receiver<()>);

/// A question that pauses before it reads its first row.
#[derive(Clone, Serialize, Deserialize)]
struct Held {
    query: SpentOf,
    #[serde(skip)]
    hold: Option<Arc<Mutex<Hold>>>,
}

impl Query<Spending> for Held {
    const VERB: &'static str = "held";
    const OVER_MANY: bool = true;
    type Answer = SpentAnswer;

    fn begin(&self, live: &mut Asked, as_of: &Position) {
        self.query.begin(live, as_of);
    }

    fn answer(&self, view: &Seen<'_, Spending>) -> Result<SpentAnswer, RowError> {
        if let Some(hold) = &self.hold {
            let hold = hold.lock().unwrap();
            hold.0.send(()).unwrap();
            let _ = hold.1.recv();
        }
        self.query.answer(view)
    }
}

fn all_of(tenant: &str) -> SpentOf {
    let ask = SpentAsk { scope: Scope::default(), from: None, to: None };
    SpentOf { tenant: tenant.to_owned(), asks: vec![ask], allocations: Vec::new() }
}

#[tokio::test]
async fn what_is_folded_while_a_sum_is_read_is_neither_missed_nor_counted_twice() {
    let (log, dir) = (memory(), tempfile::tempdir().unwrap());
    let projector = Projector::start(Spending, dir.path(), Arc::clone(&log)).await.unwrap();
    let projector = Arc::new(projector);
    let before = append(&*log, vec![usage("T-1", "a", 1), usage("T-2", "a", 2)]).await;
    let query = all_of("default");
    let now = async |at_least: &Position| {
        let wait = Wait { at_least: Some(at_least), up_to: LONG };
        let kept = projector.ask(wait, &SpentNow(query.clone())).await.unwrap().answer;
        kept.map(|answer| answer.spent[0].tokens)
    };
    assert_eq!(now(&before).await, None, "nobody has asked before");

    let ((begun, has_begun), (go_on, until)) = (mpsc::channel(), mpsc::channel());
    let held = Held { query: query.clone(), hold: Some(Arc::new(Mutex::new((begun, until)))) };
    let reading = tokio::spawn({
        let (projector, at_least) = (Arc::clone(&projector), before.clone());
        async move { projector.ask(Wait { at_least: Some(&at_least), up_to: LONG }, &held).await }
    });
    tokio::task::spawn_blocking(move || has_begun.recv().unwrap()).await.unwrap();
    let meanwhile = append(&*log, vec![usage("T-1", "b", 40)]).await;
    assert_eq!(now(&meanwhile).await, None, "it is being read");
    drop(go_on);
    let answered = reading.await.unwrap().unwrap();
    assert_eq!((answered.answer.spent[0].tokens, answered.as_of), (3, before));
    assert_eq!(now(&meanwhile).await, Some(43));

    let after = append(&*log, vec![usage("T-3", "a", 100)]).await;
    assert_eq!(now(&after).await, Some(143));
    projector.stop().await;
    // What is kept begins anew with the view; its rows are those of before.
    let again = Projector::start(Spending, dir.path(), log).await.unwrap();
    let wait = Wait { at_least: Some(&after), up_to: LONG };
    assert_eq!(again.ask(wait, &SpentNow(query.clone())).await.unwrap().answer, None);
    assert_eq!(again.ask(wait, &query).await.unwrap().answer.spent[0].tokens, 143);
    assert_eq!(
        again.ask(wait, &SpentNow(query)).await.unwrap().answer.map(|answer| answer.spent[0].tokens),
        Some(143)
    );
}

/// In tests no more than eight rows are read: a task has one a day.
#[tokio::test]
async fn who_is_nearest_to_a_limit_is_asked_of_a_bounded_number_of_rows_and_says_so() {
    let (log, dir) = (memory(), tempfile::tempdir().unwrap());
    let projector = Projector::start(Spending, dir.path(), Arc::clone(&log)).await.unwrap();
    let used = |nth: u64| usage(&format!("T-{nth}"), &format!("u-{nth}"), 10 * nth);
    let eight = append(&*log, (1..=8).map(used).collect()).await;
    let query = NearestTo {
        tenant: "default".to_owned(),
        scope: Scope::default(),
        each: Dimension::Task,
        limit: AmountLimit { tokens: Some(100), usd: None },
        most: 3,
    };
    let asked = async |at_least: &Position| {
        let wait = Wait { at_least: Some(at_least), up_to: LONG };
        projector.ask(wait, &query).await.unwrap().answer
    };
    let of = ["T-8", "T-7", "T-6"].map(str::to_owned).to_vec();
    assert_eq!(asked(&eight).await, Nearest { of, more: true, is_partial: false });
    let nine = append(&*log, vec![used(9)]).await;
    let of = ["T-8", "T-7", "T-6"].map(str::to_owned).to_vec();
    assert_eq!(asked(&nine).await, Nearest { of, more: true, is_partial: true });
    projector.stop().await;
}
