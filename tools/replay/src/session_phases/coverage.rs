//! How much of the sessions each rule matched: plain data, in a fixed order.

use std::collections::BTreeMap;

use serde::Serialize;
use tollgate_domain::session_phases::{Basis, Execution, Gives, SessionPhases, Sorted};

use super::Rules;

/// What phases of sessions came from, and how much has none. Calls and tokens of all rules, and of no rule, add up to
/// those of the sessions; so do those of all phases, and of none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PhaseCoverage {
    /// The rules.
    pub rules: RulesInput,
    /// Sessions, each a task.
    pub sessions: u64,
    /// All calls.
    pub all: CoveredCalls,
    /// One for each rule, in their order.
    pub by_rule: Vec<RuleCoverage>,
    /// Calls of which no rule holds.
    pub no_rule: CoveredCalls,
    /// What phases were concluded from, one for each basis.
    pub by_basis: Vec<BasisCoverage>,
    /// One for each phase that a rule names, in the order in which they do.
    pub by_phase: Vec<PhaseShare>,
    /// Calls without a phase: of no rule, or going on from a call without one.
    pub no_phase: CoveredCalls,
    /// One for each kind of agent.
    pub by_agent: Vec<AgentCoverage>,
    /// Rules that hold of no call.
    pub never_matched: Vec<String>,
}

/// The rules that sessions were sorted by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RulesInput {
    /// Their name.
    pub name: String,
    /// SHA-256 of their canonical content.
    pub hash: String,
}

/// Calls and their tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CoveredCalls {
    /// How many calls.
    pub calls: u64,
    /// What they used.
    pub tokens: u64,
}

/// What a rule matched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RuleCoverage {
    /// Its name.
    pub rule: String,
    /// The phase that it gives; `None`: that of the call before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
    /// What that is concluded from.
    #[serde(serialize_with = "word")]
    pub basis: Basis,
    /// What it matched.
    #[serde(flatten)]
    pub matched: CoveredCalls,
}

/// Calls whose phase was concluded from the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BasisCoverage {
    /// From what.
    #[serde(serialize_with = "word")]
    pub basis: Basis,
    /// Those that have a phase.
    #[serde(flatten)]
    pub phased: CoveredCalls,
}

/// What is in a phase.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PhaseShare {
    /// Which phase.
    pub phase: String,
    /// Sessions with it.
    pub sessions: u64,
    /// How often it was begun.
    pub executions: u64,
    /// What is in it.
    #[serde(flatten)]
    pub used: CoveredCalls,
}

/// What the files of an agent say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AgentCoverage {
    /// The agent, as `--agent` names it.
    pub agent: String,
    /// Its sessions.
    pub sessions: u64,
    /// Those whose files name a tool of any call.
    pub sessions_with_tools: u64,
    /// All of its calls.
    #[serde(flatten)]
    pub all: CoveredCalls,
    /// Those of sessions whose files name a tool.
    pub of_sessions_with_tools: CoveredCalls,
    /// Those of which a tool is named.
    pub with_tools: CoveredCalls,
    /// Those that have a phase.
    pub with_phase: CoveredCalls,
}

fn word<S: serde::Serializer>(basis: &Basis, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(basis.as_str())
}

impl CoveredCalls {
    fn add(&mut self, tokens: u64) {
        self.calls = self.calls.saturating_add(1);
        self.tokens = self.tokens.saturating_add(tokens);
    }
}

