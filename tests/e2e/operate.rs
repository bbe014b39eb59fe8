//! Looking after a ledger: backup while a server runs, restore, damage, old data.

use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::net::TcpStream;

use tollgate_tests::{Follower, Place, Server, session};

#[test]
fn a_backup_of_a_running_server_restores_to_equal_totals() {
    let place = Place::new();
    place.write("s/a.jsonl", &session("A", &[[100, 40, 10, 5], [50, 20, 20, 10]]));
    let server = Server::start(&place, "d");
    let _ = place.ok("--data d import codex s");
    assert!(place.ok("--data d backup copy").starts_with("copy: log up to record 3"));
    // What is appended after the backup is not in it.
    let _ = place.ok("--data d usage record T-1 --output 7");
    assert!(place.ok("--data restored restore copy").starts_with("restored: restored up to record 3"));
    assert_eq!(place.totals("restored").1, 180);
    assert_eq!(place.totals("d").1, 187);
    assert!(place.ok("--data restored log verify").starts_with("passed: 3 records"));
    assert!(place.ok("--data d log verify").contains("the server that runs holds them"));
    // The restored one continues as a separate ledger, and knows what it has.
    assert_eq!(place.json("--data restored import codex s")["duplicate"], 2);
    assert!(place.fails(1, "--data restored restore copy").contains("exists and is not empty"));
    assert!(place.fails(1, "--data d backup copy").contains("exists and is not empty"));
    drop(server);
}

#[test]
fn a_damaged_view_is_built_again_and_a_damaged_log_is_found() {
    let place = Place::new();
    place.write("s/a.jsonl", &session("A", &[[100, 40, 10, 5], [50, 20, 20, 10]]));
    let _ = place.ok("--data d import codex s");
    let totals = place.totals("d");
    let views = std::fs::read_dir(place.path("d/views")).unwrap().map(|entry| entry.unwrap().path());
    let stores = |path: &std::path::PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap();
        ["status-v", "reports-v"].iter().any(|view| name.starts_with(view)) && path.is_dir()
    };
    let views: Vec<_> = views.filter(stores).collect();
    assert_eq!(views.len(), 2, "{views:?}");
    for view in views {
        let db = view.join("db");
        let bytes: Vec<u8> = std::fs::read(&db).unwrap().iter().map(|byte| byte ^ 0x5a).collect();
        std::fs::write(&db, bytes).unwrap();
    }
    assert_eq!(place.totals("d"), totals);
    // One bit in the middle of the last record.
    let segment = place.path("d/log/0000000001.segment");
    let mut file = std::fs::File::options().read(true).write(true).open(segment).unwrap();
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).unwrap();
    let at = bytes.iter().rposition(|byte| *byte != 0).unwrap() - 40;
    file.seek(SeekFrom::Start(at as u64)).unwrap();
    file.write_all(&[bytes[at] ^ 1]).unwrap();
    let said = place.run(&["--data", "d", "log", "verify"]);
    assert_ne!(said.code, 0, "{said:?}");
}

/// Data written by version 0.1, as a backup: every later version has to read it.
#[test]
fn data_of_the_first_format_is_read() {
    let place = Place::new();
    let fixture = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/backup-v1");
    if std::env::var_os("TOLLGATE_WRITE_FIXTURES").is_some() && !fixture.exists() {
        place.write("s/a.jsonl", &session("A", &[[100, 40, 10, 5], [50, 20, 20, 10]]));
        let _ = place.ok("--data d import codex s");
        let _ = place.ok("--data d task open T-1 --complexity Small");
        let _ = place.ok("--data d phase start T-1 PLAN");
        let _ = place.ok("--data d usage record T-1 --phase PLAN --model gpt-5 --output 9000");
        let _ = place.run(&["--data", "d", "gate", "T-1", "THINK"]);
        let _ = place.ok(&format!("--data d backup \"{}\"", fixture.display()));
    }
    let _ = place.ok(&format!("--data old restore \"{}\"", fixture.display()));
    assert_eq!(place.totals("old"), (3, 9_180, "0.09042".to_owned()));
    let verified = place.ok("--data old log verify");
    assert!(verified.starts_with("passed: 7 records"), "who only asks appends nothing: {verified}");
    let task = place.json("--data old task show T-1");
    assert_eq!((task["tokens_used"].as_i64(), task["active"]["phase"].as_str()), (Some(9000), Some("PLAN")));
}

