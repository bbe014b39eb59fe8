//! Budgets, policies and allocations on the command line. Windows are fixed ones around any day on which this runs.

use tollgate_tests::{Follower, Place, Server};

/// A hard limit of 5 USD on what the team `search` spends.
const FIVE_DOLLARS: &str = "--data d policy set search --window fixed --window-from 2020-01-01T00:00:00Z --window-to 2220-01-01T00:00:00Z --limit-usd 5 --enforcement hard_limit --scope team=search";

/// Usage of this much output of `gpt-5`, at 0.00001 USD a token.
pub(crate) fn used(place: &Place, rest: &str) {
    let _ = place.ok(&format!(
        "--data d usage record T-1 --model gpt-5 --label team=search --at 2026-11-20T10:00:00Z {rest}"
    ));
}

/// The lines of an answer that begin with this, with single spaces.
pub(crate) fn lines(text: &str, begin: &str) -> Vec<String> {
    let words = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    words.filter(|line| line.starts_with(begin)).collect()
}

#[test]
fn what_may_be_spent_is_checked_reserved_used_extended_and_released() {
    let place = Place::new();
    let policy = place.ok(FIVE_DOLLARS);
    assert_eq!(lines(&policy, "counts"), ["counts team=search"], "{policy}");
    assert_eq!(lines(&policy, "limit"), ["limit 5 USD, hard_limit"], "{policy}");
    used(&place, "--output 100000");

    let check = "--data d check --model gpt-5 --label team=search";
    let allowed = place.ok(&format!("{check} --tokens 400000"));
    assert_eq!(lines(&allowed, "allowed"), ["allowed: 400,000 tokens, 4 USD"]);
    let refused = place.run_line(&format!("{check} --tokens 400001"));
    assert_eq!(refused.code, 5, "{}{}", refused.out, refused.err);
    assert_eq!(lines(&refused.out, "refused"), ["refused: 400,001 tokens, 4.00001 USD"]);
    assert!(refused.out.contains("1 of 5 USD spent, 0 reserved, 4.00001 asked for"), "{}", refused.out);
    let advice = "search: ask for at most 4 USD, wait until 2220-01-01 00:00:00Z, release what is not needed (`tollgate --data d allocate list --state open --policy search`)";
    assert!(refused.out.contains(advice), "{}", refused.out);
    // Other teams are not held to it.
    assert!(
        place
            .ok("--data d check --model gpt-5 --tokens 400001 --label team=ads")
            .contains("no policy is about")
    );

    let create =
        "--data d allocate create job-1 --model gpt-5 --tokens 200000 --label team=search --task T-1";
    let made = place.ok(create);
    assert_eq!(lines(&made, "job-1"), ["job-1 open"]);
    let again = place.ok(create);
    assert_eq!(lines(&again, "job-1"), ["job-1 open, as decided before"]);
    let told = place.fails(3, "--data d allocate create job-1 --model gpt-5 --tokens 1");
    assert!(told.contains("job-1"), "{told}");
    let second = place.run_line("--data d allocate create job-2 --usd 2.000001 --label team=search");
    assert_eq!(second.code, 5, "{}{}", second.out, second.err);
    assert!(second.out.contains("job-2  refused") && second.out.contains("\nto do\n"), "{}", second.out);
    let told = place.fails(5, "--data d allocate extend job-1 --usd 2.000001");
    assert!(told.contains("would be exceeded"), "{told}");
    let extended = place.ok("--data d allocate extend job-1 --usd 1 --ttl 48h --id e-1");
    assert_eq!(lines(&extended, "allocated"), ["allocated 200,000 tokens, 3 USD"], "{extended}");

    used(&place, "--output 50000 --allocation job-1");
    let policy = place.ok("--data d policy show search");
    assert_eq!(lines(&policy, "spent"), ["spent 1.5 of 5 USD"], "{policy}");
    assert_eq!(lines(&policy, "reserved"), ["reserved 2.5 USD"], "{policy}");
    assert_eq!(lines(&policy, "left"), ["left 1 to 3.5 USD"], "{policy}");
    let released = place.ok("--data d allocate release job-1 --author ci");
    for line in ["allocated 200,000 tokens, 3 USD", "used 50,000 tokens, 0.5 USD", "left 0 USD"] {
        assert_eq!(lines(&released, line), [line], "{released}");
    }
    assert_eq!(lines(&released, "released"), ["released 150,000 tokens, 2.5 USD"], "{released}");
}

