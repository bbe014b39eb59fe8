//! Asking about one task.

use clap::{Args, Subcommand};

/// Where and under which id an event is appended.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Event")]
pub(crate) struct EventArgs {
    /// The event's id: the same id again is a duplicate and changes nothing. Made where none is given
    #[arg(long, value_name = "ID")]
    pub(crate) id: Option<String>,
    /// When it happened, RFC 3339; now where none is given
    #[arg(long, value_name = "TIME")]
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
    /// Names of tasks, people and producers as pseudonyms, without what people wrote
    #[arg(long)]
    pub(crate) redact: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TaskCommand {
    /// Open a task: its limits are computed now
    Open(OpenArgs),
    /// Close a task
    Close(CloseArgs),
    /// Where a task stands
    Show(TaskName),
    /// All tasks
    List(ListArgs),
    /// Why a task stands where it stands: what happened when, which rule, which numbers
    Explain(StoryArgs),
    /// After a crash: the phase that the ledger has, and bringing it to where the work is
    Recover(RecoverArgs),
    /// Set a limit or a block aside; recorded with who and why
    Override(OverrideArgs),
    /// Change a task's importance; its limits stay as they are, and two tiers up raise an alert
    Importance(ImportanceArgs),
    /// Judge a task that the gate warned of or blocked: were the rules right? Recorded with who and why
    Mark(MarkArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ImportanceArgs {
    /// The task
    pub(crate) task: String,
    /// low, medium, high or critical
    #[arg(value_name = "TIER")]
    pub(crate) to: String,
    /// What it is now: refused where that is not so
    #[arg(long, value_name = "TIER")]
    pub(crate) from: Option<String>,
    /// Who says so
    #[arg(long, value_name = "NAME")]
    pub(crate) author: String,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
    #[command(flatten)]
    pub(crate) event: EventArgs,
}

#[derive(Debug, Args)]
pub(crate) struct MarkArgs {
    /// The task
    pub(crate) task: String,
    /// legitimate: it needed what it used, a false positive; runaway: the rules were right
    #[arg(value_name = "WORD")]
    pub(crate) mark: String,
    /// Who says so
    #[arg(long, value_name = "NAME")]
    pub(crate) author: String,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
    #[command(flatten)]
    pub(crate) event: EventArgs,
}

#[derive(Debug, Args)]
pub(crate) struct OpenArgs {
    /// The task
    pub(crate) task: String,
    /// A line for people
    #[arg(long)]
    pub(crate) title: Option<String>,
    /// Tiny, Small, Medium or Large
    #[arg(long, value_name = "TIER")]
    pub(crate) complexity: Option<String>,
    /// low, medium, high or critical; from the tags where it is not given
    #[arg(long, value_name = "TIER")]
    pub(crate) importance: Option<String>,
    /// Why it is as important as that
    #[arg(long, value_name = "TEXT")]
    pub(crate) justification: Option<String>,
    /// Scales every limit of the task
    #[arg(long, value_name = "FACTOR")]
    pub(crate) multiplier: Option<String>,
    /// An absolute limit of a phase: THINK=10000 tokens, or THINK=10000/90000 with milliseconds
    #[arg(long = "limit", value_name = "PHASE=TOKENS[/MS]")]
    pub(crate) limits: Vec<String>,
    /// A free word
    #[arg(long = "tag", value_name = "WORD")]
    pub(crate) tags: Vec<String>,
    /// A free pair
    #[arg(long = "label", value_name = "NAME=VALUE")]
    pub(crate) labels: Vec<String>,
    /// Who opens it
    #[arg(long, value_name = "NAME")]
    pub(crate) author: Option<String>,
    /// Only track it: the gate never blocks it
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
    /// Why
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
    /// Where the work is: that phase is started after the active one has ended; none: no phase is active. Without it, only shown
    #[arg(long, value_name = "PHASE")]
    pub(crate) to: Option<String>,
    #[command(flatten)]
    pub(crate) event: EventArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Only implicit, open, completed, cancelled or abandoned ones; here and below, several with commas between
    #[arg(long, value_name = "STAGE")]
    pub(crate) stage: Option<String>,
    /// Only those whose budget is within, warning, exceeded or unknown, or that have no_limits
    #[arg(long, value_name = "STATUS")]
    pub(crate) status: Option<String>,
    /// Only Tiny, Small, Medium or Large ones
    #[arg(long, value_name = "TIER")]
    pub(crate) complexity: Option<String>,
    /// Only those that are of low, medium, high or critical importance now
    #[arg(long, value_name = "TIER")]
    pub(crate) importance: Option<String>,
    /// Only those that this producer opened
    #[arg(long, value_name = "NAME")]
    pub(crate) opened_by: Option<String>,
    /// Only those with a time from here on: RFC 3339, or a day in UTC
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,
    /// Only those with a time before this one
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,
    /// Which time that is: when they were opened, or that of their last event
    #[arg(long, value_name = "WHICH", default_value = "opened")]
    pub(crate) by: String,
    /// Only those behind this one
    #[arg(long, value_name = "TASK")]
    pub(crate) after: Option<String>,
    /// At most so many
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) limit: u32,
}

#[derive(Debug, Args)]
pub(crate) struct OverrideArgs {
    /// The task
    pub(crate) task: String,
    /// Let it advance there although the gate blocks: a phase, or completion
    #[arg(long, value_name = "PHASE", required_unless_present = "limit", conflicts_with = "limit")]
    pub(crate) advance: Option<String>,
    /// A new limit of a phase: THINK=10000 tokens, or THINK=10000/90000 with milliseconds
    #[arg(long, value_name = "PHASE=TOKENS[/MS]")]
    pub(crate) limit: Option<String>,
    /// Who approves it
    #[arg(long, value_name = "NAME")]
    pub(crate) approver: String,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
    #[command(flatten)]
    pub(crate) event: EventArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PhaseCommand {
    /// Start a phase; the ledger gives it its attempt
    Start(PhaseArgs),
    /// End the active phase
    End(PhaseArgs),
    /// Say why a phase used what it used: its report shows it
    Explain(ExplainArgs),
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
    /// Which attempt of it; all of them where none is given
    #[arg(long)]
    pub(crate) attempt: Option<u32>,
    /// Who explains
    #[arg(long, value_name = "NAME")]
    pub(crate) author: String,
    /// Why it used what it used
    #[arg(long, value_name = "TEXT")]
    pub(crate) text: String,
    #[command(flatten)]
    pub(crate) event: EventArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum UsageCommand {
    /// Record what a model call used
    Record(RecordArgs),
    /// Correct earlier usage; the usage itself stays as it is
    Adjust(AdjustArgs),
}

#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Tokens")]
pub(crate) struct Counts {
    /// Input that was not cached
    #[arg(long, value_name = "TOKENS", allow_negative_numbers = true)]
    pub(crate) input: Option<i64>,
    /// Input read from a cache
    #[arg(long, value_name = "TOKENS", allow_negative_numbers = true)]
    pub(crate) cached: Option<i64>,
    /// Input written to a cache
    #[arg(long, value_name = "TOKENS", allow_negative_numbers = true)]
    pub(crate) cache_write: Option<i64>,
    /// Output, reasoning included
    #[arg(long, value_name = "TOKENS", allow_negative_numbers = true)]
    pub(crate) output: Option<i64>,
    /// The part of output spent on reasoning
    #[arg(long, value_name = "TOKENS", allow_negative_numbers = true)]
    pub(crate) reasoning: Option<i64>,
}

#[derive(Debug, Args)]
pub(crate) struct RecordArgs {
    /// The task
    pub(crate) task: String,
    /// The phase it belongs to
    #[arg(long)]
    pub(crate) phase: Option<String>,
    /// Which attempt of it; the latest where none is given
    #[arg(long, requires = "phase")]
    pub(crate) attempt: Option<u32>,
    /// Which model
    #[arg(long)]
    pub(crate) model: Option<String>,
    /// Who serves it
    #[arg(long)]
    pub(crate) provider: Option<String>,
    #[command(flatten)]
    pub(crate) counts: Counts,
    #[command(flatten)]
    pub(crate) lengths: Lengths,
    #[command(flatten)]
    pub(crate) event: EventArgs,
}

/// Where the model reported no tokens.
#[derive(Debug, Args)]
#[command(
    next_help_heading = "Instead of tokens, where the model reported none: characters / 4 is the estimate"
)]
pub(crate) struct Lengths {
    /// Characters of the prompt
    #[arg(long, value_name = "CHARS", conflicts_with_all = COUNTS)]
    pub(crate) prompt_chars: Option<u64>,
    /// Characters of the completion
    #[arg(long, value_name = "CHARS", conflicts_with_all = COUNTS)]
    pub(crate) completion_chars: Option<u64>,
}

/// The flags of [`Counts`].
const COUNTS: [&str; 5] = ["input", "cached", "cache_write", "output", "reasoning"];

#[derive(Debug, Args)]
pub(crate) struct AdjustArgs {
    /// The task
    pub(crate) task: String,
    /// The event id of the usage to correct
    pub(crate) usage: String,
    /// Who appended that usage; the own producer where it is not given
    #[arg(long, value_name = "NAME")]
    pub(crate) of_producer: Option<String>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
    /// Who corrects it
    #[arg(long, value_name = "NAME")]
    pub(crate) author: Option<String>,
    #[command(flatten)]
    pub(crate) counts: Counts,
    #[command(flatten)]
    pub(crate) event: EventArgs,
}

#[derive(Debug, Args)]
pub(crate) struct GateArgs {
    /// The task
    pub(crate) task: String,
    /// The phase to enter, or completion
    pub(crate) advance_to: String,
    /// The question's id: asked again under the same id, the first answer is given
    #[arg(long, value_name = "ID")]
    pub(crate) id: Option<String>,
}
