//! Files and paths that only mean something on one machine.

use crate::calls::is_test_file;
use crate::finding::Finding;

/// Roots of people's and machines' own files. Without their slashes, or this file would break its own rule.
const ROOTS: [&str; 4] = ["home", "root", "work", "Users"];

/// The suffix of a snapshot that has not been accepted.
const PENDING: [&str; 2] = [".pending-snap", ".snap.new"];

/// Checks that no snapshot is waiting to be accepted: a test that compares with nothing cannot fail.
pub(crate) fn check_name(path: &str) -> Option<Finding> {
    let pending = PENDING.iter().any(|ending| path.ends_with(ending));
    let message = "a snapshot that waits to be accepted: accept it (cargo insta review) or delete it";
    pending.then(|| Finding::broken(path, 1, "pending", message))
}

/// Checks any text file.
pub(crate) fn check(path: &str, text: &str) -> Vec<Finding> {
    let shared = format!("{}/shared", "..");
    let mut findings = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let roots = ROOTS.iter().map(|root| format!("/{root}/"));
        if let Some(root) = roots.into_iter().find(|root| has_absolute(line, root)) {
            let message =
                format!("`{root}…` is a path of one machine: take it from an argument or the environment");
            findings.push(Finding::broken(path, index + 1, "machine-path", message));
        }
        if line.contains(&shared) && !is_test_file(path) {
            let message = format!(
                "`{shared}` is not part of the project: only a test may look whether it is there, and must pass without"
            );
            findings.push(Finding::broken(path, index + 1, "shared-path", message));
        }
    }
    findings
}

/// Whether the line contains the root at the start of a path, not in the middle of one or of a URL.
fn has_absolute(line: &str, root: &str) -> bool {
    let inside = |before: char| before.is_alphanumeric() || "._-~}>)]".contains(before);
    line.match_indices(root).any(|(at, _)| !line[..at].ends_with(inside))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_snapshot_waits_to_be_accepted() {
        for (path, pending) in [
            ("tests/edge/.gate.rs.pending-snap", true),
            ("tests/edge/snapshots/edge__gate.snap.new", true),
            ("tests/edge/snapshots/edge__gate.snap", false),
        ] {
            assert_eq!(check_name(path).is_some(), pending, "{path}");
        }
    }

    #[test]
    fn paths_of_a_machine_are_found_and_paths_of_the_project_are_not() {
        // `@` stands for the slash of a root.
        for (line, rules) in [
            ("dir = \"@home/me/x\"", "machine-path"),
            ("@root/.cargo", "machine-path"),
            ("cd @work/main", "machine-path"),
            ("file:/@Users/me", "machine-path"),
            ("PATH=/bin:@home/me", "machine-path"),
            ("https://example.org@home/x", ""),
            ("docs@work/x", ""),
            ("$DIR@root/x and ${DIR}@root/x", ""),
            ("/homestead/ and /rooted", ""),
            ("@@shared/data", "shared-path"),
            ("@shared/data", ""),
        ] {
            let line = line.replace("@@", &format!("{}/", "..")).replace('@', "/");
            let check = |path| check(path, &format!("first\n{line}\n"));
            let found: Vec<&str> = check("a.md").iter().map(|finding| finding.rule).collect();
            assert_eq!(found.join(" "), rules, "{line}");
            assert!(check("a.md").iter().all(|finding| finding.line == 2));
            let in_test: Vec<&str> =
                check("crates/a/tests/b.rs").iter().map(|finding| finding.rule).collect();
            assert_eq!(in_test.join(" "), rules.replace("shared-path", ""), "{line}");
        }
    }
}
