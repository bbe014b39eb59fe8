//! What can be asked.

mod alerts;
mod allocations;
mod amounts;
mod bill;
mod budgets;
mod compat;
mod form;
mod govern;
mod http;
mod key;
mod manual;
mod nats;
mod operate;
mod price_decisions;
mod prices;
mod record;
mod replay;
mod report;
mod task;
mod usage;
mod when;

use std::borrow::Cow;
use std::path::PathBuf;

use clap::parser::ValueSource;
use clap::{Args as ClapArgs, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};

use tollgate_domain::printable::printable_lines;

use crate::output::note;
pub(crate) use alerts::{
    AcknowledgeArgs, AlertsArgs, AlertsCommand, DeliveriesArgs, QuarantineCommand, QuarantineEndArgs,
    ResendArgs,
};
pub(crate) use allocations::{
    AllocateArgs, AllocateCommand, AllocationListArgs, CheckSpendArgs, ExtendArgs, ExtendBy, RouteArgs,
    SpendArgs,
};
pub(crate) use bill::{BillCommand, BillCompareArgs, BillImportArgs};
pub(crate) use budgets::{
    BudgetCommand, BudgetSetArgs, PolicyCommand, PolicyListArgs, PolicySetArgs, RaiseArgs, RaiseBy,
    WithdrawArgs,
};
pub(crate) use compat::{CompatArgs, RegistryForm};
pub(crate) use govern::{BreakerCommand, HealthCommand, ReadyArgs};
pub(crate) use key::{ApiKey, KeyCommand, KeyCreateArgs};
pub(crate) use manual::{CompletionsArgs, ManArgs};
pub(crate) use nats::NatsArgs;
pub(crate) use operate::{
    ApolloArgs, AppendArgs, ArchiveArgs, BackupArgs, CheckArgs, ConfigCommand, CopyArgs, DemoArgs, FindArgs,
    ImportArgs, ImportCommand, InitArgs, LogCommand, ProjectorArgs, RestoreArgs, RhetorArgs, ServeArgs,
    ShowArgs, TailArgs, ViewCommand,
};
pub(crate) use price_decisions::{
    PriceApproveArgs, PriceDecisionArgs, PriceHistoryArgs, PriceRejectArgs, PriceSetArgs, PriceUpdateArgs,
    RepriceArgs,
};
pub(crate) use prices::{PriceListArgs, PriceShowArgs, PricesCommand};
pub(crate) use record::{AdjustArgs, Counts, Lengths, RecordArgs, UsageCommand};
pub(crate) use replay::{CalibrateArgs, HistoryArgs, PicturesArgs, ReplayCommand, WhatIfArgs};
pub(crate) use report::{
    AccessesArgs, CostArgs, ExportArgs, FocusArgs, LimitsArgs, ReportArgs, ReportCommand,
};
pub(crate) use task::{
    CloseArgs, EventArgs, ExplainArgs, GateArgs, ImportanceArgs, ListArgs, MarkArgs, OpenArgs, OverrideArgs,
    PhaseArgs, PhaseCommand, RecoverArgs, SignalArgs, StoryArgs, TaskCommand, TaskName,
};
pub(crate) use usage::{UsageListArgs, UsageSummaryArgs, WhichUsage};

/// The budget ledger for AI agents: records what they spend, and decides whether they may go on.
#[derive(Debug, Parser)]
#[command(name = "tollgate", version, after_help = format!("{}\n{EVERYWHERE}", crate::exit_codes::HELP), after_long_help = crate::exit_codes::HELP, subcommand_required = true, arg_required_else_help = true)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The producer of commands that name none.
pub(crate) const PRODUCER: &str = "cli";

/// What the flags of every command are for, as `--help` groups them.
const LEDGER: &str = "Everywhere: which ledger";
const RULES: &str = "Everywhere: its rules";
const WHO: &str = "Everywhere: who you are";
const ANSWER: &str = "Everywhere: the answer";
const FILES: &str = "Everywhere: other files";

/// What `-h` says of them.
const EVERYWHERE: &str =
    "Everywhere: --data DIR, --server URL, --config FILE, --format FORMAT; --help shows all of them";

