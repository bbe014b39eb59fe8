//! The first command of the README.

use tollgate_tests::{Place, binary};

#[test]
fn the_demo_tells_a_day_and_what_to_type_next() {
    let place = Place::new();
    let out = place.ok("demo");
    let exe = binary().display().to_string();
    insta::assert_snapshot!("demo", out.replace(&exe, "tollgate"));
    let story = place.ok("--data tollgate-demo/data task explain T-104");
    insta::assert_snapshot!("explain", story);
    let report =
        std::fs::read_to_string(place.path("tollgate-demo/evidence/T-104/verify/budget_report.md")).unwrap();
    assert!(report.starts_with("> Verdict: BLOCKED") || report.contains("EXCEEDED"), "{report}");
    assert!(place.path("tollgate-demo/evidence/T-104/verify/budget_enforcement.json").is_file());
    // A second demo takes the place of the first; something else is never replaced.
    assert_eq!(place.ok("demo").lines().count(), out.lines().count());
    place.write("mine/notes.txt", "not to be lost");
    assert!(place.fails(1, "demo --dir mine").contains("is no demo of Tollgate; choose another with --dir"));
    assert!(place.path("mine/notes.txt").is_file());
}

#[test]
fn what_the_demo_says_to_type_next_works() {
    let place = Place::new();
    let out = place.ok("demo");
    let exe = binary().display().to_string();
    let commands: Vec<&str> = out.lines().filter_map(|line| line.trim().strip_prefix(&exe)).collect();
    assert_eq!(commands.len(), 6, "{out}");
    for command in commands.iter().filter(|command| !command.ends_with("serve")) {
        let said = place.ok(command);
        assert!(!said.is_empty(), "{command}");
    }
    // The override that was typed lets the task pass, with a warning.
    let answer = place.json("--data tollgate-demo/data gate T-104 VERIFY");
    assert_eq!((answer["verdict"].as_str(), answer["ruled"].as_str()), (Some("warn"), Some("block")));
}
