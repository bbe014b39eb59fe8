//! The file in a data directory that says where its server is, for commands on the same machine.

use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tollgate_clock::sleep;
use tollgate_files::private_file;

/// Its name.
const RUNNING_FILE: &str = "server.json";

/// How long before a failed write is retried.
const AGAIN_AFTER: Duration = Duration::from_secs(2);

/// The server of a data directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Running {
    /// Where it listens.
    pub url: String,
    /// Its process.
    pub pid: u32,
    /// Which run of the server it is, as in its answers. Empty: an older version wrote this.
    #[serde(default)]
    pub instance: String,
    /// The directory that it serves, as the system identifies it: a copy of the file in another directory
    /// refers to a different one.
    #[serde(default)]
    pub directory: String,
}

impl Running {
    /// The server that claims to serve a data directory. It may have died since.
    #[must_use]
    pub fn find(data_dir: &Path) -> Option<Self> {
        let running: Self = serde_json::from_slice(&std::fs::read(data_dir.join(RUNNING_FILE)).ok()?).ok()?;
        let about_this = running.directory.is_empty() || running.directory == directory_id(data_dir);
        about_this.then_some(running)
    }
}

/// What a server says about itself in its data directory.
pub(super) struct Said {
    path: PathBuf,
    running: Running,
    written: AtomicBool,
}

impl Said {
    /// Announces where it is. A disk without room for that keeps no one from reading.
    pub(super) fn new(data_dir: &Path, url: &str, instance: &str) -> Self {
        let running = Running {
            url: url.to_owned(),
            pid: std::process::id(),
            instance: instance.to_owned(),
            directory: directory_id(data_dir),
        };
        let said = Self { path: data_dir.join(RUNNING_FILE), running, written: AtomicBool::new(false) };
        if let Err(error) = said.write() {
            let path = said.path.display();
            tracing::warn!(%error, "could not write {path}; until it can be, commands find this server with --server {url}");
        }
        said
    }

    /// Announces it again until that succeeds.
    pub(super) async fn later(&self) {
        while !self.written.load(Ordering::Relaxed) {
            sleep(AGAIN_AFTER).await;
            // The first failure was logged; logging it again does not help against a full disk.
            let _ = self.write();
        }
    }

    /// The server ends.
    pub(super) fn take_back(&self) {
        // It does not matter if the file is already gone.
        let _ = std::fs::remove_file(&self.path);
    }

    fn write(&self) -> io::Result<()> {
        let beside = self.path.with_extension("new");
        let mut file = private_file().write(true).create(true).truncate(true).open(&beside)?;
        file.write_all(&serde_json::to_vec(&self.running)?)?;
        std::fs::rename(&beside, &self.path)?;
        self.written.store(true, Ordering::Relaxed);
        Ok(())
    }
}

/// Device and inode: the same under every path that leads to a directory, different in every copy. Empty:
/// unknown.
fn directory_id(dir: &Path) -> String {
    std::fs::metadata(dir).map(|found| format!("{}:{}", found.dev(), found.ino())).unwrap_or_default()
}
