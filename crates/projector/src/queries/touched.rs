//! Which tasks and sessions used something lately, and when.

use serde::{Deserialize, Serialize};
use tollgate_domain::position::Position;
use tollgate_projection::spending::{Spending, TouchedLately};

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
