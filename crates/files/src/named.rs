//! Files that somebody named: why one cannot be read, and what to do.

use std::io::{self, ErrorKind};
use std::path::Path;

/// The operating system's error about a file that somebody named, with what to do about it. It does not repeat the
/// path: who reads a file says which, and what for.
#[must_use]
pub fn explained(path: &Path, error: io::Error) -> io::Error {
    let kind = error.kind();
    let advice = if kind == ErrorKind::NotFound {
        let from = std::env::current_dir().ok().filter(|_| path.is_relative());
        let from = from.map(|dir| format!(", which begins at {}", dir.display())).unwrap_or_default();
        format!("check the path{from}")
    } else if kind == ErrorKind::PermissionDenied {
        "this user may not read it: change its mode, or run as its owner".to_owned()
    } else if kind == ErrorKind::IsADirectory {
        "name a file in it".to_owned()
    } else if kind == ErrorKind::NotADirectory {
        "a part of the path is a file: check the path".to_owned()
    } else {
        return error;
    };
    io::Error::new(kind, format!("{error}: {advice}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_what_to_do_and_keeps_its_kind() {
        let here = std::env::current_dir().unwrap();
        let begins = format!("check the path, which begins at {}", here.display());
        for (path, kind, advice) in [
            ("a.yaml", ErrorKind::NotFound, begins.as_str()),
            ("/nowhere/a.yaml", ErrorKind::NotFound, "check the path"),
            ("a.yaml", ErrorKind::PermissionDenied, "change its mode, or run as its owner"),
            ("a.yaml", ErrorKind::IsADirectory, "name a file in it"),
            ("a.yaml", ErrorKind::NotADirectory, "a part of the path is a file: check the path"),
            ("a.yaml", ErrorKind::TimedOut, "said by the system"),
        ] {
            let error = explained(Path::new(path), io::Error::new(kind, "said by the system"));
            assert_eq!(error.kind(), kind);
            let text = error.to_string();
            assert!(text.starts_with("said by the system") && text.ends_with(advice), "{text}");
        }
    }

    #[test]
    fn files_that_are_not_there_are_explained_when_they_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let text = |path: &Path| crate::read_settings(path).unwrap_err().to_string();
        assert_eq!(text(&dir.path().join("a")), "No such file or directory (os error 2): check the path");
        assert_eq!(text(dir.path()), "Is a directory (os error 21): name a file in it");
    }
}
