//! A ledger never slips out of the mode it was put into.

use serde_json::{Value, json};
use tollgate_domain::config::{BudgetConfig, DEFAULT_CONFIG};
use tollgate_domain::event::{ConfigLoaded, EventBody, LedgerEvent};
use tollgate_domain::time::Timestamp;
use tollgate_tests::{Place, Server, request};

use crate::ground::{CONFIG, ENFORCE, EVIDENCE, Ground, over_each_log, verdict};

over_each_log!(
    who_starts_without_a_config_goes_on_with_the_last_one,
    a_server_that_is_killed_before_anything_happened_has_put_its_config_in_force,
    the_last_config_counts_also_where_the_log_had_it_before,
    a_refused_config_degrades_the_ledger_until_it_is_mended,
    a_config_refused_at_the_start_leaves_the_last_one_in_force,
    a_config_that_the_log_has_only_the_hash_of_is_said_loudly,
    the_config_in_force_is_shown_as_a_file,
    an_answer_that_is_given_again_says_the_rollout_it_was_decided_under,
    prices_that_were_in_force_are_found_again_or_missed_loudly,
);

/// A task that the rules block before VERIFY.
fn overspent(ground: &Ground, task: &str) {
    let _ = ground.ok(&format!("task open {task}"));
    let _ = ground.ok(&format!("usage record {task} --output 90000"));
}

fn health(ground: &Ground) -> (u16, Value) {
    let (code, text) = ground.get("/v1/health");
    (code, serde_json::from_str(&text).unwrap())
}

/// What health says about the config: the ledger's status, and the check's own words.
fn config_health(ground: &Ground) -> (String, String) {
    let (code, health) = health(ground);
    let check = health["checks"].as_array().unwrap().iter().find(|check| check["name"] == "config").unwrap();
    let status = health["status"].as_str().unwrap().to_owned();
    assert_eq!((code, check["ok"].as_bool().unwrap()), (200, status == "ok"), "{health}");
    (status, check["detail"].as_str().unwrap().to_owned())
}

fn shown(ground: &Ground) -> Value {
    serde_json::from_str(&ground.get("/v1/config").1).unwrap()
}

/// A command that opens the log itself, without a named config.
fn without_server(ground: &Ground, line: &str) -> (i32, String) {
    let flags: Vec<String> = ground.log_flags();
    let said = ground.place().run_line(&format!("{} {line}", flags.join(" ")));
    (said.code, format!("{}{}", said.out, said.err))
}

fn who_starts_without_a_config_goes_on_with_the_last_one(ground: &mut Ground) {
    overspent(ground, "T-1");
    let answer = ground.gate("T-1", "VERIFY");
    assert_eq!((verdict(&answer), &answer["rollout"]), ("block", &json!("enforce")), "{answer}");
    ground.kill();
    // A command on the log itself.
    let (code, said) = without_server(ground, "gate T-1 VERIFY");
    assert_eq!(code, 5, "the gate blocks: {said}");
    assert!(said.contains("rollout enforce"), "{said}");
    // A server.
    ground.start_unnamed(&[]);
    let answer = ground.gate("T-1", "VERIFY");
    assert_eq!((verdict(&answer), &answer["rollout"]), ("block", &json!("enforce")), "{answer}");
    let config = shown(ground);
    assert_eq!((&config["origin"], &config["source"]), (&json!("log"), &json!(CONFIG)), "{config}");
    let since = config["since"].as_str().unwrap();
    let (status, says) = config_health(ground);
    let line = format!("rollout enforce, as the log has it, from {CONFIG}");
    assert!(status == "ok" && says.starts_with(&line) && says.contains(since), "{status}: {says}");
    assert!(ground.ok("status").contains(&line));
    let told = ground.end();
    assert!(told.contains(&format!("config: {line}")) && told.contains(since), "said at the start: {told}");
    ground.start(EVIDENCE);
    assert_eq!(ground.recorded("config_loaded").len(), 1, "nothing else came into force");
    // Naming a different one puts that in force, also for later processes.
    ground.stop();
    let (code, _) = without_server(ground, "--config built-in gate T-1 VERIFY");
    assert_eq!(code, 0);
    let (code, said) = without_server(ground, "gate T-1 VERIFY");
    assert!(code == 0 && said.contains("rollout observe"), "{code}: {said}");
    ground.start_unnamed(&[]);
    assert_eq!(ground.recorded("config_loaded").len(), 2);
}

