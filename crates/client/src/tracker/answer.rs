//! What an answer to an append says about each event: in the log, refused for good, or to be sent again. Pure.

use tollgate_wire::api::{AppendResponse, EventOutcome, Outcome, Problem};

use super::outcome::{Recorded, Rejected, RejectedKind};
use crate::error::ClientError;
use crate::spool::line::Outgoing;

/// Codes of refusals that are not the event's fault: the same event may be accepted later.
const NOT_ITS_FAULT: [&str; 9] = [
    "overloaded",
    "internal",
    "stopped",
    "unknown_outcome",
    "contended",
    "stale",
    "degraded",
    "disk_full",
    "unauthorized",
];

/// The code of events that were refused only because another event of their task was.
const REFUSED_WITH: &str = "refused_with";

/// What happens to one event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is in the log.
    Recorded(Recorded),
    /// It never will be.
    Rejected(Rejected),
    /// It is sent again with the same id.
    Again,
}

/// What an answer means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Judged {
    /// One for each event, in their order.
    pub(super) fates: Vec<Fate>,
    /// Covers the events that are in the log.
    pub(super) position: Option<String>,
    /// Why some have to be sent again later: the ledger is away, or accepts no events.
    pub(super) away: Option<String>,
    /// Whether the offending event was not named: fewer are sent at once to find it.
    pub(super) divide: bool,
}

/// Judges the answer to an append of these events.
pub(super) fn judge(events: &[Outgoing], answer: Result<AppendResponse, ClientError>) -> Judged {
    match answer {
        Ok(answer) if answer.outcomes.len() == events.len() => {
            by_outcome(events, &answer.outcomes, Some(answer.position), None)
        }
        Ok(answer) => away(events, miscounted(events.len(), answer.outcomes.len())),
        Err(ClientError::Problem(problem)) => by_problem(events, *problem),
        Err(error @ ClientError::Transport(_)) => away(events, error.to_string()),
        // A proxy's response to a body that is too large.
        Err(ClientError::Unreadable { status: 413, begins, .. }) => whole(events, "too_large", &begins),
        Err(error @ ClientError::Unreadable { .. }) => away(events, error.to_string()),
    }
}

/// Whether a request was refused without mentioning its events.
pub(super) fn is_refused_whole(answer: &Result<AppendResponse, ClientError>) -> bool {
    matches!(answer, Err(ClientError::Problem(problem)) if problem.status == 400 && problem.outcomes.is_empty())
}

fn by_problem(events: &[Outgoing], problem: Problem) -> Judged {
    let faulty = matches!(problem.status, 400 | 409 | 413 | 422);
    if problem.outcomes.is_empty() {
        return if faulty {
            whole(events, &problem.code, &problem.detail)
        } else {
            away(events, format!("{} ({} {})", problem.detail, problem.status, problem.code))
        };
    }
    if problem.outcomes.len() != events.len() {
        return away(events, miscounted(events.len(), problem.outcomes.len()));
    }
    let trouble = (!faulty).then_some((problem.code.as_str(), problem.detail.as_str()));
    by_outcome(events, &problem.outcomes, problem.position, trouble)
}

/// The request as a whole was refused, without mentioning its events.
fn whole(events: &[Outgoing], code: &str, detail: &str) -> Judged {
    if let [event] = events {
        let fate = Fate::Rejected(rejected(event, RejectedKind::Refused, code, detail));
        return Judged { fates: vec![fate], position: None, away: None, divide: false };
    }
    Judged { divide: true, away: None, ..away(events, String::new()) }
}

fn away(events: &[Outgoing], reason: String) -> Judged {
    let fates = events.iter().map(|_| Fate::Again).collect();
    Judged { fates, position: None, away: Some(reason), divide: false }
}

fn miscounted(sent: usize, answered: usize) -> String {
    format!(
        "POST /v1/events: {sent} events were sent, {answered} outcomes answered; is another program there?"
    )
}

/// `trouble` is the code and detail of what kept events out of the log without being their fault.
fn by_outcome(
    events: &[Outgoing],
    outcomes: &[EventOutcome],
    position: Option<String>,
    trouble: Option<(&str, &str)>,
) -> Judged {
    let mut away = trouble.map(|(code, detail)| format!("{detail} ({code})"));
    let mut fates = Vec::with_capacity(events.len());
    for (event, outcome) in events.iter().zip(outcomes) {
        let code = outcome.code.as_deref().unwrap_or("refused");
        let detail = outcome.detail.as_deref().unwrap_or("the ledger gives no reason");
        fates.push(match outcome.outcome {
            Outcome::Appended | Outcome::Duplicate | Outcome::Ignored => Fate::Recorded(Recorded {
                sequence: outcome.sequence,
                attempt: outcome.attempt,
                duplicate: outcome.outcome == Outcome::Duplicate,
                warnings: outcome.warnings.clone(),
            }),
            Outcome::Conflict => Fate::Rejected(rejected(event, RejectedKind::Conflict, code, detail)),
            // If it was sent alone, there is no other event it could have been refused with.
            Outcome::Refused if code == REFUSED_WITH && events.len() > 1 => Fate::Again,
            Outcome::Refused
                if NOT_ITS_FAULT.contains(&code) || trouble.is_some_and(|(trouble, _)| trouble == code) =>
            {
                away.get_or_insert_with(|| format!("{detail} ({code})"));
                Fate::Again
            }
            Outcome::Refused => Fate::Rejected(rejected(event, RejectedKind::Refused, code, detail)),
        });
    }
    if fates.iter().all(|fate| !matches!(fate, Fate::Again)) {
        away = None;
    }
    let divide = away.is_none() && fates.iter().all(|fate| matches!(fate, Fate::Again));
    Judged { fates, position, away, divide }
}

