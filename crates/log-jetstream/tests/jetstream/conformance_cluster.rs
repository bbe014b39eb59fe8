//! The contract's suite on a cluster with three replicas, each case on its own cluster.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Mutex;
use tollgate_log::conformance::Backend;
use tollgate_log::contract::{BoxFuture, EventLog};
use tollgate_test_process::nats_cluster::{NatsCluster, SERVERS};

use crate::cluster::{leader, make, three, with_replicas};
use crate::load::{connect, patient};

/// Logs on one cluster.
struct OnCluster {
    cluster: Option<Mutex<NatsCluster>>,
    opened: AtomicUsize,
}

impl OnCluster {
    fn start() -> Self {
        Self { cluster: with_replicas().map(Mutex::new), opened: AtomicUsize::new(0) }
    }

    /// Each log tries a different server first.
    async fn open(&self) -> Arc<dyn EventLog> {
        let first = self.opened.fetch_add(1, Ordering::Relaxed) % SERVERS;
        let urls = self.cluster.as_ref().unwrap().lock().await.urls_from(first);
        Arc::new(connect(&patient(urls)).await)
    }
}

impl Backend for OnCluster {
    fn is_here(&self) -> bool {
        self.cluster.is_some()
    }

    fn fresh(&self) -> BoxFuture<'_, Arc<dyn EventLog>> {
        Box::pin(async {
            make(&*self.cluster.as_ref().unwrap().lock().await, &three()).await;
            self.open().await
        })
    }

    fn reopen(&self, log: Arc<dyn EventLog>) -> BoxFuture<'_, Option<Arc<dyn EventLog>>> {
        Box::pin(async {
            assert_eq!(Arc::strong_count(&log), 1, "nothing else holds the log");
            drop(log);
            // Also under a different leader.
            {
                let mut cluster = self.cluster.as_ref().unwrap().lock().await;
                let killed = leader(&cluster, 0).await;
                cluster.kill(killed);
                assert_ne!(leader(&cluster, killed + 1).await, killed);
                cluster.restart(killed);
            }
            Some(self.open().await)
        })
    }
}

tollgate_log::conformance_tests!(OnCluster::start());
