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

/// How long until it is tried again where it could not be written.
const AGAIN_AFTER: Duration = Duration::from_secs(2);

/// Who serves a data directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Running {
    /// Where it listens.
    pub url: String,
    /// Its process.
    pub pid: u32,
    /// Which run of the server it is, as its answers say. Empty: an older version wrote this.
    #[serde(default)]
    pub instance: String,
    /// The directory that it serves, as the system knows it: a copy of the file in another directory is about
    /// another one.
    #[serde(default)]
    pub directory: String,
}

impl Running {
    /// Who says to serve a data directory. It may have died since.
    #[must_use]
    pub fn find(data_dir: &Path) -> Option<Self> {
        let running: Self = serde_json::from_slice(&std::fs::read(data_dir.join(RUNNING_FILE)).ok()?).ok()?;
        let about_this = running.directory.is_empty() || running.directory == directory_id(data_dir);
        about_this.then_some(running)
    }
}

/// What a server says of itself in its data directory.
pub(super) struct Said {
    path: PathBuf,
    running: Running,
    written: AtomicBool,
}

impl Said {
    /// Says where it is. A disk that has no room for that keeps nobody from reading.
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

    /// Says it again until that succeeds.
    pub(super) async fn later(&self) {
        while !self.written.load(Ordering::Relaxed) {
            sleep(AGAIN_AFTER).await;
            // The first failure was told; what keeps a disk full does not change by being told again.
            let _ = self.write();
        }
    }

    /// The server ends.
    pub(super) fn take_back(&self) {
        // A file that is gone already is as good.
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

/// Device and inode: the same under each path that leads to a directory, another one in each copy. Empty: not known.
fn directory_id(dir: &Path) -> String {
    std::fs::metadata(dir).map(|found| format!("{}:{}", found.dev(), found.ino())).unwrap_or_default()
}
