//! The checkout: its files, their contents, and its packages.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

use crate::arrows::Metadata;

/// What the checks read.
#[derive(Debug)]
pub(crate) struct Repository {
    root: PathBuf,
    /// Files under version control, and new ones that are not ignored; relative, with `/`.
    pub(crate) files: BTreeSet<String>,
    pub(crate) metadata: Metadata,
}

impl Repository {
    /// The one that contains the current directory.
    pub(crate) fn open() -> Result<Self, String> {
        let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
        let mut command = Command::new(cargo);
        command.args(["metadata", "--no-deps", "--format-version", "1"]);
        let metadata = Metadata::parse(&output(&mut command)?)?;
        let root = PathBuf::from(metadata.workspace_root());
        let mut command = Command::new("git");
        command.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]).current_dir(&root);
        let files =
            output(&mut command)?.split('\0').filter(|path| !path.is_empty()).map(str::to_owned).collect();
        Ok(Self { root, files, metadata })
    }

    /// A file's text; `None` if it is deleted, a dangling link, or not text.
    pub(crate) fn text(&self, path: &str) -> Option<String> {
        std::fs::read_to_string(self.root.join(path)).ok()
    }
}

fn output(command: &mut Command) -> Result<String, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| format!("`{name}` cannot be started: {error}"))?;
    if !output.status.success() {
        let message = String::from_utf8_lossy(&output.stderr);
        return Err(format!("`{name}` failed, {}: {}", output.status, message.trim()));
    }
    String::from_utf8(output.stdout).map_err(|_| format!("`{name}` answered something that is not UTF-8"))
}
