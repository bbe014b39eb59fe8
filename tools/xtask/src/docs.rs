//! Links in documents, the files that they name, and the list of decisions.

use std::collections::{BTreeMap, BTreeSet};

use crate::finding::Finding;

/// The list of all decisions.
pub(crate) const ADR_LIST: &str = "docs/adr/README.md";

/// Checks that a document's relative links lead to files or folders of the repository.
pub(crate) fn check_links(path: &str, text: &str, files: &BTreeSet<String>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut fenced = false;
    for (index, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        if fenced {
            continue;
        }
        for target in targets(&without_code(line)) {
            if let Some(place) = place(path, target)
                && !exists(&place, files)
            {
                let message = format!(
                    "the link `{target}` leads to `{place}`, which is not in the repository: correct or remove it"
                );
                findings.push(Finding::broken(path, index + 1, "link", message));
            }
        }
    }
    findings
}

/// Whether a document is about the files that exist now. Decisions and the changelog are about those that
/// existed then.
pub(crate) fn names_today(path: &str) -> bool {
    path != "CHANGELOG.md" && !path.starts_with("docs/adr/")
}

/// Checks that a source file, manifest or document named in backticks is in the repository: by its whole
/// path, or by the end of it.
pub(crate) fn check_paths(path: &str, text: &str, files: &BTreeSet<String>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut fenced = false;
    for (index, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        if fenced {
            continue;
        }
        for named in line.split('`').skip(1).step_by(2).filter(|code| is_path(code)) {
            let end = format!("/{}", named.trim_end_matches('/'));
            let inside = format!("{end}/");
            let there = files
                .iter()
                .map(|file| format!("/{file}"))
                .any(|file| file.ends_with(&end) || file.contains(&inside));
            if !there {
                let message = format!("`{named}` is not in the repository: correct or remove it");
                findings.push(Finding::broken(path, index + 1, "path", message));
            }
        }
    }
    findings
}

/// Whether it can only be a file or a folder of the repository.
fn is_path(code: &str) -> bool {
    let plain = code.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-./".contains(&byte));
    let source = [".rs", ".proto", ".toml"].iter().any(|ending| code.ends_with(ending));
    let ours =
        ["crates/", "docs/", "proto/", "tests/", "tools/"].iter().any(|folder| code.starts_with(folder));
    plain && (source || ours)
}

/// Checks that every decision in `docs/adr` has a unique number, and is in the list if there is one.
pub(crate) fn check_decisions(files: &BTreeSet<String>, list: Option<&str>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut numbers: BTreeMap<&str, &str> = BTreeMap::new();
    for path in files {
        let Some(name) = path.strip_prefix("docs/adr/").filter(|name| name.ends_with(".md")) else {
            continue;
        };
        if path == ADR_LIST {
            continue;
        }
        let number = name.split('-').next().unwrap_or_default();
        if number.len() != 4 || !number.bytes().all(|byte| byte.is_ascii_digit()) {
            let message = "a decision's file is named `NNNN-what-was-decided.md`, NNNN its number";
            findings.push(Finding::broken(path, 1, "adr", message));
        } else if let Some(other) = numbers.insert(number, name) {
            let message = format!("{other} has the number {number} too: take the next free one");
            findings.push(Finding::broken(path, 1, "adr", message));
        }
        if list.is_some_and(|list| !list.contains(name)) {
            let message = format!("is not listed in {ADR_LIST}: add a line that links it");
            findings.push(Finding::broken(path, 1, "adr", message));
        }
    }
    findings
}

/// A line without its text in backticks.
fn without_code(line: &str) -> String {
    line.split('`').step_by(2).collect::<Vec<_>>().join(" ")
}

/// Targets of `[text](target "title")`, `![image](target)` and `[name]: target`.
fn targets(line: &str) -> Vec<&str> {
    let mut targets = Vec::new();
    for (at, _) in line.match_indices("](") {
        let rest = &line[at + 2..];
        let end = if rest.starts_with('<') { rest.find('>') } else { rest.find([')', ' ']) };
        targets.push(rest[..end.unwrap_or(rest.len())].trim_start_matches('<'));
    }
    if line.starts_with('[')
        && let Some((_name, target)) = line.split_once("]: ")
    {
        targets.push(target.split_whitespace().next().unwrap_or_default().trim_matches(['<', '>']));
    }
    targets
}

/// Where a relative link leads, from the repository's root. `None`: a URL, or a place in the same document.
fn place(document: &str, target: &str) -> Option<String> {
    let target = target.split(['#', '?']).next().unwrap_or_default().replace("%20", " ");
    let scheme = target.split('/').next().unwrap_or_default();
    if target.is_empty() || scheme.contains(':') || target.starts_with("//") {
        return None;
    }
    let folder = document.rsplit_once('/').map_or("", |(folder, _)| folder);
    let start = if target.starts_with('/') { "" } else { folder };
    let mut segments: Vec<&str> = Vec::new();
    for segment in start.split('/').chain(target.split('/')) {
        match segment {
            "" | "." => {}
            // Nothing exists above the root: the dots stay, and no file has such a name.
            ".." if segments.last().is_some_and(|last| *last != "..") => {
                segments.pop();
            }
            _ => segments.push(segment),
        }
    }
    Some(segments.join("/"))
}

