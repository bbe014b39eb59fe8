//! What the stores of views remember of the log, read without opening the views.

use std::path::Path;

use tollgate_domain::position::PartitionId;
use tollgate_log::embedded::Anchor;
use tollgate_projection::fold::Projection;
use tollgate_view_store::ViewStore;

use crate::checkpoint::Checkpoint;
use crate::stored::decode;
use crate::view::store_dir;

/// The last record of each partition that the store of a view contains. None if there is no store, if it is open
/// elsewhere, or damaged: it then has nothing to compare with, and is built again when it is opened.
#[must_use]
pub fn anchors_at<P: Projection>(views_dir: &Path) -> Vec<Anchor> {
    let dir = store_dir::<P>(views_dir);
    if !dir.is_dir() {
        return Vec::new();
    }
    let checkpoint = ViewStore::open(&dir).ok().and_then(|(_, checkpoint)| checkpoint);
    let Some(checkpoint) = checkpoint.and_then(|bytes| decode::<Checkpoint>(&bytes).ok()) else {
        return Vec::new();
    };
    let anchor = |partition| {
        let mark = checkpoint.mark(partition)?;
        let source = format!("view {}", P::NAME);
        Some(Anchor { source, partition, sequence: mark.sequence, chain: mark.chain() })
    };
    PartitionId::all().filter_map(anchor).collect()
}
