//! Runs history through all candidates at once: partitions by themselves, on all threads.

use std::collections::BTreeSet;
use std::path::Path;

use tokio::runtime::Handle;
use tollgate_domain::pool::PoolRules;
use tollgate_domain::position::{PartitionId, Sequence};
use tollgate_log::record::StoredRecord;
use tollgate_projection::savings::Stated;

use super::candidate::{Candidate, Rules};
use super::inputs::Inputs;
use super::money::{MoneyRules, Policies};
use super::partition::{PartitionState, Setting};
use super::result::{Replayed, Source};
use super::summary::summary;
use super::task::Unopened;
use crate::checkpoint::{Begun, Checkpoint};
use crate::error::ReplayError;
use crate::marks::Marks;
use crate::session_phases::PhaseCoverage;
use crate::shelf::Shelf;
use crate::source::History;
use crate::walk::{self, Part, Scratch, Walk, Watcher};

/// What history is run through, and how.
pub struct Question<'a> {
    /// The configs, at least one.
    pub candidates: &'a [Candidate],
    /// Sets of policies of money and tokens, each a candidate of its own beside the configs; all of one tenant.
    pub policies: &'a [Policies],
    /// What people say that tasks were, beside the history, if anything.
    pub marks: Option<&'a Marks>,
    /// The pool of tokens that tasks share, instead of that of each candidate's config, if any.
    pub pool: Option<&'a PoolRules>,
    /// What is done with tasks that were not opened.
    pub unopened: Unopened,
    /// What the phases of sessions came from, if rules gave them any.
    pub session_phases: Option<&'a PhaseCoverage>,
    /// What no history knows, for the return on investment.
    pub stated: Stated,
    /// How many threads work.
    pub threads: usize,
    /// The run's own directory: what it has done is kept there, so that the same run can go on after an interruption.
    pub out: Option<&'a Path>,
    /// After how many events of a thread what is done is written to the directory. It is when the run is stopped, too.
    pub checkpoint_events: u64,
}

impl Question<'_> {
    /// The pool that tasks share under a candidate, if any.
    pub(super) fn pool_of<'a>(&'a self, candidate: &'a Candidate) -> Option<&'a PoolRules> {
        self.pool.or(candidate.config.pool.as_ref())
    }

    /// Whether tasks share a pool under any candidate.
    pub(super) fn has_pool(&self) -> bool {
        self.candidates.iter().any(|candidate| self.pool_of(candidate).is_some())
    }
}

/// One thread's work.
struct Worker<'a> {
    setting: Setting<'a>,
    checkpoint: Option<&'a Checkpoint>,
    scratch: Scratch,
}

/// What would have happened under other limits. Reads history, and writes only below the run's own directory.
/// `progress` is told how far the run is, from any thread, and may stop it.
///
/// # Errors
///
/// [`ReplayError`].
pub fn what_if(
    history: &dyn History,
    question: &Question<'_>,
    runtime: &Handle,
    progress: Watcher<'_>,
) -> Result<Replayed, ReplayError> {
    check(question)?;
    let inputs = Inputs::of(question);
    let begun = question
        .out
        .filter(|_| history.is_lasting())
        .map(|out| Checkpoint::begin(out, &inputs.setting_hash(), history.end()));
    let (checkpoint, end, resumed) = match begun.transpose()? {
        Some(Begun { checkpoint, end, resumed }) => (Some(checkpoint), end, resumed),
        None => (None, history.end().clone(), false),
    };
    let worker = || Worker {
        setting: Setting {
            rules: question
                .candidates
                .iter()
                .map(|candidate| Rules::new(&candidate.config, question.pool_of(candidate)))
                .collect(),
            money: MoneyRules::new(question.policies),
            unopened: question.unopened,
        },
        checkpoint: checkpoint.as_ref(),
        scratch: Scratch::default(),
    };
    let walk = Walk::new(history, &end, question.checkpoint_events, progress);
    let states = walk.run(question.threads, runtime, worker)?;
    let repeated_events = states.iter().map(|(_, state)| state.counts.repeated).sum();
    let source = Source { origin: history.origin().to_owned(), position: end.to_string(), repeated_events };
    let result = summary(&inputs, question, states)?;
    let read_anew = checkpoint.as_ref().map_or(0, Checkpoint::unusable);
    if let Some(checkpoint) = checkpoint {
        checkpoint.remove()?;
    }
    Ok(Replayed { hash: result.hash(), source, resumed, read_anew, result })
}

fn check(question: &Question<'_>) -> Result<(), ReplayError> {
    if question.candidates.is_empty() {
        return Err(ReplayError::Setting(
            "no config to run history through: name one with --config".to_owned(),
        ));
    }
    let configs = question.candidates.iter().map(|candidate| candidate.name.as_str());
    if let Some(name) = twice(configs) {
        return Err(ReplayError::Setting(format!("config `{name}` is named twice: name each once")));
    }
    if let Some(name) = twice(question.policies.iter().map(|policies| policies.name.as_str())) {
        return Err(ReplayError::Setting(format!("policies `{name}` are named twice: name each once")));
    }
    if let [first, others @ ..] = question.policies
        && let Some(other) = others.iter().find(|other| other.tenant != first.tenant)
    {
        return Err(ReplayError::Setting(format!(
            "policies `{}` are of the tenant `{}` and `{}` of `{}`: compare policies of one tenant",
            first.name, first.tenant, other.name, other.tenant
        )));
    }
    for policies in question.policies {
        if let Some(name) = twice(policies.policies.iter().map(|policy| policy.id.as_str())) {
            return Err(ReplayError::Setting(format!(
                "policy `{name}` is twice in `{}`: name each once",
                policies.name
            )));
        }
    }
    Ok(())
}

/// A name that is there twice.
fn twice<'a>(names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let mut seen = BTreeSet::new();
    names.into_iter().find(|name| !seen.insert(*name))
}

impl walk::Worker for Worker<'_> {
    type Part = PartitionState;

    fn begin(&self, partition: PartitionId) -> Result<PartitionState, ReplayError> {
        let Some(checkpoint) = self.checkpoint else {
            return Ok(PartitionState::new(&self.setting, Shelf::default()));
        };
        let known = checkpoint.load(partition)?;
        Ok(known.unwrap_or_else(|| PartitionState::new(&self.setting, checkpoint.shelf(partition))))
    }

    fn take(
        &mut self,
        state: &mut PartitionState,
        stored: &StoredRecord,
        originals: Option<&[bool]>,
    ) -> Result<(), ReplayError> {
        state.take(stored, originals, &self.setting, &mut self.scratch)
    }

    fn save(&self, states: &mut [(PartitionId, PartitionState)]) -> Result<(), ReplayError> {
        let Some(checkpoint) = self.checkpoint else { return Ok(()) };
        states.iter_mut().try_for_each(|(partition, state)| checkpoint.save(*partition, state))
    }
}

impl Part for PartitionState {
    fn done(&self) -> Sequence {
        self.done
    }

    fn records(&self) -> u64 {
        self.records
    }
}
