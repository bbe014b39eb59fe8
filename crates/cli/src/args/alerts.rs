//! Asking about alerts, and about what the inbox refused.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use tollgate_domain::alert::{AlertRule, Severity};

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct AlertsArgs {
    #[command(subcommand)]
    pub(crate) command: Option<AlertsCommand>,
    /// Only of this task
    #[arg(long, conflicts_with = "follow")]
    pub(crate) task: Option<String>,
    /// Only of this rule
    #[arg(long, conflicts_with = "follow", value_parser = AlertRule::NAMES)]
    pub(crate) rule: Option<String>,
    /// Only of this severity or above
    #[arg(long, conflicts_with = "follow", value_parser = Severity::NAMES)]
    pub(crate) severity: Option<String>,
    /// Only in this state; raised where none is given, all with --rule completed
    #[arg(long, conflicts_with_all = ["follow", "all"], value_parser = ["raised", "unacknowledged", "acknowledged", "resolved", "all"])]
    pub(crate) state: Option<String>,
    /// Those that ended too
    #[arg(long)]
    pub(crate) all: bool,
    /// What happens to alerts, from the first on, and on with what comes
    #[arg(short, long)]
    pub(crate) follow: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AlertsCommand {
    /// Say that you have seen an alert; it stays raised until its condition is false
    Ack(AcknowledgeArgs),
    /// What was done to tell endpoints: what is not delivered yet, given up, or disabled
    Deliveries(DeliveriesArgs),
    /// Tell a change of an alert again
    Resend(ResendArgs),
}

#[derive(Debug, Args)]
pub(crate) struct DeliveriesArgs {
    /// Only of this alert
    #[arg(long, value_name = "ID")]
    pub(crate) alert: Option<String>,
    /// Only to this endpoint
    #[arg(long, value_name = "NAME")]
    pub(crate) endpoint: Option<String>,
    /// Those that are settled too
    #[arg(long)]
    pub(crate) all: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ResendArgs {
    /// The alert's id, as `tollgate alerts` shows it
    pub(crate) alert: String,
    /// To this endpoint only; without it to all that want such alerts
    #[arg(long, value_name = "NAME")]
    pub(crate) endpoint: Option<String>,
    /// Which change
    #[arg(long, default_value = "raised", value_parser = ["raised", "acknowledged", "resolved"])]
    pub(crate) change: String,
    /// Who asks
    #[arg(long, value_name = "NAME")]
    pub(crate) by: String,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
}

#[derive(Debug, Args)]
pub(crate) struct AcknowledgeArgs {
    /// The alert's id, as `tollgate alerts` shows it
    #[arg(value_name = "ID")]
    pub(crate) alert: String,
    /// Who
    #[arg(long, value_name = "NAME")]
    pub(crate) by: String,
    /// What is done about it
    #[arg(long, value_name = "TEXT")]
    pub(crate) note: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum QuarantineCommand {
    /// Messages that wait, the latest first
    List {
        /// Those that were redriven or dropped too
        #[arg(long)]
        all: bool,
    },
    /// One message: what it held, why it was refused, what became of it
    Explain {
        /// Its id
        id: String,
    },
    /// Take a message in after all; where it is refused again, it waits on
    Redrive(RedriveArgs),
    /// Give a message up; the log keeps what it held
    Drop(QuarantineEndArgs),
}

#[derive(Debug, Args)]
pub(crate) struct QuarantineEndArgs {
    /// Its id, as `tollgate quarantine list` shows it
    pub(crate) id: String,
    /// Who
    #[arg(long, value_name = "NAME")]
    pub(crate) by: String,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
}

#[derive(Debug, Args)]
pub(crate) struct RedriveArgs {
    #[command(flatten)]
    pub(crate) end: QuarantineEndArgs,
    /// A file with a repaired event, or {"events": […]}, to take in instead
    #[arg(long, value_name = "FILE")]
    pub(crate) payload: Option<PathBuf>,
}
