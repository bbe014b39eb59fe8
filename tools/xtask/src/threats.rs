//! The threat model: each threat names the tests that show what stands against it, and they exist.

use std::collections::BTreeSet;

use crate::finding::Finding;

/// The threat model.
pub(crate) const SECURITY: &str = "docs/SECURITY.md";

/// The heads of the table's columns: where it begins.
const HEADS: [&str; 3] = ["threat", "what stands against it", "test"];

/// Checks each row of the table of threats. `text` reads a file of the repository.
pub(crate) fn check(
    document: &str,
    files: &BTreeSet<String>,
    text: &dyn Fn(&str) -> Option<String>,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut rows = 0;
    let table = document.lines().enumerate().skip_while(|(_, line)| cells(line) != HEADS).skip(2);
    for (index, line) in table.take_while(|(_, line)| line.starts_with('|')) {
        rows += 1;
        let mut broken = |message| findings.push(Finding::broken(SECURITY, index + 1, "threat", message));
        let [threat, _, tests] = cells(line)[..] else {
            broken("a row has three cells: the threat, what stands against it, its tests".to_owned());
            continue;
        };
        let named = named(tests);
        if named.is_empty() {
            broken(format!("`{threat}` names no test: name its file, and the test in parentheses"));
        }
        for (file, names) in named {
            broken_names(file, &names, files, text).into_iter().for_each(&mut broken);
        }
    }
    if rows == 0 {
        let message = format!("has no table of threats: its columns are {}", HEADS.join(" | "));
        findings.push(Finding::broken(SECURITY, 1, "threat", message));
    }
    findings
}

fn cells(line: &str) -> Vec<&str> {
    let inside = line.trim().strip_prefix('|').and_then(|line| line.strip_suffix('|'));
    inside.map(|inside| inside.split('|').map(str::trim).collect()).unwrap_or_default()
}

/// The files of tests in a cell, each with the names of tests behind it.
fn named(cell: &str) -> Vec<(&str, Vec<&str>)> {
    let mut found: Vec<(&str, Vec<&str>)> = Vec::new();
    for code in cell.split('`').skip(1).step_by(2) {
        match found.last_mut() {
            _ if code.ends_with(".rs") => found.push((code, Vec::new())),
            Some((_, names)) => names.push(code),
            // A name before any file: in a file without a name, which is not there.
            None => found.push(("", vec![code])),
        }
    }
    found
}

/// What is wrong with a file of tests and the names behind it.
fn broken_names(
    file: &str,
    names: &[&str],
    files: &BTreeSet<String>,
    text: &dyn Fn(&str) -> Option<String>,
) -> Vec<String> {
    let end = format!("/{file}");
    let meant = files.iter().filter(|path| format!("/{path}").ends_with(&end));
    let texts: Vec<String> = meant.filter_map(|path| text(path)).collect();
    if file.is_empty() || texts.is_empty() {
        return vec![format!("`{file}` is not in the repository: name a file of tests before their names")];
    }
    if names.is_empty() && !texts.iter().any(|text| tests(text).next().is_some()) {
        return vec![format!("`{file}` has no tests: name the file that has")];
    }
    let missing =
        names.iter().filter(|name| !texts.iter().any(|text| tests(text).any(|test| test == **name)));
    missing.map(|name| format!("`{file}` has no test `{name}`: name one that it has")).collect()
}

/// The names of the tests in a source file.
fn tests(text: &str) -> impl Iterator<Item = &str> {
    let mut attributed = false;
    text.lines().filter_map(move |line| {
        let line = line.trim();
        if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            attributed = true;
            return None;
        }
        let function = line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ");
        let name = function.and_then(|rest| rest.split('(').next()).filter(|_| attributed);
        if function.is_some() {
            attributed = false;
        }
        name
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "#[test]\nfn one() {}\n\n#[tokio::test(flavor = \"x\")]\n#[cfg(unix)]\nasync fn two() {}\n\nfn no_test() {}\n";

    fn found(row: &str) -> Vec<String> {
        let document = format!("# S\n\n| threat | what stands against it | test |\n|---|---|---|\n{row}\n");
        let files: BTreeSet<String> =
            ["crates/a/tests/it.rs", "crates/a/src/lib.rs"].map(str::to_owned).into();
        let text = |path: &str| {
            Some(if path.ends_with("it.rs") { SOURCE.to_owned() } else { "fn one() {}".to_owned() })
        };
        super::check(&document, &files, &text).into_iter().map(|finding| finding.message).collect()
    }

    #[test]
    fn each_threat_names_tests_that_exist() {
        for (row, missing) in [
            ("| t | w | `a/tests/it.rs` (`one`, `two`) |", ""),
            ("| t | w | `it.rs` |", ""),
            ("| t | w | see above |", "names no test"),
            ("| t | w | |", "names no test"),
            ("| t | w |", "three cells"),
            ("| t | w | `it.rs` (`one`, `three`) |", "no test `three`"),
            ("| t | w | `it.rs` (`no_test`) |", "no test `no_test`"),
            ("| t | w | `a/src/lib.rs` |", "has no tests"),
            ("| t | w | `b/tests/it.rs` |", "not in the repository"),
            ("| t | w | (`one`) |", "not in the repository"),
            ("", "no table of threats"),
        ] {
            let found = found(row);
            if missing.is_empty() {
                assert!(found.is_empty(), "{row}: {found:?}");
            } else {
                assert!(found.len() == 1 && found[0].contains(missing), "{row}: {found:?}");
            }
        }
    }
}
