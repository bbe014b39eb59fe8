//! The set of runs of an index: contiguous spans of the log, few of each size.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tollgate_domain::position::Sequence;
use uuid::Uuid;

use super::Table;
use super::merge::merged;
use super::run::{Run, Span, halves};
use crate::contract::Found;
use crate::key::Key;
use tollgate_files::disk::Disk;
use tollgate_files::make_private_dirs;

/// Number of runs of one level that are merged into one of the next: each id is rewritten once per level, and
/// a look-up checks at most three filters per level.
const FAN_IN: usize = 4;

/// Reads every block of the runs in a directory and removes the damaged runs. Returns how many there were:
/// the index is then behind, and the missing part is rebuilt from the log.
///
/// # Errors
///
/// If the directory cannot be listed, or a damaged run cannot be removed.
pub fn drop_damaged(dir: &Path) -> io::Result<usize> {
    let mut dropped = 0;
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "run") {
            continue;
        }
        let whole = Run::open(&path).and_then(|run| run.iter().try_for_each(|entry| entry.map(drop)));
        if let Err(error) = whole {
            tracing::warn!(%error, "an id run is damaged and is made again from the log");
            fs::remove_file(&path)?;
            dropped += 1;
        }
    }
    Ok(dropped)
}

/// The run of a log that reaches furthest, and how far it reaches.
pub(crate) fn furthest_run(dir: &Path, epoch: Uuid) -> Option<(PathBuf, Sequence)> {
    let runs = fs::read_dir(dir).ok()?.filter_map(|entry| {
        let path = entry.ok()?.path();
        let span = Run::span_at(&path)?;
        (span.epoch == epoch).then_some((path, span.through))
    });
    runs.max_by_key(|(_, through)| *through)
}

/// Runs in the order of the log, oldest first.
#[derive(Debug, Default)]
pub(crate) struct RunSet {
    runs: Vec<Arc<Run>>,
}

impl RunSet {
    pub(super) fn open(disk: &dyn Disk, dir: &Path, epoch: Uuid, tail: Sequence) -> io::Result<Self> {
        make_private_dirs(dir)?;
        let mut runs = Vec::new();
        for entry in fs::read_dir(dir)? {
            let path = entry?.path();
            match path.extension().and_then(|extension| extension.to_str()) {
                Some("tmp") => disk.remove(&path)?,
                Some("run") => match Run::open(&path) {
                    Ok(run) if run.span().epoch == epoch && run.span().through <= tail => runs.push(run),
                    Ok(_) => disk.remove(&path)?,
                    Err(error) => {
                        tracing::warn!(%error, "an id run is damaged and is made again from the log");
                        disk.remove(&path)?;
                    }
                },
                Some(_) | None => {}
            }
        }
        // Among runs that begin at the same record, the one that reaches furthest is a merge of the others,
        // left behind by a crash between the merge and the deletion. A run that leaves a gap, and all runs
        // after it, are useless.
        runs.sort_by_key(|run| (run.span().from, std::cmp::Reverse(run.span().through)));
        let mut kept: Vec<Arc<Run>> = Vec::new();
        let mut next = Sequence(1);
        for run in runs {
            if run.span().from == next {
                next = run.span().through.next();
                kept.push(Arc::new(run));
            } else {
                disk.remove(run.path())?;
            }
        }
        Ok(Self { runs: kept })
    }

    pub(super) fn through(&self) -> Sequence {
        self.runs.last().map(|run| run.span().through).unwrap_or_default()
    }

    pub(super) fn sizes(&self) -> Vec<u64> {
        self.runs.iter().map(|run| run.ids()).collect()
    }

    /// What the newest run that has the key holds for it.
    pub(crate) fn get(&self, key: &Key) -> io::Result<Option<Found>> {
        for run in self.runs.iter().rev() {
            if let Some(found) = run.get(key)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// Like [`Self::get`] for many keys. Run by run, so that the cache misses of the filters overlap, and only then the
    /// blocks, so that reads from the disk do.
    pub(crate) fn get_all(&self, keys: &[Key]) -> io::Result<Vec<Option<Found>>> {
        let mut found = vec![None; keys.len()];
        let mut perhaps: Vec<(&Run, usize)> = Vec::new();
        let known: Vec<(u64, u64)> = keys.iter().map(|key| halves(*key)).collect();
        for run in self.runs.iter().rev() {
            perhaps.extend(run.perhaps(&known).map(|nth| (&**run, nth)));
        }
        if perhaps.len() > 1 {
            perhaps.iter().for_each(|(run, nth)| run.expect(&keys[*nth]));
        }
        for (run, nth) in perhaps {
            if found[nth].is_none() {
                found[nth] = run.get_perhaps(&keys[nth])?;
            }
        }
        Ok(found)
    }

    /// This set plus one run of a table's ids, merged if a level is full.
    pub(super) fn with_run_of(
        &self,
        table: &Table,
        through: Sequence,
        disk: &dyn Disk,
        (dir, epoch): (&Path, Uuid),
    ) -> io::Result<Self> {
        let mut sorted: Vec<(Key, Found)> = table.iter().map(|(key, found)| (*key, *found)).collect();
        sorted.sort_unstable_by_key(|(key, _)| *key);
        let span = Span { level: 0, from: self.through().next(), through, epoch };
        let run = Run::write(disk, dir, span, sorted.len(), sorted.into_iter().map(Ok))?;
        let mut runs = self.runs.clone();
        runs.push(Arc::new(run));
        while let Some(full) = full_level(&runs) {
            merge_last(&mut runs, full, disk, dir)?;
        }
        Ok(Self { runs })
    }
}

/// The level of the last runs, if there are enough of them to merge.
fn full_level(runs: &[Arc<Run>]) -> Option<u32> {
    let level = runs.last()?.span().level;
    let same = runs.iter().rev().take_while(|run| run.span().level == level).count();
    (same >= FAN_IN).then_some(level)
}

fn merge_last(runs: &mut Vec<Arc<Run>>, level: u32, disk: &dyn Disk, dir: &Path) -> io::Result<()> {
    let start = runs.len().saturating_sub(FAN_IN);
    let old = runs.split_off(start);
    let inputs: Vec<&Run> = old.iter().map(|run| &**run).collect();
    let [first, .., last] = inputs[..] else { return Ok(()) };
    let ids: u64 = inputs.iter().map(|run| run.ids()).sum();
    let span = Span { level: level + 1, from: first.span().from, ..last.span() };
    let merged = Run::write(disk, dir, span, usize::try_from(ids).unwrap_or(usize::MAX), merged(&inputs))?;
    for run in &old {
        disk.remove(run.path())?;
    }
    runs.push(Arc::new(merged));
    Ok(())
}
