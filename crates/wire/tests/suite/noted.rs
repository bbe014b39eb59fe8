//! Events about alerts, their delivery and the inbox: samples for golden vectors, and arbitrary ones.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use tollgate_domain::alert::{AlertRule, AlertScope, Condition};
use tollgate_domain::event::{
    AlertAcknowledged, AlertEvent, BillDayRecorded, BillLine, Change, ConditionObserved, DeliveryAttempted,
    DeliveryOutcome, DeliveryRequested, Event, EventBody, InboxEvent, InboxRejected, InboxResolved,
    QuarantineAction, ReportEvent, ReportKind, ReportRead,
};
use tollgate_domain::money::Usd;
use tollgate_domain::phase::ExecutionId;
use tollgate_domain::position::{PartitionId, Sequence};
use tollgate_domain::time::Day;
use tollgate_wire::{Defaults, Submitted, proto};

use crate::rules::{check, refused};
use crate::samples::{own_event, phase};
use crate::strategies::{any_text, optional, text, time};

const ALERT: &str = "9f86d081884c7d659a2feaa0c55ad015";

/// The vectors of kinds that no producer sends.
pub(crate) fn events() -> Vec<(&'static str, Event)> {
    let execution = AlertScope::Execution(ExecutionId { phase: phase("THINK"), attempt: 2 });
    let view = |partition| AlertScope::View { name: "status".to_owned(), partition };
    let mut events = crate::keys::events();
    events.extend([
        ("condition_observed_silence", observed("T-2", AlertRule::Silence, execution, true)),
        ("condition_observed_conflict", observed("T-2", AlertRule::Conflict, AlertScope::Task, true)),
        ("condition_observed_lag", observed("_ledger", AlertRule::Lag, view(None), false)),
        (
            "condition_observed_quarantine",
            observed("_ledger", AlertRule::Quarantine, view(PartitionId::new(0)), true),
        ),
        ("condition_observed_budget", observed("_budget", AlertRule::Budget, policy(), true)),
        ("condition_observed_task_budget", observed("_budget", AlertRule::TaskBudget, of_task(), true)),
        ("condition_observed_late_usage", observed("_budget", AlertRule::LateUsage, policy(), true)),
        ("condition_observed_inbox", observed("_ledger", AlertRule::Quarantine, AlertScope::Inbox, true)),
        (
            "condition_observed_overrun",
            observed(
                "_budget",
                AlertRule::AllocationOverrun,
                AlertScope::Allocation("job-1".to_owned()),
                true,
            ),
        ),
        (
            "condition_observed_price",
            observed("_ledger", AlertRule::PriceWaiting, AlertScope::Price("gpt-5".to_owned()), true),
        ),
        (
            "delivery_attempted_failed",
            own_event("T-2", EventBody::Alert(AlertEvent::DeliveryAttempted(Box::new(failed())))),
        ),
        (
            "delivery_attempted_digest",
            own_event("_ledger", EventBody::Alert(AlertEvent::DeliveryAttempted(Box::new(digest())))),
        ),
        (
            "delivery_requested",
            own_event("T-2", EventBody::Alert(AlertEvent::DeliveryRequested(Box::new(requested())))),
        ),
        ("inbox_rejected_text", own_event("_ledger", rejected(b"{\"task\": 5}"))),
        ("inbox_rejected_bytes", own_event("_ledger", rejected(b"\xff\x00"))),
        ("inbox_rejected_headers", own_event("_ledger", with_headers())),
        ("inbox_resolved", own_event("_ledger", EventBody::Inbox(InboxEvent::InboxResolved(dropped())))),
        ("report_read", own_event("_ledger", read())),
        ("bill_day_recorded", own_event("_ledger", billed())),
    ]);
    events
}

fn observed(task: &str, rule: AlertRule, scope: AlertScope, active: bool) -> Event {
    own_event(
        task,
        EventBody::from(ConditionObserved {
            condition: Condition { rule, scope, level: 0 },
            active,
            since: "2026-11-21T08:20:00.000001Z".parse().expect("a time"),
            threshold_ms: 600_000,
            detail: "THINK attempt 2 of task T-2 runs, and reported no usage for 10 min".to_owned(),
        }),
    )
}

fn policy() -> AlertScope {
    let from = Some("2026-11-01T00:00:00Z".parse().expect("a time"));
    AlertScope::Policy { name: "search-monthly".to_owned(), from, of: None }
}

fn of_task() -> AlertScope {
    AlertScope::Policy { name: "a-task".to_owned(), from: None, of: Some("T-7".to_owned()) }
}

