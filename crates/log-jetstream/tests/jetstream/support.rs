//! A nats-server for a single test: a free port, its own store, gone when the test ends.

use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_nats::jetstream;
use tollgate_domain::position::Sequence;
use tollgate_files::copies::copy_dir;
use tollgate_log::contract::{EventLog, Partitions};
use tollgate_log_jetstream::{Options, Setup};
use tollgate_test_process::nats::version;
use tollgate_test_process::temporary;

/// Environment variables that a configuration may use.
pub(crate) const PASSWORDS: [(&str, &str); 4] = [
    ("ADMIN_PASSWORD", "of-the-admin"),
    ("SERVER_PASSWORD", "of-the-server"),
    ("PROJECTOR_PASSWORD", "of-the-projector"),
    ("PRODUCER_PASSWORD", "of-the-producer"),
];

/// The store directory in a configuration that names one: tests replace it with their own.
const STORE_OF_A_CONFIGURATION: &str = "/var/lib/tollgate/jetstream";

/// A server with a store. It can be killed and started again on the same port.
pub(crate) struct NatsServer {
    home: tempfile::TempDir,
    server: tollgate_test_process::nats::NatsServer,
}

impl NatsServer {
    /// Starts one; `None`, with a loud message, if nats-server is not installed.
    pub(crate) fn start() -> Option<Self> {
        Self::start_with(|_| String::new())
    }

    /// Starts one with additional configuration. The text may name files in the directory that it is given.
    pub(crate) fn start_with(config: impl FnOnce(&Path) -> String) -> Option<Self> {
        Self::start_at(|dir, _| config(dir))
    }

    /// The same, and the text may depend on the address that the server listens on.
    pub(crate) fn start_at(config: impl FnOnce(&Path, Ipv4Addr) -> String) -> Option<Self> {
        version()?;
        let home = temporary();
        let file = home.path().join("server.conf");
        let server = tollgate_test_process::nats::NatsServer::new(file.clone()).variables(&PASSWORDS);
        let mut config = config(home.path(), server.host());
        let store = home.path().join("store").display().to_string();
        if config.contains("store_dir") {
            config = config.replace(STORE_OF_A_CONFIGURATION, &store);
        } else {
            config.push_str(&format!("\njetstream {{ store_dir: \"{store}\" }}\n"));
        }
        std::fs::write(&file, config).unwrap();
        let mut server = Self { home, server };
        server.restart();
        Some(server)
    }

    /// Starts it again, on the same port with the same store.
    pub(crate) fn restart(&mut self) {
        self.server.start();
    }

    /// Kills it with SIGKILL and waits until it is gone.
    pub(crate) fn kill(&mut self) {
        self.server.kill();
    }

    /// The directory of its store.
    pub(crate) fn store(&self) -> PathBuf {
        self.home.path().join("store")
    }

    /// Copies its store; the server must not be running.
    pub(crate) fn copy_store(&self, name: &str) {
        assert!(!self.server.runs(), "the server runs");
        copy_dir(&self.store(), &self.home.path().join(name)).unwrap();
    }

    /// Replaces its store with a copy; the server must not be running.
    pub(crate) fn replace_store(&self, name: &str) {
        assert!(!self.server.runs(), "the server runs");
        std::fs::remove_dir_all(self.store()).unwrap();
        copy_dir(&self.home.path().join(name), &self.store()).unwrap();
    }

    /// Its client URL.
    pub(crate) fn url(&self) -> String {
        self.server.url()
    }

    /// Its monitoring URL.
    pub(crate) fn monitor(&self) -> String {
        self.server.monitor()
    }

    /// Its home directory.
    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// A log on it.
    pub(crate) fn options(&self) -> Options {
        Options::new(self.url())
    }

    /// A client for a single test.
    pub(crate) async fn context(&self) -> jetstream::Context {
        jetstream::new(self.options().client().await.unwrap().0)
    }
}

/// Writes a file that only its owner can read.
pub(crate) fn secret_file(path: PathBuf, content: &str) -> PathBuf {
    std::fs::write(&path, content).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    path
}

/// Creates the stream of a ledger.
pub(crate) async fn init(options: &Options) {
    let client = options.client().await.unwrap().0;
    setup().init(&jetstream::new(client)).await.unwrap();
}

/// The stream of a small ledger.
pub(crate) fn setup() -> Setup {
    Setup { stream: "TOLLGATE".to_owned(), max_bytes: 64 << 20, replicas: 1 }
}

/// All events of a log as `task/id`, in log order.
pub(crate) async fn all_ids(log: &dyn EventLog) -> Vec<String> {
    let mut reader = log.read_from(Partitions::ALL, Sequence::ZERO).await.unwrap();
    let mut ids = Vec::new();
    loop {
        let more = reader.try_next().await.unwrap();
        if more.is_empty() {
            return ids;
        }
        for stored in more {
            ids.extend(stored.record.events().map(|event| format!("{}/{}", event.task, event.id)));
        }
    }
}

/// The result of a future that must complete. On a machine that has much else to do a cluster takes minutes to elect.
pub(crate) async fn within<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(240), what).await.expect("it takes too long")
}
