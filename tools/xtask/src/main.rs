//! `cargo run -p tollgate-xtask -- house-rules`: what no compiler checks, as checks.
//!
//! Each check is a function from text to findings, so that its tests need no repository. Exit code 0: no
//! violations (there may be warnings); 1: some violations; 2: the checks could not run.

mod arrows;
mod calls;
mod docs;
mod finding;
mod form;
mod glossary;
mod parts;
mod places;
mod repository;
mod rings;
mod source;
mod threats;

use std::io::{self, Write};
use std::process::ExitCode;

use finding::Finding;
use repository::Repository;
use source::Source;

const USAGE: &str = "usage: cargo run -p tollgate-xtask -- house-rules";

fn main() -> io::Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments != ["house-rules"] {
        writeln!(io::stderr(), "{USAGE}")?;
        return Ok(ExitCode::from(2));
    }
    let repository = match Repository::open() {
        Ok(repository) => repository,
        Err(message) => {
            writeln!(io::stderr(), "house rules not checked: {message}")?;
            return Ok(ExitCode::from(2));
        }
    };
    let findings = house_rules(&repository);
    let mut out = io::stdout().lock();
    for finding in &findings {
        writeln!(out, "{finding}")?;
    }
    let broken = findings.len();
    let files = repository.files.len();
    writeln!(out, "house rules: {files} files, {broken} broken")?;
    Ok(if broken == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn house_rules(repository: &Repository) -> Vec<Finding> {
    let mut findings = arrows::check(&repository.metadata, &|path| repository.text(path));
    let ours = |path: &str| ["crates/", "tools/", "tests/"].iter().any(|folder| path.starts_with(folder));
    for path in &repository.files {
        findings.extend(places::check_name(path));
        let Some(text) = repository.text(path) else { continue };
        findings.extend(places::check(path, &text));
        findings.extend(parts::check(path, &text));
        if form::is_source(path) && ours(path) {
            findings.extend(form::check(path, &text));
        }
        if path.ends_with(".rs") && ours(path) {
            findings.extend(calls::check(path, &text));
        }
        if path.ends_with(".md") {
            findings.extend(docs::check_links(path, &text, &repository.files));
            if docs::names_today(path) {
                findings.extend(docs::check_paths(path, &text, &repository.files));
            }
        }
    }
    let sources = repository.files.iter().filter(|path| path.starts_with("crates/") && path.ends_with(".rs"));
    findings.extend(rings::check(sources.filter_map(|path| Some((path.as_str(), repository.text(path)?)))));
    let list = repository.text(docs::ADR_LIST);
    findings.extend(docs::check_decisions(&repository.files, list.as_deref()));
    if let Some(text) = repository.text(glossary::GLOSSARY) {
        let sources: Vec<String> = repository
            .files
            .iter()
            .filter(|path| path.starts_with("crates/") && path.ends_with(".rs"))
            .filter_map(|path| repository.text(path))
            .collect();
        let used = |name: &str| sources.iter().any(|source| glossary::has_word(source, name));
        findings.extend(glossary::check(&text, &used));
        let code = |path: &&String| {
            let tests = ["/tests", "_tests.rs", "/testing"].iter().any(|part| path.contains(part));
            path.starts_with("crates/") && path.ends_with(".rs") && !tests
        };
        let files = repository.files.iter().filter(code);
        let files = files.filter_map(|path| Some((path.clone(), Source::new(&repository.text(path)?))));
        findings.extend(glossary::check_types(&text, &files.collect::<Vec<_>>()));
    }
    let threats = repository.text(threats::SECURITY).unwrap_or_default();
    findings.extend(threats::check(&threats, &repository.files, &|path| repository.text(path)));
    findings.sort();
    findings
}
