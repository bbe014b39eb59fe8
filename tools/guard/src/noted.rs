//! The counts that were noted, and how far others are from them.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

/// By how many percent a count may exceed the noted one. Maps that hash by chance and threads that take turns move
/// counts by half of that at most.
const TOLERANCE_PERCENT: u64 = 10;

/// Instructions by path, and what they were counted with.
pub(crate) struct Noted {
    pub(crate) toolchain: String,
    pub(crate) counts: BTreeMap<String, u64>,
}

impl Noted {
    pub(crate) fn read(path: &Path) -> Result<Self, String> {
        let text =
            std::fs::read_to_string(path).map_err(|error| format!("reading {}: {error}", path.display()))?;
        Self::parse(&text).map_err(|line| format!("reading {}: `{line}` is no `PATH COUNT`", path.display()))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let mut lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let toolchain = lines.next().unwrap_or_default().to_owned();
        let count = |line: &str| {
            let (path, count) = line.split_once(' ')?;
            Some((path.to_owned(), count.trim().parse().ok()?))
        };
        let counts =
            lines.map(|line| count(line).ok_or_else(|| line.to_owned())).collect::<Result<_, _>>()?;
        Ok(Self { toolchain, counts })
    }

    pub(crate) fn write(&self, path: &Path) -> Result<(), String> {
        let mut text = "# Instructions for one item, in the development build: `tollgate-guard note` writes this file.\n".to_owned();
        text += &format!("{}\n", self.toolchain);
        for (path, count) in &self.counts {
            text += &format!("{path} {count}\n");
        }
        std::fs::write(path, text).map_err(|error| format!("writing {}: {error}", path.display()))
    }

    /// A line for each path, and whether all are within the tolerance.
    pub(crate) fn compare(&self, now: &BTreeMap<String, u64>) -> (String, bool) {
        let (mut lines, mut is_within) = (String::new(), true);
        for (path, count) in now {
            let verdict = match self.counts.get(path) {
                None => "not noted: note it",
                Some(noted) if is_above(*count, *noted) => "TOO MANY",
                Some(noted) if is_above(*noted, *count) => "fewer: note it",
                Some(_) => "as noted",
            };
            is_within &= matches!(verdict, "as noted" | "fewer: note it");
            let noted = self.counts.get(path).copied().unwrap_or_default();
            // A line of text is always written.
            let _ = writeln!(lines, "{path:8} {count:>9} instructions, noted {noted:>9}: {verdict}");
        }
        if let Some(gone) = self.counts.keys().find(|path| !now.contains_key(*path)) {
            is_within = false;
            let _ = writeln!(lines, "{gone:8} is noted and was not counted");
        }
        if !is_within {
            let _ = writeln!(
                lines,
                "more than {TOLERANCE_PERCENT} % above what was noted: find out why (valgrind --tool=callgrind), or note it with the reason"
            );
        }
        (lines, is_within)
    }
}

fn is_above(count: u64, noted: u64) -> bool {
    u128::from(count) * 100 > u128::from(noted) * u128::from(100 + TOLERANCE_PERCENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(counts: &[(&str, u64)]) -> BTreeMap<String, u64> {
        counts.iter().map(|(path, count)| ((*path).to_owned(), *count)).collect()
    }

    #[test]
    fn a_path_may_take_ten_percent_more_and_must_be_noted() {
        let noted = Noted::parse("# About\nrustc 1\nappend 1000\nfold 200\n").map_err(|line| line.clone());
        let noted = noted.unwrap();
        assert_eq!(noted.toolchain, "rustc 1");
        for (now, is_within) in [
            (vec![("append", 1100), ("fold", 200)], true),
            (vec![("append", 1101), ("fold", 200)], false),
            (vec![("append", 10), ("fold", 200)], true),
            (vec![("append", 1000)], false),
            (vec![("append", 1000), ("fold", 200), ("gate", 1)], false),
        ] {
            let (lines, within) = noted.compare(&counts(&now));
            assert_eq!(within, is_within, "{now:?}: {lines}");
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("counts");
        let noted =
            Noted { toolchain: "rustc 1 here".to_owned(), counts: counts(&[("append", 7), ("gate", 0)]) };
        noted.write(&path).unwrap();
        let read = Noted::read(&path).unwrap();
        assert_eq!((read.toolchain, read.counts), (noted.toolchain, noted.counts));
        std::fs::write(&path, "rustc 1\nappend many\n").unwrap();
        assert!(Noted::read(&path).is_err_and(|failure| failure.contains("`append many`")));
    }
}
