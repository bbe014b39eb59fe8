//! Which answers can be written in which form.

use super::{
    AlertsArgs, AllocateCommand, BillCommand, BudgetCommand, Command, Form, PolicyCommand, PricesCommand,
    ReplayCommand, ReportCommand, TaskCommand, UsageCommand,
};

/// What is said where one cannot.
const RULE: &str = "--format md, html and csv: only of the report of a task, `tollgate report TASK`; csv also of lists (`task`, `budget`, `policy`, `allocate`, `usage` and `prices list`, `prices history`, `alerts`), of `usage summary`, of `bill compare`, of the totals, `tollgate report`, of `report export`, and of `replay what-if`";

/// What is said of charges, whose format is one of CSV.
const OF_CHARGES: &str = "--format json: charges in the format of FOCUS are CSV: leave --format out, or use `report export --format json`, which has the same usage and money";

impl Form {
    /// Why the answer of a command cannot be written in this form; `None`: it can.
    pub(super) fn refused(self, command: &Command) -> Option<&'static str> {
        let of_charges = matches!(command, Command::Report(report)
            if matches!(report.what, Some(ReportCommand::Focus(_))));
        if of_charges && self == Self::Json {
            return Some(OF_CHARGES);
        }
        (!self.fits(command)).then_some(RULE)
    }

    /// Whether the answer of a command can be written in this form.
    fn fits(self, command: &Command) -> bool {
        let of_task = matches!(command, Command::Report(report) if report.task.is_some());
        let of_list = matches!(command, Command::Task(TaskCommand::List(_)))
            || matches!(command, Command::Report(report)
                if matches!(report.what, None | Some(ReportCommand::Focus(_) | ReportCommand::Export(_))))
            || matches!(command, Command::Budget(BudgetCommand::List))
            || matches!(command, Command::Bill(BillCommand::Compare(_)))
            || matches!(command, Command::Prices(PricesCommand::List(_) | PricesCommand::History(_)))
            || matches!(command, Command::Alerts(AlertsArgs { command: None, follow: false, .. }))
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
