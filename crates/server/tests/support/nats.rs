//! A nats-server with an empty stream, for servers that each have their own connection to it.

use std::sync::Arc;

use tempfile::TempDir;
use tollgate_clock::ManualClock;
use tollgate_log_jetstream::{JetStreamLog, Options, Setup};
use tollgate_test_process::nats::{NatsServer, version};

/// It ends with the test.
pub(crate) struct Nats {
    url: String,
    _server: NatsServer,
    _home: TempDir,
}

impl Nats {
    /// `None`: there is no nats-server on this machine, and that was said.
    pub(crate) async fn start() -> Option<Self> {
        version()?;
        let home = tempfile::tempdir().unwrap();
        let config = home.path().join("server.conf");
        let store = home.path().join("store").display().to_string();
        std::fs::write(&config, format!("jetstream {{ store_dir: \"{store}\" }}\n")).unwrap();
        let mut server = NatsServer::new(config);
        server.start();
        let options = Options::new(server.url());
        let setup = Setup { stream: options.stream.clone(), max_bytes: 256 << 20, replicas: 1 };
        setup.init_at(&options).await.unwrap();
        Some(Self { url: server.url(), _server: server, _home: home })
    }

    /// The log as one server has it.
    pub(crate) async fn log(&self, clock: &Arc<ManualClock>) -> JetStreamLog {
        let mut options = Options::new(self.url.clone());
        options.clock = Arc::clone(clock) as Arc<_>;
        JetStreamLog::connect(options).await.unwrap()
    }
}
