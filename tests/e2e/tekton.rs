//! Tekton's Budget, replaced: the port beside the server, keys, what is taken over of older stores, and back.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{ChildStdout, Stdio};
use std::sync::mpsc;

use serde_json::{Value, json};
use tollgate_test_process::Process;
use tollgate_tests::{Place, Server, request};

/// A server with the port beside it.
struct Both {
    process: Process,
    _stdout: BufReader<ChildStdout>,
    ledger: String,
    port: String,
}

impl Both {
    fn start(place: &Place, further: &[&str]) -> Self {
        let mut args = vec!["--data", "data", "serve", "--listen", "127.0.0.1:0", "--compat", "tekton"];
        args.extend(["--tekton-listen", "127.0.0.1:0"].iter().chain(further));
        let mut process = place.command(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).start();
        let mut stdout = BufReader::new(process.stdout.take().unwrap());
        let mut url = || {
            let mut line = String::new();
            stdout.read_line(&mut line).unwrap();
            let url = line.split_whitespace().find(|word| word.starts_with("http://"));
            url.unwrap_or_else(|| panic!("no address: {line}")).trim_end_matches(',').to_owned()
        };
        let (ledger, port) = (url(), url());
        Self { process, _stdout: stdout, ledger, port }
    }

    fn ask(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let (status, text) = request(&self.port, method, path, &body).unwrap();
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    /// Stops it as an operator would.
    fn end(mut self) -> String {
        self.process.signal("TERM");
        let mut told = String::new();
        self.process.stderr.take().unwrap().read_to_string(&mut told).unwrap();
        assert!(self.process.wait().unwrap().success(), "{told}");
        told
    }
}

/// A file that ships with the tests.
fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/older-stores").join(name)
}

fn expected() -> Value {
    serde_json::from_str(&std::fs::read_to_string(fixture("expected.json")).unwrap()).unwrap()
}

/// Once the ledger has a key, clients of the port send one, too.
#[test]
fn keys_of_the_ledger_are_the_keys_of_the_port() {
    let place = Place::new();
    let _ = place.ok("--data data key create root --scope admin");
    let made = place.json("--data data key create tekton --scope read --scope decide");
    let key = made["secret"].as_str().unwrap().to_owned();
    let mut server = Server::within(
        &place,
        &[
            "--data",
            "data",
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--compat",
            "tekton",
            "--tekton-listen",
            "127.0.0.1:0",
        ],
        &[("BUDGET_API_REQUIRE_AUTH", "true")],
    );
    let line = server.line();
    let port = line.split_whitespace().last().unwrap();
    assert_eq!(request(port, "GET", "/health", "").unwrap().0, 200);
    let (status, told) = request(port, "GET", "/api/prices", "").unwrap();
    assert!(status == 401 && told.contains("Authentication required"), "{told}");
    let mut stream = TcpStream::connect(port.trim_start_matches("http://")).unwrap();
    let head =
        format!("GET /api/prices HTTP/1.1\r\nhost: x\r\nx-api-key: {key}\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    let mut told = String::new();
    stream.read_to_string(&mut told).unwrap();
    // Tekton's own prices are there, though nobody with a key set them.
    assert!(told.starts_with("HTTP/1.1 200 ") && told.contains("claude-3-haiku-20240307"), "{told}");
    assert!(!told.contains(&key));
    let (ended, said) = server.end();
    assert!(ended.success() && !said.contains(&key), "{said}");
}

/// The steps of docs/guides/tekton.md, under "Begin".
#[test]
fn what_clients_do_on_the_port_is_in_the_ledger_and_stays_without_it() {
    let place = Place::new();
    // In a zone: policies of sessions and tasks have none.
    let both = Both::start(&place, &["--tekton-zone", "Asia/Tokyo"]);
    let (status, made) = both.ask("POST", "/api/budgets", &json!({"name": "Team", "owner": "ada"}));
    assert_eq!(status, 201, "{made}");
    let used = json!({"component": "ergon", "provider": "anthropic", "model": "claude-3-haiku-20240307",
        "task_type": "chat", "context_id": "run-7", "input_tokens": 3000, "output_tokens": 1000});
    assert_eq!(both.ask("POST", "/api/usage/record", &used).0, 201);
    let (_, cards) = both.ask("GET", "/api/budgets/summary?period=daily", &Value::Null);
    assert_eq!((&cards[0]["total_cost"], &cards[0]["cost_limit"]), (&json!(0.002), &json!(5)));
    let usage = place.json(&format!("--server {} usage list", both.ledger));
    assert_eq!(
        (&usage["records"][0]["task"], &usage["records"][0]["cost_usd"]),
        (&json!("run-7"), &json!("0.002"))
    );
    assert!(both.end().contains("stopping"));
    // Back: without the port, everything that was recorded is there.
    assert_eq!(place.totals("data"), (1, 4000, "0.002".to_owned()));
    let budgets = place.json("--data data budget list");
    assert_eq!(budgets["budgets"][0]["title"], json!("Team"));
    // And again with it: Tekton's prices are set once.
    let both = Both::start(&place, &["--tekton-off", "prices,messages"]);
    let (_, page) = both.ask("GET", "/api/budgets", &Value::Null);
    assert_eq!(page["items"][0]["budget_id"], made["budget_id"]);
    assert_eq!(both.ask("GET", "/api/prices", &Value::Null).0, 404);
    assert_eq!(both.ask("POST", "/api/mcp/message", &json!({"sender": "x", "message_type": "y"})).0, 404);
    both.end();
    let history = place.json("--data data prices history claude-3-haiku-20240307");
    assert_eq!(history["entries"][0]["changes"].as_array().unwrap().len(), 1, "{history}");
}

#[test]
fn flags_that_cannot_be_met_are_refused_at_the_start() {
    let place = Place::new();
    let not_remote = "say --allow-remote";
    for (further, message) in [
        (&["--tekton-listen", "0.0.0.0:0"][..], not_remote),
        (&["--tekton-listen", "0.0.0.0:0", "--allow-remote"], "it speaks no TLS"),
        (&["--tekton-listen", "192.0.2.1:1", "--allow-remote"], "choose another with --tekton-listen"),
        (&["--tekton-registry", "ftp://x"], "it is an address such as http://localhost:8001"),
        (&["--tekton-off", "nothing"], "must be one of"),
        (&["--tekton-zone", "Mars"], "IANA"),
    ] {
        let mut args = vec!["--data", "data", "serve", "--listen", "127.0.0.1:0", "--compat", "tekton"];
        if !further.contains(&"--tekton-listen") {
            args.extend(["--tekton-listen", "127.0.0.1:0"]);
        }
        args.extend(further);
        let said = place.run(&args);
        assert!(said.code != 0 && said.err.contains(message), "{further:?}: {}", said.err);
    }
    // A server without the port says so, and goes on; this one ends because it has no such address.
    let said = place.run(&[
        "--data",
        "data",
        "serve",
        "--listen",
        "192.0.2.1:1",
        "--allow-remote",
        "--tekton-off",
        "live",
    ]);
    let note = "! --tekton-off: nothing is done with it without `--compat tekton`";
    assert!(said.code != 0 && said.err.contains(note), "{}", said.err);
    let mut command = place.command(&[
        "--data",
        "data",
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--compat",
        "tekton",
        "--tekton-listen",
        "127.0.0.1:0",
    ]);
    let output = command.env("BUDGET_API_REQUIRE_AUTH", "true").output();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && told.contains("keys were asked for"), "{told}");
}

