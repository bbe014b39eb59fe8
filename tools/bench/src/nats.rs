//! The run's own nats-server: a free port, a separate store, removed after the run.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A JetStream server with default settings: it acknowledges before it syncs.
pub(crate) struct NatsServer {
    child: Child,
    url: String,
}

impl NatsServer {
    /// The installed one.
    ///
    /// # Errors
    ///
    /// A sentence if none is installed.
    pub(crate) fn version() -> Result<String, String> {
        let output = Command::new("nats-server").arg("--version").output();
        let output = output
            .map_err(|error| format!("nats-server: {error}; install it: apt-get install nats-server"))?;
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// With default settings: it acknowledges before it syncs.
    pub(crate) fn start(dir: &Path) -> Self {
        Self::start_with(dir, false)
    }

    /// Checks that this server can sync before it acknowledges.
    ///
    /// # Errors
    ///
    /// A sentence if it cannot.
    pub(crate) fn can_sync(version: &str) -> Result<(), String> {
        let number = version.rsplit('v').next().unwrap_or_default();
        let mut parts = number.split('.').map(|part| part.parse().unwrap_or(0_u32));
        let (major, minor) = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
        if (major, minor) >= (2, 10) {
            return Ok(());
        }
        Err(format!(
            "--synced: {version} cannot sync before it acknowledges; it needs one from 2.10 on in the PATH"
        ))
    }

    /// `synced`: every acknowledged message is on disk, which servers from 2.10 on can do.
    pub(crate) fn start_with(dir: &Path, synced: bool) -> Self {
        let interval = if synced { "sync_interval: always" } else { "" };
        let store = dir.join("js").display().to_string();
        let config = dir.join("nats-server.conf");
        let text = format!("jetstream {{ store_dir: \"{store}\"\n{interval} }}\n");
        std::fs::write(&config, text).expect("its config can be written");
        let mut child = Command::new("nats-server")
            .args(["--addr", "127.0.0.1", "--port", "-1", "--config"])
            .arg(config)
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("nats-server starts");
        let mut lines = BufReader::new(child.stderr.take().expect("a pipe")).lines();
        let mut url = None;
        loop {
            let line = lines.next().expect("nats-server did not get ready").expect("its lines");
            if let Some((_, address)) = line.split_once("Listening for client connections on ") {
                url = Some(format!("nats://{}", address.trim()));
            }
            if line.contains("Server is ready") {
                break;
            }
        }
        // A full pipe would stop the server.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        Self { child, url: url.expect("it says where it listens") }
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        // It does not matter if it has already ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_from_2_10_on_can_sync() {
        for (version, can) in [
            ("nats-server: v2.9.10", false),
            ("nats-server: v2.10.0", true),
            ("nats-server: v2.15.1", true),
            ("nats-server: v3.0.0-beta", true),
            ("", false),
        ] {
            assert_eq!(NatsServer::can_sync(version).is_ok(), can, "{version}");
        }
    }
}
