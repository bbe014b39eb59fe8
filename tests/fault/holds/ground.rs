//! A served ledger whose server is killed, with what has to be true of its money at any moment.

use serde_json::{Value, json};
use tollgate_tests::nats::Cluster;
use tollgate_tests::{Follower, Place, Server, request, send};

/// What all allocations together may be of, in tokens.
pub(crate) const LIMIT: i64 = 1000;

/// How often a view may be behind before that is a failure: each time it had seconds.
const STALE_AT_MOST: usize = 30;

/// Makes a test of each rule over each log: `embedded::NAME` and, if nats-server is installed, `nats::NAME`.
macro_rules! over_each_log {
    ($($rule:ident),+ $(,)?) => {
        mod embedded {
            $(#[test]
            fn $rule() {
                super::$rule(&mut crate::holds::ground::Ground::embedded());
            })+
        }
        mod nats {
            $(#[test]
            fn $rule() {
                if let Some(mut ground) = crate::holds::ground::Ground::nats() {
                    super::$rule(&mut ground);
                }
            })+
        }
    };
}
pub(crate) use over_each_log;

/// A served ledger with one policy: a hard limit on all tokens of two hundred years.
pub(crate) struct Ground {
    on: On,
    server: Option<Server>,
}

enum On {
    Directory(Place),
    Nats(Box<Cluster>),
}

/// A request.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) path: String,
    pub(crate) body: Value,
}

impl Asked {
    /// For an allocation of so many tokens.
    pub(crate) fn allocate(name: &str, tokens: i64, ttl_s: u64) -> Self {
        let body = json!({"allocation": name, "tokens": tokens, "ttl_s": ttl_s});
        Self { path: "/v1/allocations".to_owned(), body }
    }

    /// That so many tokens of an allocation were used.
    pub(crate) fn usage(id: &str, allocation: &str, tokens: i64) -> Self {
        let usage = json!({"allocation": allocation, "tokens": {"output": tokens}});
        let event = json!({"id": id, "task": "T-1", "usage_recorded": usage});
        Self { path: "/v1/events".to_owned(), body: json!({"producer": "p", "events": [event]}) }
    }

    /// Sends it. `None`: the server was killed before its answer.
    pub(crate) fn post(&self, url: &str) -> Option<Value> {
        let (_, text) = request(url, "POST", &self.path, &self.body.to_string())?;
        // A head without its body is no answer either.
        serde_json::from_str(&text).ok()
    }

    /// Sends it, and waits for no answer.
    pub(crate) fn send(&self, url: &str) {
        let _ = send(url, "POST", &self.path, &self.body.to_string()).expect("the server runs");
    }
}

impl Ground {
    pub(crate) fn embedded() -> Self {
        Self::on(On::Directory(Place::new()))
    }

    /// `None`: nats-server is not installed.
    pub(crate) fn nats() -> Option<Self> {
        Some(Self::on(On::Nats(Box::new(Cluster::start()?))))
    }

    fn on(on: On) -> Self {
        let mut ground = Self { on, server: None };
        ground.start();
        let policy = json!({
            "window": "fixed", "window_from": "2020-01-01T00:00:00Z", "window_to": "2220-01-01T00:00:00Z",
            "limit_tokens": LIMIT, "enforcement": "hard_limit"
        });
        let set = ground.answer(&Asked { path: "/v1/policies/all".to_owned(), body: policy });
        assert_eq!(set["version"], 1, "{set}");
        ground
    }

    fn start(&mut self) {
        self.server = Some(match &self.on {
            On::Directory(place) => Server::start(place, "d"),
            On::Nats(cluster) => cluster.serve(),
        });
    }

    /// Kills the server with SIGKILL, on NATS the projector that knows what was spent too.
    pub(crate) fn kill(&mut self) {
        self.server.take().expect("it runs").kill();
        if let On::Nats(cluster) = &mut self.on {
            drop(cluster.projectors.pop());
        }
    }

    /// Starts again what was killed.
    pub(crate) fn restart(&mut self) {
        if let On::Nats(cluster) = &mut self.on {
            let projector = cluster.projector(&["projector", "spending", "--data", "spending"]);
            cluster.projectors.push(projector);
        }
        self.start();
    }

    pub(crate) fn url(&self) -> String {
        self.server.as_ref().expect("it runs").url.clone()
    }

    /// Follows the log, from its beginning.
    pub(crate) fn follow(&self) -> Follower {
        let place = match &self.on {
            On::Directory(place) => place,
            On::Nats(cluster) => &cluster.place,
        };
        Follower::start(place, self.server.as_ref().expect("it runs"))
    }

    /// The answer of a server that runs.
    pub(crate) fn answer(&self, asked: &Asked) -> Value {
        answer(&self.url(), asked)
    }

    /// All events in the log. The server has been killed.
    pub(crate) fn log(&self) -> Vec<Value> {
        let line = "log tail --records 0 --format json";
        let text = match &self.on {
            On::Directory(place) => place.ok(&format!("--data d {line}")),
            On::Nats(cluster) => cluster.place.ok(&format!("--log {} {line}", cluster.nats.url())),
        };
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn get(&self, path: &str) -> Value {
        let ask =
            || request(&self.url(), "GET", &format!("{path}at_least=tail"), "").expect("the server runs");
        let mut answers = std::iter::repeat_with(ask).take(STALE_AT_MOST);
        let text = answers.find(|(status, _)| *status == 200).expect("a view has the log's end").1;
        serde_json::from_str(&text).unwrap()
    }

    /// Checks what has to be true at any moment, and returns all allocations. `used`: all tokens that were recorded.
    #[track_caller]
    pub(crate) fn laws(&self, used: i64) -> Vec<Value> {
        let (mut all, mut page) = (Vec::new(), self.get("/v1/allocations?limit=1000&"));
        loop {
            all.extend(page["allocations"].as_array().unwrap().iter().cloned());
            let Some(next) = page["next"].as_u64() else { break };
            page = self.get(&format!("/v1/allocations?limit=1000&before={next}&"));
        }
        let status = self.get("/v1/policies/all?")["status"].clone();
        let mut reserved = 0;
        for allocation in all.iter().filter(|allocation| allocation["state"] != "refused") {
            let tokens = |what: &str| tokens(&allocation[what]);
            assert_eq!(
                tokens("amount") + tokens("overrun"),
                tokens("used") + tokens("remaining") + tokens("released") + tokens("expired"),
                "{allocation}"
            );
            let is_open = allocation["state"] == "open";
            assert!(is_open || tokens("remaining") == 0, "{allocation}");
            reserved += tokens("remaining");
        }
        assert_eq!((tokens(&status["booked"]), tokens(&status["reserved"])), (used, reserved), "{status}");
        assert!(used + reserved <= LIMIT, "oversold: {status}");
        all
    }
}

/// The answer of a server that runs. One that does not know yet what was spent says so, and is asked again.
pub(crate) fn answer(url: &str, asked: &Asked) -> Value {
    let answers = std::iter::repeat_with(|| asked.post(url).expect("the server runs"));
    let answer = answers.take(STALE_AT_MOST).find(|answer| answer["code"] != "stale");
    answer.expect("a view has the log's end")
}

/// The tokens of an amount.
pub(crate) fn tokens(amount: &Value) -> i64 {
    amount["tokens"].as_i64().unwrap()
}
