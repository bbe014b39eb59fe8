//! Failure scenarios of reports: nobody reads them, and what they say leaks.

use crate::ground::{EVIDENCE, Ground, over_each_log, through};

over_each_log!(
    pm7_a_report_says_the_main_thing_in_three_lines_and_beside_similar_tasks,
    pm8_a_report_without_names_gives_nobody_away_and_each_read_is_recorded,
);

fn pm7_a_report_says_the_main_thing_in_three_lines_and_beside_similar_tasks(ground: &mut Ground) {
    // Rule: verdict, largest anomaly and one recommendation come first; a task is compared with those of its
    // class; at 90 % someone is notified.
    for nth in 0..3 {
        let task = format!("S-{nth}");
        let _ = ground.ok(&format!("task open {task}"));
        through(ground, &task, "PLAN", 1_000);
        let _ = ground.ok(&format!("task close {task}"));
    }
    let _ = ground.ok("task open T-1");
    through(ground, "T-1", "PLAN", 2_300);
    let report = ground.ok("report T-1");
    let lines: Vec<&str> = report.lines().take(3).collect();
    for (line, begins) in lines.iter().zip(["> Verdict: ", "> Largest anomaly: ", "> Recommendation: "]) {
        assert!(line.starts_with(begins), "{begins}\n{report}");
    }
    assert!(lines[0].contains("2,300 / 23,400 (10%)"), "{report}");
    assert!(lines[1].contains("PLAN") && lines[1].contains("similar"), "{report}");
    let alerts = ground.ok("alerts");
    assert!(
        alerts.contains("PLAN of task T-1 reached 90% of its token budget: 2,300 / 2,400 (96%)"),
        "{alerts}"
    );
}

fn pm8_a_report_without_names_gives_nobody_away_and_each_read_is_recorded(ground: &mut Ground) {
    // Rule: reports are internal; without names they contain pseudonyms that are the same everywhere; who
    // read what is on record.
    let key = ground.place().path("redaction.key").display().to_string();
    ground.stop();
    ground.start_with(EVIDENCE, &["--redaction-key", &key]);
    let _ = ground.ok("task open SECRET-1 --title canary-title --author canary-ada --importance critical --justification canary-why");
    through(ground, "SECRET-1", "PLAN", 90_000);
    let _ = ground.ok("phase explain SECRET-1 PLAN --author canary-ada --text canary-text");
    let mut named = Vec::new();
    for line in [
        "report SECRET-1",
        "report SECRET-1 --format html",
        "report SECRET-1 --format json",
        "task explain SECRET-1",
    ] {
        let open = ground.ok(line);
        assert!(open.contains("SECRET-1"), "{line}: {open}");
        let told = ground.ok(&format!("{line} --redact"));
        assert!(!told.contains("SECRET") && !told.contains("canary"), "{line}: {told}");
        let (_, rest) = told.split_once("task-").expect("a pseudonym");
        named.push(rest.chars().take_while(char::is_ascii_alphanumeric).collect::<String>());
    }
    assert!(named.windows(2).all(|pair| pair[0] == pair[1]), "one task has one pseudonym: {named:?}");
    let read = ground.ok("report accesses");
    assert_eq!(read.matches("of SECRET-1").count(), 8, "{read}");
}
