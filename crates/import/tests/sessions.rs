//! Real sessions of a coding agent, if there are any: named by `TOLLGATE_SESSIONS`, or next to the repository.

use std::fs;
use std::io::Cursor;
use std::path::Path;

use tollgate_domain::event::{Event, EventBody, UsageEvent};
use tollgate_domain::ids::TenantId;
use tollgate_domain::money::Usd;
use tollgate_domain::price::{Call, PriceBook};
use tollgate_domain::tokens::TokenSums;
use tollgate_domain::usage::Cost;
use tollgate_import::item::Item;
use tollgate_import::reader::Format;
use tollgate_import::sources::{Sources, sources};
use tollgate_import::summary::ImportSummary;

/// The real files, if they are here.
fn real_sessions() -> Option<Sources> {
    Some(sources(&[tollgate_test_process::real_sessions()?]))
}

fn read(bytes: &[u8], path: &Path) -> Vec<Item> {
    Format::Codex.from_stream(Cursor::new(bytes.to_vec()), path, &TenantId::default_tenant()).collect()
}

fn events(items: Vec<Item>) -> Vec<Event> {
    let event = |item| match item {
        Item::Call(call) => Some(call.event),
        Item::Miscounted(_) | Item::Family(_) | Item::Problem(_) | Item::Note(_) => None,
    };
    items.into_iter().filter_map(event).collect()
}

#[test]
fn real_sessions_give_the_true_totals_and_cost() {
    let Some(found) = real_sessions() else { return };
    assert_eq!(found.problems, []);
    assert_eq!(found.files.len(), 48);
    let book = PriceBook::shipped();
    let mut summary = ImportSummary::default();
    let mut usd = Usd::ZERO;
    let mut bytes = 0;
    for file in &found.files {
        let mut reader = Format::Codex.open(&file.path, &TenantId::default_tenant()).unwrap();
        for item in reader.by_ref() {
            summary.count(&item);
            let Item::Call(call) = item else { panic!("these files are sound: {item:?}") };
            let at = call.event.occurred_at.expect("a session says when");
            let EventBody::Usage(UsageEvent::UsageRecorded(usage)) = call.event.body else {
                panic!("usage only")
            };
            let cost = book.cost(Call::of(&usage, at), &usage.tokens);
            let Cost::Priced { usd: amount, .. } = cost else { panic!("unpriced: {usage:?}") };
            usd = usd.checked_add(amount).unwrap();
        }
        summary.finish_file(reader.counts());
        bytes += reader.bytes_read();
    }
    let expected = TokenSums {
        input_uncached: 1_285_441,
        cached_input: 48_100_608,
        cache_write: 0,
        output: 434_481,
        reasoning: 305_728,
    };
    assert_eq!(summary.tokens, expected);
    assert_eq!(summary.tokens.total(), 49_820_530);
    assert_eq!(usd.to_string(), "11.96418725");
    assert_eq!((summary.files, summary.files_with_usage), (48, 17));
    assert_eq!((summary.lines, summary.snapshots, summary.growing_snapshots), (3048, 1907, 958));
    assert_eq!((summary.events, summary.problems, summary.notes), (958, 0, 0));
    assert_eq!(bytes, found.bytes());
}

#[test]
fn a_real_session_read_again_or_grown_gives_the_same_events() {
    let Some(found) = real_sessions() else { return };
    for file in &found.files {
        let bytes = fs::read(&file.path).unwrap();
        let whole = events(read(&bytes, &file.path));
        assert_eq!(whole, events(read(&bytes, &file.path)), "{}", file.path.display());
        let mut seen = 0;
        // Each end costs a full read: in the largest files only every eighth is tested.
        let stride = if bytes.len() > 65_536 { 8 } else { 1 };
        let ends = bytes.iter().enumerate().filter(|&(_, &byte)| byte == b'\n').map(|(end, _)| end);
        let last = bytes.len() - 1;
        for end in ends.step_by(stride).chain([last]) {
            let part = events(read(&bytes[..=end], &file.path));
            assert!(whole.starts_with(&part), "{} up to byte {end}", file.path.display());
            assert!(part.len() >= seen, "{} up to byte {end}: an event was lost", file.path.display());
            seen = part.len();
        }
        assert_eq!(seen, whole.len());
    }
}