/// Flags of every command, grouped by what they are for.
#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct Global {
    /// The data directory of the ledger
    #[arg(long, global = true, help_heading = LEDGER, env = "TOLLGATE_DATA", value_name = "DIR", default_value = "tollgate-data")]
    pub(crate) data: PathBuf,
    /// Use this server instead of the data directory, for example http://127.0.0.1:7070
    #[arg(long, global = true, help_heading = LEDGER, env = "TOLLGATE_URL", value_name = "URL")]
    pub(crate) server: Option<String>,
    /// Trust a server's certificate only if an authority in this PEM file signed it (default: those of the system)
    #[arg(long, global = true, help_heading = LEDGER, env = "TOLLGATE_CA", value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    /// Use a log on NATS JetStream and its projectors directly, without a server, for example nats://127.0.0.1:4222
    #[arg(long, global = true, help_heading = LEDGER, env = "TOLLGATE_LOG", value_name = "URL", conflicts_with = "server")]
    pub(crate) log: Option<String>,
    /// Config file with limits and gate rules, or `built-in` (default: the one last in force)
    #[arg(long, global = true, help_heading = RULES, env = "TOLLGATE_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Refuse to start if the config is missing or invalid
    #[arg(long, global = true, help_heading = RULES)]
    pub(crate) strict_config: bool,
    /// Price book in LiteLLM's format, or `shipped` (default: the one last in force)
    #[arg(long, global = true, help_heading = RULES, env = "TOLLGATE_PRICES", value_name = "FILE")]
    pub(crate) prices: Option<PathBuf>,
    /// Owner of the tasks
    #[arg(long, global = true, help_heading = LEDGER, env = "TOLLGATE_TENANT", value_name = "NAME")]
    pub(crate) tenant: Option<String>,
    /// The producer, recorded with every event
    #[arg(long, global = true, help_heading = WHO, env = "TOLLGATE_PRODUCER", value_name = "NAME", default_value = PRODUCER)]
    pub(crate) producer: String,
    /// The key that the server asks for. Other users of this machine can see a command line: better set the variable
    #[arg(long, global = true, help_heading = WHO, env = "TOLLGATE_API_KEY", hide_env_values = true, value_name = "KEY")]
    pub(crate) api_key: Option<ApiKey>,
    /// Output format. md, html and csv are for task reports; csv also for totals, lists and usage
    #[arg(long = "format", global = true, help_heading = ANSWER, value_enum, default_value_t = Form::Table, value_name = "FORMAT")]
    pub(crate) form: Form,
    /// The same, as most commands know it.
    #[arg(skip)]
    pub(crate) format: Format,
    /// The reader, recorded when reading reports (default: your user name)
    #[arg(long, global = true, help_heading = WHO, env = "TOLLGATE_READER", value_name = "NAME")]
    pub(crate) reader: Option<String>,
    /// File with the key for --redact's pseudonyms (default: in the data directory)
    #[arg(long, global = true, help_heading = FILES, env = "TOLLGATE_REDACTION_KEY", value_name = "FILE")]
    pub(crate) redaction_key: Option<PathBuf>,
    /// File that names the sources of prices (default: prices.yaml in the data directory)
    #[arg(long, global = true, help_heading = FILES, env = "TOLLGATE_PRICE_SOURCES", value_name = "FILE", hide_short_help = true)]
    pub(crate) price_sources: Option<PathBuf>,
    /// Answer from the view as it is, without waiting for it to reach the end of the log
    #[arg(long, global = true, help_heading = ANSWER)]
    pub(crate) no_wait: bool,
    /// Continue even if the log ends before records that its views or other files remember: the missing
    /// records stay lost, and the log gets a new identity. Without this flag such a log is refused and
    /// nothing is changed
    #[arg(long, global = true, help_heading = LEDGER)]
    pub(crate) accept_loss: bool,
    /// Directory for evidence files (default: state/evidence; with --log, none are written by default)
    #[arg(long, global = true, help_heading = FILES, env = "TOLLGATE_EVIDENCE", value_name = "DIR")]
    pub(crate) evidence_dir: Option<PathBuf>,
    /// Log level on stderr: error, warn, info, debug
    #[arg(long, global = true, help_heading = ANSWER, env = "TOLLGATE_LOG_LEVEL", value_name = "LEVEL", value_parser = ["error", "warn", "info", "debug"])]
    pub(crate) log_level: Option<String>,
    #[command(flatten)]
    pub(crate) nats: NatsArgs,
}

