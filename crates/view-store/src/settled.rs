//! The part of a store that is on the disk: the journal and the runs, and the merges between commits.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tollgate_files::disk::Disk;
use tollgate_files::make_private_dirs;

use crate::change::Entry;
use crate::failure::{StoreError, failed, of_rows};
use crate::journal::{Found, Journal, State};
use crate::run::{Run, Writer};
use crate::runs::{EntryRef, MOST_RUNS, Merging, Runs};

/// The runs of a store, beside the files of sled.
const RUNS_DIR: &str = "runs";

/// A store on the disk.
#[derive(Debug)]
pub(crate) struct Settled {
    /// Dropped first: it is waited for while the journal still locks the directory.
    merging: Option<Merging>,
    dir: PathBuf,
    disk: Arc<dyn Disk>,
    journal: Journal,
    state: State,
    pub(crate) runs: Runs,
    /// Files of runs that were merged, and whether a state without them is committed.
    obsolete: Vec<PathBuf>,
    is_let_go: bool,
    /// What a merge found damaged: the next commit says so, for the view to be built again.
    damaged: Option<StoreError>,
}

/// What was found in a directory.
#[derive(Debug)]
pub(crate) struct OpenedDir {
    pub(crate) settled: Settled,
    /// `None` if it was empty.
    pub(crate) checkpoint: Option<Vec<u8>>,
    /// Entries that are not in a run, oldest first.
    pub(crate) recent: Vec<Entry>,
}

/// What a commit left on the disk.
#[derive(Debug)]
pub(crate) struct Committed {
    state: State,
    run: Option<Arc<Run>>,
    removed: bool,
}

impl Settled {
    /// Opens what is in a directory.
    pub(crate) fn open(dir: &Path, disk: Arc<dyn Disk>) -> Result<OpenedDir, StoreError> {
        let runs_dir = dir.join(RUNS_DIR);
        // sled creates its files readable by everyone: the directory keeps them private.
        make_private_dirs(dir).map_err(|error| failed(dir, error))?;
        let (journal, found) = Journal::open(dir)?;
        make_private_dirs(&runs_dir).map_err(|error| failed(dir, error))?;
        let (state, checkpoint, recent) = match found {
            Some(Found { state, checkpoint, entries }) => (state, Some(checkpoint), entries),
            None => (State::default(), None, Vec::new()),
        };
        let runs: Result<_, _> =
            state.runs.iter().map(|run| Run::open(&runs_dir, *run).map(Arc::new)).collect();
        let runs = Runs(runs.map_err(|error| of_rows(dir, &error))?);
        let dir = dir.to_owned();
        let (merging, obsolete, is_let_go, damaged) = (None, Vec::new(), false, None);
        let opened = Self { merging, dir, disk, journal, state, runs, obsolete, is_let_go, damaged };
        opened.remove_unknown()?;
        Ok(OpenedDir { settled: opened, checkpoint, recent })
    }

    pub(crate) const fn state(&self) -> &State {
        &self.state
    }

