//! What is refused on input, each with field, value and rule.

use tollgate_domain::event::{EventBody, TaskEvent};
use tollgate_domain::ids::{ProducerId, TenantId};
use tollgate_wire::{Defaults, FieldError, MAX_EVENT_BYTES, MAX_JSON_BYTES, Submitted};

fn read(text: &str) -> Result<Submitted, FieldError> {
    Submitted::from_json(text, &Defaults::default())
}

fn event(body: &str) -> String {
    format!(r#"{{"task": "T-1", "producer": "p", "id": "1", {body}}}"#)
}

/// One case: `body` is refused with a message that begins with `field: value` and contains `rule`.
#[track_caller]
pub(crate) fn refused(body: &str, field_and_value: &str, rule: &str) {
    let error = match read(&event(body)) {
        Ok(_) => panic!("accepted: {body}"),
        Err(error) => error.to_string(),
    };
    assert!(error.starts_with(&format!("{field_and_value}: ")), "{body}\n  {error}");
    assert!(error.contains(rule), "{body}\n  {error}");
}

/// Each line: `body | field: value | part of the rule`.
#[track_caller]
pub(crate) fn check(table: &str) {
    for line in table.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let [body, field_and_value, rule]: [&str; 3] =
            line.split(" | ").map(str::trim).collect::<Vec<_>>().try_into().expect("3 columns");
        refused(body, field_and_value, rule);
    }
}

