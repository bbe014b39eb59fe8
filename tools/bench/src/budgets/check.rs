//! Asking whether something may be spent: in the process of the ledger, and over HTTP beside a plain hop.

use std::path::Path;
use std::sync::Arc;

use tokio::runtime::Runtime;
use tollgate_client::{Client, HttpTransport};
use tollgate_clock::Stopwatch;
use tollgate_server::Ledger;
use tollgate_wire::api::AllocateRequest;

use super::work::{POLICIES, policy, policy_name, request, scopes};
use crate::driver::nanoseconds;
use crate::place::Place;
use crate::plain::Plain;
use crate::plain_http::PlainHttp;
use crate::process::Process;
use crate::stats::{Samples, percentile};

/// Questions of a round, one after the other.
const CHECKS: u64 = 2_000;

/// Asked first and not counted: their sums are read from the rows.
const FIRST: u64 = 1_000;

/// A request that reserves nothing.
fn question(number: u64) -> AllocateRequest {
    AllocateRequest { allocation: None, ..request(number) }
}

/// In the process of a ledger whose tenant has given what its limit allows.
pub(super) fn in_process(runtime: &Runtime, ledger: &Arc<Ledger>, figures: &mut Samples) {
    let latencies: Vec<u64> = runtime.block_on(async {
        let mut latencies = Vec::new();
        for number in 0..FIRST + CHECKS {
            let question = question(number % FIRST);
            let took = Stopwatch::start();
            let answer = ledger.budgets().check(&question).await.expect("an answer");
            assert!(!answer.allowed && answer.policies.len() == 5, "the limit is reached: {answer:?}");
            if number >= FIRST {
                latencies.push(nanoseconds(took.elapsed()));
            }
        }
        latencies
    });
    for percent in [50, 99] {
        let latency = percentile(&latencies, percent) as f64 / 1e3;
        figures.add(format!("check_in_process_p{percent}_microseconds"), latency);
    }
}

/// The most that a policy may limit: nothing is ever near it.
const LARGEST_LIMIT: u64 = 1_000_000_000_000_000_000;

/// Over HTTP to the binary as its operators run it, in turns with the plain hop: a request of about as many bytes and
/// its answer, between two processes, in which nothing is decoded, decided or stored.
pub(super) fn over_http(
    place: &Place,
    binary: &Path,
    (figures, ratios): (&mut Samples, &mut Samples),
) -> Result<(), String> {
    let dir = place.fresh("check");
    let data = dir.path().join("data").display().to_string();
    let server = Process::start(binary, &["--data", &data, "serve", "--listen", "127.0.0.1:0"]);
    let url = server.url();
    let plain = Process::start_this(&["plain-server"]);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(|error| format!("starting the runtime: {error}"))?;
    let (mut checks, mut hops, mut idle, mut bare) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    runtime.block_on(async {
        let client = Client::new(Arc::new(HttpTransport::new(&url).expect("an address")));
        for scope in scopes(POLICIES) {
            let (name, policy) = (policy_name(scope.as_ref()), policy(scope.as_ref(), LARGEST_LIMIT));
            client.set_policy(&name, &policy).await.expect("a policy");
        }
        let plain = Plain::to(plain.first.trim()).await;
        let answer = client.check(&question(0)).await.expect("an answer");
        let bytes = serde_json::to_vec(&answer).expect("JSON").len().to_string();
        let http = Process::start_this(&["plain-http-server", "--bytes", &bytes]);
        let plain_http = PlainHttp::to(http.first.trim());
        for number in 0..FIRST + CHECKS {
            let question = question(number % FIRST);
            let took = Stopwatch::start();
            let answer = client.check(&question).await.expect("an answer");
            let check = nanoseconds(took.elapsed());
            assert!(answer.allowed && answer.policies.len() == 5, "{answer:?}");
            let body = serde_json::to_vec(&question).expect("JSON");
            let hop = plain.once().await;
            let over_http = plain_http.once(body).await;
            let took = Stopwatch::start();
            client.position().await.expect("the log's end");
            let position = nanoseconds(took.elapsed());
            if number >= FIRST {
                checks.push(check);
                hops.push(hop);
                idle.push(position);
                bare.push(over_http);
            }
        }
    });
    drop((runtime, server, plain));
    place.clear(dir);
    for percent in [50, 99] {
        let all = [&checks, &hops, &idle, &bare];
        let [check, hop, position, bare] = all.map(|of| percentile(of, percent) as f64 / 1e3);
        figures.add(format!("check_over_http_p{percent}_microseconds"), check);
        figures.add(format!("check_plain_hop_p{percent}_microseconds"), hop);
        figures.add(format!("check_plain_http_hop_p{percent}_microseconds"), bare);
        ratios.add(format!("check_over_http_p{percent}_vs_plain_http_hop"), check / bare);
        figures.add(format!("check_http_position_p{percent}_microseconds"), position);
        ratios.add(format!("check_over_http_p{percent}_vs_plain_hop"), check / hop);
        ratios.add(format!("check_over_http_p{percent}_vs_http_position"), check / position);
    }
    Ok(())
}