/// What `--format` can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// Tables and sentences.
    Table,
    /// One JSON value.
    Json,
    /// Markdown.
    Md,
    /// One page that loads nothing.
    Html,
    /// A row per execution of a phase, or per entry of a list.
    Csv,
}

/// How answers are written, for all that have no other forms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Format {
    /// Tables and sentences.
    #[default]
    Table,
    /// One JSON value.
    Json,
}

impl Args {
    /// What the command line says.
    pub(crate) fn read() -> Self {
        let matches = with_short_help(Self::command()).try_get_matches().unwrap_or_else(refuse);
        let mut args = Self::from_arg_matches(&matches).unwrap_or_else(refuse);
        if matches!(args.command, Command::Demo(_)) {
            refuse_with_demo(&matches);
        }
        if matches!(args.command, Command::Key(KeyCommand::Create(_))) {
            refuse_with_key(&matches);
        }
        args.global.leave_out(&matches, &args.command);
        crate::output::carry(&args.global.named(&matches));
        if args.global.form == Form::Json {
            args.global.format = Format::Json;
        }
        if let Some(rule) = args.global.form.refused(&args.command) {
            Self::command().error(clap::error::ErrorKind::InvalidValue, rule).exit();
        }
        args
    }
}

impl Global {
    /// A ledger that the command line names is not taken over by one that the environment names.
    fn leave_out(&mut self, matches: &clap::ArgMatches, command: &Command) {
        // These keep something else than a ledger in the directory where the log is on NATS.
        let beside_a_log = matches!(command, Command::Serve(_) | Command::Projector(_));
        if !typed(matches, "data") {
            return;
        }
        if !typed(matches, "server") {
            self.server = None;
        }
        if !typed(matches, "log") && !beside_a_log {
            self.log = None;
        }
    }

    /// What names the ledger on the command line: a printed command needs it too. What comes from the
    /// environment is there for that one as well.
    fn named(&self, matches: &clap::ArgMatches) -> Vec<(&'static str, String)> {
        let data = Some(self.data.display().to_string());
        let stream = Some(self.nats.stream.clone());
        let values = [
            ("data", data),
            ("server", self.server.clone()),
            ("log", self.log.clone()),
            ("stream", stream),
            ("tenant", self.tenant.clone()),
        ];
        let typed = values.into_iter().filter(|(name, _)| typed(matches, name));
        typed.filter_map(|(name, value)| Some((name, value?))).collect()
    }
}

/// Says what is wrong with the command line, or what was asked of it, and ends. An argument may be a text of
/// others: where it has something that would act on a terminal, the message comes without colours and with
/// nothing of that.
fn refuse<T>(error: clap::Error) -> T {
    let plain = error.to_string();
    if matches!(printable_lines(&plain), Cow::Owned(_)) {
        note(plain.trim_end());
        std::process::exit(error.exit_code());
    }
    error.exit()
}

/// Whether a flag stands on the command line, before or behind the command.
fn typed(matches: &clap::ArgMatches, name: &str) -> bool {
    let here =
        matches.try_get_raw(name).is_ok() && matches.value_source(name) == Some(ValueSource::CommandLine);
    here || matches.subcommand().is_some_and(|(_, below)| typed(below, name))
}

/// `-h` of every command shows its own flags, and one line for those that all have.
fn with_short_help(command: clap::Command) -> clap::Command {
    fn below(command: clap::Command) -> clap::Command {
        command.after_help(EVERYWHERE).after_long_help("").mut_subcommands(below)
    }
    let hidden = |arg: clap::Arg| if arg.is_global_set() { arg.hide_short_help(true) } else { arg };
    command.mut_args(hidden).mut_subcommands(below)
}