impl PhaseCoverage {
    pub(super) fn new(rules: &Rules, agent: &str) -> Self {
        let phases = &rules.phases;
        let mut by_phase: Vec<PhaseShare> = Vec::new();
        for phase in phases.rules.iter().filter_map(|rule| phase_of(&rule.gives)) {
            if by_phase.iter().all(|share| share.phase != phase) {
                let used = CoveredCalls::default();
                by_phase.push(PhaseShare { phase, sessions: 0, executions: 0, used });
            }
        }
        let basis = |basis| BasisCoverage { basis, phased: CoveredCalls::default() };
        let mut coverage = Self {
            rules: RulesInput { name: rules.name.clone(), hash: phases.hash() },
            sessions: 0,
            all: CoveredCalls::default(),
            by_rule: phases
                .rules
                .iter()
                .map(|rule| RuleCoverage {
                    rule: rule.name.clone(),
                    phase: phase_of(&rule.gives),
                    basis: rule.basis(),
                    matched: CoveredCalls::default(),
                })
                .collect(),
            no_rule: CoveredCalls::default(),
            by_basis: [Basis::Activity, Basis::Continued, Basis::Position].map(basis).to_vec(),
            by_phase,
            no_phase: CoveredCalls::default(),
            by_agent: vec![AgentCoverage {
                agent: agent.to_owned(),
                sessions: 0,
                sessions_with_tools: 0,
                all: CoveredCalls::default(),
                of_sessions_with_tools: CoveredCalls::default(),
                with_tools: CoveredCalls::default(),
                with_phase: CoveredCalls::default(),
            }],
            never_matched: Vec::new(),
        };
        coverage.name_unmatched();
        coverage
    }

    /// Adds a session whose calls were sorted. `calls`: the tokens of each, and whether the file names a tool of it.
    pub(super) fn add(
        &mut self,
        phases: &SessionPhases,
        calls: &[(u64, bool)],
        sorted: &[Sorted],
        executions: &[Execution],
    ) {
        self.sessions = self.sessions.saturating_add(1);
        let mut sessions: BTreeMap<&str, u64> = BTreeMap::new();
        for execution in executions {
            let begun = sessions.entry(execution.id.phase.as_str()).or_default();
            *begun = begun.saturating_add(1);
        }
        for share in &mut self.by_phase {
            let begun = sessions.get(share.phase.as_str()).copied().unwrap_or_default();
            share.sessions = share.sessions.saturating_add(u64::from(begun > 0));
            share.executions = share.executions.saturating_add(begun);
        }
        for (&(tokens, _), call) in calls.iter().zip(sorted) {
            self.all.add(tokens);
            match call.rule.and_then(|rule| self.by_rule.get_mut(rule)) {
                Some(rule) => rule.matched.add(tokens),
                None => self.no_rule.add(tokens),
            }
            let share = call
                .phase
                .as_ref()
                .and_then(|phase| self.by_phase.iter_mut().find(|share| share.phase == phase.as_str()));
            match share {
                Some(share) => share.used.add(tokens),
                None => self.no_phase.add(tokens),
            }
            let basis = call.rule.filter(|_| call.phase.is_some()).and_then(|rule| phases.rules.get(rule));
            let basis = basis.map(|rule| rule.basis());
            if let Some(of_basis) = self.by_basis.iter_mut().find(|it| Some(it.basis) == basis) {
                of_basis.phased.add(tokens);
            }
        }
        // All files of a history are of one agent.
        for agent in &mut self.by_agent {
            agent.sessions = agent.sessions.saturating_add(1);
            let named = calls.iter().any(|(_, has_tools)| *has_tools);
            agent.sessions_with_tools = agent.sessions_with_tools.saturating_add(u64::from(named));
            for (&(tokens, has_tools), call) in calls.iter().zip(sorted) {
                agent.all.add(tokens);
                if named {
                    agent.of_sessions_with_tools.add(tokens);
                }
                if has_tools {
                    agent.with_tools.add(tokens);
                }
                if call.phase.is_some() {
                    agent.with_phase.add(tokens);
                }
            }
        }
        self.name_unmatched();
    }

    fn name_unmatched(&mut self) {
        let unmatched = self.by_rule.iter().filter(|rule| rule.matched.calls == 0);
        self.never_matched = unmatched.map(|rule| rule.rule.clone()).collect();
    }
}

fn phase_of(gives: &Gives) -> Option<String> {
    match gives {
        Gives::Phase(phase) => Some(phase.as_str().to_owned()),
        Gives::Continues => None,
    }
}