#[test]
fn a_server_tells_of_an_allocation_that_is_exceeded_and_a_person_ends_the_alert() {
    let place = Place::new();
    let _ = place.ok("--data d task open T-1");
    let _ =
        place.ok("--data d allocate create job-1 --model gpt-5 --tokens 1000 --task T-1 --component indexer");
    used(&place, "--output 2500 --allocation job-1");
    let _ = place.ok("--data d allocate release job-1");
    let server = Server::start(&place, "d");
    let mut follower =
        Follower::of(&place, &["--server", &server.url, "--format", "json", "alerts", "--follow"]);
    follower.wait_for_line("allocation_overrun");
    let list = place.ok("--data d alerts --rule allocation_overrun");
    let told = "allocation `job-1`, asked for by component `indexer` for task T-1: 2,500 tokens and 0.025 USD used, 1,000 tokens and 0.01 USD allocated";
    assert!(list.contains(told) && list.contains("warning"), "{list}");
    let id = list.lines().nth(1).unwrap().split_whitespace().last().unwrap().to_owned();
    let _ = place.ok(&format!("--data d alerts ack {id} --by grace"));
    let list = place.ok("--data d alerts --state resolved");
    assert!(list.contains("resolved: acknowledged by grace"), "{list}");
}

#[test]
fn lists_are_tables_json_and_csv() {
    let place = Place::new();
    let budget = place.ok("--data d budget set search --title \"Search, all of it\" --owner ada");
    assert!(budget.contains("Search, all of it") && budget.contains("none: make one with"), "{budget}");
    let _ = place.ok(&format!("{FIVE_DOLLARS} --budget search"));
    used(&place, "--output 450000");
    let shown = place.ok("--data d budget show search");
    assert!(
        lines(&shown, "search fixed").concat().contains("5 USD 4.5 USD 0 USD 0.5 USD warning"),
        "{shown}"
    );
    let _ = place.ok("--data d allocate create job-1 --usd 0.3 --label team=search --context nightly");
    let served = Server::start(&place, "d");
    for (list, key, header, row) in [
        (
            "budget list",
            "budgets",
            "tenant,budget,title",
            "default,search,\"Search, all of it\",,ada,true,search",
        ),
        ("policy list", "policies", "tenant,policy,budget,version", "default,search,search,1,fixed,"),
        (
            "allocate list --context nightly --state open",
            "allocations",
            "tenant,allocation,state,context",
            "default,job-1,open,nightly,,,,,,5,0,0.3,0,0,0,0.3,0,0,0,0,0,0,",
        ),
    ] {
        let found = place.json(&format!("--data d {list}"));
        assert_eq!(found[key].as_array().unwrap().len(), 1, "{found}");
        let csv = place.ok(&format!("--data d {list} --format csv"));
        let mut rows = csv.lines();
        assert!(rows.next().unwrap().starts_with(header), "{csv}");
        let first = rows.next().unwrap();
        assert!(first.starts_with(row), "{csv}");
        assert!(rows.next().is_none(), "{csv}");
        let columns = |line: &str| line.replace("\"Search, all of it\"", "").matches(',').count();
        assert_eq!(columns(first), columns(csv.lines().next().unwrap()), "{csv}");
    }
    let status = place.json("--data d policy show search")["status"].clone();
    assert_eq!((&status["level"], &status["reserved"]["usd"]), (&"action".into(), &"0.3".into()), "{status}");
    drop(served);
    assert!(place.ok("--data d allocate list --state refused").contains("no allocations"));
    assert!(place.ok("--data d allocate list --state released").contains("no allocations"));
    let _ = place.ok("--data d allocate release job-1");
    for (state, is_one) in [("released", true), ("open", false), ("expired", false), ("all", true)] {
        let found = place.json(&format!("--data d allocate list --state {state}"));
        assert_eq!(found["allocations"].as_array().unwrap().len(), usize::from(is_one), "{state}: {found}");
    }
    assert!(place.fails(2, "--data d allocate list --state gone").contains("expired"));
    assert!(place.fails(2, "--data d budget defaults --format csv").contains("--format md, html and csv"));
}

