//! Questions for the gate that come with events: one request says what happened and asks whether the task may
//! go on.

use serde_json::{Value, json};

use crate::gate::PHASES;
use crate::ground::{Ground, codes, over_each_log, verdict};

over_each_log!(
    the_answer_covers_the_events_it_came_with,
    nothing_is_decided_where_an_event_is_refused_or_the_task_is_unknown,
);

fn used(id: &str, task: &str, tokens: u64) -> Value {
    json!({"id": id, "task": task, "usage_recorded": {"phase": "WORK", "tokens": {"output": tokens}}})
}

fn asked(task: &str, id: Option<&str>) -> Value {
    json!({"task": task, "advance_to": "REVIEW", "id": id})
}

fn append_once(ground: &Ground, events: &[Value], gates: &[Value]) -> (u16, Value) {
    let body = json!({"producer": "test", "events": events, "gates": gates});
    ground.post("/v1/events", &body)
}

/// Appends, and asks again by itself what the view was not in time for, as an orchestrator does: on a slow machine it
/// is not.
fn append(ground: &Ground, events: &[Value], gates: &[Value]) -> (u16, Value) {
    let (status, mut answer) = append_once(ground, events, gates);
    for (nth, asked) in gates.iter().enumerate() {
        if answer["gates"].get(nth) != Some(&Value::Null) {
            continue;
        }
        let (task, mut question) = (asked["task"].as_str().unwrap(), asked.clone());
        question.as_object_mut().unwrap().remove("task");
        (question["producer"], question["wait_ms"]) = (json!("test"), json!(60_000));
        let (status, alone) = ground.post(&format!("/v1/tasks/{task}/gate"), &question);
        if status != 404 {
            answer["gates"][nth] = alone;
        }
    }
    (status, answer)
}

fn the_answer_covers_the_events_it_came_with(ground: &mut Ground) {
    ground.serve(PHASES);
    let opened = |task: &str| json!({"id": format!("open-{task}"), "task": task, "task_opened": {}});
    let (status, answer) =
        append(ground, &[opened("T-1"), opened("T-2")], &[asked("T-1", None), asked("T-2", None)]);
    assert_eq!(status, 201, "{answer}");
    let gates = answer["gates"].as_array().unwrap();
    assert_eq!(gates.iter().map(verdict).collect::<Vec<_>>(), ["allow", "allow"], "{answer}");
    // Each step adds to what the question is about, and only to that.
    for (nth, (tokens, sum, says)) in
        [(9_000, 9_000, "allow"), (5_000, 14_000, "warn"), (6_000, 20_000, "block")].into_iter().enumerate()
    {
        let event = used(&format!("u-{nth}"), "T-1", tokens);
        let id = format!("g-{nth}");
        let (_, answer) = append(ground, &[event], &[asked("T-2", None), asked("T-1", Some(&id))]);
        let gates = &answer["gates"];
        assert_eq!((verdict(&gates[0]), &gates[0]["tokens"]["used"]), ("allow", &json!(0)), "{answer}");
        assert_eq!((verdict(&gates[1]), &gates[1]["tokens"]["used"]), (says, &json!(sum)), "{answer}");
        // It is recorded: the same question asked on its own gets its answer.
        let (_, alone) =
            ground.post("/v1/tasks/T-1/gate", &json!({"advance_to": "REVIEW", "id": id, "producer": "test"}));
        assert_eq!(alone, gates[1]);
    }
    // What is already in the log is covered too, and a decision already made is not made again.
    let before = ground.recorded("gate_decided").len();
    let again = [asked("T-1", Some("g-2")), asked("T-1", None)];
    let (status, answer) = append(ground, &[used("u-2", "T-1", 6_000)], &again);
    assert_eq!(status, 200, "{answer}");
    assert_eq!(
        answer["gates"].as_array().unwrap().iter().map(verdict).collect::<Vec<_>>(),
        ["block", "block"]
    );
    assert_eq!(codes(&answer["gates"][1]), ["token_budget_exceeded"]);
    assert_eq!(ground.recorded("gate_decided").len(), before + 1);
}

fn nothing_is_decided_where_an_event_is_refused_or_the_task_is_unknown(ground: &mut Ground) {
    ground.serve(PHASES);
    let _ = ground.ok("task open T-1");
    let end = json!({"id": "end", "task": "T-1", "phase_ended": {"phase": "VERIFY"}});
    let (status, answer) = append(ground, &[end, used("u", "T-2", 1)], &[asked("T-1", None)]);
    assert_eq!((status, &answer["gates"]), (422, &Value::Null), "{answer}");
    let (status, answer) =
        append(ground, &[used("v", "T-1", 1)], &[asked("T-404", None), asked("T-1", None)]);
    assert_eq!((status, &answer["gates"][0]), (201, &Value::Null), "{answer}");
    assert_eq!(verdict(&answer["gates"][1]), "allow", "{answer}");
    let (status, answer) = append(ground, &[used("w", "T-1", 1)], &vec![asked("T-1", None); 101]);
    assert_eq!(
        (status, answer["field"].as_str(), answer["value"].as_str()),
        (400, Some("gates"), Some("101 questions"))
    );
    assert_eq!(ground.recorded("gate_decided").len(), 1);
    assert_eq!(ground.recorded("usage_recorded").len(), 2, "a request that asks too much appends nothing");
}

#[test]
fn over_nats_nothing_is_decided_while_the_view_does_not_answer_and_the_events_do_not_wait_for_it() {
    // Rule: the events are acknowledged; no answer by policy is recorded for a question that came with them.
    let Some(mut ground) = Ground::nats() else { return };
    ground.serve(PHASES);
    let _ = ground.ok("task open T-1");
    ground.keep_silent("status");
    let (status, answer) = append_once(&ground, &[used("u", "T-1", 20_000)], &[asked("T-1", Some("g"))]);
    assert_eq!((status, &answer["gates"]), (201, &json!([null])), "{answer}");
    assert_eq!(ground.recorded("usage_recorded").len(), 1);
    assert!(ground.recorded("gate_decided").is_empty(), "nothing was decided");
}
