//! The processes of a ledger, each of which can be killed and restarted where it was.

use std::collections::BTreeMap;
use std::time::Duration;

use tollgate_clock::Stopwatch;

use crate::nats::{Cluster as Ledger, ProjectorProcess};
use crate::{Place, Server, request};

/// A kind of process, with the index of one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Nats,
    Server(usize),
    Projector(usize),
}

/// The longest that projectors may take for the whole log.
const CATCH_UP: Duration = Duration::from_secs(300);

/// The views, in the order of their projectors.
const VIEWS: [&str; 4] = ["status", "reports", "alerts", "spending"];

impl Kind {
    pub(crate) const ALL: [Self; 7] = [
        Self::Nats,
        Self::Server(0),
        Self::Server(1),
        Self::Projector(0),
        Self::Projector(1),
        Self::Projector(2),
        Self::Projector(3),
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Nats => "nats-server",
            Self::Server(0) => "server 1",
            Self::Server(_) => "server 2",
            Self::Projector(0) => "projector status",
            Self::Projector(1) => "projector reports",
            Self::Projector(2) => "projector alerts",
            Self::Projector(_) => "projector spending",
        }
    }
}

/// All processes.
pub(crate) struct Cluster {
    servers: BTreeMap<usize, Server>,
    urls: Vec<String>,
    projectors: BTreeMap<usize, ProjectorProcess>,
    ledger: Ledger,
}

impl Cluster {
    pub(crate) fn start() -> Option<Self> {
        let mut ledger = Ledger::start()?;
        let projectors = ledger.projectors.drain(..).enumerate().collect();
        let servers: BTreeMap<usize, Server> = (0..2).map(|number| (number, ledger.serve())).collect();
        let urls = servers.values().map(|server| server.url.clone()).collect();
        Some(Self { servers, urls, projectors, ledger })
    }

    /// Where the servers listen, even after they were restarted.
    pub(crate) fn urls(&self) -> Vec<String> {
        self.urls.clone()
    }

    /// Kills it with SIGKILL; it is gone when this returns.
    pub(crate) fn kill(&mut self, kind: Kind) {
        match kind {
            Kind::Nats => self.ledger.nats.kill(),
            Kind::Server(number) => self.servers.remove(&number).expect("it runs").kill(),
            Kind::Projector(number) => drop(self.projectors.remove(&number).expect("it runs")),
        }
    }

    /// Restarts it, with the store and at the address that it had.
    pub(crate) fn restart(&mut self, kind: Kind) {
        match kind {
            Kind::Nats => self.ledger.nats.restart(),
            Kind::Server(number) => {
                let address = self.urls[number].trim_start_matches("http://").to_owned();
                let args = ["--log", &self.ledger.nats.url(), "serve", "--listen", &address];
                self.servers.insert(number, Server::of(&self.ledger.place, &args));
            }
            Kind::Projector(number) => self.project(number, VIEWS[number]),
        }
    }

    fn project(&mut self, number: usize, data: &str) {
        let projector = self.ledger.projector(&["projector", VIEWS[number], "--data", data]);
        self.projectors.insert(number, projector);
    }

    /// Replaces the running projectors with ones that have empty stores.
    pub(crate) fn project_from_zero(&mut self) {
        self.projectors.clear();
        for (number, view) in VIEWS.into_iter().enumerate() {
            self.project(number, &format!("{view}-from-zero"));
        }
        self.wait_until_caught_up();
    }

    /// Waits until every view contains the whole log.
    pub(crate) fn wait_until_caught_up(&self) {
        let begun = Stopwatch::start();
        loop {
            let health = request(&self.urls[0], "GET", "/v1/health", "").expect("a server answers").1;
            let health: serde_json::Value = serde_json::from_str(&health).expect("it answers JSON");
            let views = health["views"].as_array().expect("views");
            let there = |view: &serde_json::Value| view["running"] == true && view["lag_records"] == 0;
            if views.len() == VIEWS.len() && views.iter().all(there) {
                return;
            }
            assert!(begun.elapsed() < CATCH_UP, "views are behind after {CATCH_UP:?}: {health}");
            std::thread::yield_now();
        }
    }

    /// The output of a command with these arguments; it accesses the log itself.
    pub(crate) fn command(&self, line: &str) -> String {
        self.place().ok(&format!("--log {} {line}", self.ledger.nats.url()))
    }

    /// What a server answers.
    pub(crate) fn get(&self, path: &str) -> serde_json::Value {
        let begun = Stopwatch::start();
        loop {
            let (status, answer) = request(&self.urls[0], "GET", path, "").expect("a server answers");
            match status {
                200 => return serde_json::from_str(&answer).expect("it answers JSON"),
                // A view that is busy with the whole log answers later.
                503 if begun.elapsed() < CATCH_UP => std::thread::yield_now(),
                _ => panic!("{path}: {status} {answer}"),
            }
        }
    }

    pub(crate) fn json(&self, line: &str) -> serde_json::Value {
        self.ledger.json(line)
    }

    fn place(&self) -> &Place {
        &self.ledger.place
    }
}
