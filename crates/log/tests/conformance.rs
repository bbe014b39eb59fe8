//! The memory and the embedded log pass the contract's suite.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::sync::{Arc, Mutex};

use tollgate_clock::ManualClock;
use tollgate_log::conformance::Backend;
use tollgate_log::contract::{BoxFuture, Durability, EventLog};
use tollgate_log::embedded::{EmbeddedLog, Options};
use tollgate_log::memory::MemoryLog;

struct Memory;

impl Backend for Memory {
    fn fresh(&self) -> BoxFuture<'_, Arc<dyn EventLog>> {
        Box::pin(async {
            let clock = ManualClock::at("2026-11-20T10:00:00Z".parse().unwrap());
            Arc::new(MemoryLog::new(Arc::new(clock))) as Arc<dyn EventLog>
        })
    }

    fn reopen(&self, _: Arc<dyn EventLog>) -> BoxFuture<'_, Option<Arc<dyn EventLog>>> {
        Box::pin(async { None })
    }
}

struct Embedded {
    dir: Mutex<tempfile::TempDir>,
    options: Options,
}

impl Embedded {
    fn new(durability: Durability) -> Self {
        // Small segments, so that the suite crosses segment boundaries.
        let options = Options {
            durability,
            first_segment_bytes: 8 << 10,
            max_segment_bytes: 300 << 10,
            ..Options::default()
        };
        Self { dir: Mutex::new(tempfile::tempdir().unwrap()), options }
    }

    fn open(&self) -> Arc<dyn EventLog> {
        let dir = self.dir.lock().unwrap();
        Arc::new(EmbeddedLog::open_or_create(dir.path(), self.options.clone()).unwrap())
    }
}

impl Backend for Embedded {
    fn fresh(&self) -> BoxFuture<'_, Arc<dyn EventLog>> {
        Box::pin(async { self.open() })
    }

    fn reopen(&self, log: Arc<dyn EventLog>) -> BoxFuture<'_, Option<Arc<dyn EventLog>>> {
        assert_eq!(Arc::strong_count(&log), 1, "nothing else holds the log");
        drop(log);
        Box::pin(async { Some(self.open()) })
    }
}

mod memory {
    tollgate_log::conformance_tests!(super::Memory);
}

mod embedded_fsync {
    tollgate_log::conformance_tests!(super::Embedded::new(super::Durability::Fsync));
}

mod embedded_page_cache {
    tollgate_log::conformance_tests!(super::Embedded::new(super::Durability::PageCache));
}
