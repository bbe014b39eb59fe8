//! Arbitrary events of every kind that satisfy the rules, including what is added to them.

mod gate;
mod limits;
mod usage;

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use tollgate_domain::config::Rollout;
use tollgate_domain::decimal::Decimal;
use tollgate_domain::event::{
    ConfigLoaded, ConfigRejected, Event, EventBody, GateEvent, ImportanceChanged, LossAccepted, Mark,
    OverrideGranted, OverrideScope, PhaseEnded, PhaseExplained, PhaseStarted, PriceBookLoaded,
    SignalRecorded, TaskClosed, TaskEvent, TaskMarked, TaskOpened, TaskOutcome, TransitionsMeasured,
    UsageEvent, WaitRecorded,
};
use tollgate_domain::ids::{EventId, ProducerId, TaskId, TenantId};
use tollgate_domain::metadata::{Enforcement, LimitOverride, TaskMetadata};
use tollgate_domain::phase::{Advance, Phase};
use tollgate_domain::position::Sequence;
use tollgate_domain::tier::{Complexity, Importance};
use tollgate_domain::time::Timestamp;
use tollgate_domain::usage::{Cost, NamedExecution};
use tollgate_wire::MAX_WAIT_MS;

use self::gate::gate;
use self::limits::limits;
use self::usage::{adjusted, usage};
pub(crate) use self::usage::{unit_sums, units, unpriced};
use crate::{money, noted};

/// An event of any kind.
pub(crate) fn event() -> impl Strategy<Value = Event> {
    around(prop_oneof![sendable_body(), own_body()])
}

/// An event of a kind that producers send.
pub(crate) fn sendable() -> impl Strategy<Value = Event> {
    around(sendable_body())
}

/// Usage.
pub(crate) fn usage_event() -> impl Strategy<Value = Event> {
    around(usage().prop_map(EventBody::from))
}

/// The event as its producer sent it: without what a decision or an appender adds.
pub(crate) fn without_added(mut event: Event) -> Event {
    match &mut event.body {
        EventBody::Task(TaskEvent::TaskOpened(opened)) => opened.limits = None,
        EventBody::Task(TaskEvent::PhaseStarted(started)) => started.attempt = None,
        EventBody::Usage(UsageEvent::UsageRecorded(usage)) => {
            usage.cost = usage.cost.booked().map_or(Cost::Unpriced, Cost::of_booked);
            usage.counts_as = None;
        }
        EventBody::Usage(UsageEvent::UsageAdjusted(adjusted)) => adjusted.resolved = None,
        EventBody::Task(
            TaskEvent::TaskClosed(_)
            | TaskEvent::PhaseEnded(_)
            | TaskEvent::OverrideGranted(_)
            | TaskEvent::TaskMarked(_)
            | TaskEvent::ImportanceChanged(_),
        )
        | EventBody::Usage(
            UsageEvent::UsageRepriced(_)
            | UsageEvent::WaitRecorded(_)
            | UsageEvent::SignalRecorded(_)
            | UsageEvent::PhaseExplained(_),
        )
        | EventBody::Gate(_)
        | EventBody::Ledger(_)
        | EventBody::Price(_)
        | EventBody::Alert(_)
        | EventBody::Inbox(_)
        | EventBody::Budget(_)
        | EventBody::Bill(_)
        | EventBody::Key(_)
        | EventBody::Report(_) => {}
    }
    event
}

fn around(body: impl Strategy<Value = EventBody>) -> impl Strategy<Value = Event> {
    let trace = option::of("(00|01)-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}");
    ("[a-zA-Z0-9][a-zA-Z0-9_-]{0,20}", id(), id(), id(), option::of(time()), trace, body).prop_map(
        |(tenant, task, producer, id, occurred_at, trace_parent, body)| Event {
            tenant: TenantId::new(tenant).expect("a tenant"),
            task: TaskId::new(task).expect("a task id"),
            producer: ProducerId::new(producer).expect("a producer"),
            id: EventId::new(id).expect("an event id"),
            occurred_at,
            trace_parent,
            body,
        },
    )
}

