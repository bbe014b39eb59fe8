//! A config that history is run through.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::collections::HashMap;
use std::sync::Arc;

use tollgate_domain::config::{BudgetConfig, Rollout};
use tollgate_domain::decimal::Decimal;
use tollgate_domain::gate::Switches;
use tollgate_domain::limits::{TaskLimits, task_limits_or_fallback};
use tollgate_domain::metadata::{LimitOverride, TaskMetadata};
use tollgate_domain::phase::Phase;
use tollgate_domain::pool::PoolRules;
use tollgate_domain::tier::{Complexity, Importance};

/// The most limits that are kept: one for each class and override in use. More begin anew.
const KEPT_LIMITS: usize = 4_096;

/// A config and the name that people know it by.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// Its name: the file's, as given.
    pub name: String,
    /// What it says.
    pub config: BudgetConfig,
}

/// A candidate as one thread uses it: with what follows from the config computed once.
#[derive(Debug)]
pub(super) struct Rules {
    config: BudgetConfig,
    /// The gate's settings, as if blocks were enforced on everybody: what the rules say is what is compared.
    pub(super) enforced: Switches,
    /// Those that the config itself states.
    pub(super) own: Switches,
    /// The pool that tasks share, if one is asked about.
    pub(super) pool: Option<PoolRules>,
    limits: RefCell<HashMap<LimitsKey, Given>>,
}

/// The limits of a task, and whether overrides of it had to be left out.
#[derive(Clone, Debug)]
pub(super) struct Given {
    pub(super) limits: Arc<TaskLimits>,
    /// Whether it names a phase that the config does not have, with an override.
    pub(super) unknown_phase: bool,
}

/// Everything that the limits of a task follow from, under one config.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct LimitsKey {
    complexity: Option<Complexity>,
    importance: Option<Importance>,
    tags: Vec<String>,
    multiplier: Option<Decimal>,
    overrides: BTreeMap<Phase, LimitOverride>,
}

impl Rules {
    pub(super) fn new(config: &BudgetConfig, pool: Option<&PoolRules>) -> Self {
        let own = Switches::from(config);
        Self {
            config: config.clone(),
            enforced: Switches { enabled: true, rollout: Rollout::Enforce, ..own },
            own,
            pool: pool.cloned(),
            limits: RefCell::default(),
        }
    }

    /// The limits that a task with this metadata gets as it opens.
    pub(super) fn limits_of(&self, metadata: &TaskMetadata) -> Given {
        let key = LimitsKey {
            complexity: metadata.complexity,
            importance: metadata.importance,
            // Tags matter only where nobody stated the importance.
            tags: if metadata.importance.is_none() { metadata.tags.clone() } else { Vec::new() },
            multiplier: metadata.budget_multiplier,
            overrides: metadata.budget_overrides.clone(),
        };
        let mut kept = self.limits.borrow_mut();
        if let Some(given) = kept.get(&key) {
            return given.clone();
        }
        if kept.len() >= KEPT_LIMITS {
            kept.clear();
        }
        let given = self.compute(metadata);
        kept.insert(key, given.clone());
        given
    }

    fn compute(&self, metadata: &TaskMetadata) -> Given {
        let mut known = metadata.clone();
        known.budget_overrides.retain(|phase, _| self.config.find_phase(phase).is_ok());
        let unknown_phase = known.budget_overrides.len() < metadata.budget_overrides.len();
        let limits = task_limits_or_fallback(&self.config, &known)
            .expect("overrides of phases that the config does not have were left out");
        Given { limits: Arc::new(limits), unknown_phase }
    }
}
