//! The setup that a rule is tested on: a served ledger, on a data directory or on NATS with its own
//! projectors.

mod ask;

use std::sync::Arc;

use serde_json::Value;
use tollgate_domain::event::{Event, EventBody};
use tollgate_domain::ids::{EventId, ProducerId, TaskId, TenantId};
use tollgate_domain::position::PartitionId;
use tollgate_domain::time::Timestamp;
use tollgate_log::contract::{Batch, EventLog, NewEvent};
use tollgate_log::embedded::{EmbeddedLog, Options};
use tollgate_log::key::ContentHash;
use tollgate_log_jetstream::JetStreamLog;
use tollgate_tests::nats::Cluster;
use tollgate_tests::{Place, Server};
use tollgate_wire::Submitted;

/// Makes a test of each rule over each log: `embedded::NAME` and, if nats-server is installed, `nats::NAME`.
macro_rules! over_each_log {
    ($($rule:ident),+ $(,)?) => {
        mod embedded {
            $(#[test]
            fn $rule() {
                super::$rule(&mut crate::ground::Ground::embedded());
            })+
        }
        mod nats {
            $(#[test]
            fn $rule() {
                if let Some(mut ground) = crate::ground::Ground::nats() {
                    super::$rule(&mut ground);
                }
            })+
        }
    };
}
pub(crate) use over_each_log;

/// Blocks block.
pub(crate) const ENFORCE: &str = "rollout: enforce\n";

/// The file of the config in force.
pub(crate) const CONFIG: &str = "config.yaml";

/// Where evidence goes.
pub(crate) const EVIDENCE: &str = "evidence";

/// A served ledger.
pub(crate) struct Ground {
    server: Option<Server>,
    on: On,
}

enum On {
    Directory(Place),
    Nats(Box<Cluster>),
}

impl Ground {
    /// On a data directory; blocks block.
    pub(crate) fn embedded() -> Self {
        Self::on(On::Directory(Place::new()))
    }

    /// On a nats-server with projectors; `None` if it is not installed.
    pub(crate) fn nats() -> Option<Self> {
        Some(Self::on(On::Nats(Box::new(Cluster::start()?))))
    }

    fn on(on: On) -> Self {
        let mut ground = Self { server: None, on };
        ground.serve(ENFORCE);
        ground
    }

    /// Where its files are.
    pub(crate) fn place(&self) -> &Place {
        match &self.on {
            On::Directory(place) => place,
            On::Nats(cluster) => &cluster.place,
        }
    }

    /// The flags of a command that opens the log itself.
    pub(crate) fn log_flags(&self) -> Vec<String> {
        match &self.on {
            On::Directory(_) => vec!["--data".to_owned(), "d".to_owned()],
            On::Nats(cluster) => vec!["--log".to_owned(), cluster.nats.url()],
        }
    }

    /// Appends an event that no version of Tollgate can read, as a later version or a damaged disk would
    /// leave one. No server may be running on a data directory meanwhile.
    pub(crate) fn append_unreadable(&self, task: &str) {
        let tenant = TenantId::default_tenant();
        let event = NewEvent {
            task: TaskId::new(task).unwrap(),
            producer: ProducerId::new("later-version").unwrap(),
            id: EventId::new("unreadable").unwrap(),
            content_hash: ContentHash::of_hash([7; 32]),
            payload: vec![0xff; 9],
        };
        let partition = PartitionId::of(tenant.as_str(), task);
        let batch = Batch { tenant, partition, events: vec![event], decision: None, recorded_at: None };
        self.append_batch(batch);
    }

    fn append_batch(&self, batch: Batch) {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        runtime.block_on(async {
            let log: Arc<dyn EventLog> = match &self.on {
                On::Directory(place) => {
                    Arc::new(EmbeddedLog::open_or_create(&place.path("d"), Options::default()).unwrap())
                }
                On::Nats(cluster) => {
                    let options = tollgate_log_jetstream::Options::new(cluster.nats.url());
                    Arc::new(JetStreamLog::connect(options).await.unwrap())
                }
            };
            log.append(batch).await.unwrap();
        });
    }

    /// Appends what servers write about the ledger itself, each with the time when it occurred. No server may
    /// be running on a data directory meanwhile.
    pub(crate) fn append_own(&self, facts: Vec<(Timestamp, EventBody)>) {
        let (tenant, task) = (TenantId::ledger(), TaskId::ledger());
        let events = facts.into_iter().enumerate().map(|(nth, (at, body))| {
            let event = Event {
                tenant: tenant.clone(),
                task: task.clone(),
                producer: ProducerId::new("tollgate").unwrap(),
                id: EventId::new(format!("fact-{nth}-{}", at.micros())).unwrap(),
                occurred_at: Some(at),
                trace_parent: None,
                body: body.clone(),
            };
            let submitted = Submitted::from_event(event).unwrap();
            NewEvent {
                task: task.clone(),
                producer: submitted.event.producer.clone(),
                id: submitted.event.id.clone(),
                content_hash: ContentHash::of_hash(submitted.content_hash()),
                payload: submitted.encode_stored(&body).unwrap(),
            }
        });
        let partition = PartitionId::of(tenant.as_str(), task.as_str());
        let (tenant, events) = (tenant.clone(), events.collect());
        self.append_batch(Batch { tenant, partition, events, decision: None, recorded_at: None });
    }

    /// Writes the config file, and nothing else.
    pub(crate) fn write_config(&self, config: &str) {
        self.place().write(CONFIG, config);
    }

