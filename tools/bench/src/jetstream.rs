//! Appending over JetStream compared with plain publishing by the same client, on the run's own nats-server.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::{Config, StorageType};
use async_nats::jetstream::{self, Context};
use tokio::runtime::Runtime;
use tollgate_clock::{Clock, SystemClock};
use tollgate_domain::position::Sequence;
use tollgate_log::admission::record_of;
use tollgate_log::contract::{AppendOutcome, EventLog, Partitions};
use tollgate_log_jetstream::{JetStreamLog, Options, Setup};

use crate::append::BUSY;
use crate::driver::{Append, Run, Shape, Times, drive};
use crate::ledger::batch;
use crate::nats::NatsServer;
use crate::output::{Report, progress};
use crate::place::Place;
use crate::stats::{Samples, percentile};
use crate::work::{Event, numbered, text};

/// Shapes that are measured.
const SHAPES: [Shape; 3] = [Shape { producers: 1, batch: 1 }, Shape { producers: 16, batch: 1 }, BUSY];

/// Stream size: more than a run writes.
const MAX_BYTES: u64 = 16 << 30;

/// A slow reader takes one round of records in this time.
const CRAWL: Duration = Duration::from_millis(200);

/// Which candidate does the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Candidate {
    /// The log: one record, one message.
    Tollgate,
    /// The same events as one message per batch, without ids.
    Raw,
    /// The same with BLAKE3 of each event before it is sent: an upper bound for any log that keeps a content
    /// hash.
    RawHashed,
    /// One message per event, each with its id; a batch waits for all its acknowledgements.
    OneEach,
}

const CANDIDATES: [Candidate; 4] =
    [Candidate::Tollgate, Candidate::Raw, Candidate::RawHashed, Candidate::OneEach];

impl Candidate {
    const fn name(self) -> &'static str {
        match self {
            Self::Tollgate => "tollgate",
            Self::Raw => "raw",
            Self::RawHashed => "raw_hashed",
            Self::OneEach => "one_message_per_event",
        }
    }
}

/// What projectors do during the appends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Beside {
    Nothing,
    /// Three readers that were stopped: their consumers exist, but nothing reads.
    Stopped,
    /// Three readers that take a few records now and then.
    Crawling,
}

const BESIDE: [Beside; 3] = [Beside::Nothing, Beside::Stopped, Beside::Crawling];

impl Beside {
    const fn name(self) -> &'static str {
        match self {
            Self::Nothing => "alone",
            Self::Stopped => "projectors_stopped",
            Self::Crawling => "projectors_crawling",
        }
    }
}

/// Runs one candidate for a while at the busy shape: for use with a profiler.
///
/// # Errors
///
/// As for [`run`], and for an unknown name.
pub(crate) fn profile(name: &str, synced: bool, parent: Option<&Path>) -> Result<Report, String> {
    let version = NatsServer::version()?;
    if synced {
        NatsServer::can_sync(&version)?;
    }
    let found = CANDIDATES.into_iter().find(|candidate| candidate.name() == name);
    let found = found.ok_or_else(|| {
        format!("candidate `{name}`: must be one of {}", CANDIDATES.map(Candidate::name).join(", "))
    })?;
    let place = Place::make(parent)?;
    let times = Times { warm_up: Duration::from_millis(500), measured: Duration::from_secs(10) };
    let mut figures = Samples::default();
    let run = candidate(&place, found, BUSY, times, synced);
    note(&run, &format!("js_append_{BUSY}_{name}"), &mut figures);
    Ok(Report::of(&place, true, 1, figures, Samples::default()))
}

