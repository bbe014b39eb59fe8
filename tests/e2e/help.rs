//! What `-h` and `--help` show, and what users who mistype are told.

use tollgate_tests::Place;

/// Every command, as the words that lead to it.
pub(crate) fn commands(place: &Place, path: &str, found: &mut Vec<String>) {
    let help = place.ok(&format!("{path} -h"));
    found.push(path.to_owned());
    let list = help.split_once("\nCommands:\n").map_or("", |(_, rest)| rest);
    for line in list.lines().take_while(|line| !line.is_empty()) {
        let name = line.strip_prefix("  ").filter(|rest| !rest.starts_with(' '));
        let Some(name) = name.and_then(|rest| rest.split_whitespace().next()) else { continue };
        if name != "help" {
            commands(place, format!("{path} {name}").trim(), found);
        }
    }
}

#[test]
fn short_help_of_every_command_shows_its_own_flags_and_names_the_others_in_one_line() {
    let place = Place::new();
    let mut found = Vec::new();
    commands(&place, "", &mut found);
    assert!(found.len() > 40 && found.contains(&"phase start".to_owned()), "{found:?}");
    for path in &found {
        let (short, long) = (place.ok(&format!("{path} -h")), place.ok(&format!("{path} --help")));
        assert_eq!(short.matches("Everywhere:").count(), 1, "{path}\n{short}");
        assert!(
            !short.contains("--nats-creds") && !short.contains("[env: TOLLGATE_DATA="),
            "{path}\n{short}"
        );
        for group in ["which ledger", "its rules", "who you are", "the answer", "NATS, with --log"] {
            assert!(long.contains(&format!("Everywhere: {group}:\n")), "{path} lacks {group}\n{long}");
        }
        // The first one lists every command.
        let most = if path.is_empty() { 60 } else { 50 };
        assert!(short.lines().count() <= most, "{path}\n{short}");
    }
}

#[test]
fn help_as_people_see_it() {
    let place = Place::new();
    for (name, line) in [
        ("tollgate", "-h"),
        ("gate", "gate -h"),
        ("usage_record", "usage record -h"),
        ("task", "task -h"),
        ("gate_long", "gate --help"),
    ] {
        insta::assert_snapshot!(name, place.ok(line));
    }
}

#[test]
fn who_mistypes_is_told_what_was_meant() {
    let place = Place::new();
    for (line, meant) in [
        ("taks list", "'task'"),
        ("task opne T-1", "'open'"),
        ("phase strat T-1 PLAN", "'start'"),
        ("usage recrod T-1", "'record'"),
        ("log vrify", "'verify'"),
        ("import codx .", "'codex'"),
        ("config chek", "'check'"),
        ("--fromat json status", "'--format'"),
        ("status --dta d", "'--data'"),
        ("usage record T-1 --ouput 5", "'--output'"),
        ("usage record T-1 --promt-chars 5", "'--prompt-chars'"),
        ("--format jsn status", "'json'"),
        ("task close T-1 --outcome complete", "'completed'"),
    ] {
        let said = place.fails(2, line);
        assert!(
            said.contains(meant) && said.contains("similar"),
            "tollgate {line}\nmust name: {meant}\nsays: {said}"
        );
    }
}