    /// Commits entries in ascending order of their keys on top of those that are recent.
    pub(crate) fn commit<'a>(
        &self,
        rows: &State,
        checkpoint: &[u8],
        entries: impl Iterator<Item = EntryRef<'a>>,
    ) -> Result<Committed, StoreError> {
        self.check()?;
        let removed = self.remove_obsolete();
        let state = self.journal.commit(&self.dir, self.next_state(rows), checkpoint, entries)?;
        Ok(Committed { state, run: None, removed })
    }

    /// Commits entries in ascending order of their keys, at most so many, as a run: all that are recent are among them.
    pub(crate) fn commit_run<'a>(
        &self,
        rows: &State,
        checkpoint: &[u8],
        most: usize,
        mut entries: impl Iterator<Item = EntryRef<'a>>,
    ) -> Result<Committed, StoreError> {
        self.check()?;
        let removed = self.remove_obsolete();
        let mut state = self.next_state(rows);
        let add_all = |out: &mut Writer<'_>| {
            entries.try_for_each(|(key, value)| match value {
                None if !self.runs.may_hide(key) => Ok(()),
                value => out.add(key, value),
            })
        };
        let run = Run::write(&*self.disk, &self.runs_dir(), state.next_run, most, add_all);
        let run = run.map_err(|error| of_rows(&self.dir, &error))?;
        state.next_run += 1;
        state.runs.push(run.state());
        match self.journal.commit_runs(&self.dir, state, checkpoint) {
            Ok(state) => Ok(Committed { state, run: Some(Arc::new(run)), removed }),
            Err(error) => {
                self.remove(run.path());
                Err(error)
            }
        }
    }

    /// Whether nothing that was read meanwhile is damaged.
    fn check(&self) -> Result<(), StoreError> {
        self.damaged.clone().map_or(Ok(()), Err)
    }

    fn next_state(&self, rows: &State) -> State {
        let runs = self.runs.0.iter().map(|run| run.state()).collect();
        State { digest: rows.digest, rows: rows.rows, runs, ..self.state.clone() }
    }

    /// Takes over what a commit left. Returns whether all its rows are in runs. Begins a merge if one is due.
    pub(crate) fn settle(&mut self, committed: Committed) -> bool {
        let Committed { state, run, removed } = committed;
        let is_run = run.is_some();
        self.state = state;
        self.runs.0.extend(run);
        if removed {
            self.obsolete.clear();
        }
        self.is_let_go = !self.obsolete.is_empty();
        self.adopt_merged();
        self.begin_merge();
        is_run
    }

    /// Hands what was committed to the operating system.
    pub(crate) fn flush(&self) -> Result<(), StoreError> {
        self.journal.flush(&self.dir)
    }

    /// Changes a part of the journal behind the store's back.
    #[cfg(test)]
    pub(crate) fn change_part(&self, number: u64, part: &[u8]) {
        self.journal.put(number, part);
    }

    fn runs_dir(&self) -> PathBuf {
        self.dir.join(RUNS_DIR)
    }

    fn adopt_merged(&mut self) {
        let due = |merging: &mut Merging| merging.is_finished() || self.runs.0.len() >= MOST_RUNS;
        // Files of an earlier merge have to go first: they are counted by whether one state without them is committed.
        if !self.obsolete.is_empty() {
            return;
        }
        let Some(merging) = self.merging.take_if(due) else { return };
        match merging.finish() {
            Ok((old, merged)) => self.obsolete = self.runs.adopt(&old, merged),
            Err(error) => match of_rows(&self.dir, &error) {
                damaged @ StoreError::Damaged { .. } => self.damaged = Some(damaged),
                failed @ StoreError::Failed { .. } => {
                    tracing::warn!(error = %failed, "files of rows could not be merged, it is tried again");
                }
            },
        }
        self.is_let_go = false;
    }

    fn begin_merge(&mut self) {
        if self.merging.is_some() || !self.obsolete.is_empty() {
            return;
        }
        let Some(range) = self.runs.due(self.state.rows) else { return };
        let number = self.state.next_run;
        self.state.next_run += 1;
        match self.runs.merge(range, number, Arc::clone(&self.disk), self.runs_dir()) {
            Ok(merging) => self.merging = Some(merging),
            Err(error) => tracing::warn!(%error, "files of rows are not merged for now"),
        }
    }

    /// Removes the files of merged runs once the state without them is with the operating system: after a kill, sled
    /// may have the state before.
    fn remove_obsolete(&self) -> bool {
        if !self.is_let_go || self.journal.flush(&self.dir).is_err() {
            return false;
        }
        self.obsolete.iter().for_each(|path| self.remove(path));
        true
    }

    fn remove(&self, path: &Path) {
        if let Err(error) = self.disk.remove(path)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(path = %path.display(), %error, "a file of rows that nothing needs was left");
        }
    }

    /// Removes files of runs that the state does not know: of commits and merges that did not end.
    fn remove_unknown(&self) -> Result<(), StoreError> {
        let of = |error: io::Error| failed(&self.dir, error);
        for entry in std::fs::read_dir(self.runs_dir()).map_err(of)? {
            let path = entry.map_err(of)?.path();
            if !self.runs.0.iter().any(|run| run.path() == path) {
                self.disk.remove(&path).map_err(of)?;
            }
        }
        Ok(())
    }
}
