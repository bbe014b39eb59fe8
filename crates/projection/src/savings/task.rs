//! What is known of a task when it is asked what stopping tasks was worth: little, however long its history is, so that
//! a ledger and a replay, which keeps no rows, add up the same.

use serde::{Deserialize, Serialize};
use tollgate_domain::event::Mark;
use tollgate_domain::gate::{GateDecided, Verdict};
use tollgate_domain::ids::LEDGER_PRODUCER;
use tollgate_domain::metadata::Enforcement;
use tollgate_domain::money::Usd;
use tollgate_domain::task::TaskStage;
use tollgate_domain::tier::{Complexity, Importance};
use tollgate_domain::units::UnitSums;

use crate::status::{TaskRow, figures};

/// A planned task that was opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedTask {
    /// Its class, as it was when the limits were fixed.
    pub(super) class: (Complexity, Importance),
    /// Whether the gate may block it at all.
    pub(super) enforcement: Enforcement,
    /// The config that gave it its limits.
    pub(super) opened_under: Box<str>,
    /// Under which the gate decided about it, each once.
    pub(super) decided_under: Vec<Box<str>>,
    /// Whether the gate ever blocked it.
    pub(super) stopped: bool,
    /// Whether it does now.
    pub(super) is_blocked: bool,
    /// Overrides that people granted.
    pub(super) overrides: u64,
    /// How it stands.
    pub(super) stage: TaskStage,
    /// What a person said that it was.
    pub mark: Option<Mark>,
    /// What it used.
    pub used: SavedUse,
}

/// What a task used.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedUse {
    /// Tokens, corrections included.
    pub tokens: i128,
    /// What they cost, as far as prices are known.
    pub cost: Usd,
    /// Tokens without a price.
    pub unpriced_tokens: i128,
    /// What else has none.
    pub unpriced_units: UnitSums,
}

impl SavedTask {
    /// A task as its row has it; `None`: it was not opened and has no class, or it is the follow-up of a block, which
    /// is no planned work.
    #[must_use]
    pub fn of(row: &TaskRow) -> Option<Self> {
        let (limits, opened) = (row.state.limits.as_deref()?, row.opened.as_ref()?);
        if opened.producer == LEDGER_PRODUCER {
            return None;
        }
        let total = figures(row, None).total;
        let mut task = Self {
            class: (limits.complexity, limits.importance),
            enforcement: row.state.enforcement,
            opened_under: limits.config_hash.as_str().into(),
            decided_under: Vec::new(),
            stopped: row.stopped,
            is_blocked: row.blocked().is_some(),
            overrides: u64::try_from(row.overrides.len()).unwrap_or(u64::MAX),
            stage: row.state.stage,
            mark: row.mark.as_ref().map(|marked| marked.mark),
            used: SavedUse {
                tokens: total.tokens.total(),
                cost: total.cost,
                unpriced_tokens: total.unpriced_tokens,
                unpriced_units: total.units.unpriced,
            },
        };
        row.decisions.iter().for_each(|decision| task.decided_under(&decision.config_hash));
        Some(task)
    }

    /// The gate decided about it once more, after it was closed.
    pub fn decided(&mut self, decided: &GateDecided) {
        self.stopped |= decided.verdict == Verdict::Block;
        self.decided_under(&decided.config_hash);
    }

    fn decided_under(&mut self, config_hash: &str) {
        if !self.decided_under.iter().any(|known| **known == *config_hash) {
            self.decided_under.push(config_hash.into());
        }
    }

    /// Whether the gate could block it; `None`: it is on neither side.
    ///
    /// It could, once it decided under a config that allows blocking. It could not if it only decided, or the
    /// task was opened, under one that does not. A task that was never checked by a gate that blocks says nothing
    /// about either.
    pub(super) fn is_enforced(&self, blocks: impl Fn(&str) -> bool) -> Option<bool> {
        if self.enforcement == Enforcement::Off {
            return None;
        }
        if self.stopped || self.decided_under.iter().any(|config| blocks(config)) {
            return Some(true);
        }
        (!self.decided_under.is_empty() || !blocks(&self.opened_under)).then_some(false)
    }
}

impl SavedUse {
    /// Tokens that count: corrections never take away more than was used.
    pub(super) fn counted_tokens(&self) -> u64 {
        u64::try_from(self.tokens.max(0)).unwrap_or(u64::MAX)
    }

    /// Whether something of it has no price.
    pub(super) fn is_unpriced(&self) -> bool {
        self.unpriced_tokens != 0 || !self.unpriced_units.is_empty()
    }
}
