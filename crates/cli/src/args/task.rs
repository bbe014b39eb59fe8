//! Asking about one task.

use clap::{Args, Subcommand};

use super::when::when;

/// Where and under which id an event is appended.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Event")]
pub(crate) struct EventArgs {
    /// The event's id; repeating it is a duplicate and changes nothing (default: generated)
    #[arg(long, value_name = "ID")]
    pub(crate) id: Option<String>,
    /// When it happened: a time in RFC 3339, or a date, which is its beginning in UTC (default: now)
    #[arg(long, value_name = "TIME", value_parser = when)]
    pub(crate) at: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct TaskName {
    /// The task
    pub(crate) task: String,
}

#[derive(Debug, Args)]
pub(crate) struct StoryArgs {
    /// The task
    pub(crate) task: String,
    /// Replace names of tasks, people and producers by pseudonyms and leave out free text
    #[arg(long)]
    pub(crate) redact: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TaskCommand {
    /// Open a task; its limits are computed now
    Open(OpenArgs),
    /// Close a task
    Close(CloseArgs),
    /// Show a task's status
    Show(TaskName),
    /// List tasks
    List(ListArgs),
    /// Explain a task's status: what happened when, by which rule and with which numbers
    Explain(StoryArgs),
    /// After a crash, show the phase that the ledger has, or move it to where the work is
    Recover(RecoverArgs),
    /// Override a limit or a block; recorded with who and why
    Override(OverrideArgs),
    /// Change a task's importance; its limits do not change, and raising it two tiers raises an alert
    Importance(ImportanceArgs),
    /// Mark what a task was, legitimate or runaway: were the rules right, or would they be? Recorded with who and why
    Mark(MarkArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ImportanceArgs {
    /// The task
    pub(crate) task: String,
    /// low, medium, high or critical
    #[arg(value_name = "TIER")]
    pub(crate) to: String,
    /// The expected current importance; the change is refused if it differs
    #[arg(long, value_name = "TIER")]
    pub(crate) from: Option<String>,
    /// Who makes the change
    #[arg(long, value_name = "NAME")]
    pub(crate) author: String,
    /// The reason
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
    #[command(flatten)]
    pub(crate) event: EventArgs,
}

#[derive(Debug, Args)]
pub(crate) struct MarkArgs {
    /// The task
    pub(crate) task: String,
    /// legitimate (it needed what it used: a false positive) or runaway (the rules were right)
    #[arg(value_name = "WORD")]
    pub(crate) mark: String,
    /// Who marks it
    #[arg(long, value_name = "NAME")]
    pub(crate) author: String,
    /// The reason
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
    #[command(flatten)]
    pub(crate) event: EventArgs,
}

#[derive(Debug, Args)]
pub(crate) struct OpenArgs {
    /// The task
    pub(crate) task: String,
    /// A one-line title
    #[arg(long)]
    pub(crate) title: Option<String>,
    /// Tiny, Small, Medium or Large
    #[arg(long, value_name = "TIER")]
    pub(crate) complexity: Option<String>,
    /// low, medium, high or critical (default: from the tags)
    #[arg(long, value_name = "TIER")]
    pub(crate) importance: Option<String>,
    /// Why it has this importance
    #[arg(long, value_name = "TEXT")]
    pub(crate) justification: Option<String>,
    /// Scales every limit of the task
    #[arg(long, value_name = "FACTOR")]
    pub(crate) multiplier: Option<String>,
    /// An absolute limit of a phase: THINK=10000 tokens, or THINK=10000/90000 with milliseconds
    #[arg(long = "limit", value_name = "PHASE=TOKENS[/MS]")]
    pub(crate) limits: Vec<String>,
    /// A tag
    #[arg(long = "tag", value_name = "WORD")]
    pub(crate) tags: Vec<String>,
    /// A label
    #[arg(long = "label", value_name = "NAME=VALUE")]
    pub(crate) labels: Vec<String>,
    /// Who opens it
    #[arg(long, value_name = "NAME")]
    pub(crate) author: Option<String>,
    /// Only track the task: the gate never blocks it
    #[arg(long)]
    pub(crate) tracking_only: bool,
    #[command(flatten)]
    pub(crate) event: EventArgs,
}

#[derive(Debug, Args)]
pub(crate) struct CloseArgs {
    /// The task
    pub(crate) task: String,
    /// completed, cancelled or abandoned
    #[arg(long, default_value = "completed", value_parser = ["completed", "cancelled", "abandoned"])]
    pub(crate) outcome: String,
    /// The reason
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    /// Who closes it
    #[arg(long, value_name = "NAME")]
    pub(crate) author: Option<String>,
    #[command(flatten)]
    pub(crate) event: EventArgs,
}

#[derive(Debug, Args)]
pub(crate) struct RecoverArgs {
    /// The task
    pub(crate) task: String,
    /// The phase the work is in: the active phase is ended and this one started; `none` for no active phase
    /// (default: only show)
    #[arg(long, value_name = "PHASE")]
    pub(crate) to: Option<String>,
    #[command(flatten)]
    pub(crate) event: EventArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Only tasks in this state: implicit, open, completed, cancelled or abandoned; this and the next filters
    /// take several, separated by commas
    #[arg(long, value_name = "STAGE")]
    pub(crate) stage: Option<String>,
    /// Only this budget status: within, warning, exceeded, unknown or no_limits
    #[arg(long, value_name = "STATUS")]
    pub(crate) status: Option<String>,
    /// Only this complexity: Tiny, Small, Medium or Large
    #[arg(long, value_name = "TIER")]
    pub(crate) complexity: Option<String>,
    /// Only this current importance: low, medium, high or critical
    #[arg(long, value_name = "TIER")]
    pub(crate) importance: Option<String>,
    /// Only tasks that this producer opened
    #[arg(long, value_name = "NAME")]
    pub(crate) opened_by: Option<String>,
    /// Only tasks whose time is at or after this: an RFC 3339 time, or a date in UTC
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,
    /// Only tasks whose time is before this
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,
    /// Which time to compare: when the task was opened, or that of its last event
    #[arg(long, value_name = "WHICH", default_value = "opened")]
    pub(crate) by: String,
    /// Only tasks after this one
    #[arg(long, value_name = "TASK")]
    pub(crate) after: Option<String>,
    /// Maximum number to list
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) limit: u32,
}

#[derive(Debug, Args)]
pub(crate) struct OverrideArgs {
    /// The task
    pub(crate) task: String,
    /// Let the task enter this phase, or `completion`, even though the gate blocks it
    #[arg(long, value_name = "PHASE", required_unless_present = "limit", conflicts_with = "limit")]
    pub(crate) advance: Option<String>,
    /// A new limit of a phase: THINK=10000 tokens, or THINK=10000/90000 with milliseconds
    #[arg(long, value_name = "PHASE=TOKENS[/MS]")]
    pub(crate) limit: Option<String>,
    /// Who approves it
    #[arg(long, value_name = "NAME")]
    pub(crate) approver: String,
    /// The reason
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
    #[command(flatten)]
    pub(crate) event: EventArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PhaseCommand {
    /// Start a phase; the ledger assigns its attempt number
    Start(PhaseArgs),
    /// End the active phase
    End(PhaseArgs),
    /// Explain a phase's usage; shown in the task's report
    Explain(ExplainArgs),
    /// Record a sign of progress or trouble in a phase
    Signal(SignalArgs),
}

#[derive(Debug, Args)]
pub(crate) struct PhaseArgs {
    /// The task
    pub(crate) task: String,
    /// The phase
    pub(crate) phase: String,
    #[command(flatten)]
    pub(crate) event: EventArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// The task
    pub(crate) task: String,
    /// The phase
    pub(crate) phase: String,
    /// The attempt (default: all)
    #[arg(long)]
    pub(crate) attempt: Option<u32>,
    /// Who gives the explanation
    #[arg(long, value_name = "NAME")]
    pub(crate) author: String,
    /// The explanation
    #[arg(long, value_name = "TEXT")]
    pub(crate) text: String,
    #[command(flatten)]
    pub(crate) event: EventArgs,
}

#[derive(Debug, Args)]
pub(crate) struct SignalArgs {
    /// The task
    pub(crate) task: String,
    /// The phase
    pub(crate) phase: String,
    /// What was counted: `files_changed`, `tests_passing`, `tool_call` or another word
    pub(crate) name: String,
    /// By how much it grew; negative: it fell
    #[arg(default_value_t = 1, allow_negative_numbers = true)]
    pub(crate) value: i64,
    /// What it is about, as an opaque word such as a hash: the same one again is a repetition
    #[arg(long, value_name = "WORD")]
    pub(crate) key: Option<String>,
    /// The attempt (default: the latest)
    #[arg(long)]
    pub(crate) attempt: Option<u32>,
    #[command(flatten)]
    pub(crate) event: EventArgs,
}

#[derive(Debug, Args)]
pub(crate) struct GateArgs {
    /// The task
    pub(crate) task: String,
    /// The phase to enter, or completion
    pub(crate) advance_to: String,
    /// Id of the request; repeating it returns the first answer
    #[arg(long, value_name = "ID")]
    pub(crate) id: Option<String>,
}
