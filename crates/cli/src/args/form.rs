//! Which answers can be written in which form.

use super::{
    AllocateCommand, BudgetCommand, Command, Form, PolicyCommand, ReplayCommand, ReportCommand, TaskCommand,
    UsageCommand,
};

/// What is said where one cannot.
pub(super) const RULE: &str = "--format md, html and csv: only of the report of a task, `tollgate report TASK`; csv also of lists (`task`, `budget`, `policy`, `allocate` and `usage list`), of `usage summary`, of the totals, `tollgate report`, and of `replay what-if`";

impl Form {
    /// Whether the answer of a command can be written in this form.
    pub(super) fn fits(self, command: &Command) -> bool {
        let of_task = matches!(command, Command::Report(report) if report.task.is_some());
        let of_list = matches!(command, Command::Task(TaskCommand::List(_)))
            || matches!(command, Command::Report(report)
                if matches!(report.what, None | Some(ReportCommand::Focus(_) | ReportCommand::Export(_))))
            || matches!(command, Command::Budget(BudgetCommand::List))
            || matches!(command, Command::Policy(PolicyCommand::List(_)))
            || matches!(command, Command::Allocate(AllocateCommand::List(_)))
            || matches!(command, Command::Replay(ReplayCommand::WhatIf(_)))
            || matches!(command, Command::Usage(UsageCommand::List(_) | UsageCommand::Summary(_)));
        match self {
            Self::Table | Self::Json => true,
            Self::Csv => of_task || of_list,
            Self::Md | Self::Html => of_task,
        }
    }
}