/// Runs everything under a directory that is removed afterwards.
///
/// # Errors
///
/// A sentence if there is nowhere to measure, or no nats-server.
pub(crate) fn run(quick: bool, synced: bool, parent: Option<&Path>) -> Result<Report, String> {
    let version = NatsServer::version()?;
    if synced {
        NatsServer::can_sync(&version)?;
    }
    let place = Place::make(parent)?;
    progress(&format!("measuring in {} with {version}", place.path().display()));
    let (rounds, measured) = if quick { (5, 1_500) } else { (9, 4_000) };
    let times = Times { warm_up: Duration::from_millis(300), measured: Duration::from_millis(measured) };
    let (mut figures, mut ratios) = (Samples::default(), Samples::default());
    for round in 0..rounds {
        for shape in SHAPES {
            progress(&format!("round {} of {rounds}: append {shape}", round + 1));
            let mut rates = [0.0; CANDIDATES.len()];
            for turn in 0..CANDIDATES.len() {
                let at = (turn + round) % CANDIDATES.len();
                let run = candidate(&place, CANDIDATES[at], shape, times, synced);
                rates[at] =
                    note(&run, &format!("js_append_{shape}_{}", CANDIDATES[at].name()), &mut figures).0;
            }
            let [tollgate, peers @ ..] = rates;
            for (peer, rate) in CANDIDATES[1..].iter().zip(peers) {
                ratios.add(format!("js_append_{shape}_vs_{}", peer.name()), tollgate / rate);
            }
        }
        if synced {
            continue;
        }
        progress(&format!("round {} of {rounds}: projectors beside", round + 1));
        let mut seen = [(0.0, 0.0); BESIDE.len()];
        for turn in 0..BESIDE.len() {
            let at = (turn + round) % BESIDE.len();
            let run = beside(&place, BESIDE[at], times);
            seen[at] = note(&run, &format!("js_append_{}", BESIDE[at].name()), &mut figures);
        }
        let [alone, others @ ..] = seen;
        for (other, (rate, p50)) in BESIDE[1..].iter().zip(others) {
            ratios.add(format!("js_append_{}_vs_alone", other.name()), rate / alone.0);
            ratios.add(format!("js_append_p50_{}_vs_alone", other.name()), p50 / alone.1);
        }
    }
    Ok(Report::of(&place, quick, rounds, figures, ratios))
}

/// Notes rate and latencies; returns the rate and the median.
fn note(run: &Run, name: &str, figures: &mut Samples) -> (f64, f64) {
    figures.add(format!("{name}_events_per_second"), run.events_per_second);
    figures.add(format!("{name}_client_nanoseconds_per_event"), run.cpu_seconds * 1e9 / run.distinct as f64);
    let micros = |percent| percentile(&run.latencies, percent) as f64 / 1e3;
    for percent in [50, 99] {
        figures.add(format!("{name}_batch_p{percent}_microseconds"), micros(percent));
    }
    (run.events_per_second, micros(50))
}

fn candidate(place: &Place, candidate: Candidate, shape: Shape, times: Times, synced: bool) -> Run {
    let dir = place.fresh(candidate.name());
    let server = NatsServer::start_with(dir.path(), synced);
    let runtime = client_runtime();
    let run = match candidate {
        Candidate::Tollgate => {
            let log = Arc::new(runtime.block_on(Ledger::open(&server)));
            let run = drive(&log, shape, times);
            // An id that was sent again after the window is in the stream twice; readers count it once.
            assert!(log.stored.load(Ordering::Relaxed) >= run.distinct, "the log holds each event");
            run
        }
        Candidate::Raw | Candidate::RawHashed | Candidate::OneEach => {
            let peer = Arc::new(runtime.block_on(Peer::open(&server, candidate)));
            drive(&peer, shape, times)
        }
    };
    drop(runtime);
    drop(server);
    place.clear(dir);
    run
}

fn beside(place: &Place, beside: Beside, times: Times) -> Run {
    let dir = place.fresh(beside.name());
    let server = NatsServer::start(dir.path());
    let runtime = client_runtime();
    let log = Arc::new(runtime.block_on(Ledger::open(&server)));
    let stop = Arc::new(AtomicBool::new(false));
    let mut readers = Vec::new();
    if beside != Beside::Nothing {
        for _ in 0..3 {
            // Separate connections, as separate processes have.
            let options = Options { known_records: 0, ..Options::new(server.url()) };
            let reading = runtime.block_on(JetStreamLog::connect(options)).expect("a log");
            readers.push(runtime.spawn(read(reading, beside, Arc::clone(&stop))));
        }
    }
    let run = drive(&log, BUSY, times);
    stop.store(true, Ordering::Relaxed);
    for reader in readers {
        runtime.block_on(reader).expect("a reader does not panic");
    }
    drop(log);
    drop(runtime);
    drop(server);
    place.clear(dir);
    run
}

