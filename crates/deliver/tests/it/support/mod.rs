//! What tests share: a receiver, a clock that a test moves, an outbox in memory.

pub(crate) mod memory;
pub(crate) mod receiver;
pub(crate) mod timer;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tollgate_deliver::BoxFuture;
use tollgate_deliver::config::{Endpoint, Filter, Way};
use tollgate_deliver::digest::DigestPolicy;
use tollgate_deliver::notice::AlertNotice;
use tollgate_deliver::secret::Secret;
use tollgate_deliver::signature::Signer;
use tollgate_deliver::webhook::Webhook;
use tollgate_domain::alert::{AlertRule, Severity};
use tollgate_domain::event::Change;
use tollgate_domain::time::Timestamp;
use tollgate_outbound::client::Timeouts;
use tollgate_outbound::guard::Resolve;
use tollgate_outbound::target::{Permits, Target};
use tollgate_outbound::tls::Trust;

/// The secret of every endpoint here.
pub(crate) const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// The longest that a test waits for something it expects.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) fn start() -> Timestamp {
    "2026-11-21T10:00:00Z".parse().unwrap()
}

/// The n-th change.
pub(crate) fn change(n: u32) -> AlertNotice {
    AlertNotice {
        alert: format!("{n:032x}"),
        change: Change::Raised,
        at: start(),
        rule: AlertRule::Breach,
        severity: Severity::Error,
        tenant: "default".to_owned(),
        task: format!("T-{n}"),
        scope: "IMPLEMENT#1".to_owned(),
        level: 100,
        generation: 1,
        message: format!("task T-{n} has used all of its tokens"),
        raised_at: start(),
        note: None,
    }
}

/// An endpoint; how it is reached is given separately.
pub(crate) fn endpoint(name: &str, digest: DigestPolicy) -> Endpoint {
    Endpoint { name: name.to_owned(), way: Way::Bus, filter: Filter::default(), digest }
}

/// What a test's endpoints may do: speak http to this machine.
pub(crate) fn permits(port: u16) -> Permits {
    Permits { http: true, private: true, ports: vec![port] }
}

pub(crate) fn signer() -> Signer {
    Signer::new(vec![Secret::parse(SECRET).unwrap()])
}

/// A webhook that reaches an address on this machine.
pub(crate) fn webhook(address: SocketAddr) -> Webhook {
    let target = Target::parse(&format!("http://{address}/hook"), &permits(address.port())).unwrap();
    webhook_to(target, Trust::System, "127.0.0.1")
}

pub(crate) fn webhook_to(target: Target, trust: Trust, resolves_to: &'static str) -> Webhook {
    let webhook = Webhook::new(target, signer(), &trust, Arc::new(Resolved(vec![resolves_to]))).unwrap();
    webhook.with_timeouts(Timeouts { connect: Duration::from_secs(5), total: Duration::from_secs(10) })
}

/// Gives every name the same addresses.
pub(crate) struct Resolved(pub(crate) Vec<&'static str>);

impl Resolve for Resolved {
    fn resolve<'a>(&'a self, _: &'a str, port: u16) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        let found = self.0.iter().map(|ip| SocketAddr::new(ip.parse().unwrap(), port)).collect();
        Box::pin(async { Ok(found) })
    }
}

pub(crate) fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}