fn rejected(event: &Outgoing, kind: RejectedKind, code: &str, detail: &str) -> Rejected {
    Rejected {
        id: event.id.to_string(),
        task: event.task.to_string(),
        kind,
        code: code.to_owned(),
        detail: detail.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;
    use http::Response;
    use serde_json::value::RawValue;
    use serde_json::{Value, json};
    use tollgate_clock::Backoff;

    use super::*;
    use crate::client::append_answer;
    use crate::transport::TransportError;

    fn events(count: usize) -> Vec<Outgoing> {
        let event = |nth: usize| Outgoing {
            id: format!("e{nth}").into(),
            task: "T".into(),
            json: RawValue::from_string("{}".to_owned()).unwrap(),
        };
        (0..count).map(event).collect()
    }

    fn outcome(nth: usize, code: &str) -> Value {
        match code {
            "appended" | "duplicate" | "ignored" => {
                json!({"id": format!("e{nth}"), "outcome": code, "sequence": 7})
            }
            "conflict" => json!({"id": format!("e{nth}"), "outcome": code, "code": code, "detail": "d"}),
            _ => json!({"id": format!("e{nth}"), "outcome": "refused", "code": code, "detail": "d"}),
        }
    }

    /// The answer that a case of `cases/answers.json` is about.
    fn answer(case: &Value) -> Result<AppendResponse, ClientError> {
        let Some(status) = case["status"].as_u64() else {
            let text = str::to_owned;
            return Err(TransportError { method: text("POST"), url: text("u"), reason: text("reset") }.into());
        };
        let codes = case["codes"].as_array().into_iter().flatten();
        let outcomes: Vec<Value> =
            codes.enumerate().map(|(nth, code)| outcome(nth, code.as_str().unwrap())).collect();
        let body = match (case["body"].as_str(), case["code"].as_str()) {
            (Some(text), _) => text.to_owned(),
            (None, Some(code)) => {
                json!({"type": "t", "title": "t", "status": status, "detail": "why", "code": code,
                "retryable": false, "outcomes": outcomes})
                .to_string()
            }
            (None, None) => {
                json!({"outcomes": outcomes, "position": "p", "durability": "fsync", "dedup": "life"})
                    .to_string()
            }
        };
        let status = u16::try_from(status).unwrap();
        append_answer(&Response::builder().status(status).body(body.into()).unwrap()).0
    }

    /// Each fate as a letter, as in `cases/answers.json`.
    fn letters(judged: &Judged) -> String {
        let letter = |fate: &Fate| match fate {
            Fate::Recorded(recorded) if recorded.duplicate => 'd',
            Fate::Recorded(_) => 'r',
            Fate::Rejected(rejected) if rejected.kind == RejectedKind::Conflict => 'C',
            Fate::Rejected(_) => 'X',
            Fate::Again => '_',
        };
        judged.fates.iter().map(letter).collect()
    }

    #[test]
    fn only_the_guilty_are_rejected_and_only_they() {
        let cases: Value = serde_json::from_str(include_str!("../../cases/answers.json")).unwrap();
        for case in cases["answers"].as_array().unwrap() {
            let fates = case["fates"].as_str().unwrap();
            let judged = judge(&events(fates.len()), answer(case));
            let is = |name: &str| case[name].as_bool().unwrap_or_default();
            assert_eq!(letters(&judged), fates, "{case}: {judged:?}");
            assert_eq!(
                (judged.away.is_some(), judged.divide),
                (is("away"), is("divide")),
                "{case}: {judged:?}"
            );
        }
    }

    #[test]
    fn what_is_asked_for_is_waited_for_within_bounds() {
        let cases: Value = serde_json::from_str(include_str!("../../cases/answers.json")).unwrap();
        for case in cases["waits"].as_array().unwrap() {
            let number = |name: &str| case[name].as_u64().unwrap();
            let mut answer = Response::builder();
            if let Some(asked) = case["retry_after"].as_str() {
                answer = answer.header("retry-after", asked);
            }
            let asked = append_answer(&answer.body(Bytes::new()).unwrap()).1;
            let millis = |name: &str| Duration::from_millis(number(name));
            let backoff = Backoff { first: millis("first_ms"), longest: millis("longest_ms") };
            let delay = backoff.delay(number("failures").try_into().unwrap(), number("random"), asked);
            assert_eq!(delay.as_micros(), u128::from(number("expected_us")), "{case}");
        }
    }
}
