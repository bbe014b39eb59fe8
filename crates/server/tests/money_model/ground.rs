//! Two servers on one log, each with a runtime of its own, so that one can end in the middle of something.

use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::task::Poll;

use axum::Router;
use axum::body::Body;
use http::{Method, Request};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};
use tollgate_clock::ManualClock;
use tollgate_domain::time::Timestamp;
use tollgate_log::contract::EventLog;
use tollgate_log::embedded::{EmbeddedLog, Options};
use tollgate_log::memory::MemoryLog;
use tollgate_server::edge::ConnectionLimits;
use tollgate_server::http::{App, Hosts, router};
use tollgate_server::ledger::Views;
use tollgate_server::{Ledger, LedgerOptions};
use tower::ServiceExt;

use crate::log::{End, Fault, Moment, Shared};
use crate::nats::Nats;

/// Which log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Memory,
    Embedded,
    JetStream,
}

/// Where records are.
enum Store {
    Memory(Arc<MemoryLog>),
    Embedded(TempDir, Option<Arc<EmbeddedLog>>),
    JetStream(Nats),
}

/// How often a view may be behind before that is a failure: each time it had seconds.
const STALE_AT_MOST: usize = 30;

/// A request.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Asked {
    pub(crate) path: String,
    pub(crate) body: Value,
}

/// Status and body.
pub(crate) type Answer = (u16, Value);

/// A log, the servers on it, and their clock.
pub(crate) struct Ground {
    pub(crate) clock: Arc<ManualClock>,
    store: Store,
    fault: Fault,
    dirs: [TempDir; 2],
    servers: [Option<Server>; 2],
}

/// A server that can end at any moment.
struct Server {
    router: Router,
    ledger: Arc<Ledger>,
    end: Arc<End>,
    /// Runs its requests and decisions.
    runtime: Runtime,
    /// Runs its views, until they are closed.
    keeping: Runtime,
}

/// How an operation went that a server was to end in.
pub(crate) enum Outcome {
    /// It ended before it got there.
    Answered(Answer),
    /// The server has ended. Nobody knows what became of it.
    Unknown,
}

impl Ground {
    /// `None`: there is no such log on this machine, and that was said.
    pub(crate) fn new(kind: Kind, fault: Fault) -> Option<Self> {
        let clock = Arc::new(ManualClock::at("2026-11-20T10:00:00Z".parse().unwrap()));
        let store = match kind {
            Kind::Memory => Store::Memory(Arc::new(MemoryLog::new(Arc::clone(&clock) as Arc<_>))),
            Kind::Embedded => Store::Embedded(tempfile::tempdir().unwrap(), None),
            Kind::JetStream => Store::on_nats()?,
        };
        let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let mut ground = Self { clock, store, fault, dirs, servers: [None, None] };
        for nth in 0..2 {
            ground.open(nth);
        }
        Some(ground)
    }

    /// Opens a server that is not there, with the views that it left.
    fn open(&mut self, nth: usize) {
        let server = self.server(self.dirs[nth].path().to_owned().as_path());
        self.servers[nth] = Some(server);
    }

    fn server(&mut self, dir: &Path) -> Server {
        let [runtime, keeping] =
            [(), ()].map(|()| Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap());
        let (end, clock) = (Arc::new(End::default()), Arc::clone(&self.clock));
        let log = self.store.log(&keeping, &clock);
        let log = Arc::new(Shared::new(log, Arc::clone(&end), self.fault, true));
        let mut options = LedgerOptions::new(Views::below(dir));
        options.clock = clock as Arc<_>;
        let ledger = Arc::new(keeping.block_on(Ledger::open(log, options)).unwrap());
        let hosts = Hosts::new("127.0.0.1:7070".parse().unwrap(), &[]);
        let router = router(App::new(Arc::clone(&ledger), hosts, ConnectionLimits::default()));
        Server { router, ledger, end, runtime, keeping }
    }

    fn at(&self, nth: usize) -> &Server {
        self.servers[nth].as_ref().unwrap()
    }

    /// An answer; on a machine with much to do a view may be behind, which is none.
    pub(crate) fn post(&self, nth: usize, asked: &Asked) -> Answer {
        let mut answers = std::iter::repeat_with(|| self.at(nth).post(asked)).take(STALE_AT_MOST);
        answers.find(|(_, answer)| answer["code"] != "stale").unwrap()
    }

    pub(crate) fn get(&self, nth: usize, path: &str) -> Answer {
        let server = self.at(nth);
        server.runtime.block_on(answer(server.router.clone(), request(Method::GET, path, &Value::Null)))
    }

    /// Requests at once, each through a server; their answers in the same order.
    pub(crate) fn at_once(&self, all: &[(usize, Asked)]) -> Vec<Answer> {
        let running = all.iter().map(|(nth, asked)| self.at(*nth).spawn(asked));
        let running: Vec<_> = running.collect();
        let answers: Vec<Answer> =
            running.into_iter().map(|running| running.recv().unwrap().unwrap()).collect();
        let known = |((nth, asked), answer): (&(usize, Asked), Answer)| {
            if answer.1["code"] == "stale" { self.post(*nth, asked) } else { answer }
        };
        all.iter().zip(answers).map(known).collect()
    }

    /// A request of a caller who leaves at once. The server goes on with it, or never began.
    pub(crate) fn abandon(&self, nth: usize, asked: &Asked) {
        let server = self.at(nth);
        let mut asking =
            Box::pin(answer(server.router.clone(), request(Method::POST, &asked.path, &asked.body)));
        server.runtime.block_on(std::future::poll_fn(|context| {
            let _ = Pin::new(&mut asking).poll(context);
            Poll::Ready(())
        }));
    }

