//! Phases for the history of session files: rules by what calls did, and how much of the sessions each rule matched.
//!
//! [`Rules`] are read from a file; [`Sorting`] turns the calls of each session into the events of a task that began and
//! ended its phases, or into a [`PhasePlan`] for a ledger that imports them; [`PhaseCoverage`] counts what came from
//! which rule.

mod coverage;
mod plan;
mod sentences;
mod sorting;

use std::path::Path;

use tollgate_domain::config::BudgetConfig;
use tollgate_domain::session_phases::{DEFAULT_RULES, SessionPhases};
use tollgate_domain::yaml::InvalidConfig;

pub use coverage::{
    AgentCoverage, BasisCoverage, CoveredCalls, PhaseCoverage, PhaseShare, RuleCoverage, RulesInput,
};
pub use plan::{PhasePlan, SessionPlaces};
pub(crate) use sorting::Sorting;

use crate::what_if::Candidate;

/// The word that names the rules that ship with Tollgate.
pub const SHIPPED: &str = "shipped";

/// Rules and the name that people know them by.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Their name: the file's, as given.
    pub name: String,
    /// What they say.
    pub phases: SessionPhases,
}

impl Rules {
    /// The rules of a file, for these configs.
    ///
    /// # Errors
    ///
    /// [`InvalidConfig`] with everything that is wrong, phases that a config does not have included.
    pub fn read(name: &str, text: &str, configs: &[Candidate]) -> Result<Self, InvalidConfig> {
        let configs: Vec<(&str, &BudgetConfig)> =
            configs.iter().map(|candidate| (candidate.name.as_str(), &candidate.config)).collect();
        Ok(Self { name: name.to_owned(), phases: SessionPhases::from_yaml(text, &configs)? })
    }

    /// How events name them: the name of their file, without where it is, and the hash.
    #[must_use]
    pub fn label(&self) -> String {
        let hash = self.phases.hash();
        let name = Path::new(&self.name)
            .file_name()
            .map_or_else(String::new, |it| it.to_string_lossy().into_owned());
        format!("{name} ({})", hash.get(..12).unwrap_or_default())
    }

    /// The rules that ship with Tollgate, for these configs.
    ///
    /// # Errors
    ///
    /// As [`Self::read`]: a config may have other phases.
    pub fn shipped(configs: &[Candidate]) -> Result<Self, InvalidConfig> {
        Self::read(SHIPPED, DEFAULT_RULES, configs)
    }
}
