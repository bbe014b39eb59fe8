//! What is known of a call of a model beside its usage: the tools that it called, and where in the session it was.

use super::commands::Command;
use super::files::FileClass;

crate::words::words!(
    /// What a tool is for.
    ToolKind {
        /// It reads a file or lists a directory.
        Read = "read",
        /// It searches files.
        Search = "search",
        /// It changes files.
        Edit = "edit",
        /// It runs commands.
        Shell = "shell",
        /// It writes down what is to be done, or proposes a plan.
        Plan = "plan",
        /// It searches the web or reads a page.
        Web = "web",
        /// It starts another agent.
        Agent = "agent",
        /// Anything else.
        Other = "other",
        /// No tool: the call only answered.
        None = "none"
    }
);

/// One use of a tool. Neither its input nor a whole command or path is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolUse {
    /// What the tool is for.
    pub kind: ToolKind,
    /// The commands that it ran, by their first words.
    pub commands: Vec<Command>,
    /// The classes of the files that it names.
    pub files: Vec<FileClass>,
}

/// What a call did, and how the session stood.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Activity {
    /// The tools that it called.
    pub tools: Vec<ToolUse>,
    /// Whether it is the first call after a message of the person.
    pub begins_turn: bool,
    /// Whether the agent was in plan mode.
    pub plan_mode: bool,
}

impl ToolUse {
    /// A tool of which nothing but its kind matters.
    #[must_use]
    pub const fn of(kind: ToolKind) -> Self {
        Self { kind, commands: Vec::new(), files: Vec::new() }
    }

    /// A tool that runs commands, by the script that it was given.
    #[must_use]
    pub fn shell(script: &str) -> Self {
        Self { kind: ToolKind::Shell, commands: super::commands::commands(script), files: Vec::new() }
    }

    /// A tool that runs a command of these words.
    #[must_use]
    pub fn shell_of_words(words: &[&str]) -> Self {
        Self { kind: ToolKind::Shell, commands: super::commands::commands_of_words(words), files: Vec::new() }
    }

    /// A tool that was given these paths.
    pub fn with_files<'a>(kind: ToolKind, paths: impl IntoIterator<Item = &'a str>) -> Self {
        let mut files: Vec<FileClass> = paths.into_iter().map(super::files::class).collect();
        files.sort_unstable();
        files.dedup();
        Self { kind, commands: Vec::new(), files }
    }
}

impl Activity {
    /// Adds what another report of the same call says.
    pub fn merge(&mut self, other: Self) {
        for tool in other.tools {
            if !self.tools.contains(&tool) {
                self.tools.push(tool);
            }
        }
        self.begins_turn |= other.begins_turn;
        self.plan_mode |= other.plan_mode;
    }
}
