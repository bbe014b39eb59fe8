//! Corrections that wait for their usage, in the view.

use tollgate_domain::ids::LEDGER_PRODUCER;
use tollgate_domain::usage::applied_id;

use super::*;

/// What waits after a story whose events have their places as ids; then the ledger applies those with these ids.
fn waiting(given: &str, applied: &[&str]) -> Vec<String> {
    let mut stored = story(given).events;
    for (place, event) in stored.iter_mut().enumerate() {
        event.id = place.to_string();
    }
    for id in applied {
        let mut event = stored.iter().find(|event| event.id == *id).unwrap_or_else(|| panic!("{id}")).clone();
        event.id = applied_id(&event.producer, id);
        event.producer = LEDGER_PRODUCER.to_owned();
        event.sequence = stored.last().map_or(0, |last| last.sequence) + 1;
        stored.push(event);
    }
    folds_alike_over_a_store(&Reports, &stored, |_| true);
    let rows = folded(&Reports, &stored);
    let rows = rows.iter().filter(|(key, _)| key.starts_with(EARLY_CORRECTIONS));
    let mut found: Vec<String> = Vec::new();
    for (_, row) in rows {
        let ReportRow::Early(waiting) = row else { panic!("{row:?}") };
        found.extend(waiting.iter().map(|early| format!("{}/{}/{}", early.task, early.producer, early.id)));
    }
    found
}

#[test]
fn what_takes_away_waits_until_the_ledger_applies_it_and_the_oldest_are_forgotten() {
    let early = "use - out=5, adjust ? out=-1, adjust - out=-1 of=2026-11-21T08:00:00Z, adjust ? out=3, adjust ? pages=-1";
    assert_eq!(
        waiting(early, &[]),
        ["T-1/agent/1", "T-1/agent/4"],
        "what was found, or only adds, waits for nothing"
    );
    assert_eq!(waiting(early, &["1"]), ["T-1/agent/4"]);
    assert!(waiting(early, &["4", "1", "1"]).is_empty());
    let many = "adjust ? out=-1, adjust ? out=-2, adjust ? out=-3, adjust ? out=-4";
    assert_eq!(waiting(many, &[]), ["T-1/agent/1", "T-1/agent/2", "T-1/agent/3"]);
}
