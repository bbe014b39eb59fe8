//! Asking about alerts, and about what the inbox refused.

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};
use tollgate_domain::alert::{AlertRule, Severity};

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct AlertsArgs {
    #[command(subcommand)]
    pub(crate) command: Option<AlertsCommand>,
    /// Only this task
    #[arg(long, conflicts_with = "follow")]
    pub(crate) task: Option<String>,
    /// Only this rule
    #[arg(long, conflicts_with = "follow", value_parser = PossibleValuesParser::new(AlertRule::NAMES))]
    pub(crate) rule: Option<String>,
    /// Only this severity or higher
    #[arg(long, conflicts_with = "follow", value_parser = PossibleValuesParser::new(Severity::NAMES))]
    pub(crate) severity: Option<String>,
    /// Only in this state (default: raised; all with --rule completed)
    #[arg(long, conflicts_with_all = ["follow", "all"], value_parser = ["raised", "unacknowledged", "acknowledged", "resolved", "all"])]
    pub(crate) state: Option<String>,
    /// Include resolved alerts
    #[arg(long)]
    pub(crate) all: bool,
    /// Show all changes of alerts from the start, and follow new ones
    #[arg(short, long)]
    pub(crate) follow: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AlertsCommand {
    /// Acknowledge an alert; it stays raised until its condition no longer holds
    Ack(AcknowledgeArgs),
    /// Look at policies now: alerts of what is recorded already are there afterwards
    Look,
    /// Show one alert
    Show {
        /// Its id, as shown by `tollgate alerts`
        #[arg(value_name = "ID")]
        alert: String,
    },
    /// Show deliveries to endpoints that are pending, given up or disabled
    Deliveries(DeliveriesArgs),
    /// Resend a change of an alert
    Resend(ResendArgs),
}

#[derive(Debug, Args)]
pub(crate) struct DeliveriesArgs {
    /// Only this alert
    #[arg(long, value_name = "ID")]
    pub(crate) alert: Option<String>,
    /// Only this endpoint
    #[arg(long, value_name = "NAME")]
    pub(crate) endpoint: Option<String>,
    /// Include settled deliveries
    #[arg(long)]
    pub(crate) all: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ResendArgs {
    /// The alert's id, as shown by `tollgate alerts`
    pub(crate) alert: String,
    /// Resend to this endpoint only (default: all that subscribe to such alerts)
    #[arg(long, value_name = "NAME")]
    pub(crate) endpoint: Option<String>,
    /// The change to resend
    #[arg(long, default_value = "raised", value_parser = ["raised", "acknowledged", "resolved"])]
    pub(crate) change: String,
    /// Who requests it
    #[arg(long, value_name = "NAME")]
    pub(crate) by: String,
    /// The reason
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
}

#[derive(Debug, Args)]
pub(crate) struct AcknowledgeArgs {
    /// The alert's id, as shown by `tollgate alerts`
    #[arg(value_name = "ID")]
    pub(crate) alert: String,
    /// Who acknowledges it
    #[arg(long, value_name = "NAME")]
    pub(crate) by: String,
    /// What is done about it
    #[arg(long, value_name = "TEXT")]
    pub(crate) note: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum QuarantineCommand {
    /// List waiting messages, newest first
    List {
        /// Include messages that were redriven or dropped
        #[arg(long)]
        all: bool,
    },
    /// Show one message: its content, why it was refused and how its quarantine ended
    Explain {
        /// The message's id
        id: String,
    },
    /// Redrive a message; if it is refused again, it stays in quarantine
    Redrive(RedriveArgs),
    /// Drop a message; the log keeps its content
    Drop(QuarantineEndArgs),
}

#[derive(Debug, Args)]
pub(crate) struct QuarantineEndArgs {
    /// The message's id, as shown by `tollgate quarantine list`
    pub(crate) id: String,
    /// Who makes the decision
    #[arg(long, value_name = "NAME")]
    pub(crate) by: String,
    /// The reason
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
}

#[derive(Debug, Args)]
pub(crate) struct RedriveArgs {
    #[command(flatten)]
    pub(crate) end: QuarantineEndArgs,
    /// A file with a repaired event, or {"events": […]}, to append instead
    #[arg(long, value_name = "FILE")]
    pub(crate) payload: Option<PathBuf>,
}
