//! Sessions of coding agents as their released versions write them: each folder of `tests/fixtures/agents` is
//! counted as its `expected.json` says, in every order of import, whatever was imported before.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tollgate_tests::{Place, Server};

const KINDS: [&str; 5] = ["input_uncached", "cached_input", "cache_write", "output", "reasoning"];

fn fixture(scenario: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/agents").join(scenario)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.to_string_lossy().contains(".jsonl") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Each file in turn first, with the others after it in order; and all of them in reverse.
fn orders(files: &[PathBuf]) -> Vec<Vec<PathBuf>> {
    let mut orders: Vec<Vec<PathBuf>> = (0..files.len())
        .map(|first| files[first..].iter().chain(&files[..first]).cloned().collect())
        .collect();
    orders.push(files.iter().rev().cloned().collect());
    orders.dedup();
    orders
}

struct Import<'a> {
    place: &'a Place,
    server: &'a Server,
    agent: &'a str,
    /// Whether the shipped rules give its calls phases.
    phases: bool,
    /// What could not be read has to be reported: it has its own exit code.
    code: i32,
}

impl Import<'_> {
    /// Imports a path; returns the answer and the messages printed alongside.
    fn run(&self, path: &Path) -> (Value, String) {
        let path = path.to_str().unwrap();
        let mut line = vec!["--server", &self.server.url, "import", self.agent, path, "--format", "json"];
        line.extend(self.phases.then_some(["--phases", "shipped"]).into_iter().flatten());
        let said = self.place.run(&line);
        assert_eq!(said.code, self.code, "{path}\n{}{}", said.out, said.err);
        (serde_json::from_str(&said.out).unwrap(), said.err)
    }

    fn asked(&self, question: &str) -> Value {
        self.place.json(&format!("--server {} {question}", self.server.url))
    }

    fn tokens(&self) -> Value {
        let report = self.asked("report");
        json!(KINDS.map(|kind| report["tokens"][kind].clone()))
    }

    fn tasks(&self) -> Value {
        let tasks = self.asked("task list");
        let tasks = tasks["tasks"].as_array().unwrap();
        let of = |task: &Value| (task["task"].as_str().unwrap().to_owned(), task["tokens_used"].clone());
        json!(tasks.iter().map(of).collect::<BTreeMap<_, _>>())
    }

    fn days(&self) -> Value {
        let report = self.asked("report");
        let days = report["by_day"].as_array().unwrap().iter();
        let days: BTreeMap<String, Value> = days
            .map(|day| (day["key"].as_str().unwrap().to_owned(), day["tokens"]["total"].clone()))
            .collect();
        json!(days)
    }

    /// The usage of a task or of one call: the first with this name.
    fn usage_of(&self, task_or_id: &str) -> Value {
        let said = self.place.ok(&format!("--server {} log tail -n 0 --format json", self.server.url));
        let mut events = said.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let is_it = |event: &Value| event["task"] == task_or_id || event["id"] == task_or_id;
        events.find(|event| event.get("usage_recorded").is_some() && is_it(event)).unwrap()["usage_recorded"]
            .take()
    }
}

fn counts_as_expected(scenario: &str) {
    let folder = fixture(scenario);
    let expected: Value =
        serde_json::from_str(&std::fs::read_to_string(folder.join("expected.json")).unwrap()).unwrap();
    let agent = scenario.split('/').next().unwrap();
    let code = if expected["problems"].is_null() { 0 } else { 6 };
    let orders = orders(&files(&folder));
    let with_phases = orders.first().into_iter().chain(orders.last()).map(|order| (order, true));
    for (order, phases) in orders.iter().map(|order| (order, false)).chain(with_phases) {
        let place = Place::new();
        let server = Server::start(&place, "d");
        let import = Import { place: &place, server: &server, agent, phases, code };
        for file in order {
            let _ = import.run(file);
        }
        let shown = format!("{scenario}: {order:?}");
        assert_eq!(import.tokens(), expected["tokens"], "{shown}");
        // All of them together show which sessions came first, if nothing in a file does.
        let (all, told) = import.run(&folder);
        assert_eq!(
            (import.tokens(), import.tasks()),
            (expected["tokens"].clone(), expected["tasks"].clone()),
            "{shown}"
        );
        let sum: i64 = expected["tasks"].as_object().unwrap().values().map(|sum| sum.as_i64().unwrap()).sum();
        assert_eq!(all["tokens"]["total"], sum, "what the import says it counted: {shown}");
        let (again, _) = import.run(&folder);
        assert_eq!(
            (&again["new"], &again["corrected"], &again["refused"]),
            (&json!(0), &json!(0), &json!(0)),
            "{shown}"
        );
        for text in expected["problems"].as_array().into_iter().chain(expected["notes"].as_array()).flatten()
        {
            assert!(told.contains(text.as_str().unwrap()), "{text} is not in: {told}");
        }
        if let Some(days) = expected.get("days") {
            assert_eq!(import.days(), *days, "{shown}");
        }
    }
}

