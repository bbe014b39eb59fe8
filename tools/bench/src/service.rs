//! A ledger as its operators run it: servers of the binary, and on NATS a nats-server and a projector for each view.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::nats::NatsServer;
use crate::process::Process;

/// The views, each of which has a projector on NATS.
const VIEWS: [&str; 4] = ["status", "reports", "alerts", "spending"];

/// Where the log is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Backend {
    Embedded,
    #[value(name = "jetstream")]
    JetStream,
}

impl Backend {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Embedded => "embedded",
            Self::JetStream => "jetstream",
        }
    }
}

/// The processes of a ledger. They end with it, its nats-server last.
pub(crate) struct Service {
    pub(crate) servers: Vec<Process>,
    projectors: Vec<Process>,
    pub(crate) nats: Option<NatsServer>,
}

impl Service {
    /// Starts it, with this many servers, below a directory. A data directory has one.
    pub(crate) fn start(backend: Backend, binary: &Path, dir: &Path, servers: usize) -> Self {
        let path = |name: &str| dir.join(name).display().to_string();
        let (data, evidence) = (path("data"), path("evidence"));
        let nats = (backend == Backend::JetStream).then(|| NatsServer::start(dir));
        let (mut projectors, mut args) = (Vec::new(), vec!["--evidence-dir", &evidence]);
        let homes = VIEWS.map(path);
        match &nats {
            Some(nats) => {
                let made = Command::new(binary)
                    .args(["--log", nats.url(), "log", "init", "--max-bytes", "1GiB"])
                    .stdout(Stdio::null())
                    .status();
                assert!(made.is_ok_and(|status| status.success()), "the streams are made");
                for (view, home) in VIEWS.iter().zip(&homes) {
                    let args = ["--log", nats.url(), "projector", view, "--data", home];
                    projectors.push(Process::start(binary, &args));
                }
                args.extend(["--log", nats.url()]);
            }
            None => {
                assert_eq!(servers, 1, "a data directory has one server");
                args.extend(["--data", &data]);
            }
        }
        args.extend(["serve", "--listen", "127.0.0.1:0"]);
        let servers = (0..servers).map(|_| Process::start(binary, &args)).collect();
        Self { servers, projectors, nats }
    }

    /// The ids of its processes, by name.
    pub(crate) fn processes(&self) -> Vec<(&'static str, u32)> {
        let servers = self.servers.iter().map(|server| ("server", server.id()));
        let projectors = VIEWS.into_iter().zip(self.projectors.iter().map(Process::id));
        let nats = self.nats.iter().map(|nats| ("nats", nats.id()));
        servers.chain(projectors).chain(nats).collect()
    }
}
