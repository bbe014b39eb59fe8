//! Whether the commands that texts propose exist: in outputs and errors of every crate, and in help.

use std::fs;
use std::path::{Path, PathBuf};

use clap::CommandFactory;
use clap::error::ErrorKind;

use crate::args::Args;

/// Where a command begins in a text, and what ends it.
const COMMANDS: [(&str, &str); 2] = [("`tollgate ", "`"), ("\\n  tollgate ", "\\n")];

/// The fewest that are found: fewer would mean that they are looked for in a wrong way.
const FEWEST: usize = 60;

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let is_test = path.file_stem().is_some_and(|name| name == "tests");
        if path.is_dir() && !is_test {
            sources(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs") && !is_test {
            found.push(path);
        }
    }
}

/// The texts of a source, in one line each: comments are none, but for those that become help.
fn texts(source: &str, is_help: bool) -> String {
    let source = source.split("#[cfg(test)]").next().unwrap_or_default();
    let is_text = |line: &&str| !line.starts_with("//") || (is_help && line.starts_with("///"));
    let lines: Vec<&str> = source.lines().map(str::trim_start).filter(is_text).collect();
    lines.join("\n").replace("\\\n", "")
}

/// The words of a command, with something in the place of what is filled in.
fn words(command: &str) -> Vec<String> {
    let mut filled = String::new();
    let mut rest = command;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        let (name, after) = after.split_once('}').unwrap_or((after, ""));
        filled.push_str(if name == "view" { "status" } else { "x" });
        rest = after;
    }
    filled.push_str(rest);
    filled.split_whitespace().map(str::to_owned).collect()
}

/// Why a command is none. One that only names where to look lacks arguments.
fn why_not(words: &[String]) -> Option<String> {
    let typed = std::iter::once("tollgate").chain(words.iter().map(String::as_str));
    let error = Args::command().try_get_matches_from(typed).err()?;
    let lacks_something = [
        ErrorKind::MissingRequiredArgument,
        ErrorKind::MissingSubcommand,
        ErrorKind::DisplayHelp,
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand,
    ];
    (!lacks_something.contains(&error.kind())).then(|| error.to_string())
}

#[test]
fn every_command_that_a_text_proposes_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut files = Vec::new();
    for folder in ["crates", "tools/replay"] {
        sources(&root.join(folder), &mut files);
    }
    let (mut tried, mut wrong) = (0, Vec::new());
    for path in files {
        let is_help = path.components().any(|part| part.as_os_str() == "args");
        let text = texts(&fs::read_to_string(&path).unwrap(), is_help);
        for (begin, end) in COMMANDS {
            for command in text.split(begin).skip(1) {
                let command = command.split(end).next().unwrap_or_default();
                let command = command.split(['"', '\n', '(']).next().unwrap_or_default();
                let words = words(command);
                if words.is_empty() {
                    continue;
                }
                tried += 1;
                if let Some(why) = why_not(&words) {
                    wrong.push(format!("{}: tollgate {command}\n{why}", path.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(tried >= FEWEST, "only {tried} commands are found");
}