#[expect(clippy::disallowed_methods, reason = "a projector that crawls takes its time")]
async fn read(log: JetStreamLog, beside: Beside, stop: Arc<AtomicBool>) {
    let mut reader = log.read_from(Partitions::ALL, Sequence::ZERO).await.expect("a reader");
    // The consumer is created by the first query.
    reader.try_next().await.expect("records");
    while !stop.load(Ordering::Relaxed) {
        if beside == Beside::Crawling {
            reader.try_next().await.expect("records");
        }
        tokio::time::sleep(CRAWL).await;
    }
}

/// The runtime of connections: one thread in addition to those of the producers, for every candidate.
fn client_runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("threads can be started")
}

/// The log on its own stream.
struct Ledger {
    log: JetStreamLog,
    stored: AtomicU64,
}

impl Ledger {
    async fn open(server: &NatsServer) -> Self {
        let options = Options::new(server.url());
        let setup = Setup { stream: options.stream.clone(), max_bytes: MAX_BYTES, replicas: 1 };
        setup.init_at(&options).await.expect("a stream");
        Self { log: JetStreamLog::connect(options).await.expect("a log"), stored: AtomicU64::new(0) }
    }
}

impl Append for Ledger {
    async fn append(&self, events: Vec<Event>) {
        let receipt = self.log.append(batch(events)).await.expect("an append");
        let new = receipt.outcomes.iter().filter(|outcome| matches!(outcome, AppendOutcome::Appended(_)));
        self.stored.fetch_add(new.count() as u64, Ordering::Relaxed);
    }
}

/// Plain publishing with the same client.
struct Peer {
    context: Context,
    candidate: Candidate,
    /// What the log adds to an event, so that raw publishes the same number of bytes.
    frame_bytes: usize,
}

impl Peer {
    async fn open(server: &NatsServer, candidate: Candidate) -> Self {
        let client = async_nats::connect(server.url()).await.expect("a connection");
        let context = jetstream::new(client);
        let config = Config {
            name: "RAW".to_owned(),
            subjects: vec!["raw.*".to_owned()],
            storage: StorageType::File,
            max_bytes: MAX_BYTES as i64,
            ..Config::default()
        };
        context.create_stream(config).await.expect("a stream");
        Self { context, candidate, frame_bytes: frame_bytes() }
    }
}

impl Append for Peer {
    async fn append(&self, events: Vec<Event>) {
        let subject = || format!("raw.{}", events.first().map_or(0, |event| event.task % 16));
        if self.candidate != Candidate::OneEach {
            let bytes = events.len() * (200 + self.frame_bytes);
            let mut payload = Vec::with_capacity(bytes);
            for event in &events {
                payload.extend_from_slice(&event.id);
                payload.extend_from_slice(&event.body);
                if self.candidate == Candidate::RawHashed {
                    std::hint::black_box(blake3::hash(&event.body));
                }
            }
            payload.resize(bytes, 0);
            let message = PublishMessage::build().payload(payload.into());
            let ack = self.context.send_publish(subject(), message).await.expect("a message");
            ack.await.expect("an acknowledgement");
            return;
        }
        let mut acks = Vec::with_capacity(events.len());
        for event in &events {
            let message =
                PublishMessage::build().payload(event.body.clone().into()).message_id(text(&event.id));
            acks.push(self.context.send_publish(subject(), message).await.expect("a message"));
        }
        for ack in acks {
            ack.await.expect("an acknowledgement");
        }
    }
}

/// What a record contains per event in addition to ids and bodies.
fn frame_bytes() -> usize {
    let events: Vec<Event> = (0..BUSY.batch as u64).map(|number| numbered(1, number)).collect();
    let batch = batch(events);
    let outcomes = vec![AppendOutcome::Appended(Sequence(1)); batch.events.len()];
    let record = record_of(&batch, &outcomes, SystemClock.now());
    record.bytes().len() / BUSY.batch - 200
}
