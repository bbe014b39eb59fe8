//! Which tasks and sessions used something lately, and when.

use serde::{Deserialize, Serialize};
use tollgate_domain::position::Position;
use tollgate_domain::zone::Span;
use tollgate_projection::spending::{RecordedLate, Spending, TouchedLately};

use crate::query::Query;
use crate::rows::RowError;
use crate::seen::Seen;

/// What a tenant used after a position: by which tasks and sessions, and when. `None`: not all of that is known; from
/// the position of the answer on it is kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TouchedSince {
    /// Whose.
    pub tenant: String,
    /// After which position.
    pub since: Position,
}

impl Query<Spending> for TouchedSince {
    const VERB: &'static str = "touched_since";
    type Answer = Option<TouchedLately>;

    fn answer(&self, view: &Seen<'_, Spending>) -> Result<Self::Answer, RowError> {
        let as_of = view.position();
        let found = view.live(|live| {
            live.begin_touched(&as_of);
            live.touched().since(&self.tenant, &self.since)
        });
        Ok(found.flatten())
    }
}

/// Of which quarters of an hour in some spans of time a tenant's usage was recorded after them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RecordedLateIn {
    /// Whose.
    pub tenant: String,
    /// In these spans; `None`: ever.
    pub spans: Option<Vec<Span>>,
}

impl Query<Spending> for RecordedLateIn {
    const VERB: &'static str = "recorded_late_in";
    const OVER_MANY: bool = true;
    type Answer = RecordedLate;

    fn is_own(&self) -> bool {
        true
    }

    fn answer(&self, view: &Seen<'_, Spending>) -> Result<Self::Answer, RowError> {
        let mut found = RecordedLate::default();
        let spans: Vec<Option<Span>> = match &self.spans {
            Some(spans) => spans.iter().copied().map(Some).collect(),
            None => vec![None],
        };
        for span in spans {
            let (prefix, after) = RecordedLate::keys(&self.tenant, span);
            for row in view.scan(&prefix, after.as_deref()) {
                let (key, row) = row?;
                if !found.add(&prefix, span, &key, &row) {
                    break;
                }
            }
        }
        Ok(found.latest())
    }
}
