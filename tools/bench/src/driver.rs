//! Producers: the same for every store.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::work::{Event, Events};

/// Producers, and events of one append.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    pub(crate) producers: u64,
    pub(crate) batch: usize,
}

/// Lets producers append for a time, each one batch after the other; events per second.
pub(crate) fn drive<F>(
    load: Load,
    seconds: f64,
    append: impl Fn(Vec<Event>) -> F + Send + Sync + Clone + 'static,
) -> f64
where
    F: Future<Output = ()> + Send + 'static,
{
    let time = Duration::from_secs_f64(seconds);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().expect("a runtime");
    let appended = Arc::new(AtomicU64::new(0));
    let start = Instant::now();
    runtime.block_on(async {
        let producers: Vec<_> = (0..load.producers)
            .map(|producer| {
                let (appended, append) = (Arc::clone(&appended), append.clone());
                tokio::spawn(async move {
                    let mut events = Events::of_producer(producer);
                    while start.elapsed() < time {
                        append(events.batch(load.batch)).await;
                        appended.fetch_add(load.batch as u64, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        for producer in producers {
            producer.await.expect("a producer does not panic");
        }
    });
    appended.load(Ordering::Relaxed) as f64 / start.elapsed().as_secs_f64()
}