#[test]
fn a_raise_a_new_version_and_the_policies_that_ship() {
    let place = Place::new();
    let made = place.ok("--data d budget defaults --author ada");
    assert!(lines(&made, "default-cost-monthly").concat().contains("monthly warn 100 USD"), "{made}");
    // Their names: an hour may end in between, and with it a window.
    let names = |text: &str| -> Vec<String> {
        text.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
    };
    let again = place.ok("--data d budget defaults");
    assert_eq!(names(&made), names(&again), "those that exist stay as they are");
    let session = place.ok("--data d policy show default-local_midweight-per_session");
    assert!(session.contains("each session by itself: ask with `tollgate --data d check`"), "{session}");

    // Those near their limit are named.
    let _ = place.ok("--data d policy set each --window per_task --limit-usd 1");
    let _ = place.ok("--data d usage record T-near --model gpt-5 --output 96000");
    let each = place.ok("--data d policy show each");
    assert_eq!(lines(&each, "near"), ["near T-near action: 0.96 of 1 USD spent, 0 USD reserved"], "{each}");

    let _ = place.ok(FIVE_DOLLARS);
    let raised = place.ok(
        "--data d policy raise search --usd 2 --until 2220-01-01T00:00:00Z --author ada --reason \"release week\"",
    );
    assert_eq!(lines(&raised, "spent"), ["spent 0 of 7 USD"], "{raised}");
    assert!(raised.contains("by 2 USD from ") && raised.contains(", by ada: release week"), "{raised}");
    let degrades = "--data d policy set search --window per_task --limit-usd 1 --enforcement degrade --degrade-to gpt-5-mini --scope team=search --if-version";
    assert!(place.fails(3, &format!("{degrades} 2")).contains("version"));
    let changed = place.ok(&format!("{degrades} 1 --reason \"one task took it all\""));
    assert!(changed.contains("version 2 of 2"), "{changed}");
    assert_eq!(lines(&changed, "limit"), ["limit 1 USD, degrade to gpt-5-mini"], "{changed}");
    assert_eq!(lines(&changed, "figures").len(), 1, "{changed}");

    let create = "--data d allocate create --model gpt-5 --tokens 350000 --label team=search --task T-1";
    let instead = place.json(create);
    assert_eq!((&instead["model"], &instead["instead_of"]), (&"gpt-5-mini".into(), &"gpt-5".into()));
    let check = place.ok("--data d check --model gpt-5 --tokens 350000 --label team=search --task T-2");
    assert!(check.starts_with("allowed with gpt-5-mini instead"), "{check}");
    let unnamed = place.run_line("--data d check --model gpt-5 --tokens 1 --label team=search");
    assert_eq!(unnamed.code, 5, "{}", unnamed.out);
    assert!(unnamed.out.contains("search: name the task with --task"), "{}", unnamed.out);
}

#[test]
fn a_route_is_the_cheapest_model_that_is_allowed() {
    let place = Place::new();
    let _ = place.ok(FIVE_DOLLARS);
    let route = "--data d route --model gpt-5 --tokens 1000 --output-tokens 200 --label team=search --only-model gpt-5 --only-model gpt-5-mini";
    let found = place.ok(route);
    assert!(found.starts_with("gpt-5-mini of openai, "), "{found}");
    assert!(
        found.contains("800 input_uncached × 0.00000125 + 200 output × 0.00001 = 0.003 USD (fits too)"),
        "{found}"
    );
    used(&place, "--output 500000");
    let none = place.run_line(route);
    assert_eq!(none.code, 5, "{}", none.out);
    assert!(
        none.out.starts_with("no model is allowed\n") && none.out.contains("(refused by search)"),
        "{}",
        none.out
    );
    assert!(place.fails(3, &format!("{route} --tier heavy")).contains("must be one of local_lightweight"));
}