fn an_answer_that_is_given_again_says_the_rollout_it_was_decided_under(ground: &mut Ground) {
    overspent(ground, "T-1");
    let ask = |ground: &Ground| -> Value {
        let question = json!({"advance_to": "VERIFY", "id": "g-1", "producer": "ci"});
        let (status, answer) = ground.post("/v1/tasks/T-1/gate", &question);
        assert_eq!(status, 200, "{answer}");
        answer
    };
    let first = ask(ground);
    assert_eq!((verdict(&first), &first["rollout"]), ("block", &json!("enforce")), "{first}");
    ground.serve("rollout: observe\n");
    assert_eq!(ask(ground), first, "the first answer, as it was");
    assert_eq!(ground.gate("T-1", "VERIFY")["rollout"], "observe");
    let recorded = ground.recorded("gate_decided");
    let rollouts: Vec<&str> = recorded.iter().map(|decided| decided["rollout"].as_str().unwrap()).collect();
    assert_eq!(rollouts, ["enforce", "observe"]);
}

fn a_server_that_is_killed_before_anything_happened_has_put_its_config_in_force(ground: &mut Ground) {
    ground.kill();
    ground.start_unnamed(&[]);
    assert_eq!((&shown(ground)["rollout"], &shown(ground)["origin"]), (&json!("enforce"), &json!("log")));
}

fn the_last_config_counts_also_where_the_log_had_it_before(ground: &mut Ground) {
    overspent(ground, "T-1");
    ground.serve("rollout: observe\n");
    overspent(ground, "T-2");
    ground.serve(ENFORCE);
    assert_eq!(verdict(&ground.gate("T-1", "VERIFY")), "block");
    ground.kill();
    ground.start_unnamed(&[]);
    assert_eq!(verdict(&ground.gate("T-2", "VERIFY")), "block");
    let rollouts: Vec<String> = ground
        .recorded("config_loaded")
        .iter()
        .map(|loaded| {
            let lines = loaded["canonical"].as_str().unwrap().lines();
            lines.filter(|line| line.starts_with("rollout=")).collect()
        })
        .collect();
    assert_eq!(rollouts, ["rollout=enforce", "rollout=observe", "rollout=enforce"]);
}

fn a_refused_config_degrades_the_ledger_until_it_is_mended(ground: &mut Ground) {
    assert_eq!(config_health(ground).0, "ok");
    ground.write_config("rolout: observe\n");
    let told = ground.fails(3, "config reload");
    assert!(told.contains("did you mean `rollout`"), "{told}");
    let (status, says) = config_health(ground);
    assert_eq!(status, "degraded");
    assert!(says.starts_with("rollout enforce") && says.contains("did you mean `rollout`"), "{says}");
    let shown = ground.ok("status");
    assert!(shown.contains("DEGRADED config: rollout enforce"), "{shown}");
    ground.write_config(ENFORCE);
    let _ = ground.ok("config reload");
    assert_eq!(config_health(ground).0, "ok");
}

fn a_config_refused_at_the_start_leaves_the_last_one_in_force(ground: &mut Ground) {
    overspent(ground, "T-1");
    ground.serve_refused("rolout: observe\n");
    assert_eq!(verdict(&ground.gate("T-1", "VERIFY")), "block");
    let (status, says) = config_health(ground);
    assert_eq!(status, "degraded");
    for part in ["rollout enforce", &format!("config {CONFIG} is not used"), "did you mean `rollout`"] {
        assert!(says.contains(part), "must say {part}: {says}");
    }
    ground.serve(ENFORCE);
    assert_eq!(config_health(ground).0, "ok");
}