/// What the events of a scenario carry in addition to their tokens.
fn says_of_itself(scenario: &str) {
    let folder = fixture(scenario);
    let expected: Value =
        serde_json::from_str(&std::fs::read_to_string(folder.join("expected.json")).unwrap()).unwrap();
    let place = Place::new();
    let server = Server::start(&place, "d");
    let agent = scenario.split('/').next().unwrap();
    let import = Import { place: &place, server: &server, agent, phases: false, code: 0 };
    let _ = import.run(&folder);
    let entries = |field: &str| expected[field].as_object().cloned().unwrap_or_default();
    for (task, labels) in entries("labels") {
        let usage = import.usage_of(&task);
        for (name, value) in labels.as_object().unwrap() {
            assert_eq!(&usage["labels"][name], value, "{name} of {task}: {usage}");
        }
    }
    for (field, name) in [("tiers", "service_tier"), ("models", "model")] {
        for (task, value) in entries(field) {
            assert_eq!(import.usage_of(&task)[name], value, "{name} of {task}");
        }
    }
}

macro_rules! scenarios {
    ($($name:ident: $path:literal;)*) => {
        $(#[test]
        fn $name() {
            counts_as_expected($path);
        })*

        #[test]
        fn no_scenario_is_left_out() {
            let mut listed = vec![$($path.to_owned()),*];
            listed.sort();
            let mut found = Vec::new();
            let names = |folder: &str| {
                let entries = std::fs::read_dir(fixture(folder)).unwrap();
                entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect::<Vec<_>>()
            };
            for agent in names("") {
                found.extend(names(&agent).into_iter().map(|scenario| format!("{agent}/{scenario}")));
            }
            found.sort();
            assert_eq!(listed, found);
        }
    };
}

scenarios! {
    a_stale_snapshot_is_no_restart: "codex/stale-snapshot";
    a_restart_counts_on: "codex/restart";
    forks_of_forks_count_once_on_their_own_days: "codex/forks";
    a_fork_counts_whole_where_its_parent_was_never_seen: "codex/fork-alone";
    a_second_file_that_counts_from_zero_is_added: "codex/second-file-fresh";
    a_second_file_that_goes_on_is_added_once: "codex/second-file-continuing";
    cache_writes_are_a_kind_of_their_own: "codex/cache-write";
    records_forks_and_subagents_count_once: "codex/records";
    an_archived_and_compressed_copy_counts_once: "codex/archived";
    a_torn_line_is_named: "codex/torn";
    a_whole_line_before_nuls_counts: "codex/nuls";
    a_torn_line_before_nuls_is_named: "codex/torn-nuls";
    usage_of_new_kinds_is_named: "codex/new-kinds";
    a_claude_session_its_subagent_and_its_fork_count_once: "claude/session-subagent-fork";
    a_claude_fork_counts_whole_where_its_parent_was_never_seen: "claude/fork-alone";
    a_torn_claude_line_is_named: "claude/torn";
    a_compaction_within_a_call_is_added: "claude/compaction-in-a-call";
}

