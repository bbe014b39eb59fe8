//! What the inbox refused, as a table or in full.

use std::fmt::Write;

use tollgate_domain::printable::printable;
use tollgate_wire::api::{QuarantineList, QuarantinedMessage, QuarantinedTask};

use super::{counted, table, time};

/// Messages, one per line, latest first.
pub(crate) fn quarantine(list: &QuarantineList, foreign: Option<&QuarantinedTask>) -> String {
    let foreign = foreign.map_or_else(String::new, |foreign| {
        let messages = counted(foreign.waiting, "message");
        format!(
            "{messages} that no server wrote stand in the ledger's stream and are passed over; the first is record {}: {}\n",
            foreign.sequence, foreign.error
        )
    });
    if list.messages.is_empty() {
        let nothing = if foreign.is_empty() { "nothing in quarantine\n" } else { "" };
        return format!("{nothing}{foreign}");
    }
    let rows = list.messages.iter().map(|message| {
        vec![
            time(&message.received_at),
            message.state.to_string(),
            message.subject.clone(),
            message.reason.clone(),
            message.id.clone(),
        ]
    });
    let mut text = table(&["received", "state", "subject", "what is wrong", "id"], &[], rows.collect());
    if list.more > 0 {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "and {} before these", counted(list.more, "message"));
    }
    text + &foreign
}

/// Everything about one message.
pub(crate) fn quarantined(message: &QuarantinedMessage) -> String {
    let mut text = String::new();
    let mut say = |line: String| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{line}");
    };
    say(format!("{} {}", message.id, message.state));
    say(format!(
        "came in at {} on {}, as message {} of the inbox; refused by record {}",
        time(&message.received_at),
        message.subject,
        message.received_sequence,
        message.sequence
    ));
    say(format!("{}: {}", message.code, printable(&message.reason)));
    for (name, value) in &message.headers {
        say(format!("header {}: {}", printable(name), printable(value)));
    }
    let cut = if message.is_cut { ", of which the beginning is kept" } else { "" };
    say(format!("payload of {} bytes{cut}, BLAKE3 {}:", message.payload_bytes, message.payload_hash));
    // Indented, so that no line of it can pass for one of ours.
    let payload = message.payload.as_ref().or(message.payload_hex.as_ref());
    payload.into_iter().flat_map(|payload| payload.lines()).for_each(|line| say(format!("  {line}")));
    match (&message.ended_by, &message.ended_at, &message.ended_because) {
        (Some(by), Some(at), Some(why)) => {
            say(format!("{} at {} by {}: {}", message.state, time(at), printable(by), printable(why)));
        }
        _ => say(format!(
            "to redrive it: tollgate quarantine redrive {0} --by NAME --reason TEXT [--payload FILE]\n\
             to drop it: tollgate quarantine drop {0} --by NAME --reason TEXT",
            message.id
        )),
    }
    text
}

#[cfg(test)]
mod tests {
    use tollgate_wire::api::QuarantineState;

    use super::*;

    fn message() -> QuarantinedMessage {
        QuarantinedMessage {
            id: "rejected-1".to_owned(),
            state: QuarantineState::Open,
            tenant: "default".to_owned(),
            subject: "tollgate.v1.in.default.T-1".to_owned(),
            received_sequence: 7,
            received_at: "2026-11-21T08:00:00Z".to_owned(),
            sequence: 12,
            code: "invalid".to_owned(),
            reason: "task: `5`: must be text, is a number".to_owned(),
            payload: Some("{\"task\": 5}".to_owned()),
            payload_hex: None,
            payload_bytes: 11,
            payload_hash: "ab".repeat(32),
            is_cut: false,
            headers: [("Nats-Msg-Id".to_owned(), "m-1".to_owned())].into(),
            ended_by: None,
            ended_at: None,
            ended_because: None,
        }
    }

    #[test]
    fn a_message_that_waits_says_what_to_do_and_one_that_ended_says_how() {
        let text = quarantined(&message());
        assert!(
            text.contains("invalid: task: `5`: must be text, is a number\nheader Nats-Msg-Id: m-1\n"),
            "{text}"
        );
        assert!(text.contains("tollgate quarantine redrive rejected-1 --by NAME"), "{text}");
        let ended = QuarantinedMessage {
            state: QuarantineState::Dropped,
            ended_by: Some("grace".to_owned()),
            ended_at: Some("2026-11-21T09:00:00Z".to_owned()),
            ended_because: Some("a test".to_owned()),
            ..message()
        };
        let text = quarantined(&ended);
        assert!(text.ends_with("by grace: a test\n") && !text.contains("redrive"), "{text}");
        let list = QuarantineList { messages: vec![message()], more: 1, as_of: String::new() };
        let text = quarantine(&list, None);
        assert!(text.contains("rejected-1") && text.ends_with("and 1 message before these\n"), "{text}");
        let foreign = QuarantinedTask {
            tenant: "_ledger".to_owned(),
            task: "_foreign".to_owned(),
            sequence: 7,
            error: "garbage".to_owned(),
            waiting: 2,
        };
        let nothing = QuarantineList { messages: Vec::new(), more: 0, as_of: String::new() };
        assert_eq!(quarantine(&nothing, None), "nothing in quarantine\n");
        let text = quarantine(&nothing, Some(&foreign));
        assert_eq!(
            text,
            "2 messages that no server wrote stand in the ledger's stream and are passed over; the first is record 7: garbage\n"
        );
    }
}
