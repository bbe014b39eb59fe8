//! What a digest counts and lists.

use tollgate_domain::alert::{AlertRule, Severity};

use super::*;
use crate::message::{Content, MAX_BODY_BYTES, Message};

/// The n-th change of a storm: rules, severities, tenants and kinds in turn.
pub(crate) fn change(n: u32) -> AlertNotice {
    let at: Timestamp = "2026-11-21T10:00:00Z".parse().unwrap();
    let severities = [Severity::Info, Severity::Warning, Severity::Error, Severity::Critical];
    AlertNotice {
        alert: format!("{n:032x}"),
        change: if n.is_multiple_of(5) { Change::Resolved } else { Change::Raised },
        at: at.plus_millis(i64::from(n) * 100),
        rule: AlertRule::from_word(AlertRule::NAMES[n as usize % AlertRule::NAMES.len()]).unwrap(),
        severity: severities[n as usize % 4],
        tenant: format!("tenant-{}", n % 3),
        task: format!("T-{n}"),
        scope: "task".to_owned(),
        level: 80,
        generation: 1,
        message: format!("task T-{n} has used 80 % of its tokens"),
        raised_at: at,
        note: None,
    }
}

#[test]
fn a_digest_counts_everything_and_names_the_worst() {
    let changes: Vec<AlertNotice> = (0..1000).map(change).collect();
    let digest = changes.iter().collect::<Summary>().digest().unwrap();
    assert_eq!(digest.changes, 1000);
    assert_eq!((digest.from, digest.to), (changes[0].at, changes[999].at));
    assert_eq!(digest.by_change, BTreeMap::from([("raised", 800), ("resolved", 200)]));
    for counts in [&digest.by_rule, &digest.by_severity] {
        assert_eq!(counts.values().sum::<u64>(), 1000);
    }
    assert_eq!(digest.by_severity["critical"], 250);
    assert_eq!(digest.by_tenant["tenant-0"], 334);
    assert_eq!(digest.worst.len(), WORST);
    assert!(digest.worst.iter().all(|one| one.severity == "critical" && one.change == "raised"));
    assert_eq!(digest.worst[0].task, "T-999");
}

#[test]
fn the_order_of_counting_does_not_matter() {
    let mut changes: Vec<AlertNotice> = (0..300).map(change).collect();
    let digest = changes.iter().collect::<Summary>().digest();
    changes.reverse();
    assert_eq!(changes.iter().collect::<Summary>().digest(), digest);
    changes.rotate_left(117);
    assert_eq!(changes.iter().collect::<Summary>().digest(), digest);
    assert_eq!(Summary::default().digest(), None);
}

#[test]
fn the_largest_digest_is_below_the_limit() {
    let changes: Vec<AlertNotice> = (0..5000)
        .map(|n| AlertNotice {
            tenant: format!("{n:\"<64}"),
            task: format!("{n:\"<128}"),
            message: "\u{1}\"".repeat(10_000),
            ..change(n)
        })
        .collect();
    let digest = changes.iter().collect::<Summary>().digest().unwrap();
    assert_eq!((digest.by_tenant.len(), digest.other_tenants), (TENANTS, 5000 - TENANTS as u64));
    let id = digest_id("pager", "5000");
    let body = Message { id, content: Content::Digest(Box::new(digest)) }.body();
    assert!(body.len() < MAX_BODY_BYTES, "{}", body.len());
    assert!(body.len() > 10_000, "{}: the test must come near it", body.len());
}
