//! What the views remember about the log, while no ledger is open.

use std::path::Path;

use tollgate_log::embedded::Anchor;
use tollgate_projection::alerts::Alerts;
use tollgate_projection::reports::Reports;
use tollgate_projection::spending::Spending;
use tollgate_projection::status::Status;
use tollgate_projector::anchors_at;

use crate::ledger::VIEWS_DIR;

/// What the stores of the views in a data directory remember about its log. Nothing is folded, and a store that is open
/// elsewhere is left alone.
#[must_use]
pub fn stored_anchors(data_dir: &Path) -> Vec<Anchor> {
    let views = data_dir.join(VIEWS_DIR);
    let of_all = [
        anchors_at::<Status>(&views),
        anchors_at::<Reports>(&views),
        anchors_at::<Alerts>(&views),
        anchors_at::<Spending>(&views),
    ];
    of_all.concat()
}
