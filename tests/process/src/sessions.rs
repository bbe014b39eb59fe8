//! Where the real sessions of a coding agent are, for tests that read them where they exist.

use std::path::{Path, PathBuf};

/// The folder of Codex rollouts that `TOLLGATE_SESSIONS` names, or else the one next to the repository. `None`, with a
/// message: there is none, and the test has nothing to read.
#[must_use]
#[expect(clippy::print_stderr, reason = "a skipped test says so")]
pub fn real_sessions() -> Option<PathBuf> {
    let beside = || {
        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2)?;
        let folder = repository.parent()?.join("shared").join("data").join("codex-sessions");
        folder.is_dir().then_some(folder)
    };
    let found = std::env::var_os("TOLLGATE_SESSIONS").map(PathBuf::from).or_else(beside);
    if found.is_none() {
        eprintln!("skipped: no real sessions here; set TOLLGATE_SESSIONS to a folder with Codex rollouts");
    }
    found
}