    /// A request to a server that ends at this moment of it, and is opened again.
    pub(crate) fn crash_in(&mut self, nth: usize, asked: &Asked, moment: Moment) -> Outcome {
        let server = self.at(nth);
        let running = server.spawn_until(asked, moment);
        let said = running.recv().unwrap();
        server.end.nowhere();
        match said {
            Some((_, answer)) if answer["code"] == "stale" => Outcome::Answered(self.post(nth, asked)),
            Some(answered) => Outcome::Answered(answered),
            None => {
                self.crash(nth);
                Outcome::Unknown
            }
        }
    }

    /// Ends a server without a word, and opens it again.
    pub(crate) fn crash(&mut self, nth: usize) {
        self.servers[nth].take().unwrap().crash();
        self.open(nth);
    }

    /// Stops both servers and closes the log, if it is one that can be opened again, and opens all of them.
    pub(crate) fn restart(&mut self) {
        for server in &mut self.servers {
            let server = server.take().unwrap();
            server.runtime.block_on(server.ledger.stop());
            server.crash();
        }
        self.store.close();
        for nth in 0..2 {
            self.open(nth);
        }
    }

    pub(crate) fn record_expired(&self, nth: usize) {
        let server = self.at(nth);
        server.runtime.block_on(server.ledger.budgets().record_expired()).unwrap();
    }

    pub(crate) fn observe_levels(&self, nth: usize) {
        let server = self.at(nth);
        server.runtime.block_on(server.ledger.budgets().observe_levels()).unwrap();
    }

    /// What a server without any views says to the same questions.
    pub(crate) fn says_anew(&mut self, paths: &[String]) -> Vec<Answer> {
        let dir = tempfile::tempdir().unwrap();
        let server = self.server(dir.path());
        let asking = |path: &String| {
            let request = request(Method::GET, path, &Value::Null);
            server.runtime.block_on(answer(server.router.clone(), request))
        };
        let said = paths.iter().map(asking).collect();
        server.crash();
        said
    }

    /// Each server builds its view a second time, and compares it with the one that it has.
    pub(crate) fn rebuilt_is_the_same(&self) -> Result<(), String> {
        for nth in 0..2 {
            for view in ["spending", "alerts"] {
                let asked = Asked { path: format!("/v1/views/{view}/rebuild"), body: json!({}) };
                let (_, rebuilt) = self.post(nth, &asked);
                if rebuilt["identical"] != true {
                    return Err(format!("server {nth}, view {view}: {rebuilt}"));
                }
            }
        }
        Ok(())
    }
}

impl Server {
    fn post(&self, asked: &Asked) -> Answer {
        self.spawn(asked).recv().unwrap().unwrap()
    }

    fn spawn(&self, asked: &Asked) -> Receiver<Option<Answer>> {
        let (told, answered) = channel();
        let asking = answer(self.router.clone(), request(Method::POST, &asked.path, &asked.body));
        self.runtime.spawn(async move { told.send(Some(asking.await)).unwrap_or_default() });
        answered
    }

    /// The answer, or `None` when the server is where it ends.
    fn spawn_until(&self, asked: &Asked, moment: Moment) -> Receiver<Option<Answer>> {
        let (told, answered) = channel();
        self.end.at(moment, told.clone(), || None);
        let asking = answer(self.router.clone(), request(Method::POST, &asked.path, &asked.body));
        self.runtime.spawn(async move { told.send(Some(asking.await)).unwrap_or_default() });
        answered
    }

    /// Whatever it does is over at its next step.
    fn crash(self) {
        let Self { router, ledger, end, runtime, keeping } = self;
        drop(runtime);
        drop((router, ledger, end));
        drop(keeping);
    }
}

impl Store {
    fn on_nats() -> Option<Self> {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(Nats::start()).map(Self::JetStream)
    }

    /// The log as one server has it.
    fn log(&mut self, runtime: &Runtime, clock: &Arc<ManualClock>) -> Arc<dyn EventLog> {
        match self {
            Self::Memory(log) => Arc::clone(log) as Arc<_>,
            Self::Embedded(dir, log) => Arc::clone(log.get_or_insert_with(|| {
                let options = Options { clock: Arc::clone(clock) as Arc<_>, ..Options::default() };
                Arc::new(EmbeddedLog::open_or_create(&dir.path().join("data"), options).unwrap())
            })) as Arc<_>,
            Self::JetStream(nats) => Arc::new(runtime.block_on(nats.log(clock))),
        }
    }

    fn close(&mut self) {
        if let Self::Embedded(_, log) = self
            && let Some(log) = log.take()
        {
            // Its servers are gone: this is the last one that has it.
            Arc::into_inner(log).unwrap().close();
        }
    }
}

fn request(method: Method, path: &str, body: &Value) -> Request<Body> {
    Request::builder()
        .method(method)
        .uri(path)
        .header("host", "localhost:7070")
        .header("content-type", "application/json")
        .body(if body.is_null() { Body::empty() } else { Body::from(body.to_string()) })
        .unwrap()
}

async fn answer(router: Router, request: Request<Body>) -> Answer {
    let response = router.oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let text = String::from_utf8(body.to_vec()).unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

/// A moment as the API writes it.
pub(crate) fn at(micros: i64) -> String {
    Timestamp::from_micros(micros).unwrap().to_string()
}