#[test]
fn alerts_are_raised_once_listed_and_followed() {
    let place = Place::new();
    place.write("d/phase_budgets.yaml", "rollout: enforce\n");
    let server = Server::start(&place, "d");
    let _ = place.ok("--data d task open T-1 --complexity Small");
    let _ = place.ok("--data d phase start T-1 THINK");
    let _ = place.ok("--data d usage record T-1 --phase THINK --output 30000 --id u");
    assert_eq!(place.fails(5, "--data d gate T-1 IMPLEMENT"), "");
    let list = place.ok("--data d alerts");
    let latest = list.lines().nth(1).unwrap();
    assert!(latest.contains("critical  stop_loss  Task T-1 is blocked before IMPLEMENT"), "{list}");
    let count = list.lines().count();
    // Asked again: the same alert, and nothing new.
    assert_eq!(place.fails(5, "--data d gate T-1 IMPLEMENT"), "");
    assert_eq!(place.ok("--data d alerts").lines().count(), count);
    let mut follower =
        Follower::of(&place, &["--server", &server.url, "--format", "json", "alerts", "--follow"]);
    follower.wait_for(count - 1);
    let _ = place.ok("--data d task close T-1 --outcome cancelled");
    // Each of them is resolved, and the follower hears about each.
    follower.wait_for(count - 1);
    assert_eq!(place.ok("--data d alerts"), "no alerts\n");
    assert_eq!(
        place.ok("--data d alerts --all").matches("resolved: the task is cancelled").count(),
        count - 1
    );
    drop(follower);
    assert!(server.terminate().success());
    assert!(place.ok("--data d view rebuild alerts").contains("alerts: identical, byte for byte"));
    assert_eq!(place.ok("--data d alerts"), "no alerts\n");
}

/// The stream delivers past and new changes, and ends with the server, which does not wait for it.
#[test]
fn alerts_stream_to_whoever_listens_until_the_server_stops() {
    let place = Place::new();
    let server = Server::start(&place, "d");
    let _ = place.ok("--data d task open T-1 --complexity Small");
    let _ = place.ok("--data d usage record T-1 --output 9500");
    let address = server.url.trim_start_matches("http://").to_owned();
    let mut stream = TcpStream::connect(&address).unwrap();
    write!(stream, "GET /v1/alerts/stream HTTP/1.1\r\nhost: {address}\r\n\r\n").unwrap();
    let mut lines = BufReader::new(stream).lines();
    let mut next =
        |begins: &str| lines.find(|line| line.as_ref().unwrap().starts_with(begins)).unwrap().unwrap();
    assert_eq!(next("event: "), "event: raised");
    assert!(next("data: ").contains("\"level\":50"));
    let _ = place.ok("--data d usage record T-1 --output 6000");
    assert!(next("data: ").contains("\"level\":80"));
    assert!(server.terminate().success());
    assert_eq!(lines.last().unwrap().unwrap(), "", "the stream ended in order");
}

#[test]
fn commands_at_the_same_time_take_turns() {
    let place = Place::new();
    let _ = place.ok("--data d task open T-0");
    let commands: Vec<_> = (0..6)
        .map(|number| {
            let args =
                ["--data", "d", "usage", "record", "T-0", "--output", "1", "--id", &format!("u{number}")];
            place.command(&args).start()
        })
        .collect();
    for mut command in commands {
        assert!(command.wait().unwrap().success());
    }
    assert_eq!(place.totals("d").1, 6);
}

#[test]
fn health_says_what_stands_where() {
    let place = Place::new();
    let _ = place.ok("--data d usage record T-1 --output 7");
    let status = place.json("--data d status");
    assert_eq!((status["health"]["status"].as_str(), status["tasks"].as_u64()), (Some("ok"), Some(1)));
    assert!(place.ok("--data d --no-wait status").contains("ok      view status: 0 records behind"));
}

/// Everything that a ledger and its views write is for its owner only, whatever the process's umask allows.
#[test]
fn no_file_of_a_data_directory_is_anybody_elses() {
    use std::os::unix::fs::PermissionsExt;
    fn others(dir: &std::path::Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            let mode = std::fs::metadata(&path).unwrap().permissions().mode();
            if mode & 0o077 != 0 {
                found.push(format!("{} {mode:o}", path.display()));
            }
            if path.is_dir() {
                others(&path, found);
            }
        }
    }
    let place = Place::new();
    let _ = place.ok("--data d task open T-1");
    let _ = place.ok("--data d report");
    let mut found = Vec::new();
    others(&place.path("d"), &mut found);
    assert_eq!(found, Vec::<String>::new());
}

/// A server whose file could not be written, as on a full disk, is identified by the lock, with the flag that
/// reaches it.
#[test]
fn a_server_without_its_file_is_named_with_the_flag_that_reaches_it() {
    let place = Place::new();
    let server = Server::start(&place, "d");
    std::fs::remove_file(place.path("d/server.json")).unwrap();
    let said = place.run_line("--data d status");
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.err.contains(&format!("--server {}", server.url)), "{said:?}");
}

/// Unreported usage does not count as within a limit, in the first line as in the status.
#[test]
fn the_verdict_of_unknown_usage_is_unknown() {
    let place = Place::new();
    for line in ["task open T-1", "phase start T-1 PLAN", "phase end T-1 PLAN"] {
        let _ = place.ok(&format!("--data d {line}"));
    }
    let report = place.ok("--data d report T-1");
    assert!(report.contains("Verdict: unknown, no usage was reported"), "{report}");
    assert!(!report.contains("Verdict: within"), "{report}");
}