/// The demo makes a ledger of its own: another one that was named is not left out silently.
fn refuse_with_demo(matches: &clap::ArgMatches) {
    if let Some(name) = ["data", "server", "log"].into_iter().find(|name| typed(matches, name)) {
        let rule = format!("--{name}: the demo makes a ledger of its own; say where with --dir DIR");
        Args::command().error(clap::error::ErrorKind::ArgumentConflict, rule).exit();
    }
}

/// Whoever says whose data a command is about while making a key means to restrict the key.
fn refuse_with_key(matches: &clap::ArgMatches) {
    if let Some(name) = ["tenant", "producer"].into_iter().find(|name| typed(matches, name)) {
        let rule = format!(
            "--{name}: a key is the whole ledger's, and this does not restrict it: for a key of this {name} only, say --for-{name}"
        );
        Args::command().error(clap::error::ErrorKind::ArgumentConflict, rule).exit();
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a realistic day of a small fleet of agents through a real ledger, in seconds
    Demo(DemoArgs),
    /// Serve the ledger in the data directory over HTTP or, with --log, one on NATS
    Serve(ServeArgs),
    /// Import the sessions of coding agents
    #[command(subcommand)]
    Import(ImportCommand),
    /// Open, close, show, list and explain tasks; override limits and blocks
    #[command(subcommand)]
    Task(TaskCommand),
    /// Start and end phases
    #[command(subcommand)]
    Phase(PhaseCommand),
    /// Record, correct, list and add up usage
    #[command(subcommand)]
    Usage(UsageCommand),
    /// Ask whether a task may go on
    Gate(GateArgs),
    /// Show the limits for a complexity and an importance
    Limits(LimitsArgs),
    /// List prices, and show what a call costs and why
    #[command(subcommand)]
    Prices(PricesCommand),
    /// Record what providers billed, and compare it with the ledger
    #[command(subcommand)]
    Bill(BillCommand),
    /// Make, show and list budgets
    #[command(subcommand)]
    Budget(BudgetCommand),
    /// Make, show, list and raise policies: how much may be spent, on what, in which window
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// Make, list, rotate and revoke keys: who may ask a server for what
    #[command(subcommand)]
    Key(KeyCommand),
    /// Ask whether something may be spent; nothing is reserved
    Check(CheckSpendArgs),
    /// Reserve what is going to be spent; show, list, extend and release what is reserved
    #[command(subcommand)]
    Allocate(AllocateCommand),
    /// Find the cheapest model that every policy allows
    Route(Box<RouteArgs>),
    /// Show the ledger's tasks, health and views
    Status,
    /// Ask a server whether it is ready; exit code 0 if so. Needs no key, and opens no data directory
    Ready(ReadyArgs),
    /// Show or reset the circuit breaker, which stops enforcement while the ledger is slow
    #[command(subcommand)]
    Breaker(BreakerCommand),
    /// Show budget health over many tasks, or the counters of a server
    #[command(subcommand)]
    Health(HealthCommand),
    /// Show totals of the ledger, or a task's budget report
    Report(ReportArgs),
    /// Answer a coding agent over the Model Context Protocol, on stdin and stdout
    Mcp,
    /// Run history through other limits, or propose limits; writes nothing to the ledger
    #[command(subcommand)]
    Replay(ReplayCommand),
    /// List alerts, acknowledge them, and see where they were delivered
    Alerts(AlertsArgs),
    /// List, redrive and drop refused inbox messages
    #[command(subcommand)]
    Quarantine(QuarantineCommand),
    /// Check a config, show the one in force, or reload it
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Read, append to or verify the log
    #[command(subcommand)]
    Log(LogCommand),
    /// Run a projector: maintain a view of a log on NATS and serve it
    Projector(ProjectorArgs),
    /// Rebuild views
    #[command(subcommand)]
    View(ViewCommand),
    /// Back up the log, even while it is being served
    Backup(BackupArgs),
    /// Create a data directory from a backup
    Restore(RestoreArgs),
    /// Print completions of commands and flags for a shell
    Completions(CompletionsArgs),
    /// Write manual pages, one for each command
    Man(ManArgs),
}