fn failed() -> DeliveryAttempted {
    DeliveryAttempted {
        alert: ALERT.to_owned(),
        change: Change::Raised,
        through: Sequence(41),
        endpoint: "oncall".to_owned(),
        attempt: 2,
        outcome: DeliveryOutcome::Failed,
        status_code: Some(503),
        error: Some("the receiver answered 503".to_owned()),
        next_attempt_at: Some("2026-11-21T08:35:00Z".parse().expect("a time")),
    }
}

fn digest() -> DeliveryAttempted {
    DeliveryAttempted {
        change: Change::Digest,
        through: Sequence(77),
        attempt: 1,
        outcome: DeliveryOutcome::Delivered,
        status_code: Some(204),
        error: None,
        next_attempt_at: None,
        ..failed()
    }
}

fn requested() -> DeliveryRequested {
    DeliveryRequested {
        alert: ALERT.to_owned(),
        change: Change::Resolved,
        endpoint: Some("oncall".to_owned()),
        by: "grace".to_owned(),
        reason: "the receiver lost it".to_owned(),
    }
}

fn rejected(payload: &[u8]) -> EventBody {
    let hash = blake3::hash(payload).to_hex().to_string();
    let subject = "tollgate.v1.in.default.T-9";
    let rejected =
        InboxRejected::new(subject, 9, payload, hash, "invalid", "task: `5`: must be text, is a number");
    EventBody::Inbox(InboxEvent::InboxRejected(Box::new(rejected)))
}

fn with_headers() -> EventBody {
    let EventBody::Inbox(InboxEvent::InboxRejected(rejected)) = rejected(b"{}") else {
        panic!("a rejection")
    };
    let headers = [("Nats-Msg-Id", "m-7"), ("Content-Type", "application/json"), ("Long", &"x".repeat(300))]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
    let rejected = rejected.with_headers(headers);
    assert_eq!(rejected.headers.len(), 2, "what is long is left out");
    EventBody::Inbox(InboxEvent::InboxRejected(Box::new(rejected)))
}

fn read() -> EventBody {
    EventBody::from(ReportRead {
        report: ReportKind::Task,
        task: "T-2".to_owned(),
        reader: "grace".to_owned(),
        address: "192.0.2.7".to_owned(),
        format: "html".to_owned(),
        redacted: true,
    })
}

fn billed() -> EventBody {
    let line = |model: &str, tokens, amount: &str| BillLine {
        model: model.to_owned(),
        tokens,
        amount: amount.parse().expect("an amount"),
    };
    EventBody::from(BillDayRecorded {
        provider: "openai".to_owned(),
        account: "research".to_owned(),
        day: Day(20_778),
        source: "november.csv".to_owned(),
        lines: vec![line("gpt-5", Some(1_270), "0.0022"), line("gpt-5-mini", None, "-0.000000000000000001")],
    })
}

fn dropped() -> InboxResolved {
    InboxResolved {
        rejection: "rejected-9f86d081884c7d659a2feaa0c55ad015".to_owned(),
        action: QuarantineAction::Dropped,
        by: "grace".to_owned(),
        reason: "a test of the producer".to_owned(),
    }
}

/// Any acknowledgement.
pub(crate) fn acknowledged() -> impl Strategy<Value = EventBody> {
    ("[0-9a-f]{32}", text(), optional())
        .prop_map(|(alert, by, note)| EventBody::from(AlertAcknowledged { alert, by, note }))
}

fn scope() -> impl Strategy<Value = AlertScope> {
    let partition = option::of((0..16_u8).prop_map(|number| PartitionId::new(number).expect("below 16")));
    prop_oneof![
        Just(AlertScope::Task),
        Just(AlertScope::Inbox),
        any_text().prop_map(AlertScope::Reader),
        any_text().prop_map(AlertScope::Price),
        any_text().prop_map(AlertScope::Allocation),
        (any_text(), option::of(time()), option::of(text()))
            .prop_map(|(name, from, of)| AlertScope::Policy { name, from, of }),
        (crate::strategies::phase(), any::<u32>())
            .prop_map(|(phase, attempt)| AlertScope::Execution(ExecutionId { phase, attempt })),
        (any_text(), partition).prop_map(|(name, partition)| AlertScope::View { name, partition }),
    ]
}

pub(crate) fn word<T: Copy + std::fmt::Debug>(
    names: &'static [&'static str],
    read: impl Fn(&str) -> Option<T>,
) -> impl Strategy<Value = T> {
    select(names).prop_map(move |name| read(name).expect("a word"))
}

