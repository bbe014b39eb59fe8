//! Any change to what a producer sends changes the content hash: tested for each leaf of each golden event in turn.

use std::collections::BTreeSet;

use serde_json::Value;
use tollgate_wire::{Defaults, Submitted};

use crate::golden::sent_texts;

/// Every field that a producer can send, as a path suffix.
const FIELDS: &[&str] = &[
    "occurred_at",
    "title",
    "complexity",
    "importance",
    "justification",
    "budget_multiplier",
    "budget_overrides.think.tokens",
    "budget_overrides.Implement.latency_ms",
    "tags[0]",
    "labels.team",
    "enforcement",
    "task_opened.author",
    "outcome",
    "task_closed.reason",
    "task_closed.author",
    "phase_started.phase",
    "phase_ended.phase",
    "phase_ended.attempt",
    "limit.phase",
    "limit.tokens",
    "limit.latency_ms",
    "block.advance",
    "approver",
    "override_granted.reason",
    "usage_recorded.phase",
    "usage_recorded.attempt",
    "provider",
    "model",
    "component",
    "request_id",
    "usage_recorded.tokens.input_uncached",
    "usage_recorded.tokens.cached_input",
    "cache_write",
    "usage_recorded.tokens.output",
    "usage_recorded.tokens.reasoning",
    "cache_write_1h",
    "service_tier",
    "allocation",
    "usage_recorded.labels.root",
    "estimated",
    "prompt_chars",
    "completion_chars",
    "adjusts",
    "adjusts_producer",
    "usage_adjusted.tokens.input_uncached",
    "usage_adjusted.tokens.cached_input",
    "usage_adjusted.tokens.output",
    "usage_adjusted.tokens.reasoning",
    "usage_adjusted.reason",
    "usage_adjusted.author",
    "wait_recorded.phase",
    "wait_recorded.attempt",
    "kind",
    "wait_ms",
    "signal_recorded.phase",
    "signal_recorded.attempt",
    "signal_recorded.name",
    "value",
    "signal_recorded.key",
    "from",
    "to",
    "importance_changed.author",
    "importance_changed.reason",
    "mark",
    "task_marked.author",
    "task_marked.reason",
    "alert",
    "by",
    "note",
    "phase_explained.phase",
    "phase_explained.attempt",
    "phase_explained.author",
    "explanation",
];

/// A different valid value for a leaf, by its key.
fn changed(key: &str, value: &Value) -> Value {
    match (key, value) {
        ("complexity", _) => "Tiny".into(),
        ("importance", _) => "low".into(),
        ("from", _) => "medium".into(),
        ("to", _) => "high".into(),
        ("mark", _) => "runaway".into(),
        ("alert", _) => "00112233445566778899aabbccddeeff".into(),
        ("outcome", _) => "abandoned".into(),
        ("enforcement", Value::String(word)) => if word == "off" { "on" } else { "off" }.into(),
        ("budget_multiplier", _) => "0.123456".into(),
        ("occurred_at", _) => "2001-01-01T00:00:00.000001Z".into(),
        ("advance", Value::String(word)) if word.eq_ignore_ascii_case("completion") => "PR".into(),
        (_, Value::Bool(flag)) => (!flag).into(),
        (_, Value::String(text)) => match text.parse::<i64>() {
            Ok(number) => (number + 1).to_string().into(),
            Err(_) => format!("{text}x").into(),
        },
        (_, Value::Number(number)) => {
            let number = number.as_i64().expect("a whole number");
            (if number > 1 { number - 1 } else { number + 1 }).into()
        }
        (_, other) => panic!("{key}: {other} is no leaf"),
    }
}

/// Every event that differs from `value` in one leaf or one key, with the path of the difference.
fn variants(value: &Value, path: &str) -> Vec<(String, Value)> {
    let mut all = Vec::new();
    if let Value::Object(fields) = value {
        for (key, field) in fields {
            let path = format!("{path}.{key}");
            let with = |other: Value| {
                let mut fields = fields.clone();
                fields.insert(key.clone(), other);
                Value::Object(fields)
            };
            if field.is_object() || field.is_array() {
                all.extend(variants(field, &path).into_iter().map(|(path, inner)| (path, with(inner))));
            } else {
                all.push((path.clone(), with(changed(key, field))));
            }
            let mut fewer = fields.clone();
            fewer.remove(key);
            all.push((format!("{path} removed"), Value::Object(fewer)));
        }
    } else if let Value::Array(items) = value {
        for (nth, item) in items.iter().enumerate() {
            let mut other = items.clone();
            other[nth] = changed("", item);
            all.push((format!("{path}[{nth}]"), other.into()));
        }
        all.push((format!("{path} reversed"), items.iter().rev().cloned().collect()));
    }
    all
}

#[test]
fn any_change_of_what_a_producer_sends_changes_the_hash() {
    // Fields where the other value means the same: a default that is spelled out, or implied.
    const SAME: [&str; 5] = [
        ".task_opened.enforcement removed",
        ".usage_recorded.estimated",
        ".usage_recorded.estimated removed",
        ".usage_adjusted.tokens.reasoning removed",
        ".usage_adjusted.adjusts_producer removed",
    ];
    let mut paths = BTreeSet::new();
    for (name, text) in sent_texts() {
        let original: Value = serde_json::from_str(&text).expect("JSON");
        let read = |event: &Value| Submitted::from_json(&event.to_string(), &Defaults::default());
        let hash = read(&original).expect("a golden event is valid").content_hash();
        let (kind, body) = original
            .as_object()
            .and_then(|fields| fields.iter().find(|(key, _)| key.ends_with("ed")))
            .expect("a body");
        let mut all = variants(body, &format!(".{kind}"));
        if original.get("occurred_at").is_some() {
            all.push((".occurred_at".to_owned(), changed("occurred_at", &Value::Null)));
        }
        for (path, other) in all {
            let mut event = original.clone();
            event[path[1..].split(['.', '[', ' ']).next().unwrap_or_default()] = other;
            // If it is no longer a valid event, there is no hash to compare.
            let Ok(changed) = Submitted::from_json(&event.to_string(), &Defaults::default()) else {
                continue;
            };
            let implied = name == "usage_recorded_chars_one";
            if changed.content_hash() == hash {
                assert!(
                    SAME.contains(&path.as_str()) && (implied || !path.contains("estimated")),
                    "{name}: {path}"
                );
            } else {
                paths.insert(path);
            }
        }
    }
    // Every field that any producer can send was changed at least once.
    for field in FIELDS {
        assert!(paths.iter().any(|path| path.ends_with(&format!(".{field}"))), "{field} was never changed");
    }
}