#[test]
fn apollos_files_are_taken_over_once() {
    let (place, expected) = (Place::new(), &expected()["apollo"]);
    let from = fixture("apollo");
    let line = format!("--data data import apollo {} --zone UTC", from.display());
    let first = place.json(&line);
    assert_eq!(
        (&first["policies"], &first["new"], &first["duplicate"], &first["refused"]),
        (&expected["policies"], &expected["usage_records"], &json!(2), &json!(0)),
        "{first}"
    );
    let again = place.json(&line);
    assert_eq!(
        (&again["new"], &again["duplicate"], &again["problems"]),
        (&json!(0), &json!(8), &json!([])),
        "{again}"
    );
    let (events, tokens, _) = place.totals("data");
    assert_eq!(
        (json!(events), json!(tokens)),
        (expected["usage_records"].clone(), expected["tokens"].clone())
    );
    let sums = place.json("--data data usage summary --group-by label.usage_type");
    for group in sums["groups"].as_array().unwrap() {
        let kind = group["values"]["label.usage_type"].as_str().unwrap();
        assert_eq!(group["tokens"]["total"], expected["by_usage_type"][kind], "{kind}");
    }
    let policies = place.json("--data data policy list --budget apollo");
    let policies = policies["policies"].as_array().unwrap();
    assert_eq!(policies.len(), 9);
    assert!(
        policies.iter().all(|it| it["versions"].as_array().unwrap().len() == 1),
        "importing again makes no version"
    );
    // A limit that Apollo changed since is another version.
    let changed =
        std::fs::read_to_string(from.join("budget_policies.json")).unwrap().replacen("1000000", "2000000", 1);
    place.write("later/budget_policies.json", &changed);
    let later = place.json("--data data import apollo later --zone UTC");
    assert_eq!((&later["policies"], &later["problems"]), (&json!(9), &json!([])), "{later}");
    let policies = place.json("--data data policy list --budget apollo");
    let versions =
        policies["policies"].as_array().unwrap().iter().map(|it| it["versions"].as_array().unwrap().len());
    assert_eq!(versions.sum::<usize>(), 10);
    assert!(place.fails(6, "--data data import apollo nowhere").contains("nowhere"));
}

