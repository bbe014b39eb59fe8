//! Arguments of the commands about the command line itself.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use clap_complete::Shell;

/// Arguments of `completions`.
#[derive(Debug, ClapArgs)]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL")]
    pub(crate) shell: Shell,
}

/// Arguments of `man`.
#[derive(Debug, ClapArgs)]
pub(crate) struct ManArgs {
    /// Directory for the pages, created if it is not there
    #[arg(value_name = "DIR")]
    pub(crate) dir: PathBuf,
}