fn a_config_that_the_log_has_only_the_hash_of_is_said_loudly(ground: &mut Ground) {
    let only_hash = |config_hash: String, second: i64| {
        let loaded = ConfigLoaded { config_hash, canonical: String::new(), source: "gone.yaml".to_owned() };
        (
            Timestamp::from_micros(second * 1_000_000).unwrap(),
            EventBody::Ledger(LedgerEvent::ConfigLoaded(loaded)),
        )
    };
    ground.stop();
    ground.append_own(vec![only_hash("ab".repeat(32), 1)]);
    ground.start_unnamed(&[]);
    let (status, says) = config_health(ground);
    assert_eq!(status, "degraded");
    for part in ["rollout observe", "abababababab of gone.yaml", "its hash, not its content", "--config"] {
        assert!(says.contains(part), "must say {part}: {says}");
    }
    assert!(ground.end().contains("! the config abababababab of gone.yaml"), "said at the start");
    // If a config is at hand, its hash is enough.
    ground.append_own(vec![only_hash(BudgetConfig::built_in().hash(), 2)]);
    ground.start_unnamed(&[]);
    assert_eq!(config_health(ground).0, "ok");
}

fn the_config_in_force_is_shown_as_a_file(ground: &mut Ground) {
    ground.serve(
        "rollout: enforce_low_medium\ncomplexity_multipliers: { Tiny: 0.4 }\nalerts: { stuck_factor: 7 }\n",
    );
    let text = ground.ok("config show");
    assert!(text.starts_with(&format!("# {CONFIG}, in force since ")), "{text}");
    ground.place().write("shown.yaml", &text);
    let checked = ground.place().json("--config shown.yaml config check");
    let config = shown(ground);
    assert_eq!(checked["config_hash"], config["config_hash"], "{text}");
    assert_eq!(
        (&config["origin"], &config["rollout"]),
        (&json!("file"), &json!("enforce_low_medium")),
        "{config}"
    );
    assert_eq!(ground.json("config show")["yaml"], config["yaml"]);
    assert_eq!(ground.ok("config show --defaults"), DEFAULT_CONFIG);
}

/// A price book with one model, at this many dollars for a million tokens.
fn book(dollars: u32) -> String {
    json!({"m": {"litellm_provider": "p", "mode": "chat", "input_cost_per_token": 0.000_001,
        "output_cost_per_token": format!("{dollars}e-6")}})
    .to_string()
}

fn prices_that_were_in_force_are_found_again_or_missed_loudly(ground: &mut Ground) {
    let usage = "usage record T-1 --model m --provider p --output 1000000";
    ground.place().write("p.json", &book(3));
    ground.stop();
    ground.start_with(EVIDENCE, &["--prices", "p.json"]);
    let _ = ground.ok(usage);
    ground.kill();
    ground.start_unnamed(&[]);
    let _ = ground.ok(usage);
    assert_eq!(ground.json("report")["cost_usd"], "6", "the same prices");
    assert_eq!(config_health(ground).0, "ok");
    // A different text under the same name means different prices.
    ground.stop();
    ground.place().write("p.json", &book(5));
    ground.start_unnamed(&[]);
    let (status, says) = config_health(ground);
    assert_eq!(status, "degraded");
    for part in
        ["the prices p.json@", "of p.json, in force since", "using the shipped prices", "--prices shipped"]
    {
        assert!(says.contains(part), "must say {part}: {says}");
    }
    // Nobody chose the fallback: usage is priced with it, and the next start reports the missing prices just
    // as loudly.
    let _ = ground.ok("usage record T-1 --phase PLAN --output 1");
    ground.kill();
    ground.start_unnamed(&[]);
    let (status, says) = config_health(ground);
    assert!(status == "degraded" && says.contains("the prices p.json@"), "{says}");
    // Naming them explicitly puts them in force, also for later processes.
    ground.stop();
    ground.start_unnamed(&["--prices", "p.json"]);
    let _ = ground.ok(usage);
    assert_eq!(ground.json("report")["cost_usd"], "11");
    ground.stop();
    ground.start_unnamed(&["--prices", "shipped"]);
    assert_eq!(
        (config_health(ground).0.as_str(), &shown(ground)["prices_source"]),
        ("ok", &json!("shipped"))
    );
    ground.stop();
    ground.start_unnamed(&[]);
    assert_eq!(config_health(ground).0, "ok");
}

