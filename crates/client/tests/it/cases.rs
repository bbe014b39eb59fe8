//! The cases that the clients of all languages are held to: `crates/client/cases`.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::support::{Scripted, answer};
use serde_json::Value;
use tollgate_client::{
    Client, ClientError, Clock, HttpTransport, Random, Read, ResponseError, ResponseFormat, Signal, Stamp,
    TrackError, Tracker, TrackerBuilder, Usage, UsageReader, Wait,
};
use tollgate_domain::event::TaskOutcome;
use tollgate_domain::metadata::TaskMetadata;
use tollgate_domain::time::Timestamp;
use tollgate_domain::tokens::TokenCounts;
use tollgate_domain::units::{Unit, UnitCounts};

fn cases(text: &str, list: &str) -> Vec<Value> {
    let file: Value = serde_json::from_str(text).unwrap();
    let cases = file[list].as_array().unwrap().clone();
    assert!(cases.len() > 4, "{list}");
    cases
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn format(word: &str) -> ResponseFormat {
    match word {
        "openai_chat" => ResponseFormat::OpenAiChat,
        "openai_responses" => ResponseFormat::OpenAiResponses,
        "anthropic" => ResponseFormat::Anthropic,
        "gemini" => ResponseFormat::Gemini,
        "ollama" => ResponseFormat::Ollama,
        other => panic!("{other}"),
    }
}

fn tokens(of: &Value) -> TokenCounts {
    let count = |kind: &str| of[kind].as_u64().unwrap_or_default();
    TokenCounts {
        input_uncached: count("input_uncached"),
        cached_input: count("cached_input"),
        cache_write: count("cache_write"),
        output: count("output"),
        reasoning: count("reasoning"),
        cache_write_1h: count("cache_write_1h"),
    }
}

fn units(of: &Value) -> UnitCounts {
    let pairs = of.as_object().into_iter().flatten();
    UnitCounts::from_pairs(
        pairs.map(|(unit, count)| (Unit::from_word(unit).unwrap(), count.as_u64().unwrap())),
    )
}

fn labels(of: &Value) -> BTreeMap<String, String> {
    let pairs = of.as_object().into_iter().flatten();
    pairs.map(|(key, value)| (key.clone(), value.as_str().unwrap().to_owned())).collect()
}

/// What is given to a report of usage, and what a response says.
fn usage(of: &Value) -> Usage {
    Usage {
        phase: text(&of["phase"]),
        attempt: of["attempt"].as_u64().map(|attempt| attempt.try_into().unwrap()),
        provider: text(&of["provider"]),
        model: text(&of["model"]),
        component: text(&of["component"]),
        request_id: text(&of["request_id"]),
        service_tier: text(&of["service_tier"]),
        allocation: text(&of["allocation"]),
        context: text(&of["context"]),
        labels: labels(&of["labels"]),
        tokens: tokens(&of["tokens"]),
        units: units(&of["units"]),
        ..Usage::default()
    }
}

#[test]
fn usage_of_responses() {
    for case in cases(include_str!("../../cases/usage.json"), "cases") {
        let format = format(case["format"].as_str().unwrap());
        let read = if case["stream"].is_null() {
            Usage::of_response(format, &case["answer"])
        } else {
            let mut reader = UsageReader::new(format);
            case["stream"].as_array().unwrap().iter().for_each(|part| reader.add(part));
            reader.usage()
        };
        match (read, case["error"].as_str()) {
            (Ok(found), None) => assert_eq!(found, usage(&case["usage"]), "{case}"),
            (Err(ResponseError::NoUsage { .. }), Some("no_usage"))
            | (Err(ResponseError::BadUsage { .. }), Some("bad_usage")) => {}
            (read, _) => panic!("{read:?} {case}"),
        }
    }
}

struct Fixed;

impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        "2026-11-21T08:30:00.5Z".parse().unwrap()
    }
}

