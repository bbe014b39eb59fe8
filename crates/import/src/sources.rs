//! Finds the files to read: the given ones, and every `*.jsonl` and `*.jsonl.zst` below the given directories.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::item::{ImportProblem, ProblemKind};

/// A file to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// Its path, as reached from the given path.
    pub path: PathBuf,
    /// Its size when it was found.
    pub bytes: u64,
}

/// What was found below the given paths.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sources {
    /// In the order of the given paths, by name within a directory.
    pub files: Vec<SourceFile>,
    /// Paths and directories that could not be read; the others are still in `files`.
    pub problems: Vec<ImportProblem>,
}

impl Sources {
    /// Bytes of all files: the total for a progress bar.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }
}

/// Finds the files to read. A given file is accepted whatever its name; a directory is walked to any depth,
/// sorted by name, for files named `*.jsonl` or `*.jsonl.zst`. Links are followed. A file or directory
/// reached twice, through two given paths or a link, is used once, so a loop of links terminates.
#[must_use]
pub fn sources(paths: &[PathBuf]) -> Sources {
    let mut walk = Walk::default();
    for path in paths {
        let files_before = walk.found.files.len() + walk.repeated;
        let problems_before = walk.found.problems.len();
        walk.visit(path, true);
        let nothing = walk.found.files.len() + walk.repeated == files_before;
        if nothing && walk.found.problems.len() == problems_before {
            walk.problem(path, ProblemKind::NoSessionFiles);
        }
    }
    walk.found
}

/// What the system's error means for this path.
pub(crate) fn unreadable(path: &Path, line: Option<u64>, error: &io::Error) -> ImportProblem {
    let what = if error.kind() == ErrorKind::NotFound {
        ProblemKind::DoesNotExist
    } else {
        ProblemKind::NotReadable { message: error.to_string() }
    };
    ImportProblem { path: path.to_owned(), line, what }
}

/// A compressed file next to its uncompressed version is skipped: it is the older of the two.
fn is_session_file(path: &Path) -> bool {
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else { return false };
    let compressed = name.strip_suffix(".zst").filter(|plain| plain.ends_with(".jsonl"));
    name.ends_with(".jsonl") || compressed.is_some_and(|plain| !path.with_file_name(plain).exists())
}

#[derive(Default)]
struct Walk {
    found: Sources,
    /// Canonical paths of all files and directories visited.
    visited: BTreeSet<PathBuf>,
    /// How many files and directories were reached again.
    repeated: usize,
}

impl Walk {
    fn visit(&mut self, path: &Path, given: bool) {
        if let Err(error) = self.try_visit(path, given) {
            self.found.problems.push(unreadable(path, None, &error));
        }
    }

