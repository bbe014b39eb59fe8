//! Producers that append: the same for every candidate.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tollgate_clock::Stopwatch;

use crate::cpu::process_seconds;
use crate::work::{Event, Events};

/// Threads that the producers share. In addition, each candidate has its committer's thread.
const WORKER_THREADS: usize = 2;

/// Takes a batch and returns when it is durable.
pub(crate) trait Append: Send + Sync + 'static {
    fn append(&self, batch: Vec<Event>) -> impl Future<Output = ()> + Send;
}

/// How many producers append batches of how many events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) producers: u64,
    pub(crate) batch: usize,
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.producers, self.batch)
    }
}

/// How long a candidate runs in a round.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    /// Not counted.
    pub(crate) warm_up: Duration,
    /// Counted.
    pub(crate) measured: Duration,
}

/// What producers did and observed.
pub(crate) struct Run {
    /// Events per second in the batches that began after the warm-up, including duplicates.
    pub(crate) events_per_second: f64,
    /// How long each of those batches took, in nanoseconds.
    pub(crate) latencies: Vec<u64>,
    /// Distinct events of the whole run, including the warm-up.
    pub(crate) distinct: u64,
    /// The whole run.
    pub(crate) seconds: f64,
    /// Processor seconds of this process in the whole run: producers and client, but not a separate server.
    pub(crate) cpu_seconds: f64,
}

/// Makes every producer append one batch after the other, until time is up and the last batch is durable.
pub(crate) fn drive<A: Append>(candidate: &Arc<A>, shape: Shape, times: Times) -> Run {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKER_THREADS)
        .enable_all()
        .build()
        .expect("threads can be started");
    let (begun, cpu) = (Stopwatch::start(), process_seconds());
    let produced: Vec<Produced> = runtime.block_on(async {
        let produce = |number| tokio::spawn(produce(Arc::clone(candidate), number, shape, times, begun));
        let producers: Vec<_> = (0..shape.producers).map(produce).collect();
        let mut produced = Vec::with_capacity(producers.len());
        for producer in producers {
            produced.push(producer.await.expect("a producer does not panic"));
        }
        produced
    });
    let seconds = begun.elapsed().as_secs_f64();
    let latencies: Vec<u64> = produced.iter().flat_map(|one| one.latencies.iter().copied()).collect();
    let events = latencies.len() * shape.batch;
    Run {
        events_per_second: events as f64 / (seconds - times.warm_up.as_secs_f64()),
        latencies,
        distinct: produced.iter().map(|one| one.distinct).sum(),
        seconds,
        cpu_seconds: process_seconds() - cpu,
    }
}

struct Produced {
    latencies: Vec<u64>,
    distinct: u64,
}

async fn produce<A: Append>(
    candidate: Arc<A>,
    number: u64,
    shape: Shape,
    times: Times,
    begun: Stopwatch,
) -> Produced {
    let mut events = Events::of_producer(number);
    let mut latencies = Vec::new();
    loop {
        let at = begun.elapsed();
        if at >= times.warm_up + times.measured {
            return Produced { latencies, distinct: events.distinct() };
        }
        let batch = events.batch(shape.batch);
        let took = Stopwatch::start();
        candidate.append(batch).await;
        if at >= times.warm_up {
            latencies.push(nanoseconds(took.elapsed()));
        }
    }
}

/// A duration in nanoseconds.
pub(crate) fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