#[test]
fn ec17_an_override_of_the_wrong_type_names_field_value_and_type() {
    let error =
        read(&event(r#""task_opened": {"budget_overrides": {"think": {"tokens": "many"}}}"#)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "task_opened.budget_overrides.think.tokens: `many`: must be a whole number: a JSON number or a text of digits"
    );
}

#[test]
fn task_opened() {
    check(
        r#"
        "task_opened": {"complexity": "Lareg"}                      | task_opened.complexity: `Lareg`          | did you mean `Large`?
        "task_opened": {"importance": "criticla"}                   | task_opened.importance: `criticla`       | did you mean `critical`?
        "task_opened": {"complexity": 3}                            | task_opened.complexity: `3`              | must be text, is a number
        "task_opened": {"enforcement": "offf"}                      | task_opened.enforcement: `offf`          | must be one of on, off; did you mean `off`?
        "task_opened": {"titel": "x"}                               | task_opened.titel: `x`                   | did you mean `title`?
        "task_opened": {"limits": {}}                               | task_opened.limits: `{}`                 | is unknown
        "task_opened": {"budget_multiplier": 0}                     | task_opened.budget_multiplier: `0`       | above 0 and at most 10
        "task_opened": {"budget_multiplier": "10.000001"}           | task_opened.budget_multiplier: `10.000001` | above 0 and at most 10
        "task_opened": {"budget_multiplier": -1}                    | task_opened.budget_multiplier: `-1`      | must not be negative
        "task_opened": {"budget_multiplier": 1.0000001}             | task_opened.budget_multiplier: `1.0000001` | at most 6 decimal places
        "task_opened": {"budget_multiplier": "two"}                 | task_opened.budget_multiplier: `two`     | must be a number
        "task_opened": {"budget_multiplier": true}                  | task_opened.budget_multiplier: `true`    | must be a number, or its digits as text, is true or false
        "task_opened": {"budget_overrides": {"9": {"tokens": 1}}}   | task_opened.budget_overrides.9: `9`      | begin with a letter
        "task_opened": {"budget_overrides": {"think": 5}}           | task_opened.budget_overrides.think: `5`  | must be an object, is a number
        "task_opened": {"budget_overrides": {"think": null}}        | task_opened.budget_overrides.think: `null` | must be an object, is null
        "task_opened": {"budget_overrides": {"think": {}}}          | task_opened.budget_overrides.think: `nothing` | tokens, latency_ms or both
        "task_opened": {"budget_overrides": {"think": {"tokens": 0}}} | task_opened.budget_overrides.think.tokens: `0` | must be 1 or more
        "task_opened": {"budget_overrides": {"think": {"latency_ms": -1}}} | task_opened.budget_overrides.think.latency_ms: `-1` | from 0 to
        "task_opened": {"budget_overrides": {"think": {"tokens": 1}, "THINK": {"tokens": 1}}} | task_opened.budget_overrides.think: `think` | a second time
        "task_opened": {"budget_overrides": {"think": {"tokens": 1, "tokens": 2}}} | task_opened.budget_overrides.think.tokens: `2` | given more than once
        "task_opened": {"tags": "a"}                                | task_opened.tags: `a`                    | must be a list of texts, is text
        "task_opened": {"tags": ["a", 7]}                           | task_opened.tags[1]: `7`                 | must be text, is a number
        "task_opened": {"tags": ["a", ""]}                          | task_opened.tags[1]: `nothing`           | is required
        "task_opened": {"labels": {"team": ["x"]}}                  | task_opened.labels.team: `["x"]`         | must be text, is a list
        "task_opened": {"labels": {"team": ""}}                     | task_opened.labels.team: `nothing`       | is required
        "task_opened": {"labels": {"": "x"}}                        | task_opened.labels: `nothing`            | is required
        "task_opened": []                                           | task_opened: `[]`                        | must be an object, is a list
        "#,
    );
}

#[test]
fn phases_overrides_and_the_end() {
    check(
        r#"
        "task_closed": {}                                           | task_closed.outcome: `nothing`           | is required
        "task_closed": {"outcome": "complete"}                      | task_closed.outcome: `complete`          | did you mean `completed`?
        "phase_started": {}                                         | phase_started.phase: `nothing`           | is required
        "phase_started": {"phase": "a b"}                           | phase_started.phase: `a b`               | 1 to 32 of
        "phase_started": {"phase": "THINK", "attempt": 1}           | phase_started.attempt: `1`               | is unknown; expected one of phase
        "phase_ended": {"phase": "THINK", "attempt": 0}             | phase_ended.attempt: `0`                 | from 1
        "phase_ended": {"phase": "THINK", "attempt": 4294967296}    | phase_ended.attempt: `4294967296`        | from 0 to 4294967295
        "phase_ended": {"phase": "THINK", "attempt": 1.0}           | phase_ended.attempt: `1.0`               | must be a whole number
        "override_granted": {"approver": "a", "reason": "r"}        | override_granted: `nothing`              | give `limit`
        "override_granted": {"block": {"advance": "PR"}, "reason": "r"} | override_granted.approver: `nothing` | is required
        "override_granted": {"block": {"advance": "PR"}, "approver": "a"} | override_granted.reason: `nothing` | is required
        "override_granted": {"block": {}, "approver": "a", "reason": "r"} | override_granted.block.advance: `nothing` | is required
        "override_granted": {"block": {"advance": "the end"}, "approver": "a", "reason": "r"} | override_granted.block.advance: `the end` | `completion` or a phase
        "override_granted": {"limit": {"phase": "PR"}, "approver": "a", "reason": "r"} | override_granted.limit: `nothing` | tokens, latency_ms or both
        "override_granted": {"limit": {"phase": "PR", "tokens": 0}, "approver": "a", "reason": "r"} | override_granted.limit.tokens: `0` | must be 1 or more
        "override_granted": {"limit": {"tokens": 1}, "approver": "a", "reason": "r"} | override_granted.limit.phase: `nothing` | is required
        "override_granted": {"limit": {"phase": "PR", "tokens": 1}, "block": {"advance": "PR"}} | override_granted.block: `given` | cannot be combined with limit
        "#,
    );
}

#[test]
fn usage_and_what_belongs_to_it() {
    check(
        r#"
        "usage_recorded": {"model": "m"}                            | usage_recorded.tokens: `nothing`         | send prompt_chars and completion_chars
        "usage_recorded": {"tokens": {}}                            | usage_recorded.tokens: `{}`              | at least one kind
        "usage_recorded": {"tokens": {"output": null}}              | usage_recorded.tokens: `{"output": null}` | at least one kind
        "usage_recorded": {"tokens": {"outptu": 1}}                 | usage_recorded.tokens.outptu: `1`        | did you mean `output`?
        "usage_recorded": {"tokens": {"output": -1}}                | usage_recorded.tokens.output: `-1`       | from 0 to
        "usage_recorded": {"tokens": {"output": 1e3}}               | usage_recorded.tokens.output: `1e3`      | must be a whole number
        "usage_recorded": {"tokens": {"output": "1,000"}}           | usage_recorded.tokens.output: `1,000`    | must be a whole number
        "usage_recorded": {"tokens": {"output": "+1"}}              | usage_recorded.tokens.output: `+1`       | must be a whole number
        "usage_recorded": {"tokens": {"output": ""}}                | usage_recorded.tokens.output: ``         | must be a whole number
        "usage_recorded": {"tokens": {"output": 9007199254740993}}  | usage_recorded.tokens.output: `9007199254740993` | text of digits above 2^53
        "usage_recorded": {"tokens": {"output": 1000000000001}}     | usage_recorded.tokens.output: `1000000000001` | at most 1000000000000
        "usage_recorded": {"tokens": {"output": 3, "reasoning": 4}} | usage_recorded.tokens.reasoning: `4`     | must not be above tokens.output (3)
        "usage_recorded": {"tokens": {"output": 1}, "prompt_chars": 4} | usage_recorded.tokens: `given`        | cannot be combined with prompt_chars
        "usage_recorded": {"prompt_chars": 1000000000001}           | usage_recorded.prompt_chars: `1000000000001` | at most
        "usage_recorded": {"completion_chars": 1000000000001}       | usage_recorded.completion_chars: `1000000000001` | at most
        "usage_recorded": {"tokens": {"output": 1}, "attempt": 1}   | usage_recorded.attempt: `1`              | give `phase` too
        "usage_recorded": {"tokens": {"output": 1}, "phase": "PR", "attempt": 0} | usage_recorded.attempt: `0` | from 1
        "usage_recorded": {"tokens": {"output": 1}, "estimated": 1} | usage_recorded.estimated: `1`            | true or false, is a number
        "usage_recorded": {"tokens": {"output": 1}, "cost_usd": 1}  | usage_recorded.cost_usd: `1`             | is unknown
        "usage_adjusted": {"adjusts": "u", "reason": "r"}           | usage_adjusted.tokens: `nothing`         | is required
        "usage_adjusted": {"adjusts": "u", "tokens": {"output": 1}} | usage_adjusted.reason: `nothing`         | is required
        "usage_adjusted": {"tokens": {"output": 1}, "reason": "r"}  | usage_adjusted.adjusts: ``               | 1 to 128 UTF-8 bytes
        "usage_adjusted": {"adjusts": "u", "adjusts_producer": " p", "tokens": {"output": 1}, "reason": "r"} | usage_adjusted.adjusts_producer: ` p` | white space
        "usage_adjusted": {"adjusts": "u", "tokens": {"output": -1000000000001}, "reason": "r"} | usage_adjusted.tokens.output: `-1000000000001` | within ±1000000000000
        "usage_adjusted": {"adjusts": "u", "tokens": {"output": "-9223372036854775809"}, "reason": "r"} | usage_adjusted.tokens.output: `-9223372036854775809` | must be a whole number from
        "wait_recorded": {"kind": "queue"}                          | wait_recorded.wait_ms: `nothing`         | is required
        "wait_recorded": {"wait_ms": 1}                             | wait_recorded.kind: `nothing`            | is required
        "wait_recorded": {"kind": "queue", "wait_ms": 31622400001}  | wait_recorded.wait_ms: `31622400001`     | at most 31622400000
        "wait_recorded": {"kind": "queue", "wait_ms": 1, "attempt": 2} | wait_recorded.attempt: `2`            | give `phase` too
        "signal_recorded": {"name": "n"}                            | signal_recorded.value: `nothing`         | is required
        "signal_recorded": {"value": 1}                             | signal_recorded.name: `nothing`          | is required
        "signal_recorded": {"name": "n", "value": "9223372036854775808"} | signal_recorded.value: `9223372036854775808` | to 9223372036854775807
        "#,
    );
}

#[test]
fn the_event_itself() {
    for (text, field_and_value, rule) in [
        ("", "event: ``", "must be valid JSON"),
        ("{\"task\": ", "event: `{\"task\": `", "must be valid JSON"),
        ("[]", "event: `[]`", "must be an object, is a list"),
        ("{}", "event: `nothing`", "must have one body, one of task_opened, "),
        (r#"{"phase_started": null}"#, "event: `nothing`", "must have one body"),
        (r#"{"phase_started": {"phase": "A"}}"#, "producer: `nothing`", "is required"),
        (r#"{"producer": "p", "phase_started": {"phase": "A"}}"#, "task: `nothing`", "is required"),
        (
            r#"{"producer": "p", "task": "t", "phase_started": {"phase": "A"}}"#,
            "id: `nothing`",
            "is required",
        ),
        (r#"{"task": 7, "phase_started": {"phase": "A"}}"#, "task: `7`", "must be text, is a number"),
        (r#"{"tenant": "a.b", "phase_started": {"phase": "A"}}"#, "tenant: `a.b`", "hold only"),
        (r#"{"tenant": "_ledger", "phase_started": {"phase": "A"}}"#, "tenant: `_ledger`", "letter or digit"),
        (r#"{"task": "a", "task": "b"}"#, "task: `b`", "given more than once"),
        (r#"{"task": "a", "\u0074ask": "b"}"#, "task: `b`", "given more than once"),
        (r#"{"taks": "a"}"#, "taks: `a`", "did you mean `task`?"),
        (
            r#"{"phase_startd": {"phase": "A"}}"#,
            "phase_startd: `{\"phase\": \"A\"}`",
            "did you mean `phase_started`?",
        ),
        (
            r#"{"phase_started": {"phase": "A"}, "phase_ended": {"phase": "A"}}"#,
            "phase_ended: `{\"phase\": \"A\"}`",
            "cannot be combined with phase_started",
        ),
        (
            r#"{"task": "\ud800", "phase_started": {"phase": "A"}}"#,
            "task: `\"\\ud800\"`",
            "must be valid JSON",
        ),
    ] {
        let error = read(text).unwrap_err().to_string();
        assert!(error.starts_with(&format!("{field_and_value}: ")), "{text}\n  {error}");
        assert!(error.contains(rule), "{text}\n  {error}");
    }
    check(
        r#"
        "occurred_at": "yesterday", "phase_started": {"phase": "A"} | occurred_at: `yesterday`                 | must be RFC 3339
        "occurred_at": 1700000000, "phase_started": {"phase": "A"}  | occurred_at: `1700000000`                | must be text, is a number
        "occurred_at": "0000-12-31T00:00:00Z", "phase_started": {"phase": "A"} | occurred_at: `0000-12-31T00:00:00Z` | years 1 and 9999
        "trace_parent": "abc", "phase_started": {"phase": "A"}      | trace_parent: `abc`                      | W3C traceparent
        "#,
    );
}

#[test]
fn texts_lists_and_names_have_a_longest() {
    let longest = "é".repeat(1000);
    let too_long = format!("{longest}x");
    let shown = format!("{}…", "é".repeat(80));
    for (field, body) in [
        ("task_opened.title", r#""task_opened": {"title": "TEXT"}"#),
        ("task_opened.justification", r#""task_opened": {"justification": "TEXT"}"#),
        ("task_opened.author", r#""task_opened": {"author": "TEXT"}"#),
        ("task_opened.tags[0]", r#""task_opened": {"tags": ["TEXT"]}"#),
        ("task_opened.labels.k", r#""task_opened": {"labels": {"k": "TEXT"}}"#),
        ("task_opened.labels", r#""task_opened": {"labels": {"TEXT": "v"}}"#),
        ("task_closed.reason", r#""task_closed": {"outcome": "completed", "reason": "TEXT"}"#),
        ("task_closed.author", r#""task_closed": {"outcome": "completed", "author": "TEXT"}"#),
        (
            "override_granted.approver",
            r#""override_granted": {"block": {"advance": "PR"}, "approver": "TEXT", "reason": "r"}"#,
        ),
        (
            "override_granted.reason",
            r#""override_granted": {"block": {"advance": "PR"}, "approver": "a", "reason": "TEXT"}"#,
        ),
        ("usage_recorded.provider", r#""usage_recorded": {"tokens": {"output": 1}, "provider": "TEXT"}"#),
        ("usage_recorded.model", r#""usage_recorded": {"tokens": {"output": 1}, "model": "TEXT"}"#),
        ("usage_recorded.component", r#""usage_recorded": {"tokens": {"output": 1}, "component": "TEXT"}"#),
        ("usage_recorded.request_id", r#""usage_recorded": {"tokens": {"output": 1}, "request_id": "TEXT"}"#),
        (
            "usage_adjusted.reason",
            r#""usage_adjusted": {"adjusts": "u", "tokens": {"output": 1}, "reason": "TEXT"}"#,
        ),
        (
            "usage_adjusted.author",
            r#""usage_adjusted": {"adjusts": "u", "tokens": {"output": 1}, "reason": "r", "author": "TEXT"}"#,
        ),
    ] {
        let good = read(&event(&body.replace("TEXT", &longest)));
        assert!(good.is_ok(), "{field}: {good:?}");
        refused(
            &body.replace("TEXT", &too_long),
            &format!("{field}: `{shown}`"),
            "at most 2000 bytes, has 2001",
        );
    }
    for (field, body) in [
        ("wait_recorded.kind", r#""wait_recorded": {"kind": "TEXT", "wait_ms": 1}"#),
        ("signal_recorded.name", r#""signal_recorded": {"name": "TEXT", "value": 1}"#),
        ("signal_recorded.key", r#""signal_recorded": {"name": "n", "value": 1, "key": "TEXT"}"#),
    ] {
        assert!(read(&event(&body.replace("TEXT", &"n".repeat(64)))).is_ok());
        let name = "n".repeat(65);
        refused(&body.replace("TEXT", &name), &format!("{field}: `{name}`"), "at most 64 bytes");
    }
    for field in ["allocation", "context"] {
        let named = format!(r#""usage_recorded": {{"tokens": {{"output": 1}}, "{field}": "TEXT"}}"#);
        assert!(read(&event(&named.replace("TEXT", &"a".repeat(128)))).is_ok());
        let long = "a".repeat(129);
        let shown = format!("usage_recorded.{field}: `{}…`", &long[..80]);
        refused(&named.replace("TEXT", &long), &shown, "at most 128 bytes, has 129");
    }
    let tags = |count: usize| format!(r#""task_opened": {{"tags": [{}]}}"#, vec!["\"t\""; count].join(", "));
    assert!(read(&event(&tags(32))).is_ok());
    refused(&tags(33), "task_opened.tags: `33 entries`", "at most 32 entries");
    let labels = |count: usize| {
        let pairs: Vec<String> = (0..count).map(|nth| format!("\"k{nth}\": \"v\"")).collect();
        format!(r#""task_opened": {{"labels": {{{}}}}}"#, pairs.join(", "))
    };
    assert!(read(&event(&labels(32))).is_ok());
    refused(&labels(33), "task_opened.labels: `33 entries`", "at most 32 entries");
    refused(&labels(257), "task_opened.labels: `257 keys`", "at most 256 keys");
}

#[test]
fn an_event_has_a_largest_size_with_and_without_what_is_added() {
    let tags = |last: usize| {
        let mut tags = vec!["t".repeat(2000); 8];
        tags.push("t".repeat(last));
        let tags: Vec<String> = tags.iter().map(|tag| format!("\"{tag}\"")).collect();
        event(&format!(r#""task_opened": {{"tags": [{}]}}"#, tags.join(", ")))
    };
    let with_room = read(&tags(300)).unwrap();
    let room = MAX_EVENT_BYTES - with_room.content().len();
    let fits = read(&tags(300 + room)).unwrap();
    assert_eq!(fits.content().len(), MAX_EVENT_BYTES);
    let error = read(&tags(300 + room + 1)).unwrap_err();
    assert_eq!(error.field, "event");
    assert_eq!(error.value, "16385 bytes");
    let error = fits.encode_stored(&fits.event.body).unwrap_err();
    assert!(error.rule.contains("with what the ledger adds"), "{error}");
}

#[test]
fn large_and_deep_texts_are_refused_without_reading_them_all() {
    let deep = format!(r#""task_opened": {{"title": {}{}}}"#, "[".repeat(60_000), "]".repeat(60_000));
    refused(&deep, &format!("task_opened.title: `{}…`", "[".repeat(80)), "must be text, is a list");
    let long = event(&format!(r#""task_opened": {{"title": "{}"}}"#, "x".repeat(MAX_JSON_BYTES)));
    assert!(read(&long).unwrap_err().rule.contains("bytes of JSON"));
}

#[test]
fn trace_contexts_are_those_of_w3c() {
    const KNOWN: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let with = |trace: &str| {
        read(&event(&format!(r#""trace_parent": "{trace}", "phase_started": {{"phase": "A"}}"#)))
    };
    assert_eq!(with(KNOWN).unwrap().event.trace_parent.as_deref(), Some(KNOWN));
    let later = KNOWN.replacen("00", "01", 1);
    assert!(with(&format!("{later}-more")).is_ok(), "a later version may append");
    for bad in [
        format!("{KNOWN}-more"),
        format!("{KNOWN} "),
        KNOWN.to_uppercase(),
        KNOWN.replace('-', ""),
        KNOWN[1..].to_owned(),
        format!("{later}-m\u{f6}re"),
        format!("{later}-{}", "x".repeat(80)),
    ] {
        assert!(with(&bad).is_err(), "{bad}");
    }
}

#[test]
fn our_own_code_has_one_form_of_an_absent_text() {
    let mut event = read(&event(r#""task_closed": {"outcome": "completed"}"#)).unwrap().event;
    let EventBody::Task(TaskEvent::TaskClosed(closed)) = &mut event.body else { panic!("a closed task") };
    closed.reason = Some(String::new());
    let error = Submitted::from_event(event).unwrap_err();
    assert_eq!(error.to_string(), "task_closed.reason: ``: omit it instead of sending an empty value");
}

#[test]
fn a_decision_of_another_kind_is_refused() {
    let started = read(&event(r#""phase_started": {"phase": "A"}"#)).unwrap();
    let ended = read(&event(r#""phase_ended": {"phase": "A"}"#)).unwrap();
    let error = started.encode_stored(&ended.event.body).unwrap_err();
    assert!(error.to_string().contains("decided as phase_ended"), "{error}");
}

#[test]
fn defaults_stand_in_for_what_is_absent_and_for_nothing_else() {
    let defaults = Defaults {
        tenant: Some(TenantId::new("acme").unwrap()),
        producer: Some(ProducerId::new("key-1").unwrap()),
    };
    let bare = r#"{"task": "T", "id": "1", "usage_adjusted": {"adjusts": "u", "tokens": {"output": 1}, "reason": "r"}}"#;
    let submitted = Submitted::from_json(bare, &defaults).unwrap();
    assert_eq!(submitted.event.tenant.as_str(), "acme");
    assert_eq!(submitted.event.producer.as_str(), "key-1");
    let shown = submitted.to_json();
    assert_eq!(shown["usage_adjusted"]["adjusts_producer"], "key-1");
    let own = bare.replacen('{', r#"{"tenant": "own", "producer": "mine", "#, 1);
    let submitted = Submitted::from_json(&own, &defaults).unwrap();
    assert_eq!((submitted.event.tenant.as_str(), submitted.event.producer.as_str()), ("own", "mine"));
    assert_eq!(read(&event(r#""phase_started": {"phase": "A"}"#)).unwrap().event.tenant.as_str(), "default");
}

#[test]
fn spellings_of_one_thing_are_one_content() {
    for (one, other) in [
        (r#""phase_started": {"phase": "think"}"#, r#""phase_started": {"phase": "THINK"}"#),
        (
            r#""task_opened": {"budget_multiplier": 2.50, "complexity": "LARGE", "enforcement": "on", "title": ""}"#,
            r#""task_opened": {"complexity": "Large", "budget_multiplier": "25e-1", "tags": [], "author": null}"#,
        ),
        (
            r#""occurred_at": "2026-01-01T00:00:00.0000019Z", "phase_started": {"phase": "A"}"#,
            r#""occurred_at": "2026-01-01T01:00:00.000001+01:00", "phase_started": {"phase": "A"}"#,
        ),
        (
            r#""usage_recorded": {"tokens": {"output": 5, "cached_input": 0}}"#,
            r#""usage_recorded": {"tokens": {"output": "5"}, "estimated": false}"#,
        ),
        (
            r#""usage_recorded": {"prompt_chars": 5}"#,
            r#""usage_recorded": {"prompt_chars": 5, "estimated": true}"#,
        ),
        (
            r#""usage_adjusted": {"adjusts": "u", "tokens": {"output": 1}, "reason": "r"}"#,
            r#""usage_adjusted": {"adjusts": "u", "adjusts_producer": "p", "tokens": {"output": 1}, "reason": "r"}"#,
        ),
    ] {
        let (one, other) = (read(&event(one)).unwrap(), read(&event(other)).unwrap());
        assert_eq!(one.content_hash(), other.content_hash());
    }
}
