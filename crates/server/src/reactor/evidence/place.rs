//! Where the evidence of a task is kept: a directory with a name that fits any task.

use std::path::{Path, PathBuf};

use tollgate_domain::ids::DEFAULT_TENANT;

use super::EvidenceError;
use crate::http::path_segment;

/// Longest name that is kept as it is. Common file systems allow 255 bytes.
const MAX_PLAIN: usize = 200;

/// How much of a longer name is kept. With the hash it is longer than any plain name, so no other name equals
/// it.
const KEPT: usize = MAX_PLAIN - 10;

/// Hex digits of a longer name's hash.
const HASH_DIGITS: usize = 32;

/// What is written about each task.
pub(super) const FILES: [&str; 3] = ["budget_report.md", "budget_report.html", "budget_enforcement.json"];

/// Where the evidence of a task is: `{dir}/{task}/verify`, preceded by the tenant unless it is `default`.
/// Names are escaped as in a URL, so that none leaves the directory; one that is too long for a file system
/// is cut, and ends in `~` and the first part of the BLAKE3 hash of the whole name.
#[must_use]
pub fn evidence_dir(dir: &Path, tenant: &str, task: &str) -> PathBuf {
    let base = if tenant == DEFAULT_TENANT { dir.to_owned() } else { dir.join(safe(tenant)) };
    base.join(safe(task)).join("verify")
}

/// Refuses to write if a directory below that of the evidence is a symbolic link or a file.
pub(super) fn check_place(base: &Path, dir: &Path) -> Result<(), EvidenceError> {
    let below: Vec<&Path> = dir.ancestors().take_while(|path| *path != base).collect();
    for path in below.into_iter().rev() {
        match std::fs::symlink_metadata(path) {
            Ok(found) if !found.is_dir() => {
                return Err(EvidenceError::Place { path: path.display().to_string() });
            }
            Ok(_) => {}
            Err(_) => break,
        }
    }
    // What a crash left of a file is overwritten; a link in its place would redirect the write.
    for name in FILES {
        let beside = dir.join(format!("{name}.new"));
        if std::fs::symlink_metadata(&beside).is_ok_and(|found| found.is_symlink()) {
            return Err(EvidenceError::Place { path: beside.display().to_string() });
        }
    }
    Ok(())
}

fn safe(name: &str) -> String {
    let escaped = path_segment(name);
    // `.` and `..` are not names in their own right.
    let escaped = match escaped.strip_prefix('.') {
        Some(rest) => format!("%2E{rest}"),
        None => escaped,
    };
    if escaped.len() <= MAX_PLAIN {
        return escaped;
    }
    // Not within an escape: the whole string is ASCII.
    let end = (KEPT - 2..=KEPT)
        .rev()
        .find(|end| !escaped[..*end].ends_with('%') && !escaped[..*end - 1].ends_with('%'));
    let hash = blake3::hash(name.as_bytes()).to_hex();
    format!("{}~{}", &escaped[..end.unwrap_or(KEPT)], &hash[..HASH_DIGITS])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_leaves_the_directory() {
        for (tenant, task, expected) in [
            ("default", "T-1", "e/T-1/verify"),
            ("acme", "T-1", "e/acme/T-1/verify"),
            ("default", "../../x", "e/%2E.%2F..%2Fx/verify"),
            ("default", "..", "e/%2E./verify"),
            ("default", "a/b c", "e/a%2Fb%20c/verify"),
        ] {
            assert_eq!(evidence_dir(Path::new("e"), tenant, task), Path::new(expected));
        }
    }

    #[test]
    fn every_name_fits_and_no_two_are_like_each_other() {
        let longest = "\u{4efb}".repeat(42);
        let mut names: Vec<String> = (1..=128).map(|length| "a".repeat(length)).collect();
        for padding in 0..4 {
            let prefix = "x".repeat(padding);
            names.extend((1..=42).map(|length| format!("{prefix}{}", "\u{4efb}".repeat(length))));
        }
        // The name that is spelled like the short form of the longest one.
        let spelled = safe(&longest);
        let decoded = |text: &str| {
            let cut = text.rfind('~').unwrap();
            format!("{}{}", "\u{4efb}".repeat(text[..cut].len() / 9), &text[cut..])
        };
        names.push(decoded(&spelled));
        let mut seen = std::collections::BTreeSet::new();
        for name in &names {
            let safe = safe(name);
            assert!(safe.len() <= 255 - ".new".len() && safe.is_ascii(), "{safe}");
            let cut = safe.split('~').next().unwrap();
            assert!(cut.split('%').skip(1).all(|escape| escape.len() >= 2), "within an escape: {safe}");
            assert!(seen.insert(safe), "{name}");
        }
    }
}