/// Any event of a kind that the ledger writes itself.
pub(crate) fn own_body() -> BoxedStrategy<EventBody> {
    let condition = (
        select(AlertRule::NAMES).prop_map(|word| AlertRule::from_word(word).expect("a rule")),
        scope(),
        any::<u32>(),
    )
        .prop_map(|(rule, scope, level)| Condition { rule, scope, level });
    let observed = (condition, any::<bool>(), time(), any::<u64>(), any_text()).prop_map(
        |(condition, active, since, threshold_ms, detail)| {
            let observed = ConditionObserved { condition, active, since, threshold_ms, detail };
            EventBody::Alert(AlertEvent::ConditionObserved(Box::new(observed)))
        },
    );
    let names = (any_text(), any_text(), any::<u64>().prop_map(Sequence));
    let how = (any::<u32>(), word(DeliveryOutcome::NAMES, DeliveryOutcome::from_word));
    let answer = (option::of(any::<u32>()), optional(), option::of(time()));
    let attempted = (names, word(Change::NAMES, Change::from_word), how, answer).prop_map(
        |((alert, endpoint, through), change, (attempt, outcome), (status_code, error, next_attempt_at))| {
            EventBody::from(DeliveryAttempted {
                alert,
                change,
                through,
                endpoint,
                attempt,
                outcome,
                status_code,
                error,
                next_attempt_at,
            })
        },
    );
    let requested = (any_text(), word(Change::NAMES, Change::from_word), optional(), text(), text())
        .prop_map(|(alert, change, endpoint, by, reason)| {
            EventBody::from(DeliveryRequested { alert, change, endpoint, by, reason })
        });
    let rejected = (any_text(), any::<u64>(), vec(any::<u8>(), 0..40), any_text(), any_text()).prop_map(
        |(subject, sequence, payload, code, reason)| {
            let hash = blake3::hash(&payload).to_hex().to_string();
            let rejected = InboxRejected::new(&subject, sequence, &payload, hash, &code, &reason);
            EventBody::Inbox(InboxEvent::InboxRejected(Box::new(rejected)))
        },
    );
    let resolved = (any_text(), word(QuarantineAction::NAMES, QuarantineAction::from_word), text(), text())
        .prop_map(|(rejection, action, by, reason)| {
            EventBody::from(InboxResolved { rejection, action, by, reason })
        });
    let told = (any_text(), any_text(), any_text(), any::<bool>());
    let read = (word(ReportKind::NAMES, ReportKind::from_word), any_text(), told).prop_map(
        |(report, task, (reader, address, format, redacted))| {
            let read = ReportRead { report, task, reader, address, format, redacted };
            EventBody::Report(ReportEvent::ReportRead(Box::new(read)))
        },
    );
    let line = (any_text(), option::of(any::<u64>()), any::<i128>())
        .prop_map(|(model, tokens, units)| BillLine { model, tokens, amount: Usd::from_units(units) });
    let billed = (any_text(), any_text(), -700_000..2_900_000_i32, any_text(), vec(line, 0..5)).prop_map(
        |(provider, account, day, source, lines)| {
            EventBody::from(BillDayRecorded { provider, account, day: Day(day), source, lines })
        },
    );
    prop_oneof![observed, attempted, requested, rejected, resolved, read, billed, crate::keys::any()].boxed()
}

#[test]
fn the_largest_rejection_fits_an_event() {
    use tollgate_domain::event::MAX_KEPT_PAYLOAD;
    let payload = vec![0xff; MAX_KEPT_PAYLOAD + 100];
    let subject = format!("tollgate.v1.in.{}.{}", "t".repeat(64), "T".repeat(256));
    let hash = blake3::hash(&payload).to_hex().to_string();
    let headers = (0..20).map(|n| (format!("Header-{n:02}"), "x".repeat(247)));
    let rejected = InboxRejected::new(&subject, u64::MAX, &payload, hash, "invalid", &"ä".repeat(2000))
        .with_headers(headers);
    assert_eq!(rejected.headers.len(), 8);
    assert_eq!((rejected.payload.len(), rejected.payload_bytes), (MAX_KEPT_PAYLOAD, 12_388));
    assert!(rejected.is_cut());
    let body = EventBody::Inbox(InboxEvent::InboxRejected(Box::new(rejected)));
    let submitted = Submitted::from_event(own_event("_ledger", body.clone())).unwrap();
    assert!(submitted.encode_stored(&body).is_ok());
}

