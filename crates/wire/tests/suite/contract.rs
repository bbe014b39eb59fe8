//! The overview of the contract lists every file, every kind with its number, and every field that a producer
//! sends with one.

const FILES: [(&str, &str); 15] = [
    ("alert.proto", include_str!("../../../../proto/tollgate/v1/alert.proto")),
    ("append.proto", include_str!("../../../../proto/tollgate/v1/append.proto")),
    ("bill.proto", include_str!("../../../../proto/tollgate/v1/bill.proto")),
    ("budget.proto", include_str!("../../../../proto/tollgate/v1/budget.proto")),
    ("event.proto", include_str!("../../../../proto/tollgate/v1/event.proto")),
    ("gate.proto", include_str!("../../../../proto/tollgate/v1/gate.proto")),
    ("inbox.proto", include_str!("../../../../proto/tollgate/v1/inbox.proto")),
    ("key.proto", include_str!("../../../../proto/tollgate/v1/key.proto")),
    ("ledger.proto", include_str!("../../../../proto/tollgate/v1/ledger.proto")),
    ("limits.proto", include_str!("../../../../proto/tollgate/v1/limits.proto")),
    ("price.proto", include_str!("../../../../proto/tollgate/v1/price.proto")),
    ("progress.proto", include_str!("../../../../proto/tollgate/v1/progress.proto")),
    ("report.proto", include_str!("../../../../proto/tollgate/v1/report.proto")),
    ("task.proto", include_str!("../../../../proto/tollgate/v1/task.proto")),
    ("usage.proto", include_str!("../../../../proto/tollgate/v1/usage.proto")),
];

const OVERVIEW: &str = include_str!("../../../../proto/README.md");

/// Type, name and number of each field of a message, or of the oneof in it.
fn fields<'a>(text: &'a str, message: &str) -> Vec<(&'a str, &'a str, u32)> {
    let head = format!("message {message} {{");
    let body = text.split_once(&head).unwrap_or_else(|| panic!("no {message}")).1;
    let body = body.split("\n}").next().unwrap_or_default();
    let lines = body.lines().map(str::trim).filter(|line| line.ends_with(';') && !line.starts_with("//"));
    lines
        .map(|line| {
            let field = line.trim_end_matches(';').rsplit_once(" = ").and_then(|(declared, number)| {
                let (kind, name) = declared.rsplit_once(' ')?;
                Some((kind, name, number.parse().ok()?))
            });
            field.unwrap_or_else(|| panic!("no field: {line}"))
        })
        .collect()
}

/// What a row of the overview says about a kind: what a producer sends with it.
fn sent(number: u32, name: &str) -> &'static str {
    let row = OVERVIEW
        .lines()
        .filter(|line| line.starts_with("| ") && line.contains(&format!("`{name}`")))
        .find(|line| {
            let numbers = line.trim_start_matches("| ").split(" |").next().unwrap_or_default();
            numbers.split(", ").any(|range| {
                let (from, to) = range.split_once('–').unwrap_or((range, range));
                let bound = |text: &str| text.parse::<u32>().ok();
                matches!((bound(from), bound(to)), (Some(from), Some(to)) if (from..=to).contains(&number))
            })
        });
    let row = row.unwrap_or_else(|| panic!("proto/README.md has no row for kind {number} `{name}`"));
    row.split(" | ").nth(2).unwrap_or_default()
}

#[test]
fn every_file_is_listed() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../proto/tollgate/v1");
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    assert_eq!(names, FILES.map(|(name, _)| name));
    for name in names {
        assert!(OVERVIEW.contains(&format!("`{name}`")), "proto/README.md does not name {name}");
    }
}

#[test]
fn every_kind_and_every_field_of_it_is_listed() {
    let all: String = FILES.map(|(_, text)| text).concat();
    let (sent_fields, stored_fields) = (fields(&all, "Event"), fields(&all, "StoredEvent"));
    let kinds: Vec<_> = sent_fields.into_iter().filter(|(_, _, number)| *number >= 10).collect();
    for kind in &kinds {
        assert!(stored_fields.contains(kind), "{kind:?} is stored under another name or number");
    }
    for (message, name, number) in kinds {
        let sent = sent(number, name);
        if sent.contains("refused from producers") {
            continue;
        }
        for (_, field, _) in fields(&all, message) {
            assert!(
                sent.contains(&format!("`{field}`")),
                "proto/README.md: `{name}` lacks `{field}`: {sent}"
            );
        }
    }
    let usage = sent(20, "usage_recorded");
    for (_, field, _) in fields(&all, "TokenCounts") {
        assert!(usage.contains(&format!("`{field}`")), "proto/README.md: `tokens` lacks `{field}`");
    }
}