/// Two servers of one log: the one without a named config adopts the one that the other put in force.
#[test]
fn a_second_server_without_a_config_acts_by_the_recorded_one() {
    let Some(mut ground) = Ground::nats() else { return };
    overspent(&ground, "T-1");
    let other = ground.another_unnamed(&[]);
    let gate = |server: &Server| -> Value {
        let (status, text) =
            request(&server.url, "POST", "/v1/tasks/T-1/gate", &json!({"advance_to": "VERIFY"}).to_string())
                .unwrap();
        assert_eq!(status, 200, "{text}");
        serde_json::from_str(&text).unwrap()
    };
    assert_eq!(verdict(&gate(&other)), "block");
    // The first one restarts with a different config; the second one learns of it when told to reload.
    ground.serve("rollout: observe\n");
    let (status, text) = request(&other.url, "POST", "/v1/config/reload", "{}").unwrap();
    let reloaded: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((status, &reloaded["changed"]), (200, &json!(true)), "{text}");
    assert_eq!(gate(&other)["rollout"], "observe");
}

/// Polls a server's health until it and its report on the config are as expected; returns what it says about
/// the config.
fn becomes(server: &Server, is_it: impl Fn(&str, &str) -> bool) -> String {
    loop {
        let (_, text) = request(&server.url, "GET", "/v1/health", "").unwrap();
        let health: Value = serde_json::from_str(&text).unwrap();
        let checks = health["checks"].as_array().unwrap();
        let says = checks.iter().find(|check| check["name"] == "config").unwrap()["detail"].as_str().unwrap();
        if is_it(health["status"].as_str().unwrap(), says) {
            return says.to_owned();
        }
    }
}

#[test]
fn what_another_server_puts_in_force_is_followed_or_said() {
    let Some(mut ground) = Ground::nats() else { return };
    ground.place().write("own.yaml", ENFORCE);
    let (unnamed, named) = (ground.another_unnamed(&[]), ground.another_unnamed(&["--config", "own.yaml"]));
    ground.serve("rollout: enforce_low_medium\n");
    let followed = becomes(&unnamed, |_, says| says.starts_with("rollout enforce_low_medium"));
    assert!(followed.contains(CONFIG) && !followed.contains("another process"), "{followed}");
    let said = becomes(&named, |status, _| status == "degraded");
    assert!(
        said.starts_with("rollout enforce, own.yaml") && said.contains("another process put the config"),
        "{said}"
    );
    // Reading the same file again fixes nothing.
    assert_eq!(request(&named.url, "POST", "/v1/config/reload", "{}").unwrap().0, 200);
    let still = || becomes(&named, |_, _| true);
    assert!((0..40).all(|_| still().contains("another process put the config")), "{}", still());
    // The operator gives it the same one: nothing is wrong any more.
    ground.place().write("own.yaml", "rollout: enforce_low_medium\n");
    assert_eq!(request(&named.url, "POST", "/v1/config/reload", "{}").unwrap().0, 200);
    let _ = becomes(&named, |status, says| status == "ok" && says.starts_with("rollout enforce_low_medium"));
}