#[test]
fn rhetors_store_is_taken_over_once_and_its_costs_are_facts() {
    let (place, expected) = (Place::new(), &expected()["rhetor"]);
    let line = format!("--data data import rhetor {} --zone UTC", fixture("rhetor/rhetor.db").display());
    let first = place.json(&line);
    assert_eq!(
        (&first["policies"], &first["new"], &first["booked_usd"]),
        (&expected["policies"], &expected["usage_records"], &expected["booked_usd"]),
        "{first}"
    );
    assert_eq!(first["notes"].as_array().unwrap().len(), 2, "{first}");
    let again = place.json(&line);
    assert_eq!((&again["new"], &again["duplicate"]), (&json!(0), &expected["usage_records"]), "{again}");
    let sums = place.json("--data data usage summary");
    assert_eq!(
        (
            &sums["totals"]["cost_usd"],
            &sums["totals"]["tokens"]["input_uncached"],
            &sums["totals"]["tokens"]["output"]
        ),
        (&expected["booked_usd"], &expected["input_tokens"], &expected["output_tokens"])
    );
    assert_eq!(sums["totals"]["unpriced_tokens"], json!(0));
    // No price changes what was booked, not even one that is asked for.
    let _ = place.ok("--data data prices set openai/gpt-4o --output 900 --by ada");
    let repriced =
        place.json("--data data prices reprice --model gpt-4o --from 2026-01-01 --by ada --reason test");
    assert_eq!(repriced["adjustments"], json!(0), "{repriced}");
    let policies = place.json("--data data policy list --budget rhetor");
    let mut told: Vec<String> = policies["policies"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| {
            let rule = &it["versions"][0];
            format!("{} {} {} {}", rule["window"], rule["limit_usd"], rule["enforcement"], rule["scope"])
                .replace('"', "")
        })
        .collect();
    told.sort();
    assert_eq!(
        told,
        [
            "daily 1.25 ignore {provider:ollama}",
            "daily 7.5 warn null",
            "monthly 100.1 hard_limit {provider:anthropic}",
            "weekly 25 hard_limit null"
        ]
    );
    // The port tells of it as of any usage, with the parts of its cost unknown.
    let both = Both::start(&place, &[]);
    let (_, page) = both.ask(
        "GET",
        "/api/usage/records?start_date=2026-10-01&context_id=rhetor_migration_1",
        &Value::Null,
    );
    let record = &page["items"][0];
    assert_eq!(
        (&record["input_cost"], &record["output_cost"], &record["pricing_version"]),
        (&json!(0), &json!(0), &json!("booked")),
        "{page}"
    );
    assert_eq!(
        (&record["metadata"], record["total_cost"].as_f64().unwrap() > 0.0),
        (&json!({"run": 1}), true)
    );
    both.end();
}

#[test]
fn a_bridge_takes_over_what_is_recorded_meanwhile() {
    let place = Place::new();
    let both = Both::start(&place, &[]);
    let from = std::fs::read_to_string(fixture("apollo/usage_records_1793721600.json")).unwrap();
    place.write("budget_data/usage_records_1.json", &from);
    let args =
        ["--server", &both.ledger, "import", "apollo", "budget_data", "--zone", "UTC", "--every", "1s"];
    let mut bridge = place.command(&args).stdout(Stdio::piped()).stderr(Stdio::null()).start();
    let mut stdout = BufReader::new(bridge.stdout.take().unwrap());
    let mut next = |words: &str| {
        let mut line = String::new();
        while !line.contains(words) {
            line.clear();
            assert!(stdout.read_line(&mut line).unwrap() > 0, "it ended before `{words}`");
        }
    };
    next("5 new, 0 were there already");
    let later = std::fs::read_to_string(fixture("apollo/usage_records_1793725200.json")).unwrap();
    place.write("budget_data/usage_records_2.json", &later);
    next("1 new, 7 were there already");
    bridge.signal("INT");
    assert!(bridge.wait().unwrap().success());
    let (_, page) = both.ask("GET", "/api/usage/records?start_date=2026-11-01", &Value::Null);
    assert_eq!(page["total"], json!(6));
    both.end();
}

#[test]
fn a_bridge_that_is_told_to_end_in_the_middle_of_a_round_ends_after_it() {
    let place = Place::new();
    place.write(
        "budget_data/usage_records_1.json",
        &std::fs::read_to_string(fixture("apollo/usage_records_1793721600.json")).unwrap(),
    );
    // A ledger that takes connections and says nothing: a round waits for it until the connection is gone.
    let ledger = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", ledger.local_addr().unwrap());
    let args = ["--server", &url, "import", "apollo", "budget_data", "--zone", "UTC", "--every", "1s"];
    let mut bridge = place.command(&args).stdout(Stdio::null()).stderr(Stdio::piped()).start();
    let mut stderr = BufReader::new(bridge.stderr.take().unwrap());
    // The first round fails, however often it asks.
    let (told, first_is_over) = mpsc::channel();
    let reading = std::thread::spawn(move || {
        let mut line = String::new();
        while stderr.read_line(&mut line).unwrap() > 0 {
            if line.contains("trying again in 1 s") {
                // Nobody waits for the later ones.
                let _ = told.send(());
            }
            line.clear();
        }
    });
    ledger.set_nonblocking(true).unwrap();
    while first_is_over.try_recv().is_err() {
        drop(ledger.accept());
        std::thread::yield_now();
    }
    ledger.set_nonblocking(false).unwrap();
    let (second, _) = ledger.accept().unwrap();
    bridge.signal("INT");
    drop((second, ledger));
    assert!(bridge.wait().unwrap().success());
    reading.join().unwrap();
}
