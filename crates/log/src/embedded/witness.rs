//! What stands beside a log and remembers how far it went: a log that ends before is an older copy, or lost its end.

use std::fs;
use std::path::Path;

use serde::Deserialize;
use tollgate_domain::position::Sequence;
use uuid::Uuid;

use super::ledger;
use crate::index::furthest_run;

/// The file in which a reader of the log says how far it has read: evidence.
const MARK_FILE: &str = "evidence.json";

/// Who remembers a record, and which.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Witness {
    pub(super) name: String,
    pub(super) remembers: Sequence,
}

/// The witness in a data directory that remembers most of a log, beside the log's own frontier.
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
    // One that cannot be read says nothing: its reader begins with the first record.
    let mark: Mark = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
    let name = path.display().to_string();
    (mark.epoch == epoch).then_some(Witness { name, remembers: Sequence(mark.read_through) })
}
