//! The ledger in containers, as Docker Compose understands it.

use serde_json::Value;
use tollgate_test_process::Program;
use tollgate_tests::Place;

use super::{at, checkers, of_repository, text_of};

/// The file as Compose resolves it; `None`, said aloud: there is none here.
#[expect(clippy::print_stderr, reason = "a skipped test says so")]
fn resolved() -> Option<Value> {
    let file = of_repository("config/deploy/compose.yaml");
    let beside = checkers("Docker Compose").map(|python| python.replace("bin/python", "bin/docker-compose"));
    let known = [vec!["docker".to_owned(), "compose".to_owned()], vec!["docker-compose".to_owned()]];
    for command in beside.map(|compose| vec![compose]).into_iter().chain(known) {
        let mut compose = Program::new(&command[0]);
        compose.args(&command[1..]).arg("-f").arg(&file).args(["config", "--format", "json"]);
        let Ok(run) = compose.try_output() else { continue };
        if run.status.success() {
            return Some(serde_json::from_slice(&run.stdout).unwrap());
        }
        let said = String::from_utf8_lossy(&run.stderr).into_owned();
        // A client of Docker's without its plugin knows no such command.
        let is_compose =
            !["unknown command", "unknown shorthand", "unknown flag"].iter().any(|it| said.contains(it));
        assert!(!is_compose, "{command:?}: {said}");
    }
    eprintln!("skipped: Docker Compose is not installed");
    None
}

#[test]
fn every_view_has_a_projector_and_servers_are_published_on_loopback_only() {
    let Some(compose) = resolved() else { return };
    let services = at(&compose, "/services").as_object().unwrap();
    let commands: Vec<(&String, String)> = services
        .iter()
        .map(|(name, service)| {
            let words = service["command"].as_array().unwrap().iter().map(|word| word.as_str().unwrap());
            (name, words.collect::<Vec<_>>().join(" "))
        })
        .collect();
    for view in ["status", "reports", "alerts", "spending"] {
        let volume = &services[view]["volumes"][0];
        assert!(commands.iter().any(|(_, command)| *command == format!("projector {view}")), "{view}");
        assert_eq!(
            (&volume["source"], &volume["target"]),
            (&view.into(), &"/var/lib/tollgate".into()),
            "{view}"
        );
    }
    let place = Place::new();
    for (name, command) in &commands {
        let service = &services[*name];
        for port in service["ports"].as_array().into_iter().flatten() {
            assert_eq!(port["host_ip"], "127.0.0.1", "{name}");
        }
        if *name == "nats" {
            continue;
        }
        // The program knows each flag: help is only shown of a command line that is right up to it.
        let said = place.run_line(&format!("{command} --help"));
        assert_eq!(said.code, 0, "{name}: {said:?}");
        assert_eq!((&service["read_only"], &service["cap_drop"][0]), (&true.into(), &"ALL".into()), "{name}");
        let probe = &service["healthcheck"];
        if command.starts_with("serve ") {
            assert_eq!(at(probe, "/test/2"), "ready", "{name}");
        } else {
            assert_eq!(probe["disable"], true, "{name}: it has no address that could be asked");
        }
    }
}

#[test]
fn images_are_tagged_with_the_version_of_the_program() {
    let version = Place::new().ok("--version");
    let tag = format!("tollgate:{}", version.trim().trim_start_matches("tollgate "));
    for file in ["config/deploy/compose.yaml", "config/deploy/Dockerfile", "docs/guides/install.md"] {
        let text = text_of(file);
        assert!(text.contains(&tag), "{file} does not name {tag}");
        assert_eq!(
            text.matches("tollgate:0.").count(),
            text.matches(&tag).count(),
            "{file}: another version"
        );
    }
}