fn sendable_body() -> BoxedStrategy<EventBody> {
    let opened = (metadata(), option::of(limits()))
        .prop_map(|(metadata, limits)| EventBody::from(TaskOpened { metadata, limits }));
    let closed = (select(TaskOutcome::NAMES), optional(), optional()).prop_map(|(word, reason, author)| {
        let outcome = TaskOutcome::from_word(word).expect("an outcome");
        EventBody::from(TaskClosed { outcome, reason, author })
    });
    let started = (phase(), attempt(), option::of(text())).prop_map(|(phase, attempt, concluded_by)| {
        EventBody::from(PhaseStarted { phase, attempt, concluded_by })
    });
    let ended =
        (phase(), attempt()).prop_map(|(phase, attempt)| EventBody::from(PhaseEnded { phase, attempt }));
    let granted = (scope(), text(), text())
        .prop_map(|(scope, approver, reason)| EventBody::from(OverrideGranted { scope, approver, reason }));
    let wait = (execution(), "[a-zé_]{1,30}", 0..=MAX_WAIT_MS)
        .prop_map(|(execution, kind, wait_ms)| EventBody::from(WaitRecorded { execution, kind, wait_ms }));
    let signal = (execution(), "[a-zé_]{1,30}", any::<i64>(), option::of("[0-9a-f]{1,64}")).prop_map(
        |(execution, name, value, key)| EventBody::from(SignalRecorded { execution, name, value, key }),
    );
    let usage = usage().prop_map(EventBody::from);
    let adjusted = adjusted().prop_map(EventBody::from);
    let importance =
        (option::of(importance()), importance(), text(), text()).prop_map(|(from, to, author, reason)| {
            EventBody::from(ImportanceChanged { from, to, author, reason })
        });
    let marked = (select(Mark::NAMES), text(), text()).prop_map(|(word, author, reason)| {
        let mark = Mark::from_word(word).expect("a mark");
        EventBody::from(TaskMarked { mark, author, reason })
    });
    let explained = (phase(), attempt(), text(), text()).prop_map(|(phase, attempt, author, explanation)| {
        let execution = NamedExecution { phase, attempt };
        EventBody::from(PhaseExplained { execution, author, explanation })
    });
    let facts = prop_oneof![
        usage.boxed(),
        adjusted.boxed(),
        wait.boxed(),
        signal.boxed(),
        explained.boxed(),
        noted::acknowledged()
    ];
    prop_oneof![
        opened.boxed(),
        closed.boxed(),
        started.boxed(),
        ended.boxed(),
        granted.boxed(),
        importance.boxed(),
        marked.boxed(),
        facts.boxed()
    ]
    .boxed()
}

fn own_body() -> BoxedStrategy<EventBody> {
    let loaded = (any_text(), any_text(), any_text()).prop_map(|(config_hash, canonical, source)| {
        EventBody::from(ConfigLoaded { config_hash, canonical, source })
    });
    let rejected =
        (any_text(), vec(any_text(), 0..4), any_text()).prop_map(|(source, problems, config_hash)| {
            EventBody::from(ConfigRejected { source, problems, config_hash })
        });
    let book = (any_text(), any_text(), any::<u32>()).prop_map(|(price_version, source, models)| {
        EventBody::from(PriceBookLoaded { price_version, source, models })
    });
    let numbers = (any::<u64>(), any::<u64>(), any::<u64>(), any::<u64>(), any::<u64>());
    let measured = (numbers, select(Rollout::NAMES)).prop_map(|(numbers, rollout)| {
        EventBody::from(TransitionsMeasured {
            span_ms: numbers.0,
            transitions: numbers.1,
            p50_us: numbers.2,
            p95_us: numbers.3,
            longest_us: numbers.4,
            rollout: Rollout::from_word(rollout).expect("a rollout"),
        })
    });
    let lost = (any_text(), any::<u64>(), any_text()).prop_map(|(earlier_epoch, kept, witness)| {
        EventBody::from(LossAccepted { earlier_epoch, kept: Sequence(kept), witness })
    });
    let gate = gate().prop_map(|decided| EventBody::Gate(GateEvent::GateDecided(Box::new(decided))));
    let own = prop_oneof![noted::own_body(), money::body(), crate::priced::own_body()];
    prop_oneof![
        gate.boxed(),
        loaded.boxed(),
        rejected.boxed(),
        book.boxed(),
        measured.boxed(),
        lost.boxed(),
        own.boxed()
    ]
    .boxed()
}