fn exists(place: &str, files: &BTreeSet<String>) -> bool {
    let folder = format!("{place}/");
    place.is_empty()
        || files.contains(place)
        || files.range(folder.clone()..).next().is_some_and(|file| file.starts_with(&folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(paths: &[&str]) -> BTreeSet<String> {
        paths.iter().map(|&path| path.to_owned()).collect()
    }

    #[test]
    fn links_lead_to_files_of_the_repository() {
        let files =
            files(&["README.md", "docs/a.md", "docs/b c.md", "docs/img/x.png", "crates/log/src/lib.rs"]);
        for (document, line, missing) in [
            ("README.md", "[a](docs/a.md) and [log](crates/log) and [b](docs/nope.md)", "docs/nope.md"),
            ("README.md", "[a](docs/a.md#part) [a](./docs/a.md?x) [home](/) [up](..)", ".."),
            (
                "docs/a.md",
                "[up](../README.md) ![x](img/x.png \"An x\") [r](/README.md) [f](../crates/log/)",
                "",
            ),
            ("docs/a.md", "[b](<b c.md>) [b](b%20c.md) [B](B%20c.md)", "docs/B c.md"),
            ("docs/a.md", "[w](https://example.org/x) [m](mailto:a@b.c) [p](#part) [q](//x.org)", ""),
            ("docs/a.md", "`[code](nope.md)` and [x](nope.md)", "docs/nope.md"),
            ("docs/a.md", "[name]: nope.md \"title\"", "docs/nope.md"),
            ("docs/a.md", "[name]: a.md", ""),
            ("docs/a.md", "[out](../../elsewhere.md)", "../elsewhere.md"),
            ("docs/a.md", "call f[0](x) is a link to x", "docs/x"),
        ] {
            let found = check_links(document, &format!("# Title\n{line}\n"), &files);
            if missing.is_empty() {
                assert_eq!(found, [], "{line}");
            } else {
                assert_eq!(found.len(), 1, "{line}: {found:?}");
                assert!(found[0].message.contains(&format!("leads to `{missing}`")), "{line}: {found:?}");
                assert_eq!(found[0].line, 2);
            }
        }
        assert_eq!(check_links("a.md", "```\n[x](nope)\n```\n", &files), []);
    }

    #[test]
    fn files_between_backticks_are_there() {
        let files =
            files(&["README.md", "crates/log/src/lib.rs", "crates/log/src/embedded/mod.rs", "tools/test"]);
        for (line, missing) in [
            ("`log/src/lib.rs`, `lib.rs`, `crates/log/src/embedded/`, `log/src`, `embedded/mod.rs`", ""),
            ("`tools/test --quick`, `tools/test`, `state/evidence`, `a.md`, `log.rs.bak`", ""),
            ("`log/src/view.rs`", "log/src/view.rs"),
            ("`ib.rs`", "ib.rs"),
            ("`tools/tests`", "tools/tests"),
            ("log/src/view.rs", ""),
        ] {
            let found = check_paths("docs/a.md", &format!("# Title\n{line}\n"), &files);
            let found: Vec<_> =
                found.iter().map(|finding| (finding.line, finding.message.as_str())).collect();
            if missing.is_empty() {
                assert_eq!(found, [], "{line}");
            } else {
                let message = format!("`{missing}` is not in the repository: correct or remove it");
                assert_eq!(found, [(2, message.as_str())], "{line}");
            }
        }
        assert_eq!(check_paths("a.md", "```\n`x.rs`\n```\n", &files), []);
    }

    #[test]
    fn decisions_are_numbered_and_listed() {
        let rules = |paths: &[&str], list: Option<&str>| {
            let findings = check_decisions(&files(paths), list);
            findings.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        let good = ["docs/adr/0001-one.md", "docs/adr/0003-three.md", "docs/adr/README.md", "docs/other.md"];
        assert_eq!(rules(&good, Some("[1](0001-one.md) [3](0003-three.md)")), [""; 0]);
        assert_eq!(rules(&good, None), [""; 0]);
        assert_eq!(
            rules(&good, Some("[1](0001-one.md)")),
            ["docs/adr/0003-three.md:1: adr: is not listed in docs/adr/README.md: add a line that links it"]
        );
        assert_eq!(
            rules(&["docs/adr/0001-a.md", "docs/adr/0001-b.md", "docs/adr/2-c.md"], None),
            [
                "docs/adr/0001-b.md:1: adr: 0001-a.md has the number 0001 too: take the next free one",
                "docs/adr/2-c.md:1: adr: a decision's file is named `NNNN-what-was-decided.md`, NNNN its number",
            ]
        );
    }
}
