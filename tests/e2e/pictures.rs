//! Results of replay as pictures, as people ask for them.

use std::collections::BTreeSet;
use std::path::Path;

use tollgate_tests::{Place, session};

/// A ledger with a task that ended well and one that ran away, in two phases each.
fn ledger() -> Place {
    let place = Place::new();
    place.write("loose.yaml", "rollout: enforce\nstop_loss:\n  profile: loose\n");
    for (task, tokens, outcome) in [("A", 900, "completed"), ("B", 40_000, "abandoned")] {
        let mut lines = vec![format!("task open {task}")];
        for phase in ["PLAN", "THINK"] {
            lines.push(format!("phase start {task} {phase}"));
            lines.push(format!("usage record {task} --phase {phase} --output {tokens}"));
            lines.push(format!("phase end {task} {phase}"));
        }
        lines.push(format!("task close {task} --outcome {outcome}"));
        for line in lines {
            let _ = place.ok(&format!("--data data {line}"));
        }
    }
    place
}

fn read(place: &Place, name: &str) -> String {
    std::fs::read_to_string(place.path(name)).unwrap()
}

fn names(dir: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(dir).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

const WHAT_IF: &str = "replay what-if --from data --config built-in --config loose.yaml";

#[test]
fn a_replay_is_one_file_of_html_and_a_picture_each_with_the_same_bytes_every_time() {
    let place = ledger();
    let plain = place.ok(WHAT_IF);
    let shown = place.ok(&format!("{WHAT_IF} --html one.html --pictures one --threads 1"));
    assert_eq!(plain, shown, "pictures change nothing of what is shown");
    let _ = place.ok(&format!("{WHAT_IF} --html two.html --pictures deep/two --threads 4"));
    assert!(read(&place, "one.html") == read(&place, "two.html"));
    let files = names(&place.path("one"));
    let expected = ["candidates.svg", "outcomes.svg", "thresholds-1.svg", "trade-off.svg"];
    assert_eq!(files, expected.map(str::to_owned).into());
    for name in &files {
        assert!(read(&place, &format!("one/{name}")) == read(&place, &format!("deep/two/{name}")), "{name}");
    }
    let page = read(&place, "one.html");
    let hash = place.json(WHAT_IF)["hash"].as_str().unwrap().to_owned();
    for part in ["loose.yaml", "knee", "40,000", "Assumptions", hash.as_str()] {
        assert!(page.contains(part), "{part}");
    }
    let links = page.replace("xmlns=\"http://www.w3.org/2000/svg\"", "");
    assert!(!links.contains("http://") && !links.contains("https://"));
    // What an earlier run drew and this one does not is no picture of this result.
    for name in ["thresholds-2.svg", "policy-1.svg", "outcomes.png", "mine-1.svg", "policy-x.svg"] {
        place.write(&format!("one/{name}"), "old");
    }
    let _ = place.ok(&format!("{WHAT_IF} --pictures one"));
    let mut expected = files.clone();
    expected.extend(["mine-1.svg", "policy-x.svg"].map(str::to_owned));
    assert_eq!(names(&place.path("one")), expected);
    // A file that is there is replaced.
    place.write("old.html", "old");
    let _ = place.ok(&format!("{WHAT_IF} --html old.html --format json"));
    assert!(read(&place, "old.html") == page);
}

#[test]
fn the_page_warns_of_what_the_text_warns_of() {
    let place = ledger();
    let text = place.ok(&format!("{WHAT_IF} --cost-usd 2 --html page.html"));
    let page = read(&place, "page.html");
    let findings = text.lines().filter_map(|line| line.strip_prefix("* "));
    for finding in findings {
        let escaped =
            finding.replace('&', "&amp;").replace('\'', "&#39;").replace('<', "&lt;").replace('>', "&gt;");
        assert!(page.contains(&escaped), "{finding}");
    }
    for part in [
        "verdict: do not enforce these limits",
        "return unknown: not enough data: 40000 tokens after blocks have no price",
        "81800 tokens have no price",
        "blocked before THINK by token_budget_exceeded: 1 task",
        "the live gate was asked about 0 tasks",
    ] {
        assert!(page.replace(',', "").contains(&part.replace(',', "")), "{part}\n{text}\n{page}");
    }
    place.write(
        "s/rollout-1-A.jsonl",
        &session("0199cbc9-c52b-7310-a697-9a5dc7d2a91d", &[[20_000, 0, 100, 0]]),
    );
    let _ = place.ok("replay what-if --from s --config built-in --html sessions.html");
    let page = read(&place, "sessions.html");
    for part in ["name no tool in their files", "of 1 sessions name tools", "no rule:"] {
        assert!(page.contains(part), "{part}");
    }
}

#[test]
fn a_calibration_has_pictures_of_its_phases() {
    let place = ledger();
    let _ = place.ok("replay calibrate --from data --html page.html --pictures pictures --png");
    let files = names(&place.path("pictures"));
    for svg in files.iter().filter_map(|file| file.strip_suffix(".svg")) {
        let png = std::fs::read(place.path(&format!("pictures/{svg}.png"))).unwrap();
        assert!(png.starts_with(b"\x89PNG\r\n") && png.len() > 1000, "{svg}: {} bytes", png.len());
    }
    assert!(files.contains("tokens-of-phases.svg") && files.contains("latency-of-phases.svg"), "{files:?}");
    let page = read(&place, "page.html");
    assert!(page.contains("THINK") && page.contains("limit proposed"), "{page}");
}

#[test]
fn places_where_no_picture_can_be_are_refused_before_anything_is_read() {
    let place = ledger();
    place.write("dir/file", "");
    // The history is looked for only afterwards: it is not there.
    let missing = "replay what-if --from nowhere --config built-in";
    let calibrate = "replay calibrate --from nowhere";
    for (code, flags, said) in [
        (3, "--html dir", "--html dir: is a directory; name a file in it"),
        (3, "--html new/", "--html new/: names a directory; name a file in it"),
        (3, "--html missing/x.html", "--html missing/x.html: there is no directory missing; make it first"),
        (3, "--html dir/file/x.html", "there is no directory dir/file"),
        (3, "--html /dev/null", "--html /dev/null: is no file; name one"),
        (3, "--pictures dir/file", "--pictures dir/file: is a file; name a directory"),
        (1, "--pictures dir/file/deep", "nothing can be written to"),
        (2, "--png", "--pictures <DIR>"),
    ] {
        for command in [missing, calibrate] {
            let found = place.fails(code, &format!("{command} {flags}"));
            assert!(found.contains(said), "{flags}: {found}");
        }
    }
    for flags in ["--html data/x.html", "--pictures data/pictures"] {
        let found = place.fails(3, &format!("{WHAT_IF} {flags}"));
        assert!(found.contains("it is inside data, where the history is"), "{flags}: {found}");
    }
    assert_eq!(names(&place.path("dir")), ["file".to_owned()].into());
}