fn id() -> impl Strategy<Value = String> {
    "[A-Za-zé0-9/.:#-]{1,40}"
}

pub(crate) fn text() -> impl Strategy<Value = String> {
    prop_oneof!["\\PC{1,12}", "[ -~\n\t\\\\\"]{1,30}", Just("x".repeat(2000))]
}

pub(crate) fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), text()]
}

pub(crate) fn optional() -> impl Strategy<Value = Option<String>> {
    option::of("\\PC{1,12}")
}

pub(crate) fn time() -> impl Strategy<Value = Timestamp> {
    (-62_135_596_800_000_000..=253_402_300_799_999_999_i64)
        .prop_map(|micros| Timestamp::from_micros(micros).expect("within the years"))
}

pub(crate) fn phase() -> impl Strategy<Value = Phase> {
    "[A-Z][A-Z0-9_-]{0,31}".prop_map(|name| name.parse().expect("a phase name"))
}

fn attempt() -> impl Strategy<Value = Option<u32>> {
    option::of(1..=u32::MAX)
}

fn execution() -> impl Strategy<Value = Option<NamedExecution>> {
    option::of((phase(), attempt()).prop_map(|(phase, attempt)| NamedExecution { phase, attempt }))
}

pub(crate) fn decimal() -> impl Strategy<Value = Decimal> {
    (0..1_000_000_000_000_000_000_u64, 0..=27_u8).prop_map(|(mantissa, scale)| Decimal::new(mantissa, scale))
}

fn multiplier() -> impl Strategy<Value = Decimal> {
    (1..=10_000_000_u64).prop_map(|millionths| Decimal::new(millionths, 6))
}

fn limit() -> impl Strategy<Value = LimitOverride> {
    let one = || option::of(1..=u64::MAX);
    (one(), one(), 1..=u64::MAX).prop_map(|(tokens, latency_ms, otherwise)| match (tokens, latency_ms) {
        (None, None) => LimitOverride { tokens: Some(otherwise), latency_ms: None },
        (tokens, latency_ms) => LimitOverride { tokens, latency_ms },
    })
}

fn complexity() -> impl Strategy<Value = Complexity> {
    select(Complexity::ALL)
}

fn importance() -> impl Strategy<Value = Importance> {
    select(Importance::ALL)
}

fn metadata() -> impl Strategy<Value = TaskMetadata> {
    let tiers = (option::of(complexity()), option::of(importance()), option::of(multiplier()), any::<bool>());
    let texts = (option::of(text()), optional(), optional());
    let lists = (
        btree_map(phase(), limit(), 0..4),
        vec("\\PC{1,12}", 0..4),
        btree_map("\\PC{1,12}", "\\PC{1,12}", 0..4),
    );
    (tiers, texts, lists).prop_map(|(tiers, texts, (budget_overrides, tags, labels))| TaskMetadata {
        title: texts.0,
        complexity: tiers.0,
        importance: tiers.1,
        justification: texts.1,
        budget_multiplier: tiers.2,
        budget_overrides,
        tags,
        labels,
        enforcement: if tiers.3 { Enforcement::On } else { Enforcement::Off },
        author: texts.2,
    })
}

fn advance() -> impl Strategy<Value = Advance> {
    prop_oneof![Just(Advance::Completion), phase().prop_map(Advance::Phase)].prop_filter(
        "a phase of that name cannot be told from the end",
        |advance| !matches!(advance, Advance::Phase(phase) if phase.as_str() == "COMPLETION"),
    )
}

fn scope() -> impl Strategy<Value = OverrideScope> {
    prop_oneof![
        (phase(), limit()).prop_map(|(phase, limit)| OverrideScope::Limit { phase, limit }),
        advance().prop_map(|advance| OverrideScope::Block { advance }),
    ]
}
