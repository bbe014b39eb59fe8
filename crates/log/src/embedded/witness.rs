//! What else in a data directory remembers how far its log went: a log that ends earlier is an older copy, or
//! lost its end.

use std::fs;
use std::path::Path;

use serde::Deserialize;
use tollgate_domain::position::Sequence;
use uuid::Uuid;

use super::ledger;
use crate::index::furthest_run;

/// The file in which a reader of the log records how far it has read: evidence.
const MARK_FILE: &str = "evidence.json";

/// What remembers a record, and which record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Witness {
    pub(super) name: String,
    pub(super) remembers: Sequence,
}

/// The witness in a data directory that remembers the most of a log, other than the log's own frontier.
pub(super) fn furthest(dir: &Path, epoch: Uuid) -> Option<Witness> {
    let runs = furthest_run(&ledger::ids_dir(dir), epoch);
    let runs = runs.map(|(path, through)| Witness { name: path.display().to_string(), remembers: through });
    let mark = read_mark(&dir.join(MARK_FILE), epoch);
    [runs, mark].into_iter().flatten().max_by_key(|witness| witness.remembers)
}

fn read_mark(path: &Path, epoch: Uuid) -> Option<Witness> {
    #[derive(Deserialize)]
    struct Mark {
        epoch: Uuid,
        read_through: u64,
    }
    // An unreadable one proves nothing: its reader begins with the first record.
    let mark: Mark = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
    let name = path.display().to_string();
    (mark.epoch == epoch).then_some(Witness { name, remembers: Sequence(mark.read_through) })
}
