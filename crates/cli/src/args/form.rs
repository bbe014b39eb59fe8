//! Which answers can be written in which form.

use super::{
    AlertsCommand, BillCommand, BudgetCommand, Command, Form, HealthCommand, KeyCommand, PolicyCommand,
    PricesCommand, QuarantineCommand, ReportCommand, TaskCommand, UsageCommand,
};

/// What is said where one cannot.
const RULE: &str = "--format md, html and csv: md and html only of the report of a task, `tollgate report TASK`; csv also wherever a table is shown: lists, figures, and what `show` shows";

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
        match self {
            Self::Table | Self::Json => true,
            Self::Csv => has_rows(command),
            Self::Md | Self::Html => matches!(command, Command::Report(report) if report.task.is_some()),
        }
    }
}

/// Whether a command's answer is a table, or has one.
fn has_rows(command: &Command) -> bool {
    if let Command::Prices(command) = command {
        return matches!(
            command,
            PricesCommand::List(_)
                | PricesCommand::Show(_)
                | PricesCommand::History(_)
                | PricesCommand::Sources
                | PricesCommand::Reprice(_)
        );
    }
    if let Command::Alerts(alerts) = command {
        return match &alerts.command {
            None => !alerts.follow,
            Some(command) => matches!(command, AlertsCommand::Deliveries(_) | AlertsCommand::Show { .. }),
        };
    }
    matches!(
        command,
        Command::Report(_)
            | Command::Limits(_)
            | Command::Health(HealthCommand::Budgets(_))
            | Command::Check(_)
            | Command::Route(_)
            | Command::Allocate(_)
            | Command::Replay(_)
            | Command::Status
            | Command::Budget(BudgetCommand::List | BudgetCommand::Show { .. } | BudgetCommand::Pool)
            | Command::Policy(PolicyCommand::List(_) | PolicyCommand::Show { .. })
            | Command::Task(TaskCommand::List(_) | TaskCommand::Show(_))
            | Command::Usage(UsageCommand::List(_) | UsageCommand::Summary(_))
            | Command::Bill(BillCommand::Compare(_))
            | Command::Key(KeyCommand::List)
            | Command::Quarantine(QuarantineCommand::List { .. })
    )
}
