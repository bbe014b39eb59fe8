//! Completions for shells, and manual pages: made from the command line's own description, so that they cannot differ
//! from it.

use std::path::Path;
use std::process::ExitCode;

use clap::{Command, CommandFactory};
use clap_mangen::Man;

use crate::args::{Args, CompletionsArgs, ManArgs};
use crate::exit::Failure;
use crate::output::{counted, line, out};

/// Prints what a shell needs to complete commands and flags.
pub(crate) fn completions(args: &CompletionsArgs) -> ExitCode {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut Args::command(), "tollgate", &mut text);
    out(&String::from_utf8_lossy(&text));
    ExitCode::SUCCESS
}

/// Writes a page for each command: `tollgate.1`, `tollgate-task.1`, `tollgate-task-open.1` and so on.
pub(crate) fn pages(args: &ManArgs) -> Result<ExitCode, Failure> {
    let dir = &args.dir;
    let failed = |what: &str, error: &std::io::Error| {
        Failure::failed(format!("writing manual pages to {}: {what}: {error}", dir.display()))
    };
    std::fs::create_dir_all(dir).map_err(|error| failed("creating it", &error))?;
    let mut root = Args::command().disable_help_subcommand(true);
    root.build();
    let mut written = 0;
    write(&root, dir, &mut written).map_err(|error| failed("a page", &error))?;
    line(&format!("{} in {}", counted(written, "manual page"), dir.display()));
    Ok(ExitCode::SUCCESS)
}

fn write(command: &Command, dir: &Path, written: &mut u64) -> std::io::Result<()> {
    let page = Man::new(command.clone());
    let mut text = Vec::new();
    page.render(&mut text)?;
    std::fs::write(dir.join(page.get_filename()), text)?;
    *written += 1;
    command.get_subcommands().try_for_each(|below| write(below, dir, written))
}