/// The start of an awaited event, or the id of another one.
fn call(tracker: &Tracker, case: &Value) -> Result<(), TrackError> {
    let (task, with) = (case["task"].as_str().unwrap(), &case["with"]);
    let (phase, stamp) = (text(&with["phase"]), Stamp { id: Some("e-1".to_owned()), ..Stamp::default() });
    let attempt = with["attempt"].as_u64().map(|attempt| attempt.try_into().unwrap());
    match case["call"].as_str().unwrap() {
        "open_task" => {
            let tags = with["tags"].as_array().into_iter().flatten();
            let metadata = TaskMetadata {
                title: text(&with["title"]),
                complexity: with["complexity"].as_str().map(|word| word.parse().unwrap()),
                importance: with["importance"].as_str().map(|word| word.parse().unwrap()),
                justification: text(&with["justification"]),
                tags: tags.map(|tag| tag.as_str().unwrap().to_owned()).collect(),
                labels: labels(&with["labels"]),
                author: text(&with["author"]),
                ..TaskMetadata::default()
            };
            tracker.open_task(task, metadata).map(drop)
        }
        "start_phase" => tracker.start_phase(task, &phase.unwrap()).map(drop),
        "end_phase" => tracker.end_phase(task, &phase.unwrap(), attempt).map(drop),
        "close_task" => {
            let outcome = match with["outcome"].as_str().unwrap() {
                "completed" => TaskOutcome::Completed,
                other => {
                    assert_eq!(other, "abandoned");
                    TaskOutcome::Abandoned
                }
            };
            tracker.close_task(task, outcome, text(&with["reason"])).map(drop)
        }
        "report_usage" => {
            let mut usage = usage(with);
            if let Some([prompt, completion]) = with["estimated_from"].as_array().map(Vec::as_slice) {
                let (phase, model) = (usage.phase.unwrap(), usage.model.unwrap());
                usage =
                    Usage::estimated(&phase, &model, prompt.as_u64().unwrap(), completion.as_u64().unwrap());
            }
            usage.stamp = stamp;
            tracker.report_usage(task, usage).map(drop)
        }
        "report_wait" => {
            let (kind, wait_ms) = (text(&with["kind"]).unwrap(), with["wait_ms"].as_u64().unwrap());
            tracker.report_wait(task, Wait { phase, attempt, kind, wait_ms, stamp }).map(drop)
        }
        "report_signal" => {
            let (name, value) = (text(&with["name"]).unwrap(), with["value"].as_i64().unwrap());
            let signal = Signal { phase, attempt, name, value, key: text(&with["key"]), stamp };
            tracker.report_signal(task, signal).map(drop)
        }
        other => panic!("{other}"),
    }
}

#[tokio::test(start_paused = true)]
async fn reports_and_the_bytes_that_are_sent() {
    let mut wrong = Vec::new();
    for case in cases(include_str!("../../cases/events.json"), "cases") {
        let transport = Scripted::answering(|_| answer(503, "text/plain", "away"));
        // The id of commands is the first number.
        let tracker = TrackerBuilder::over(transport.clone(), "p")
            .tenant(case["tenant"].as_str().unwrap_or("default"))
            .clock(Arc::new(Fixed))
            .random(Random::new(|| 0xE1))
            .start()
            .unwrap();
        match (call(&tracker, &case), case["error"].as_str()) {
            (Ok(()), None) => {
                let _ = tracker.flush().await.unwrap_err();
                let sent = String::from_utf8(transport.requests()[0].body.to_vec()).unwrap();
                let sent = sent.replace("000000000000000000000000000000e1", "e-1");
                if sent != format!("{{\"events\":[{}]}}", case["json"].as_str().unwrap()) {
                    wrong.push(format!("{}: {sent}", case["name"]));
                }
            }
            (Err(TrackError::Invalid(error)), Some(field)) if error.field == field => {}
            (called, _) => wrong.push(format!("{}: {called:?}", case["name"])),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn failed_calls_and_their_errors() {
    for case in cases(include_str!("../../cases/errors.json"), "cases") {
        let kind = case["kind"].as_str().unwrap();
        let error = match case["status"].as_u64() {
            None => {
                let nowhere = format!("http://{}", crate::support::closed_address().await);
                let client = Client::new(Arc::new(HttpTransport::new(&nowhere).unwrap()));
                client.position().await.unwrap_err()
            }
            Some(status) => {
                let mut body = case["body"].clone();
                if kind == "problem" {
                    body["type"] = "about:tollgate/x".into();
                    body["title"] = "t".into();
                    body["status"] = status.into();
                }
                let body = body.as_str().map_or_else(|| body.to_string(), str::to_owned);
                let status = status.try_into().unwrap();
                let transport = Scripted::answering(move |_| answer(status, "application/json", &body));
                Client::new(transport).task("T-1", &Read::default()).await.unwrap_err()
            }
        };
        let found = match &error {
            ClientError::Problem(_) => "problem",
            ClientError::Unreadable { .. } => "unreadable",
            ClientError::Transport(_) => "no_answer",
        };
        assert_eq!(found, kind, "{case}");
        assert_eq!(error.code(), case["body"]["code"].as_str(), "{case}");
        assert_eq!(error.is_retryable(), case["retryable"].as_bool().unwrap(), "{case}");
    }
}