#[test]
fn mistakes_are_named_and_change_nothing() {
    let place = Place::new();
    let _ = place.ok(FIVE_DOLLARS);
    let before = place.json("--data d policy list");
    for (code, line, says) in [
        (2, "policy set p --window monthly --limt-usd 5", "'--limit-usd'"),
        (2, "policy set p --limit-usd 5", "--window <WINDOW>"),
        (2, "policy set p --window montly --limit-usd 5", "'monthly'"),
        (2, "policy set p --window daily --limit-usd 5 --enforcement hardlimit", "'hard_limit'"),
        (2, "policy set p --window daily --limit-tokens many", "'many'"),
        (2, "policy set p --window fixed --limit-usd 5 --window-from 2026-11-01T00:00:00Z", "--window-to"),
        (2, "policy raise search --until 2220-01-01T00:00:00Z --author a --reason r", "--usd"),
        (2, "policy lst", "'list'"),
        (2, "alocate list", "'allocate'"),
        (2, "allocate create --ttl 12", "90s, 30m, 12h or 7d"),
        (2, "allocate extend job-1", "--ttl"),
        (2, "check --priority 11 --tokens 1", "11 is not in 1..=10"),
        (2, "check --input-tokens 1", "--tokens"),
        (3, "policy set p --window daily --limit-usd five", "limit_usd: `five`: must be a decimal"),
        (3, "policy set p --window daily --limit-usd=-1", "must not be negative"),
        (3, "policy set p --window daily", "give `limit_tokens` or `limit_usd`"),
        (3, "policy set p --window daily --limit-usd 5 --scope team", "must have the form NAME=VALUE"),
        (3, "policy set p --window daily --limit-usd 5 --scope tema=search", "`tema`: must be"),
        (3, "policy set p --window daily --limit-usd 5 --scope team=a --scope team=b", "team is `a` already"),
        (3, "policy set p --window daily --limit-usd 5 --zone Europe/Berln", "Europe/Berln"),
        (3, "policy set p --window daily --limit-usd 5 --budget none", "no budget `none`"),
        (3, "policy show p", "policy `p` of tenant `default`: there is none"),
        (3, "budget show b", "budget `b`"),
        (3, "allocate create job-1 --usd two", "usd: `two`: must be a decimal"),
        (3, "allocate create job-1 --tokens 0", "must be of something"),
        (3, "allocate create job-1 --tokens 1 --label team", "must have the form NAME=VALUE"),
        (3, "allocate show job-1", "allocation `job-1` of tenant `default`: there is none"),
        (3, "allocate release job-1", "`job-1` is not open"),
        (3, "check --tokens 1 --input-tokens 2", "input_tokens: `2`"),
        (2, "route --tokens 1 --usd 1", "unexpected argument '--usd'"),
    ] {
        mistaken(&place, code, line, says);
    }
    assert_eq!(before["as_of"], place.json("--data d policy list")["as_of"]);
    assert!(place.fails(1, "--data nowhere allocate create --tokens 1").contains("no ledger here"));
}

#[test]
fn what_would_have_no_effect_is_refused_with_the_rule() {
    let place = Place::new();
    let _ = place.ok(FIVE_DOLLARS);
    for (code, line, says) in [
        (
            3,
            "policy set p --window daily --limit-usd 5 --passes-from 8",
            "only enforcement `hard_limit` has it",
        ),
        (
            3,
            "policy set p --window daily --limit-usd 5 --degrade-to x",
            "degrade_to `x`: only enforcement `degrade`",
        ),
        (
            3,
            "policy set p --window daily --limit-usd 5 --rollover-cap-tokens 1",
            "a policy without limit_tokens",
        ),
        (
            2,
            "check --tokens -5",
            "invalid value '-5' for '--tokens <TOKENS>': must be a whole number of tokens",
        ),
        (3, "check --usd -1", "checking a request: usd `-1`: must not be negative"),
        (
            3,
            "policy set p --window daily --limit-usd 5 --warn-at 2",
            "warn_at: `2`: must not be above act_at, which is 0.95",
        ),
        (
            3,
            "policy set p --window daily --limit-usd 5 --act-at 0.5",
            "act_at: `0.5`: must not be below warn_at, which is 0.8",
        ),
        (2, "policy set \"\" --window daily --limit-usd 5", "a value is required for '<POLICY>'"),
        (2, "budget show \"\"", "a value is required for '<BUDGET>'"),
        (
            2,
            "usage record T-1 --output 9223372036854775807",
            "must be a whole number of at most 1,000,000,000,000 tokens",
        ),
    ] {
        mistaken(&place, code, line, says);
    }
}

fn mistaken(place: &Place, code: i32, line: &str, says: &str) {
    let told = place.fails(code, &format!("--data d {line}"));
    assert!(told.contains(says), "tollgate {line}\nmust say: {says}\nsays: {told}");
}
