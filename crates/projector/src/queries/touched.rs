//! Which tasks and sessions used something lately.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use tollgate_domain::position::Position;
use tollgate_projection::spending::{Spending, Touch};

use crate::query::Query;
use crate::rows::RowError;
use crate::seen::Seen;

/// The tasks and sessions of a tenant that used something after a position. `None`: not all of them are known; from the
/// position of the answer on they are kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TouchedSince {
    /// Whose.
    pub tenant: String,
    /// After which position.
    pub since: Position,
}

impl Query<Spending> for TouchedSince {
    const VERB: &'static str = "touched_since";
    type Answer = Option<BTreeSet<Touch>>;

    fn answer(&self, view: &Seen<'_, Spending>) -> Result<Self::Answer, RowError> {
        let as_of = view.position();
        let found = view.live(|live| {
            live.begin_touched(&as_of);
            live.touched().since(&self.tenant, &self.since)
        });
        Ok(found.flatten())
    }
}
