//! Bodies as receivers get them: the golden files are part of the API.

use tollgate_deliver::digest::{Summary, digest_id};
use tollgate_deliver::message::{Content, Message};
use tollgate_deliver::notice::AlertNotice;
use tollgate_domain::alert::{AlertRule, Severity};
use tollgate_domain::event::Change;

use crate::support::{change, start};

/// Compares with the file, indented; with `UPDATE_GOLDEN=1` it writes the file.
fn check(name: &str, message: &Message) {
    let body: serde_json::Value = serde_json::from_slice(&message.body()).unwrap();
    let text = format!("{}\n", serde_json::to_string_pretty(&body).unwrap());
    let path = crate::support::fixture(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(text, expected, "{}: run again with UPDATE_GOLDEN=1 if this is meant", path.display());
}

#[test]
fn bodies() {
    check("raised.json", &Message::of_change("pager", change(1)));
    let resolved = AlertNotice {
        change: Change::Resolved,
        at: start().plus_millis(61_500),
        note: Some("the limit was raised to 200000 tokens".to_owned()),
        ..change(1)
    };
    check("resolved.json", &Message::of_change("pager", resolved.clone()));
    let acknowledged = AlertNotice {
        change: Change::Acknowledged,
        note: Some("dana: looking at it".to_owned()),
        ..resolved.clone()
    };
    check("acknowledged.json", &Message::of_change("pager", acknowledged));
    let pressure = AlertNotice {
        rule: AlertRule::Pressure,
        severity: Severity::Warning,
        level: 80,
        tenant: "acme".to_owned(),
        message: "task T-2 has used 80 % of its tokens".to_owned(),
        ..change(2)
    };
    let digest = [change(1), pressure, resolved].iter().collect::<Summary>().digest().unwrap();
    check(
        "digest.json",
        &Message { id: digest_id("pager", "3"), content: Content::Digest(Box::new(digest)) },
    );
}
