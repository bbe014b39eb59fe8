//! Money on real logs: random histories of policies, allocations and usage through two servers, beside a naive model.
//!
//! What is tried: allocating, using with and without an allocation and before it is made, late and repeated usage,
//! extending, releasing, expiry, the same request again, requests that arrive at once through both servers, callers
//! that leave, servers that end between a decision, its record and its answer. What has to hold is in `laws.rs`.
//!
//! `TOLLGATE_MODEL_STEPS=100000 cargo test --release -p tollgate-server --test money_model` runs more;
//! `TOLLGATE_MODEL_SEED=7` begins with another history. A failure names the seed and the step.

#![expect(clippy::unwrap_used, reason = "in a test an error is a failed test")]
#![expect(clippy::print_stdout, reason = "a run says what it tried")]

#[path = "money_model/ground.rs"]
mod ground;
#[path = "money_model/history.rs"]
mod history;
#[path = "money_model/laws.rs"]
mod laws;
#[path = "money_model/log.rs"]
mod log;
#[path = "money_model/naive.rs"]
mod naive;
#[path = "support/nats.rs"]
mod nats;
#[path = "money_model/operations.rs"]
mod operations;
#[path = "money_model/random.rs"]
mod random;

use serde_json::json;

use self::ground::{Asked, Ground, Kind};
use self::history::{History, Regime, Tried};
use self::log::Fault;

/// Steps of a history, each of a tenant of its own on the same log.
const HISTORY: u64 = 250;

fn from_environment(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

/// Runs this many histories; returns what was tried, or the first law that was broken.
fn run(ground: &mut Ground, histories: u64, regime: Regime) -> Result<Tried, String> {
    let first = from_environment("TOLLGATE_MODEL_SEED").unwrap_or(1);
    let mut tried = Tried::default();
    for seed in first..first + histories {
        let mut history = History::new(ground, seed, regime);
        for step in 0..HISTORY {
            history.step().map_err(|error| format!("seed {seed}, step {step}: {error}"))?;
        }
        history.end().map_err(|error| format!("seed {seed}, at its end: {error}"))?;
        tried.add(&history.tried);
    }
    ground.rebuilt_is_the_same()?;
    Ok(tried)
}

/// In the suite these many steps, of which the environment may ask for more.
#[track_caller]
fn holds(kind: Kind, steps: u64, regime: Regime) {
    let steps = from_environment("TOLLGATE_MODEL_STEPS").unwrap_or(steps);
    let Some(mut ground) = Ground::new(kind, Fault::Nothing) else { return };
    let tried = run(&mut ground, steps.div_ceil(HISTORY), regime).unwrap();
    println!("{kind:?}, {regime:?}, {steps} steps: {tried:?}");
    tried.is_enough(steps, regime);
}

#[test]
fn nothing_is_oversold_on_the_memory_log() {
    holds(Kind::Memory, 1000, Regime::WithinAllocations);
}

#[test]
fn all_adds_up_on_the_memory_log() {
    holds(Kind::Memory, 1000, Regime::Any);
}

#[test]
fn nothing_is_oversold_on_the_embedded_log() {
    holds(Kind::Embedded, 1000, Regime::WithinAllocations);
}

#[test]
fn all_adds_up_on_the_embedded_log() {
    holds(Kind::Embedded, 1000, Regime::Any);
}

#[test]
fn nothing_is_oversold_on_jetstream() {
    holds(Kind::JetStream, 250, Regime::WithinAllocations);
}

#[test]
fn all_adds_up_on_jetstream() {
    holds(Kind::JetStream, 250, Regime::Any);
}

#[test]
fn planted_faults_are_found() {
    for fault in [Fault::AnyDecisionWins, Fault::OldEnd, Fault::CountsAgain] {
        let mut ground = Ground::new(Kind::Memory, fault).unwrap();
        let found = run(&mut ground, 12, Regime::WithinAllocations).err();
        println!("{fault:?}: {found:?}");
        assert!(found.is_some(), "{fault:?} was not found");
    }
}

/// What is refused is not appended, so that the log could not object to what a server did not see.
#[test]
fn a_refusal_takes_into_account_what_the_other_server_decided() {
    let ground = Ground::new(Kind::Memory, Fault::Nothing).unwrap();
    let post = |nth: usize, path: &str, body: serde_json::Value| {
        ground.post(nth, &Asked { path: format!("/v1/{path}"), body })
    };
    let limit = json!({"window": "monthly", "limit_tokens": 100, "enforcement": "hard_limit"});
    assert_eq!(post(0, "policies/all", limit).0, 200);
    assert_eq!(post(0, "allocations", json!({"allocation": "a", "tokens": 50})).1["state"], "open");
    assert_eq!(post(1, "allocations", json!({"allocation": "b", "tokens": 50})).1["state"], "open");
    // The first server has decided since it last asked what there is, and knows nothing of `b`.
    let (status, answer) = post(0, "allocations/b/extend", json!({"ttl_s": 172_800}));
    assert_eq!(status, 200, "{answer}");
    let (status, answer) = post(1, "allocations/b/release", json!({}));
    assert_eq!(status, 200, "{answer}");
    let (status, answer) = post(0, "allocations/a/extend", json!({"tokens": 50}));
    assert_eq!(status, 200, "{answer}");
    let (status, answer) =
        post(1, "policies/all", json!({"window": "daily", "limit_tokens": 1, "if_version": 1}));
    assert_eq!(status, 200, "{answer}");
    let (status, answer) =
        post(0, "policies/all", json!({"window": "daily", "limit_tokens": 2, "if_version": 2}));
    assert_eq!(status, 200, "{answer}");
}