    /// Stops the server, if one is running, and starts one with this config, which must be valid.
    #[track_caller]
    pub(crate) fn serve(&mut self, config: &str) {
        self.serve_refused(config);
        let (status, health) = self.get("/v1/health");
        assert!(status == 200 && !health.contains("is not used"), "{health}");
    }

    /// The same with a config that is refused.
    pub(crate) fn serve_refused(&mut self, config: &str) {
        self.stop();
        self.write_config(config);
        self.start(EVIDENCE);
    }

    /// Starts a server that writes its evidence there.
    pub(crate) fn start(&mut self, evidence: &str) {
        self.start_with(evidence, &[]);
    }

    /// The same with additional flags of `serve`.
    pub(crate) fn start_with(&mut self, evidence: &str, flags: &[&str]) {
        self.start_within(evidence, flags, &[]);
    }

    /// The same with environment variables.
    pub(crate) fn start_within(&mut self, evidence: &str, flags: &[&str], variables: &[(&str, &str)]) {
        self.server = Some(self.served(evidence, flags, variables));
    }

    /// Starts a server without a named config.
    pub(crate) fn start_unnamed(&mut self, flags: &[&str]) {
        self.server = Some(self.another_unnamed(flags));
    }

    /// One more server of the same log on NATS.
    pub(crate) fn another(&self, flags: &[&str]) -> Server {
        self.served(EVIDENCE, flags, &[])
    }

    /// The same, without a named config.
    pub(crate) fn another_unnamed(&self, flags: &[&str]) -> Server {
        self.served_as(&[], EVIDENCE, flags, &[])
    }

    fn served(&self, evidence: &str, flags: &[&str], variables: &[(&str, &str)]) -> Server {
        self.served_as(&["--config", CONFIG], evidence, flags, variables)
    }

    fn served_as(
        &self,
        named: &[&str],
        evidence: &str,
        flags: &[&str],
        variables: &[(&str, &str)],
    ) -> Server {
        let mut args = self.log_flags();
        let serve = ["--evidence-dir", evidence, "serve", "--listen", "127.0.0.1:0"];
        args.extend(named.iter().chain(&serve).chain(flags).map(|arg| (*arg).to_owned()));
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        Server::within(self.place(), &args, variables)
    }

    /// Stops the server gracefully: what it had to write is written.
    pub(crate) fn stop(&mut self) {
        if let Some(server) = self.server.take() {
            assert!(server.terminate().success(), "the server ended in order");
        }
    }

    /// The same; returns what it printed on stderr.
    pub(crate) fn end(&mut self) -> String {
        let (status, told) = self.server.take().unwrap().end();
        assert!(status.success(), "the server ended in order: {told}");
        told
    }

    /// Kills the server, as a crash would.
    pub(crate) fn kill(&mut self) {
        self.server.take().unwrap().kill();
    }

    /// Kills what holds the log, in the middle of writing, and restarts it: on a data directory that is the
    /// server.
    pub(crate) fn break_log(&mut self) {
        if let On::Nats(cluster) = &mut self.on {
            cluster.nats.kill();
            cluster.nats.restart();
        } else {
            self.kill();
            self.start(EVIDENCE);
        }
    }

    /// The nats-server and its projectors, if the log is on one.
    pub(crate) fn cluster(&mut self) -> &mut Cluster {
        match &mut self.on {
            On::Nats(cluster) => cluster,
            On::Directory(_) => panic!("the log is a data directory"),
        }
    }

    /// Kills whatever folds the views, if that is not the server.
    pub(crate) fn kill_projectors(&mut self) {
        if let On::Nats(cluster) = &mut self.on {
            cluster.projectors.clear();
        }
    }

    /// Replaces a view's projectors with something that accepts queries and answers none.
    pub(crate) fn keep_silent(&mut self, view: &str) {
        self.kill_projectors();
        if let On::Nats(cluster) = &self.on {
            let mut client = cluster.nats.connect();
            client.subscribe(&format!("tollgate.v1.view.{view}.*"));
            // It stays until the test ends.
            std::thread::spawn(move || {
                loop {
                    let _ = client.message();
                }
            });
        }
    }

    /// Replaces a view's projectors with something that gives this many invalid answers.
    pub(crate) fn answer_nonsense(&mut self, view: &str, times: usize) {
        self.kill_projectors();
        if let On::Nats(cluster) = &self.on {
            let mut client = cluster.nats.connect();
            client.subscribe(&format!("tollgate.v1.view.{view}.*"));
            std::thread::spawn(move || {
                for _ in 0..times {
                    let (headers, _) = client.message();
                    client.publish(&headers["Reply"], "", &[], b"nonsense");
                }
            });
        }
    }

    /// Sends the server a signal.
    pub(crate) fn signal(&self, name: &str) {
        self.server.as_ref().unwrap().signal(name);
    }

    /// Where the server listens.
    pub(crate) fn url(&self) -> &str {
        &self.server.as_ref().unwrap().url
    }
}

/// The codes of the gate's reasons.
pub(crate) fn codes(answer: &Value) -> Vec<&str> {
    answer["reasons"].as_array().unwrap().iter().map(|reason| reason["code"].as_str().unwrap()).collect()
}

/// The verdict.
pub(crate) fn verdict(answer: &Value) -> &str {
    answer["verdict"].as_str().unwrap()
}

/// A phase of a task that used this many tokens, from its start to its end.
pub(crate) fn through(ground: &Ground, task: &str, phase: &str, tokens: u64) {
    let _ = ground.ok(&format!("phase start {task} {phase}"));
    if tokens > 0 {
        let _ = ground.ok(&format!("usage record {task} --phase {phase} --output {tokens}"));
    }
    let _ = ground.ok(&format!("phase end {task} {phase}"));
}