/// A line of a rollout of 2025-10-01 or -02: a head, or counters of this many outputs, ten times as many
/// inputs, and those of the last call.
fn rollout_line(at: &str, what: &str) -> String {
    let words: Vec<&str> = what.split_whitespace().collect();
    let counters = |output: &str| {
        let output: u64 = output.parse().unwrap();
        json!({"input_tokens": output * 10, "cached_input_tokens": 0, "output_tokens": output,
            "reasoning_output_tokens": 0, "total_tokens": output * 11})
    };
    let (kind, payload) = match words[..] {
        ["head", id] => ("session_meta", json!({"id": id})),
        ["fork", id, of] => ("session_meta", json!({"id": id, "forked_from_id": of})),
        ["paginated", id, of] => (
            "session_meta",
            json!({"id": id, "forked_from_id": of, "history_mode": "paginated",
                "history_base": {"thread_id": of, "end_ordinal_exclusive": 4}}),
        ),
        [total, last] => {
            let info = json!({"total_token_usage": counters(total), "last_token_usage": counters(last)});
            ("event_msg", json!({"type": "token_count", "info": info}))
        }
        _ => panic!("{what}"),
    };
    json!({"timestamp": format!("2025-10-{at}Z"), "type": kind, "payload": payload}).to_string()
}

/// What a fork repeats from its parent belongs to the parent, however slowly it was copied; what the parent
/// has later is a different call.
#[test]
fn a_fork_repeats_the_calls_of_its_parent_in_any_time() {
    let parent = ["01T00:00:00 head P", "01T00:00:31 70 70", "01T00:00:41 100 30", "03T00:00:00 140 40"];
    for (fork, own) in [
        (
            &[
                "02T00:00:00 fork F P",
                "02T00:00:00 head P",
                "02T00:00:00 70 70",
                "02T00:00:02.5 100 30",
                "02T00:01:00 140 40",
            ][..],
            440,
        ),
        (&["02T00:00:00 paginated F P", "02T00:00:05 100 30", "02T00:00:20 160 60"][..], 660),
    ] {
        let place = Place::new();
        let server = Server::start(&place, "d");
        let import = Import { place: &place, server: &server, agent: "codex", phases: false, code: 0 };
        for (name, lines) in [
            ("sessions/rollout-2025-10-01T00-00-00-P", &parent[..]),
            ("archived/rollout-2025-10-02T00-00-00-F", fork),
        ] {
            let lines = lines.iter().map(|line| {
                let (at, what) = line.split_once(' ').unwrap();
                rollout_line(at, what)
            });
            place.write(&format!("s/{name}.jsonl"), &(lines.collect::<Vec<_>>().join("\n") + "\n"));
        }
        let expected = json!({"codex-P": 1540, "codex-F": own});
        // If the fork comes first, it is recognized as one once it is read after its parent.
        for file in ["s/archived", "s/sessions", "s"] {
            let _ = import.run(&place.path(file));
        }
        assert_eq!(import.tasks(), expected, "{fork:?}");
        let (again, _) = import.run(&place.path("s"));
        assert_eq!((&again["new"], &again["corrected"]), (&json!(0), &json!(0)), "{again}");
        let place = Place::new();
        let server = Server::start(&place, "d");
        for (name, lines) in [
            ("sessions/rollout-2025-10-01T00-00-00-P", &parent[..]),
            ("archived/rollout-2025-10-02T00-00-00-F", fork),
        ] {
            let lines = lines.iter().map(|line| {
                let (at, what) = line.split_once(' ').unwrap();
                rollout_line(at, what)
            });
            place.write(&format!("s/{name}.jsonl"), &(lines.collect::<Vec<_>>().join("\n") + "\n"));
        }
        let import = Import { place: &place, server: &server, agent: "codex", phases: false, code: 0 };
        let _ = import.run(&place.path("s"));
        assert_eq!(import.tasks(), expected, "in one import: {fork:?}");
    }
}

#[test]
fn codex_calls_say_whose_they_are() {
    says_of_itself("codex/records");
}

#[test]
fn claude_calls_say_whose_they_are() {
    says_of_itself("claude/session-subagent-fork");
}
