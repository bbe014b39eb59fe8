//! Its configuration files, every way of being wrong, and what the ways on this machine do.

use std::path::Path;

use super::config::RemediationConfig;
use super::*;
use crate::config::Way;
use crate::message::Message;
use crate::schedule::Answer;

fn read(yaml: &str) -> Result<RemediationConfig, String> {
    RemediationConfig::from_yaml(yaml, Path::new("conf")).map_err(|error| error.to_string())
}

fn told() -> Remediation {
    Remediation {
        remediation: "FIX-BUDGET-BREACH-a/b".to_owned(),
        tenant: "default".to_owned(),
        task: "a/b".to_owned(),
        advance_to: "REVIEW".to_owned(),
        message: "Task a/b exceeded token budget: 40,000 / 23,400 (171%)".to_owned(),
        tokens_used: Some(40_000),
        tokens_limit: Some(23_400),
        report: "/v1/tasks/a%2Fb/report?tenant=default".to_owned(),
        blocked_at: "2026-11-20T10:00:00Z".parse().unwrap(),
    }
}

async fn send(way: &RemediationWay, evidence: Option<EvidenceOf>) -> Answer {
    let channel = way.channel(evidence).unwrap().expect("there is a place for it");
    channel.send(&Message::of_remediation(&way.name, &told()), "2026-11-20T10:00:01Z".parse().unwrap()).await
}

fn command(argv: &[&str], timeout_s: u64) -> RemediationWay {
    let argv = argv.iter().map(|word| (*word).to_owned()).collect();
    RemediationWay { name: "program".to_owned(), to: To::Command { argv, timeout_s } }
}

#[test]
fn a_file_with_every_way() {
    let config = read(
        "ways:
  - {name: files, evidence: true}
  - {name: inbox, dir: remediations}
  - {name: tracker, url: 'https://tracker.example.org/hook', secret_file: tracker.secret}
  - {name: program, command: [./open-ticket, --project, X], timeout_s: 5}
",
    )
    .unwrap();
    let [files, inbox, tracker, program] = &config.ways[..] else { panic!("{config:?}") };
    assert_eq!(files.to, To::File(None));
    assert_eq!(inbox.to, To::File(Some("conf/remediations".into())));
    let To::Webhook(endpoint) = &tracker.to else { panic!("{tracker:?}") };
    assert!(
        matches!(&endpoint.way, Way::Webhook { secret_files, .. } if secret_files[0] == Path::new("conf/tracker.secret"))
    );
    assert_eq!(program.to, command(&["./open-ticket", "--project", "X"], 5).to);
    assert_eq!(read("ways: []").unwrap().ways, []);
    assert_eq!(RemediationConfig::default().ways, [RemediationWay::evidence()]);
}

#[test]
fn every_problem_is_named() {
    for (yaml, expected) in [
        ("{}", "the file holds no settings: it must be a mapping with keys out of `ways:`"),
        ("[]", "the file is a list: it must be"),
        ("ways:", "ways: must list how remediations are opened"),
        ("ways: [{evidence: true}]", "ways[0].name: must be given"),
        ("ways: [{name: a}]", "must be one of `evidence: true`, `dir`, `url` and `command`"),
        ("ways: [{name: a, dir: x, command: [y]}]", "dir, command"),
        ("ways: [{name: a, evidence: true}, {name: a, dir: x}]", "must be the name of one way"),
        ("ways: [{name: a, dir: x, secret_file: s}]", "ways[0].secret_file"),
        ("ways: [{name: a, dir: x, timeout_s: 3}]", "is only allowed with `command`"),
        ("ways: [{name: a, command: []}]", "1 to 32; no shell reads them"),
        ("ways: [{name: a, command: 'rm -rf /'}]", "ways[0].command"),
        ("ways: [{name: a, command: [x], timeout_s: 301}]", "ways[0].timeout_s"),
        ("ways: [{name: a, url: 'https://x.org/', secret_file: s, shout: true}]", "shout"),
        (
            "ways: [{name: a, url: 'http://169.254.169.254/', secret_file: s, allow_http: true}]",
            "ways[0].url",
        ),
        ("ways: [{name: a, url: 'https://x.org/'}]", "ways[0].secret_file: must name the file"),
    ] {
        let problems = read(yaml).expect_err(yaml);
        assert!(problems.contains(expected), "{yaml}: {problems}");
    }
}

#[tokio::test]
async fn a_file_has_the_message_and_stays_in_its_directory() {
    let dir = tempfile::tempdir().unwrap();
    let inbox = RemediationWay { name: "inbox".to_owned(), to: To::File(Some(dir.path().join("in"))) };
    assert_eq!(send(&inbox, None).await, Answer::Delivered { status: None });
    let text = std::fs::read_to_string(dir.path().join("in/default/FIX-BUDGET-BREACH-a%2Fb.json")).unwrap();
    let body: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(body["type"], "remediation.opened");
    assert_eq!(body["data"]["message"], told().message);
    assert_eq!(body["data"]["blocked_at"], body["timestamp"]);

    let evidence = dir.path().join("evidence");
    let of = evidence.clone();
    let of: EvidenceOf = Box::new(move |_, _| of.clone());
    assert_eq!(send(&RemediationWay::evidence(), Some(of)).await, Answer::Delivered { status: None });
    assert!(evidence.join("remediation.json").is_file());
    assert!(RemediationWay::evidence().channel(None).unwrap().is_none(), "nowhere to write it");

    std::fs::write(dir.path().join("taken"), "").unwrap();
    let taken = RemediationWay { name: "inbox".to_owned(), to: To::File(Some(dir.path().join("taken"))) };
    let answer = send(&taken, None).await;
    assert!(answer.error().is_some_and(|error| error.contains("taken")), "{answer:?}");
}

#[tokio::test]
async fn a_command_gets_the_message_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let script = format!("cat > {0}; env >> {0}", out.display());
    assert_eq!(send(&command(&["sh", "-c", &script], 20), None).await, Answer::Delivered { status: None });
    let said = std::fs::read_to_string(&out).unwrap();
    assert!(said.contains("\"task\":\"a/b\""), "{said}");
    let id = Message::of_remediation("program", &told()).id;
    assert!(said.contains(&format!("TOLLGATE_REMEDIATION_ID={}", id.as_str())), "{said}");
    assert!(!said.contains("CARGO"), "nothing of the outer environment but the path: {said}");

    let many = "x".repeat(100_000);
    for (argv, expected) in [
        (vec!["sh", "-c", "echo no such project >&2; exit 3"], "exit status: 3: no such project"),
        (vec!["/no/such/program"], "starting /no/such/program"),
        (vec!["sh", "-c", &format!("echo {many} >&2; exit 1")], "…"),
    ] {
        let error = send(&command(&argv, 20), None).await.error().unwrap();
        assert!(error.contains(expected) && error.len() < 500, "{error}");
    }
    let error = send(&command(&["tail", "-f", "/dev/null"], 1), None).await.error().unwrap();
    assert_eq!(error, "tail: no end within 1 s, it was ended");
}

#[test]
fn a_message_has_one_id_per_task_and_way() {
    let id = |way: &str, task: &str| {
        Message::of_remediation(way, &Remediation { task: task.to_owned(), ..told() }).id.as_str().to_owned()
    };
    assert_eq!(id("a", "T-1"), id("a", "T-1"));
    assert!(id("a", "T-1") != id("b", "T-1") && id("a", "T-1") != id("a", "T-2"));
}
