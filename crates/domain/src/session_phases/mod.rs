//! Phases for sessions of agents that have none: rules by what each call of a model did, the first that holds wins.
//!
//! [`activity`] is what is known of a call, [`commands`] and [`files`] how commands and paths are classed;
//! [`SessionPhases`] are the rules, read from a file by `read`, and [`classify()`] applies them.

pub mod activity;
mod canonical;
mod classify;
pub mod commands;
pub mod files;
mod read;

use crate::config::BudgetConfig;
use crate::hex::hex_of_sha256;
use crate::phase::Phase;
use crate::yaml::InvalidConfig;

use activity::ToolKind;
use commands::Pattern;
use files::FileClass;

pub use classify::{Execution, Placed, Recorded, SessionCall, Sorted, classify, executions, placed};

/// The rules that ship with Tollgate, as text: `config/session_phases.yaml`.
pub const DEFAULT_RULES: &str = include_str!("../../../../config/session_phases.yaml");

/// The rules, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionPhases {
    /// At least one; their names differ.
    pub rules: Vec<Rule>,
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its name, which results show.
    pub name: String,
    /// When it holds.
    pub when: When,
    /// What it gives.
    pub gives: Gives,
}

/// What a rule gives a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Gives {
    /// This phase.
    Phase(Phase),
    /// The phase of the call before; none if that has none.
    Continues,
}

crate::words::words!(
    /// What a phase was concluded from.
    Basis {
        /// From what the call did: a tool, a command, a file, the plan mode, how much it wrote.
        Activity = "activity",
        /// It goes on in the phase of the call before.
        Continued = "continued",
        /// From the place of the call in its session alone.
        Position = "position"
    }
);

/// The conditions of a rule; all that are given have to hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct When {
    /// Kinds of tools, of which the call used one.
    pub tools: Vec<ToolKind>,
    /// Commands, of which the call ran one.
    pub commands: Vec<Pattern>,
    /// Classes of files, of which a tool named one.
    pub files: Vec<FileClass>,
    /// Whether the agent was in plan mode.
    pub plan_mode: Option<bool>,
    /// Whether no call of the session so far, this one included, used an editing tool.
    pub before_edit: Option<bool>,
    /// Whether the session's file names the tools of any of its calls.
    pub tools_recorded: Option<bool>,
    /// How many tokens the call wrote, without those of reasoning.
    pub written_tokens: Option<Range>,
    /// The turns of the session, from 1.
    pub turns: Option<Range>,
    /// Where the call is among the session's calls, from and to, in percent.
    pub share_of_calls: Option<Share>,
    /// Where the call is in the session's time, from and to, in percent.
    pub share_of_time: Option<Share>,
}

/// Numbers from the first on, up to the second; without one, all above.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// From here on.
    pub from: u64,
    /// Up to here, included.
    pub to: Option<u64>,
}

/// A part of a session in percent: from the first number on, before the second. 100 includes the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// From here on.
    pub from: u8,
    /// Up to here.
    pub to: u8,
}

impl Range {
    /// Whether a number is in it.
    #[must_use]
    pub fn contains(&self, number: u64) -> bool {
        number >= self.from && self.to.is_none_or(|to| number <= to)
    }
}

impl SessionPhases {
    /// Reads rules. `configs`: those whose limits the phases are for, by name; a phase that one of them does not have
    /// is a problem.
    ///
    /// # Errors
    ///
    /// [`InvalidConfig`] with everything that is wrong.
    pub fn from_yaml(text: &str, configs: &[(&str, &BudgetConfig)]) -> Result<Self, InvalidConfig> {
        read::from_yaml(text, configs).map_err(|invalid| invalid.placed_in(text))
    }

    /// One `key=value` per line, in the order of the rules: the same for every way to write the same rules.
    #[must_use]
    pub fn canonical(&self) -> String {
        canonical::text(self)
    }

    /// SHA-256 of [`Self::canonical`], in hex.
    #[must_use]
    pub fn hash(&self) -> String {
        hex_of_sha256(&self.canonical(), 32)
    }
}

impl Rule {
    /// What its phases are concluded from.
    #[must_use]
    pub fn basis(&self) -> Basis {
        let When { tools, commands, files, plan_mode, before_edit, written_tokens, .. } = &self.when;
        let by_activity = !tools.is_empty()
            || !commands.is_empty()
            || !files.is_empty()
            || plan_mode.is_some()
            || before_edit.is_some()
            || written_tokens.is_some();
        match self.gives {
            Gives::Continues => Basis::Continued,
            Gives::Phase(_) if by_activity => Basis::Activity,
            Gives::Phase(_) => Basis::Position,
        }
    }
}

#[cfg(test)]
mod tests;
