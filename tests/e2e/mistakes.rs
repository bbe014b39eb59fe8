//! What people get wrong, and what they are told.

use tollgate_tests::{Place, Server};

#[test]
fn every_mistake_has_a_code_and_says_what_to_do() {
    let place = Place::new();
    let _ = place.ok("--data d task open T-1 --id o");
    let _ = place.ok("--data d phase start T-1 PLAN");
    let _ = place.ok("--data d usage record T-1 --output 5 --id u");
    place.write("bad.yaml", "rollout: enfroce\nstop_loss:\n  per_phase_threshold: -1\n  enabeld: true\n");
    for (code, line, says) in [
        (2, "--data d taks list", "'task'"),
        (2, "--data d limits --complexty Large", "'--complexity'"),
        (2, "--data d task close T-1 --outcome done", "completed"),
        (2, "--data d demo", "say where with --dir DIR"),
        (2, "--data d key create ci --scope append --tenant acme", "say --for-tenant"),
        (2, "--data d --producer ci key create ci --scope append", "say --for-producer"),
        (3, "--data d phase start T-1 THINK", "PLAN has not ended; end it before another starts"),
        (3, "--data d phase start T-1 THNK", "did you mean `THINK`"),
        (3, "--data d phase end T-1 THINK", "the ledger's active phase is PLAN"),
        (3, "--data d task open T-1 --id other", "already open: close it first"),
        (3, "--data d usage record T-1 --output 6 --id u", "another event needs an id of its own"),
        (3, "--data d task open T-2 --limit THINK=many", "PHASE=TOKENS"),
        (3, "--data d task open T-2 --limit THNK=10", "did you mean `THINK`"),
        (3, "--data d task open T-2 --complexity Huge", "Huge"),
        (3, "--data d usage record T-1", "pass at least one of --input"),
        (3, "--data d usage record T-1", "--prompt-chars and --completion-chars"),
        (2, "--data d usage record T-1 --output 5 --prompt-chars 3", "cannot be used with"),
        (3, "--data d usage record T-1 --prompt-chars 1000000000001", "at most"),
        (3, "--data d usage record T-1 --output=-5", "output"),
        (3, "--data d task show T-9", "check the spelling"),
        (3, "--data d gate T-1 THNK", "did you mean `THINK`"),
        (3, "--data d limits --complexity Largge", "did you mean `Large`"),
        (1, "--data nowhere report", "no ledger here; say where with --data DIR or --server URL"),
        (1, "--server ftp://x report", "must begin with http:// or https://"),
        (1, "--server http://127.0.0.1:1 report", "no answer"),
        (1, "--data d --config nowhere.yaml --strict-config status", "nowhere.yaml"),
        (6, "--config bad.yaml config check", "3 problems"),
        (6, "--config bad.yaml config check", "did you mean `enabled`"),
        (1, "--server http://127.0.0.1:1 log verify", "run it on the server's machine"),
    ] {
        let told = place.fails(code, line);
        assert!(told.contains(says), "tollgate {line}\nmust say: {says}\nsays: {told}");
    }
    assert_eq!(place.totals("d"), (1, 5, "0".to_owned()));
}