    fn try_visit(&mut self, path: &Path, given: bool) -> io::Result<()> {
        let wanted = given || is_session_file(path);
        let metadata = match fs::metadata(path) {
            Ok(metadata) => metadata,
            // A dangling link among the other files of a directory does not concern us.
            Err(error) if !wanted && error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        if !metadata.is_dir() && !wanted {
            return Ok(());
        }
        if !metadata.is_dir() && !metadata.is_file() {
            self.problem(path, ProblemKind::NotAFile);
            return Ok(());
        }
        if !self.visited.insert(fs::canonicalize(path)?) {
            self.repeated += 1;
            return Ok(());
        }
        if metadata.is_file() {
            self.found.files.push(SourceFile { path: path.to_owned(), bytes: metadata.len() });
            return Ok(());
        }
        let mut entries: Vec<PathBuf> = Vec::new();
        for entry in fs::read_dir(path)? {
            entries.push(entry?.path());
        }
        // Files before directories: what an agent keeps in a session's directory belongs to the file of the
        // same name.
        entries.sort_by_cached_key(|entry| (entry.is_dir(), entry.clone()));
        for entry in entries {
            self.visit(&entry, false);
        }
        Ok(())
    }

    fn problem(&mut self, path: &Path, what: ProblemKind) {
        self.found.problems.push(ImportProblem { path: path.to_owned(), line: None, what });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names below `root` of what was found, and the problems as text.
    fn found(root: &Path, paths: &[&str]) -> (Vec<String>, Vec<String>) {
        let paths: Vec<PathBuf> = paths.iter().map(|path| root.join(path)).collect();
        let sources = sources(&paths);
        let prefix = format!("{}/", root.display());
        let name = |text: String| text.replace(&prefix, "");
        let files = sources.files.iter().map(|file| name(file.path.display().to_string())).collect();
        let problems = sources.problems.iter().map(|problem| name(problem.to_string())).collect();
        (files, problems)
    }

    fn write(root: &Path, name: &str, text: &str) {
        let path = root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[test]
    fn directories_are_walked_by_name_and_given_files_are_taken_as_they_are() {
        let dir = tempfile::tempdir().unwrap();
        for name in [
            "s/b.jsonl",
            "s/a/2.jsonl",
            "s/a/10.jsonl",
            "s/notes.txt",
            "s/c.jsonl.zst",
            "s/b.jsonl.zst",
            "odd.log",
        ] {
            write(dir.path(), name, "12345");
        }
        let (files, problems) = found(dir.path(), &["odd.log", "s"]);
        assert_eq!(files, ["odd.log", "s/b.jsonl", "s/c.jsonl.zst", "s/a/10.jsonl", "s/a/2.jsonl"]);
        assert_eq!(problems, [""; 0]);
        assert_eq!(sources(&[dir.path().join("s")]).bytes(), 20);
    }

    #[test]
    fn what_is_not_there_is_named_and_the_rest_is_taken() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), "a.jsonl", "");
        write(dir.path(), "empty/readme.md", "");
        let (files, problems) = found(dir.path(), &["gone", "empty", "a.jsonl"]);
        assert_eq!(files, ["a.jsonl"]);
        assert_eq!(
            problems,
            [
                "gone: does not exist; check the spelling",
                "empty: holds no *.jsonl or *.jsonl.zst file at any depth; give the directory where the agent keeps its sessions",
            ]
        );
    }

    #[test]
    fn the_same_file_is_taken_once() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), "s/a.jsonl", "");
        let (files, problems) = found(dir.path(), &["s", "s/a.jsonl", "s"]);
        assert_eq!(files, ["s/a.jsonl"]);
        assert_eq!(problems, [""; 0]);
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_once_and_loops_end() {
        use std::os::unix::fs::symlink;
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), "s/a.jsonl", "");
        write(dir.path(), "elsewhere/b.jsonl", "");
        symlink(dir.path().join("s"), dir.path().join("s/loop")).unwrap();
        symlink(dir.path().join("elsewhere"), dir.path().join("s/more")).unwrap();
        symlink(dir.path().join("s/z.jsonl"), dir.path().join("s/z.jsonl")).unwrap();
        symlink(dir.path().join("nowhere"), dir.path().join("s/y.jsonl")).unwrap();
        symlink(dir.path().join("nowhere"), dir.path().join("s/latest")).unwrap();
        let (files, problems) = found(dir.path(), &["s"]);
        assert_eq!(files, ["s/a.jsonl", "s/more/b.jsonl"]);
        assert_eq!(problems.len(), 2, "{problems:?}");
        assert_eq!(problems[0], "s/y.jsonl: does not exist; check the spelling");
        assert!(problems[1].starts_with("s/z.jsonl: cannot be read: "), "{}", problems[1]);
    }

    #[cfg(unix)]
    #[test]
    fn what_could_block_for_ever_is_not_opened() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pipe.jsonl");
        let _socket = std::os::unix::net::UnixListener::bind(&path).unwrap();
        let (files, problems) = found(dir.path(), &["pipe.jsonl"]);
        assert_eq!(files, [""; 0]);
        assert_eq!(
            problems,
            [
                "pipe.jsonl: is neither a file nor a directory; give session files or the directory that holds them"
            ]
        );
    }
}
