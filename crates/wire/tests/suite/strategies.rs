//! Arbitrary events of every kind that satisfy the rules, including what is added to them.

mod gate;
mod limits;

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
use tollgate_domain::money::Usd;
use tollgate_domain::phase::{Advance, Phase};
use tollgate_domain::position::Sequence;
use tollgate_domain::tier::{Complexity, Importance};
use tollgate_domain::time::Timestamp;
use tollgate_domain::tokens::{MAX_TOKENS_PER_EVENT, TokenCounts, TokenSums};
use tollgate_domain::units::{Unit, UnitCounts, UnitSums};
use tollgate_domain::usage::{
    AdjustedUsage, Cost, NamedExecution, Unpriced, UnpricedPart, UsageAdjusted, UsageRecorded,
};
use tollgate_wire::MAX_WAIT_MS;

use self::gate::gate;
use self::limits::limits;
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
        EventBody::Usage(UsageEvent::UsageRecorded(usage)) => usage.cost = Cost::Unpriced,
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
    let started =
        (phase(), attempt()).prop_map(|(phase, attempt)| EventBody::from(PhaseStarted { phase, attempt }));
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

fn cost() -> impl Strategy<Value = Cost> {
    let priced = (any::<i128>(), any_text());
    prop_oneof![
        Just(Cost::Unpriced),
        priced.prop_map(|(units, price_version)| Cost::Priced { usd: Usd::from_units(units), price_version }),
    ]
}

fn usage() -> impl Strategy<Value = UsageRecorded> {
    let count = || prop_oneof![Just(0), 0..=MAX_TOKENS_PER_EVENT];
    let tokens = (count(), count(), count(), count(), count(), count()).prop_map(|counts| TokenCounts {
        input_uncached: counts.0,
        cached_input: counts.1,
        cache_write: counts.2,
        output: counts.3,
        reasoning: counts.4.min(counts.3),
        cache_write_1h: counts.5.min(counts.2),
    });
    let texts = (optional(), optional(), optional(), optional(), optional(), option::of(id()));
    let labels = btree_map(text(), text(), 0..4);
    (execution(), texts, labels, (tokens, units()), any::<bool>(), cost()).prop_map(
        |(execution, texts, labels, (tokens, units), estimated, cost)| UsageRecorded {
            execution,
            provider: texts.0,
            model: texts.1,
            component: texts.2,
            request_id: texts.3,
            service_tier: texts.4,
            allocation: texts.5,
            labels,
            tokens,
            units,
            estimated,
            cost,
        },
    )
}

/// Units that are counted beside tokens, mostly none.
fn unit() -> impl Strategy<Value = Unit> {
    let beside: Vec<Unit> = Unit::all().filter(|unit| unit.part_of().is_none()).collect();
    select(beside)
}

pub(crate) fn units() -> BoxedStrategy<UnitCounts> {
    let some = btree_map(unit(), 1..=MAX_TOKENS_PER_EVENT, 1..4).prop_map(UnitCounts::from_pairs);
    prop_oneof![3 => Just(UnitCounts::default()), 1 => some].boxed()
}

pub(crate) fn unit_sums() -> BoxedStrategy<UnitSums> {
    let most = i128::from(MAX_TOKENS_PER_EVENT);
    let some = btree_map(unit(), -most..=most, 1..4).prop_map(UnitSums::from_pairs);
    prop_oneof![3 => Just(UnitSums::default()), 1 => some].boxed()
}

pub(crate) fn unpriced() -> BoxedStrategy<Unpriced> {
    let most = i128::from(MAX_TOKENS_PER_EVENT);
    (-most..=most, unit_sums()).prop_map(|(tokens, units)| Unpriced { tokens, units }).boxed()
}

fn adjusted() -> impl Strategy<Value = UsageAdjusted> {
    let most = i128::from(MAX_TOKENS_PER_EVENT);
    let change = move || prop_oneof![Just(0), -most..=most];
    let tokens = (change(), change(), change(), change(), change()).prop_map(|changes| TokenSums {
        input_uncached: changes.0,
        cached_input: changes.1,
        cache_write: changes.2,
        output: changes.3,
        reasoning: changes.4,
    });
    let excess =
        (0..=MAX_TOKENS_PER_EVENT).prop_map(|output| TokenCounts { output, ..TokenCounts::default() });
    let texts = (optional(), optional(), optional(), option::of(id()), optional());
    let times = option::of(time());
    let part = option::of((unpriced(), unpriced()))
        .prop_map(|part| part.map(|(before, after)| UnpricedPart { before, after }));
    let resolved =
        (execution(), texts, btree_map(text(), text(), 0..3), times, cost(), (excess, unit_sums(), part))
            .prop_map(|(execution, texts, labels, occurred_at, cost, (excess, excess_units, unpriced))| {
                AdjustedUsage {
                    execution,
                    provider: texts.0,
                    model: texts.1,
                    component: texts.2,
                    allocation: texts.3,
                    service_tier: texts.4,
                    occurred_at,
                    labels,
                    cost,
                    excess,
                    excess_units,
                    unpriced,
                }
            });
    (id(), id(), (tokens, unit_sums()), text(), optional(), option::of(resolved)).prop_map(
        |(adjusts, adjusts_producer, (tokens, units), reason, author, resolved)| UsageAdjusted {
            adjusts,
            adjusts_producer,
            tokens,
            units,
            reason,
            author,
            resolved: resolved.map(Box::new),
        },
    )
}
