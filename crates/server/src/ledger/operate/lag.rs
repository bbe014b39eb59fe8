//! How far the views are behind, how fast that grows, and whether producers are asked to wait.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tollgate_clock::Stopwatch;
use tollgate_wire::api::ViewHealth;

use super::Operations;
use crate::problem::{Answer, OVERLOADED};

/// What is known of the views' lag.
#[derive(Debug, Default)]
pub(super) struct Lags {
    /// The most records that a view may be behind before events are refused. Not set: any number.
    most: OnceLock<u64>,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    /// When they were last looked at.
    at: Option<Stopwatch>,
    /// By view and partitions: how many records it is behind, and by how many a second that grows.
    views: BTreeMap<(String, String), (u64, i64)>,
    /// The view that is furthest behind, of those that fold.
    furthest: Option<(String, u64)>,
}

impl Operations {
    /// From now on events are refused while a view is more than this many records behind. Only the first bound counts.
    pub(crate) fn bound_lag(&self, most: u64) {
        // A second one is a mistake of the caller without effect.
        let _ = self.lags.most.set(most);
    }

    /// Whether events are refused while a view is far behind.
    pub(crate) fn is_lag_bounded(&self) -> bool {
        self.lags.most.get().is_some()
    }

    /// Looks at how far the views are behind.
    pub(crate) async fn look_at_lags(&self) {
        let views = self.view_health().await;
        let elapsed = self.lags.lock().at.as_ref().map(Stopwatch::elapsed);
        self.lags.look(&views, elapsed);
    }

    /// Refuses events while a view is further behind than the server's bound.
    pub(crate) fn takes_events(&self) -> Answer<()> {
        self.lags.takes_events()
    }
}

impl Lags {
    fn lock(&self) -> MutexGuard<'_, Seen> {
        // It is only ever replaced as a whole.
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in what was seen, this long after the time before.
    fn look(&self, views: &[ViewHealth], elapsed: Option<Duration>) {
        let mut seen = self.lock();
        let ms = elapsed.map_or(0, |elapsed| i128::try_from(elapsed.as_millis()).unwrap_or(i128::MAX));
        let now = views.iter().map(|view| {
            let key = (view.view.clone(), view.partitions.clone());
            let before = seen.views.get(&key).map_or(view.lag_records, |(lag, _)| *lag);
            let more = i128::from(view.lag_records) - i128::from(before);
            let growth = if ms == 0 { 0 } else { more.saturating_mul(1000) / ms };
            (key, (view.lag_records, i64::try_from(growth).unwrap_or(i64::MAX)))
        });
        let now: BTreeMap<_, _> = now.collect();
        // A view that has stopped is no reason to stop producers: what they send is in the log.
        let folding = views.iter().filter(|view| view.running && view.in_memory.is_none());
        let furthest = folding.max_by_key(|view| view.lag_records);
        let furthest = furthest.map(|view| (view.view.clone(), view.lag_records));
        *seen = Seen { at: Some(Stopwatch::start()), views: now, furthest };
    }

    /// By how many records a second the lag of a view grew when it was last looked at.
    pub(super) fn growth(&self, view: &ViewHealth) -> Option<i64> {
        let key = (view.view.clone(), view.partitions.clone());
        self.lock().views.get(&key).map(|(_, growth)| *growth)
    }

    fn takes_events(&self) -> Answer<()> {
        let Some(&most) = self.most.get() else { return Ok(()) };
        match &self.lock().furthest {
            Some((view, lag)) if *lag > most => Err(OVERLOADED.with(format!(
                "appending events: the view `{view}` is {lag} records behind, and this server's --max-lag is {most}; nothing was \
                 appended, send the same events again in a second"
            ))),
            Some(_) | None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(name: &str, lag_records: u64, running: bool) -> ViewHealth {
        ViewHealth {
            view: name.to_owned(),
            running,
            partitions: "0-15".to_owned(),
            lag_records,
            partition_lag_records: BTreeMap::new(),
            lag_growth: None,
            as_of: String::new(),
            rows: 0,
            quarantined: Vec::new(),
            note: None,
            in_memory: None,
        }
    }

    #[test]
    fn the_lag_of_a_view_and_its_growth_are_known() {
        let lags = Lags::default();
        assert_eq!(lags.growth(&view("status", 0, true)), None);
        // Given how far it is behind and the time since the last look, in ms: records a second.
        for (lag, elapsed, growth) in [
            (100, None, 0),
            (600, Some(250), 2_000),
            (600, Some(250), 0),
            (0, Some(2_000), -300),
            (9, Some(0), 0),
        ] {
            lags.look(&[view("status", lag, true)], elapsed.map(Duration::from_millis));
            assert_eq!(lags.growth(&view("status", 0, true)), Some(growth), "{lag} after {elapsed:?}");
        }
    }

    #[test]
    fn events_are_refused_only_while_a_view_that_folds_is_further_behind_than_the_bound() {
        let lags = Lags::default();
        let refuses = |views: &[ViewHealth]| {
            lags.look(views, None);
            lags.takes_events().err().map(|problem| problem.detail)
        };
        let far = [view("status", 5, true), view("reports", 901, true)];
        assert_eq!(refuses(&far), None, "without a bound none are");
        lags.most.set(900).unwrap();
        let said = refuses(&far).unwrap();
        assert!(
            said.contains("the view `reports` is 901 records behind, and this server's --max-lag is 900"),
            "{said}"
        );
        assert_eq!(refuses(&[view("status", 900, true)]), None);
        assert_eq!(
            refuses(&[view("status", 5_000, false), view("reports", 3, true)]),
            None,
            "it has stopped"
        );
        let in_memory =
            ViewHealth { in_memory: Some("its disk is full".to_owned()), ..view("status", 5_000, true) };
        assert_eq!(refuses(&[in_memory]), None);
    }
}
