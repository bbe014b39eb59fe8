//! Arguments about signs of progress or trouble.

use clap::Args;

use super::task::EventArgs;

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