#[test]
fn what_the_ledger_writes_itself_is_refused() {
    for kind in [
        "gate_decided",
        "config_loaded",
        "config_rejected",
        "price_book_loaded",
        "transitions_measured",
        "loss_accepted",
        "condition_observed",
        "delivery_attempted",
        "delivery_requested",
        "inbox_rejected",
        "inbox_resolved",
        "report_read",
        "price_changed",
        "price_proposed",
        "price_decided",
        "price_source_checked",
        "price_disputed",
        "price_update_begun",
        "usage_repriced",
        "bill_day_recorded",
        "key_created",
        "key_rotated",
        "key_revoked",
    ] {
        refused(&format!(r#""{kind}": {{}}"#), &format!("{kind}: `given`"), "written by the ledger itself");
    }
    for body in [
        proto::event::Body::GateDecided(Box::default()),
        proto::event::Body::ConfigLoaded(proto::ConfigLoaded::default()),
        proto::event::Body::ConfigRejected(proto::ConfigRejected::default()),
        proto::event::Body::PriceBookLoaded(proto::PriceBookLoaded::default()),
        proto::event::Body::TransitionsMeasured(proto::TransitionsMeasured::default()),
        proto::event::Body::LossAccepted(proto::LossAccepted::default()),
        proto::event::Body::ConditionObserved(Box::default()),
        proto::event::Body::DeliveryAttempted(Box::default()),
        proto::event::Body::DeliveryRequested(Box::default()),
        proto::event::Body::InboxRejected(Box::default()),
        proto::event::Body::InboxResolved(proto::InboxResolved::default()),
        proto::event::Body::ReportRead(proto::ReportRead::default()),
        proto::event::Body::BillDayRecorded(proto::BillDayRecorded::default()),
        proto::event::Body::KeyCreated(Box::default()),
        proto::event::Body::KeyRotated(proto::KeyRotated::default()),
        proto::event::Body::KeyRevoked(proto::KeyRevoked::default()),
    ] {
        let sent = proto::Event { producer: "p".to_owned(), body: Some(body), ..proto::Event::default() };
        let error = Submitted::from_proto(sent, &Defaults::default()).unwrap_err();
        assert!(error.rule.contains("written by the ledger itself"), "{error}");
    }
}

#[test]
fn importance_and_acknowledgements_name_who_and_what() {
    check(
        r#"
        "importance_changed": {"author": "a", "reason": "r"}        | importance_changed.to: `nothing`         | is required
        "importance_changed": {"to": "hgih", "author": "a", "reason": "r"} | importance_changed.to: `hgih`     | did you mean `high`?
        "importance_changed": {"from": "x", "to": "high", "author": "a", "reason": "r"} | importance_changed.from: `x` | must be one of low
        "importance_changed": {"to": "high", "reason": "r"}         | importance_changed.author: `nothing`     | is required
        "importance_changed": {"to": "high", "author": "a"}         | importance_changed.reason: `nothing`     | is required
        "task_marked": {"author": "a", "reason": "r"}               | task_marked.mark: `nothing`              | is required
        "task_marked": {"mark": "fine", "author": "a", "reason": "r"} | task_marked.mark: `fine`                | must be one of legitimate, runaway
        "task_marked": {"mark": "runaway", "reason": "r"}           | task_marked.author: `nothing`            | is required
        "task_marked": {"mark": "runaway", "author": "a"}           | task_marked.reason: `nothing`            | is required
        "phase_explained": {"author": "a", "explanation": "e"}      | phase_explained.phase: `nothing`         | is required
        "phase_explained": {"phase": "PLAN", "explanation": "e"}    | phase_explained.author: `nothing`        | is required
        "phase_explained": {"phase": "PLAN", "author": "a"}         | phase_explained.explanation: `nothing`   | is required
        "phase_explained": {"phase": "PLAN", "attempt": 0, "author": "a", "explanation": "e"} | phase_explained.attempt: `0` | from 1
        "alert_acknowledged": {"by": "a"}                           | alert_acknowledged.alert: `nothing`      | is required
        "alert_acknowledged": {"alert": "7", "by": "a"}             | alert_acknowledged.alert: `7`            | 32 hex digits
        "alert_acknowledged": {"alert": "9F86D081884C7D659A2FEAA0C55AD015", "by": "a"} | alert_acknowledged.alert: `9F86D081884C7D659A2FEAA0C55AD015` | 32 hex digits
        "alert_acknowledged": {"alert": "9f86d081884c7d659a2feaa0c55ad015"} | alert_acknowledged.by: `nothing` | is required
        "#,
    );
}