/// Servers that price the same usage by different books: only their health reveals it.
#[test]
fn prices_of_another_server_are_followed_or_said() {
    let Some(ground) = Ground::nats() else { return };
    ground.place().write("p.json", &book(3));
    ground.place().write("q.json", &book(5));
    let named = ground.another_unnamed(&["--prices", "q.json"]);
    let unnamed = ground.another_unnamed(&[]);
    let other = ground.another_unnamed(&["--prices", "p.json"]);
    let said = becomes(&named, |status, says| {
        status == "degraded" && says.contains("another process put the prices")
    });
    for part in [
        "prices p.json@",
        "of p.json in force",
        "this one prices usage by q.json@",
        "give all servers the same",
    ] {
        assert!(said.contains(part), "must say {part}: {said}");
    }
    assert_eq!(request(&named.url, "POST", "/v1/config/reload", "{}").unwrap().0, 200);
    let still = || becomes(&named, |_, _| true);
    assert!((0..40).all(|_| still().contains("another process put the prices")), "{}", still());
    let takes = |server: &Server| {
        let (_, text) = request(&server.url, "GET", "/v1/config", "").unwrap();
        let config: Value = serde_json::from_str(&text).unwrap();
        config["prices_source"].as_str().unwrap().to_owned()
    };
    let _ = becomes(&unnamed, |status, _| status == "ok" && takes(&unnamed) == "p.json");
    let _ = becomes(&other, |status, _| status == "ok");
}

#[test]
fn where_no_view_answers_the_config_is_read_out_of_the_log() {
    let Some(mut ground) = Ground::nats() else { return };
    ground.kill();
    ground.kill_projectors();
    ground.start_unnamed(&[]);
    let config = shown(&ground);
    assert_eq!((&config["rollout"], &config["origin"]), (&json!("enforce"), &json!("log")), "{config}");
    // On a later day the shipped prices are old.
    let mut warnings = config["warnings"].as_array().unwrap().iter().filter_map(Value::as_str);
    assert!(
        warnings.all(|warning| warning.contains("were last compared with their sources")),
        "nothing is missing: {config}"
    );
    let told = ground.end();
    assert!(told.contains("is read out of the log"), "{told}");
}

/// First what the operator names, then the data directory's file, then the log, then what is built in.
#[test]
fn which_config_goes_before_which() {
    let place = Place::new();
    place.write("enforce.yaml", ENFORCE);
    place.write("low.yaml", "rollout: enforce_low_medium\n");
    let rollout = |line: &str| {
        let config = place.json(&format!("--data d {line} config show"));
        (config["rollout"].as_str().unwrap().to_owned(), config["origin"].as_str().unwrap().to_owned())
    };
    let found = |rollout: &str, origin: &str| (rollout.to_owned(), origin.to_owned());
    let _ = place.ok("--data d task open T-1");
    assert_eq!(rollout(""), found("observe", "built-in"));
    // Only viewing with a different one puts it in force for nobody else; deciding by it does.
    assert_eq!(rollout("--config enforce.yaml"), found("enforce", "file"));
    for line in ["status", "report", "task list", "health budgets"] {
        let _ = place.ok(&format!("--data d --config enforce.yaml {line}"));
    }
    assert_eq!(rollout(""), found("observe", "built-in"));
    let _ = place.ok("--data d --config enforce.yaml gate T-1 STRATEGIZE");
    assert_eq!(rollout(""), found("enforce", "log"));
    place.write("d/phase_budgets.yaml", "rollout: enforce_low_medium\n");
    assert_eq!(rollout(""), found("enforce_low_medium", "file"));
    assert_eq!(rollout("--config enforce.yaml"), found("enforce", "file"));
    std::fs::remove_file(place.path("d/phase_budgets.yaml")).unwrap();
    assert_eq!(rollout(""), found("enforce", "log"));
    assert_eq!(rollout("--config built-in"), found("observe", "built-in"));
    assert_eq!(rollout(""), found("enforce", "log"));
    let _ = place.ok("--data d --config built-in gate T-1 STRATEGIZE");
    assert_eq!(rollout(""), found("observe", "built-in"));
}
