//! The contract's suite, each case on its own server.

use std::sync::{Arc, Mutex};

use tollgate_log::conformance::Backend;
use tollgate_log::contract::{BoxFuture, EventLog};
use tollgate_log_jetstream::{JetStreamLog, Options};

use crate::support::{NatsServer, init};

/// Logs on one server.
struct OnServer(Mutex<Option<NatsServer>>);

impl OnServer {
    fn options(&self) -> Options {
        self.0.lock().unwrap().as_ref().unwrap().options()
    }

    async fn open(&self) -> Arc<dyn EventLog> {
        let options = self.options();
        Arc::new(JetStreamLog::connect(options).await.unwrap())
    }
}

impl Backend for OnServer {
    fn is_here(&self) -> bool {
        self.0.lock().unwrap().is_some()
    }

    fn fresh(&self) -> BoxFuture<'_, Arc<dyn EventLog>> {
        Box::pin(async {
            init(&self.options()).await;
            self.open().await
        })
    }

    fn reopen(&self, log: Arc<dyn EventLog>) -> BoxFuture<'_, Option<Arc<dyn EventLog>>> {
        Box::pin(async {
            assert_eq!(Arc::strong_count(&log), 1, "nothing else holds the log");
            drop(log);
            // Restarts the server too: with the same store, on the same port.
            self.0.lock().unwrap().as_mut().unwrap().restart();
            Some(self.open().await)
        })
    }
}

tollgate_log::conformance_tests!(OnServer(Mutex::new(NatsServer::start())));