#[test]
fn a_directory_of_a_newer_format_is_left_alone() {
    let place = Place::new();
    let _ = place.ok("--data d task open T-1");
    let path = place.path("d/ledger.json");
    let text = std::fs::read_to_string(&path).unwrap().replace("\"format\": 1", "\"format\": 999");
    std::fs::write(&path, &text).unwrap();
    for line in [
        "--data d report",
        "--data d task open T-2",
        "--data d log verify",
        "--data d serve --listen 127.0.0.1:0",
    ] {
        let told = place.fails(1, line);
        assert!(told.contains("its format is 999, this version knows 2; upgrade tollgate"), "{line}: {told}");
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
}

#[test]
fn a_directory_that_is_held_names_its_holder_and_foreign_files_are_left_alone() {
    let place = Place::new();
    let server = Server::start(&place, "d");
    let told = place.fails(1, "--data d serve --listen 127.0.0.1:0");
    assert!(told.contains(&server.url) && told.contains("another process holds it"), "{told}");
    let address = server.url.trim_start_matches("http://").to_owned();
    let told = place.fails(1, &format!("--data other serve --listen {address}"));
    assert!(told.contains("choose another with --listen"), "{told}");
    let told = place.fails(1, "--data other serve --listen 0.0.0.0:0");
    assert!(told.contains("--allow-remote"), "{told}");
    place.write("foreign/holiday.jpg", "x");
    let told = place.fails(1, "--data foreign task open T-1");
    assert!(told.contains("it holds `holiday.jpg` but no ledger.json; choose another directory"), "{told}");
}

#[test]
fn an_invalid_config_is_said_loudly_and_the_built_in_one_holds() {
    let place = Place::new();
    place.write("bad.yaml", "rollout: enfroce\n");
    let said = place.run(&["--data", "d", "--config", "bad.yaml", "task", "open", "T-1"]);
    assert_eq!(said.code, 0);
    assert!(said.err.contains("config bad.yaml is not used, the built-in one is in force"), "{}", said.err);
    assert!(place.ok("--data d log tail --records 0").contains("config_rejected"));
    let told = place.fails(1, "--data d --config bad.yaml --strict-config status");
    assert!(told.contains("did you mean `enforce`"), "{told}");
    // The config that would be in force is the one checked: the directory's, if no other is named.
    place.write("d/phase_budgets.yaml", "rollout: enfroce\n");
    let told = place.fails(6, "--data d config check");
    assert!(told.contains("d/phase_budgets.yaml: ") && told.contains("did you mean `enforce`"), "{told}");
    place.write("d/phase_budgets.yaml", "rollout: enforce\n");
    let checked = place.ok("--data d config check");
    assert!(
        checked.contains("d/phase_budgets.yaml: valid") && checked.contains("rollout  enforce"),
        "{checked}"
    );
    assert!(
        place.ok("--data d config check d/phase_budgets.yaml").starts_with("d/phase_budgets.yaml: valid")
    );
    assert!(place.fails(6, "--data d config check bad.yaml").contains("did you mean `enforce`"));
    // Without a file, no one must mistake the built-in config for the one in force.
    std::fs::remove_file(place.path("d/phase_budgets.yaml")).unwrap();
    let said = place.run(&["--data", "d", "config", "check"]);
    assert!(said.out.starts_with("built-in: valid"), "{}", said.out);
    assert!(said.err.contains("`tollgate --data d config show` shows the one in force"), "{}", said.err);
}

#[test]
fn a_check_of_a_config_points_into_the_file() {
    let place = Place::new();
    place.write(
        "bad.yaml",
        "# übrig\nrollout: enforce\nstop_loss: { profil: strict, latency_action: blok }\npressure_levels:\n  - 50\n  - ä\nphases: [A]\n",
    );
    insta::assert_snapshot!(place.fails(6, "config check bad.yaml"));
    let said = place.run(&["--format", "json", "config", "check", "bad.yaml"]);
    let error: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(error["error"]["detail"], "bad.yaml: 5 problems");
    let first = serde_json::json!({"field": "stop_loss.profil", "value": "strict", "line": 3, "column": 14});
    for (key, value) in first.as_object().unwrap() {
        assert_eq!(&error["error"]["problems"][0][key], value, "{error}");
    }
}

#[test]
fn every_file_of_settings_that_holds_none_gets_one_line() {
    let place = Place::new();
    for (text, says) in [
        ("", "holds no settings"),
        ("# later\n", "holds no settings"),
        ("[]\n", "is a list"),
        ("- a\n", "is a list"),
        ("hello\n", "is text"),
        ("a:\n\tb: 1\n", "line 2 is indented by a tab"),
    ] {
        place.write("x", text);
        for (code, line) in [
            (6, "--config x config check"),
            (1, "--data d serve --listen 127.0.0.1:0 --alerts x"),
            (1, "--data d serve --listen 127.0.0.1:0 --remediation x"),
        ] {
            let told = place.fails(code, line);
            // `config check` counts the problems first.
            let lines = told.lines().filter(|line| !line.ends_with("1 problem")).count();
            assert!(told.contains(says) && lines == 1, "tollgate {line}\n{text}\n{told}");
        }
    }
    for (code, line) in [
        (1, "config check /dev/zero"),
        (1, "--strict-config --config /dev/zero --data d serve --listen 127.0.0.1:0"),
        (1, "--data d serve --listen 127.0.0.1:0 --alerts /dev/zero"),
        (1, "--data d serve --listen 127.0.0.1:0 --remediation /dev/zero"),
        (1, "--data d serve --listen 127.0.0.1:0 --prices /dev/zero"),
    ] {
        let told = place.fails(code, line);
        assert!(told.contains("more than 16777216 bytes"), "tollgate {line}\n{told}");
    }
    for (text, says) in [("", "the file is empty"), ("- a\n", "the file is no JSON object")] {
        place.write("x", text);
        let told = place.fails(1, "--data d --prices x serve --listen 127.0.0.1:0");
        assert!(told.contains(says) && told.lines().count() == 1, "{told}");
    }
}

#[test]
fn errors_are_json_for_programs() {
    let place = Place::new();
    let _ = place.ok("--data d task open T-1");
    let said = place.run(&["--data", "d", "--format", "json", "phase", "end", "T-1", "PLAN"]);
    assert_eq!(said.code, 3);
    let error: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!((error["exit_code"].as_u64(), error["error"]["code"].as_str()), (Some(3), Some("refused")));
    assert_eq!(error["error"]["outcomes"][0]["code"], "phase_mismatch");
}
