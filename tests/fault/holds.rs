//! Failure 2: the server is killed between an allocation and its settlement. What it holds comes back, what was
//! spent stays spent, and whoever asks again gets the same answer.

#![expect(clippy::unwrap_used, reason = "in a test an error is a failed test")]

mod ground;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use tollgate_domain::time::Timestamp;

use self::ground::{Asked, Ground, LIMIT, answer, over_each_log, tokens};

over_each_log!(
    failure_02_killed_when_a_step_was_sent,
    failure_02_killed_when_a_step_was_recorded,
    failure_02_killed_when_a_step_was_answered,
    failure_02_killed_in_the_middle_of_concurrent_allocations,
    failure_02_killed_in_the_middle_of_recording_what_expired,
);

/// When a server is killed in a step.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// The request is on its way.
    Sent,
    /// Its record is in the log; its answer may not have been sent.
    Recorded,
    /// Its answer arrived.
    Answered,
}

/// A step of an allocation's life.
struct Step {
    asked: Asked,
    /// The id of its record.
    record: &'static str,
    /// Tokens recorded as used after it.
    used: i64,
    /// What its answer says: state, used, left, released, overrun. `None`: it is usage.
    says: Option<(&'static str, [i64; 4])>,
}

/// An allocation from its making to usage that comes after its release, and others that it leaves no room or just room.
fn life() -> Vec<Step> {
    const DAY_S: u64 = 86_400;
    let post = |path: &str, body: Value| Asked { path: path.to_owned(), body };
    let step = |asked, record, used, says| Step { asked, record, used, says };
    let extend = post("/v1/allocations/a/extend", json!({"id": "e-1", "tokens": 200}));
    let release = post("/v1/allocations/a/release", json!({}));
    vec![
        step(Asked::allocate("a", 400, DAY_S), "allocate/a", 0, Some(("open", [0, 400, 0, 0]))),
        step(Asked::allocate("large", 601, DAY_S), "allocate/large", 0, Some(("refused", [0, 0, 0, 0]))),
        step(Asked::usage("u-1", "a", 100), "u-1", 100, None),
        step(extend, "extend/e-1", 100, Some(("open", [100, 500, 0, 0]))),
        step(Asked::usage("u-2", "a", 150), "u-2", 250, None),
        step(release, "release/a", 250, Some(("released", [250, 0, 350, 0]))),
        step(Asked::usage("u-3", "a", 400), "u-3", 650, None),
        step(Asked::allocate("b", 350, DAY_S), "allocate/b", 650, Some(("open", [0, 350, 0, 0]))),
        step(Asked::allocate("c", 1, DAY_S), "allocate/c", 650, Some(("refused", [0, 0, 0, 0]))),
    ]
}

fn failure_02_killed_when_a_step_was_sent(ground: &mut Ground) {
    killed_at_every_step(ground, Moment::Sent);
}

fn failure_02_killed_when_a_step_was_recorded(ground: &mut Ground) {
    killed_at_every_step(ground, Moment::Recorded);
}

fn failure_02_killed_when_a_step_was_answered(ground: &mut Ground) {
    killed_at_every_step(ground, Moment::Answered);
}

fn killed_at_every_step(ground: &mut Ground, moment: Moment) {
    for Step { asked, record, used, says } in life() {
        let url = ground.url();
        let first = match moment {
            Moment::Sent => {
                asked.send(&url);
                ground.kill();
                None
            }
            Moment::Recorded => {
                let mut follower = ground.follow();
                let asking = {
                    let asked = asked.clone();
                    std::thread::spawn(move || asked.post(&url))
                };
                follower.wait_for_line(&format!("\"id\":\"{record}\""));
                ground.kill();
                asking.join().unwrap()
            }
            Moment::Answered => {
                let first = answer(&url, &asked);
                ground.kill();
                Some(first)
            }
        };
        let is_there = ground.log().iter().any(|event| event["id"] == record);
        assert!(is_there || first.is_none() && matches!(moment, Moment::Sent), "{record} is lost");
        ground.restart();
        let again = ground.answer(&asked);
        assert!(first.is_none_or(|first| same(&first, &again)), "{record}: {again}");
        if let Some((state, figures)) = says {
            let said = ["used", "remaining", "released", "overrun"].map(|what| tokens(&again[what]));
            assert_eq!((again["state"].as_str(), said), (Some(state), figures), "{record}: {again}");
            assert_eq!(again["repeated"], is_there, "{record}: {again}");
        } else {
            let outcome = if is_there { "duplicate" } else { "appended" };
            assert_eq!(again["outcomes"][0]["outcome"], outcome, "{record}: {again}");
        }
        let _ = ground.laws(used);
    }
    let all = ground.laws(650);
    let late = all.iter().find(|allocation| allocation["allocation"] == "a").unwrap();
    assert_eq!((tokens(&late["used"]), tokens(&late["overrun"])), (650, 50), "{late}");
}

/// Whether two answers say the same. Whether one is a repetition, and as of when it is known, may differ.
fn same(first: &Value, again: &Value) -> bool {
    let what = |answer: &Value| {
        let mut answer = answer.clone();
        if let Some(fields) = answer.as_object_mut() {
            for field in ["repeated", "as_of", "position"] {
                fields.remove(field);
            }
        }
        if let Some(outcome) = answer.pointer_mut("/outcomes/0/outcome") {
            *outcome = json!("known");
        }
        answer
    };
    what(first) == what(again)
}

/// How many ask at once, 33 of which fit, and how many answers are in the log when the server is killed.
const ASKED: usize = 80;
const TOKENS: i64 = 30;
const KILLED_AFTER: [usize; 3] = [4, 25, 50];

fn failure_02_killed_in_the_middle_of_concurrent_allocations(ground: &mut Ground) {
    let mut known: BTreeMap<String, Value> = BTreeMap::new();
    let mut cut = 0;
    for after in KILLED_AFTER {
        let mut follower = ground.follow();
        let asking = at_once(&ground.url(), |url, asked| asked.post(url));
        for _ in 0..after {
            follower.wait_for_line("\"id\":\"allocate/");
        }
        ground.kill();
        for (name, answer) in asking.into_iter().flat_map(|asking| asking.join().unwrap()) {
            let Some(answer) = answer else {
                cut += 1;
                continue;
            };
            if let Some(first) = known.insert(name, answer.clone()) {
                assert!(same(&first, &answer), "{first} {answer}");
            }
        }
        ground.restart();
        let _ = ground.laws(0);
    }
    assert!(cut > 0, "everybody had an answer before the server was killed");
    let asking = at_once(&ground.url(), |url, asked| Some(answer(url, asked)));
    let last: BTreeMap<String, Value> = asking
        .into_iter()
        .flat_map(|asking| asking.join().unwrap())
        .map(|(name, answer)| (name, answer.unwrap()))
        .collect();
    for (name, first) in &known {
        assert!(same(first, &last[name]), "{first} {}", last[name]);
    }
    let open = last.values().filter(|answer| answer["state"] == "open").count();
    assert_eq!((last.len(), open), (ASKED, 33), "33 × 30 fit into 1,000");
    assert_eq!(ground.laws(0).len(), ASKED);
    ground.kill();
    assert_eq!(once(&ground.log(), "allocate/"), ASKED);
}

/// One asking, with what each of its requests was answered.
type Asking = std::thread::JoinHandle<Vec<(String, Option<Value>)>>;

/// Has eight ask at once, each for its part of the names.
fn at_once(url: &str, ask: fn(&str, &Asked) -> Option<Value>) -> Vec<Asking> {
    const ASKING: usize = 8;
    let asking = |nth: usize| {
        let url = url.to_owned();
        std::thread::spawn(move || {
            let names = (nth..ASKED).step_by(ASKING).map(|name| format!("a-{name}"));
            let answers = names.map(|name| {
                let answer = ask(&url, &Asked::allocate(&name, TOKENS, 86_400));
                let is_decided = answer.as_ref().is_none_or(|answer| answer["state"].is_string());
                (name, answer.filter(|_| is_decided))
            });
            answers.collect()
        })
    };
    (0..ASKING).map(asking).collect()
}

/// How many different records there are with such ids, none of which may be there twice.
fn once(log: &[Value], prefix: &str) -> usize {
    let mut names = BTreeSet::new();
    for id in log.iter().filter_map(|event| event["id"].as_str()).filter(|id| id.starts_with(prefix)) {
        assert!(names.insert(id), "{id} is there twice");
    }
    names.len()
}

/// How many allocations nobody settles, and of how many tokens; together they are the limit.
const HELD: usize = 200;
const HELD_TOKENS: i64 = 5;

fn failure_02_killed_in_the_middle_of_recording_what_expired(ground: &mut Ground) {
    // Some last longer, so that they are not all over when the server is back.
    let ask = |nth: usize| {
        Asked::allocate(&format!("h-{nth}"), HELD_TOKENS, if nth.is_multiple_of(2) { 1 } else { 3 })
    };
    let held: Vec<Value> = (0..HELD).map(|nth| ground.answer(&ask(nth))).collect();
    assert!(held.iter().all(|held| held["state"] == "open"), "{held:?}");
    let _ = ground.answer(&Asked::usage("u-1", "h-0", 2));
    ground.kill();
    ground.restart();
    // Whoever asks for all that is not spent gets it as soon as the last one is over, and not before.
    let probe = |nth: usize| {
        let found = ground.answer(&Asked::allocate(&format!("all-{nth}"), LIMIT - 2, 86_400));
        let time = |of: &Value| of.as_str().unwrap().parse::<Timestamp>().unwrap();
        let (at, is_open) = (time(&found["decided_at"]), found["state"] == "open");
        let lasts = |held: &&Value| at < time(&held["expires_at"]);
        let left = |held: &Value| if held["allocation"] == "h-0" { HELD_TOKENS - 2 } else { HELD_TOKENS };
        let reserved: i64 = held.iter().filter(lasts).map(left).sum();
        assert_eq!(tokens(&found["policies"][0]["reserved"]), reserved, "{found}");
        assert_eq!(is_open, reserved == 0, "{found}");
        is_open
    };
    assert!((0..).any(probe));
    let _ = ground.laws(2);
    let (mut there, mut cut) = (0, 0);
    for _ in 0..3 {
        let mut follower = ground.follow();
        for _ in 0..(there + 1).min(HELD) {
            follower.wait_for_line("\"id\":\"expire/");
        }
        ground.kill();
        there = once(&ground.log(), "expire/");
        cut += usize::from(there < HELD);
        ground.restart();
        let _ = ground.laws(2);
    }
    assert!(cut > 0, "all that had expired was recorded before the server was killed");
    let mut follower = ground.follow();
    for _ in 0..HELD {
        follower.wait_for_line("\"id\":\"expire/");
    }
    let all = ground.laws(2);
    let expired = all.iter().filter(|allocation| allocation["state"] == "expired");
    let expired: Vec<i64> = expired.map(|allocation| tokens(&allocation["expired"])).collect();
    assert_eq!((expired.len(), expired.iter().sum::<i64>()), (HELD, LIMIT - 2));
    ground.kill();
    assert_eq!(once(&ground.log(), "expire/"), HELD);
}
