//! How many events fit one request.

use std::collections::HashMap;

use crate::spool::line::Outgoing;

/// The most bytes of one task's events in a request: a record of the ledger holds 256 KiB, and the events of
/// one task in a request become one record.
const MAX_TASK_BYTES: usize = 224 << 10;

/// How many of the first events fit in one request; at least one.
pub(super) fn fitting(events: &[Outgoing], max_bytes: usize) -> usize {
    let (mut all, mut by_task) = (0, HashMap::<&str, usize>::new());
    for (nth, event) in events.iter().enumerate() {
        let of_task = by_task.entry(&event.task).or_default();
        all += event.bytes();
        *of_task += event.bytes();
        if nth > 0 && (all > max_bytes || *of_task > MAX_TASK_BYTES) {
            return nth;
        }
    }
    events.len()
}

#[cfg(test)]
mod tests {
    use serde_json::value::RawValue;

    use super::*;

    #[test]
    fn a_request_keeps_to_its_bytes_and_to_those_of_each_task() {
        let event = |task: &str, bytes: usize| Outgoing {
            id: "e".into(),
            task: task.into(),
            json: RawValue::from_string(format!("\"{}\"", "x".repeat(bytes - 2))).unwrap(),
        };
        let cases: serde_json::Value =
            serde_json::from_str(include_str!("../../cases/answers.json")).unwrap();
        for case in cases["fitting"].as_array().unwrap() {
            let of = |pair: &serde_json::Value| {
                event(pair[0].as_str().unwrap(), pair[1].as_u64().unwrap().try_into().unwrap())
            };
            let events: Vec<Outgoing> = case["events"].as_array().unwrap().iter().map(of).collect();
            assert_eq!(fitting(&events, 512 << 10), case["expected"], "{case}");
        }
    }
}
