//! Distinguishing a damaged store from a system that has no room, file descriptors or permission for an
//! intact one.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

/// Why a store failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The operating system or sled returned an error.
    #[error("view store {dir}: {message}")]
    Failed {
        /// The store's directory.
        dir: String,
        /// What went wrong.
        message: String,
    },
    /// What is there differs from what was written.
    #[error("view store {dir}: damaged: {message}")]
    Damaged {
        /// The store's directory.
        dir: String,
        /// What is wrong.
        message: String,
    },
}

impl StoreError {
    /// The system's error about a store's directory.
    #[must_use]
    pub fn of(dir: &Path, error: &io::Error) -> Self {
        failed(dir, error)
    }
}

/// The bytes that must fit on the disk before a store is opened again: sled begins with segments of half that
/// size.
const ROOM_BYTES: usize = 2 << 20;

pub(crate) fn failed(dir: &Path, error: impl std::fmt::Display) -> StoreError {
    StoreError::Failed { dir: dir.display().to_string(), message: error.to_string() }
}

pub(crate) fn damaged(dir: &Path, message: &str) -> StoreError {
    StoreError::Damaged { dir: dir.display().to_string(), message: message.to_owned() }
}

/// An error about a file of rows is either about the system or about the bytes that it found.
pub(crate) fn of_rows(dir: &Path, error: &io::Error) -> StoreError {
    use io::ErrorKind::{InvalidData, NotFound, UnexpectedEof};
    if matches!(error.kind(), InvalidData | UnexpectedEof | NotFound) {
        damaged(dir, &error.to_string())
    } else {
        failed(dir, error)
    }
}

/// An error of sled is either about the system or about the bytes that it found.
pub(crate) fn of_sled(dir: &Path, error: &sled::Error) -> StoreError {
    match error {
        sled::Error::Io(cause) if is_of_the_system(cause) => failed(dir, plain(&cause.to_string())),
        sled::Error::Io(_)
        | sled::Error::CollectionNotFound(_)
        | sled::Error::Unsupported(_)
        | sled::Error::ReportableBug(_)
        | sled::Error::Corruption { .. } => damaged(dir, &error.to_string()),
    }
}

/// sled keeps the text of an error that it passes on, but not its number.
fn is_of_the_system(error: &io::Error) -> bool {
    let text = error.to_string();
    error.raw_os_error().is_some()
        || ["Os { code", "os error", "could not acquire lock"].iter().any(|words| text.contains(words))
}

/// The message of an error that sled passed on in Rust's debug notation,
/// `Os { code: 28, kind: …, message: "…" }`.
fn plain(text: &str) -> &str {
    let message = text
        .strip_prefix("Os {")
        .and_then(|rest| rest.split_once("message: \""))
        .and_then(|(_, rest)| rest.split_once('"'));
    message.map_or(text, |(message, _)| message)
}

/// Writes a file next to a store and removes it.
pub(crate) fn room_beside(dir: &Path) -> io::Result<()> {
    if let Some(parent) = dir.parent() {
        tollgate_files::make_private_dirs(parent)?;
    }
    let name = dir.file_name().unwrap_or_default().to_string_lossy();
    let probe = dir.with_file_name(format!("{name}.room"));
    let written = File::create(&probe)
        .and_then(|mut file| file.write_all(&vec![0; ROOM_BYTES]).and_then(|()| file.sync_all()));
    match std::fs::remove_file(&probe) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => written.and(Err(error)),
        Ok(()) | Err(_) => written,
    }
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn an_error_is_told_in_the_words_of_the_system() {
        let noted = r#"Os { code: 28, kind: StorageFull, message: "No space left on device" }"#;
        for (text, expected) in [
            (noted, "No space left on device"),
            ("No space left on device (os error 28)", "No space left on device (os error 28)"),
            (
                "could not acquire lock: Os { message: \"x\" }",
                "could not acquire lock: Os { message: \"x\" }",
            ),
        ] {
            assert_eq!(plain(text), expected, "{text}");
        }
    }
}
