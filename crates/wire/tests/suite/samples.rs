//! What a decision and an appender add in tests, and the events that the ledger writes itself. Fixed: golden
//! vectors contain it.

use tollgate_domain::breach::Utilization;
use tollgate_domain::config::{BudgetedLatency, Profile, Rollout, Thresholds};
use tollgate_domain::decimal::Decimal;
use tollgate_domain::event::{
    ConfigLoaded, ConfigRejected, Event, EventBody, GateEvent, LedgerEvent, LossAccepted, PriceBookLoaded,
    TaskEvent, TransitionsMeasured, UsageEvent,
};
use tollgate_domain::gate::{GateDecided, Reason, ReasonCode, Requirement, Verdict};
use tollgate_domain::ids::{EventId, ProducerId, TaskId, TenantId};
use tollgate_domain::limits::{PhaseLimit, TaskLimits};
use tollgate_domain::metadata::LimitOverride;
use tollgate_domain::phase::{Advance, ExecutionId, Phase};
use tollgate_domain::position::Sequence;
use tollgate_domain::tier::{Complexity, Importance, ImportanceSource};
use tollgate_domain::units::{Unit, UnitSums};
use tollgate_domain::usage::{AdjustedUsage, Cost, CountsAs, NamedExecution, Unpriced, UnpricedPart};

use crate::progress;

pub(crate) fn phase(name: &str) -> Phase {
    name.parse().expect("a phase name")
}

/// The body as decided: with everything that is added to its kind, unless the vector's name says otherwise.
pub(crate) fn decided(name: &str, sent: &EventBody) -> EventBody {
    let mut body = sent.clone();
    let cost = if name.contains("unpriced") { Cost::Unpriced } else { priced() };
    let allocated = name.contains("allocated");
    let counted_as = name.contains("counted_as").then(counts_as).or_else(|| crate::later::counts_as(name));
    match &mut body {
        EventBody::Task(TaskEvent::TaskOpened(opened)) => {
            let plain = opened.metadata.budget_overrides.is_empty();
            let mut limits = if plain { plain_limits() } else { full_limits() };
            limits.progress = name.contains("progress").then(|| Box::new(progress::rules()));
            opened.limits = Some(limits);
        }
        EventBody::Task(TaskEvent::PhaseStarted(started)) => started.attempt = Some(2),
        EventBody::Task(TaskEvent::PhaseEnded(ended)) => ended.attempt = ended.attempt.or(Some(300)),
        EventBody::Usage(UsageEvent::UsageRecorded(usage)) => {
            let cost = usage.cost.booked().map_or(cost, Cost::of_booked);
            (usage.cost, usage.counts_as) = (cost, counted_as);
        }
        EventBody::Usage(UsageEvent::UsageAdjusted(adjusted)) if !name.contains("unresolved") => {
            let dated = name.contains("dated");
            adjusted.resolved = Some(Box::new(AdjustedUsage {
                counts_as: counted_as,
                execution: Some(NamedExecution { phase: phase("THINK"), attempt: Some(1) }),
                provider: Some("anthropic".to_owned()),
                model: Some("claude-sonnet-4-5".to_owned()),
                component: allocated.then(|| "planner".to_owned()),
                allocation: allocated.then(|| "al-7".to_owned()),
                labels: allocated.then(|| ("team".to_owned(), "search".to_owned())).into_iter().collect(),
                service_tier: dated.then(|| "batch".to_owned()),
                occurred_at: dated.then(|| "2026-10-31T23:59:59.5Z".parse().expect("a time")),
                cost: Cost::Priced {
                    usd: "-0.00054".parse().expect("an amount"),
                    price_version: "shipped@0123456789ab".to_owned(),
                },
                excess: crate::later::excess(name),
                excess_units: UnitSums::from_pairs(
                    name.contains("units").then_some((Unit::OutputImages, 2_i128)),
                ),
                unpriced: name.contains("in_part").then(|| UnpricedPart {
                    before: Unpriced {
                        tokens: 900,
                        units: UnitSums::from_pairs([(Unit::Pages, 2), (Unit::InputAudioMs, 500)]),
                    },
                    after: Unpriced { tokens: 360, units: UnitSums::default() },
                }),
            }));
        }
        EventBody::Task(TaskEvent::ImportanceChanged(changed)) => {
            changed.from = changed.from.or(Some(Importance::Low))
        }
        EventBody::Usage(
            UsageEvent::UsageAdjusted(_)
            | UsageEvent::UsageRepriced(_)
            | UsageEvent::WaitRecorded(_)
            | UsageEvent::SignalRecorded(_)
            | UsageEvent::PhaseExplained(_),
        )
        | EventBody::Task(
            TaskEvent::TaskClosed(_) | TaskEvent::OverrideGranted(_) | TaskEvent::TaskMarked(_),
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
    body
}

fn priced() -> Cost {
    Cost::Priced {
        usd: "0.029700000000000001".parse().expect("an amount"),
        price_version: "shipped@0123456789ab".to_owned(),
    }
}

fn counts_as() -> Box<CountsAs> {
    Box::new(CountsAs {
        allocation: "al-7".to_owned(),
        phase: Some(phase("PLAN")),
        component: Some("planner".to_owned()),
        provider: Some("anthropic".to_owned()),
        model: Some("claude-sonnet-4-5".to_owned()),
        labels: [("team", "search"), ("user", "ada")]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into(),
        priced_provider: None,
        priced_model: None,
        unmade: false,
    })
}

/// The events that no producer sends, by the name of their vector.
pub(crate) fn own_events() -> Vec<(&'static str, Event)> {
    let config_hash = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".to_owned();
    let loaded = ConfigLoaded {
        config_hash: config_hash.clone(),
        canonical: "tollgate.config.v1\nphase.THINK.tokens=4000\n".to_owned(),
        source: "config/phase_budgets.yaml".to_owned(),
    };
    let rejected = ConfigRejected {
        source: "config/phase_budgets.yaml".to_owned(),
        problems: vec!["missing base budget for phase MONITOR".to_owned(), "rollout `on`: …".to_owned()],
        config_hash,
    };
    let book = PriceBookLoaded {
        price_version: "shipped@0123456789ab".to_owned(),
        source: "shipped".to_owned(),
        models: 0,
    };
    let measured = TransitionsMeasured {
        span_ms: 60_000,
        transitions: 318,
        p50_us: 2_100,
        p95_us: 4_950,
        longest_us: 20_004,
        rollout: Rollout::Observe,
    };
    let lost = LossAccepted {
        earlier_epoch: "01a224c0144a731fba8552ce407d5195".to_owned(),
        kept: Sequence(41),
        witness: "the view status remembers record 57".to_owned(),
    };
    vec![
        ("gate_decided_block", own_event("T-2", EventBody::Gate(GateEvent::GateDecided(Box::new(block()))))),
        (
            "gate_decided_enforced",
            own_event("T-2", EventBody::Gate(GateEvent::GateDecided(Box::new(enforced())))),
        ),
        (
            "gate_decided_exhausted",
            own_event("T-2", EventBody::Gate(GateEvent::GateDecided(Box::new(exhausted())))),
        ),
        (
            "gate_decided_progress",
            own_event("T-8", EventBody::Gate(GateEvent::GateDecided(Box::new(progress::spinning())))),
        ),
        (
            "gate_decided_no_limits",
            own_event("T-9", EventBody::Gate(GateEvent::GateDecided(Box::new(no_limits())))),
        ),
        ("config_loaded", own_event("_ledger", EventBody::Ledger(LedgerEvent::ConfigLoaded(loaded)))),
        ("config_rejected", own_event("_ledger", EventBody::Ledger(LedgerEvent::ConfigRejected(rejected)))),
        ("price_book_loaded", own_event("_ledger", EventBody::Ledger(LedgerEvent::PriceBookLoaded(book)))),
        (
            "transitions_measured",
            own_event("_ledger", EventBody::Ledger(LedgerEvent::TransitionsMeasured(measured))),
        ),
        ("loss_accepted", own_event("_ledger", lost.into())),
    ]
    .into_iter()
    .chain(crate::noted::events())
    .chain(crate::money::events())
    .chain(crate::pooled::events())
    .chain(crate::later::events())
    .chain(crate::priced::events())
    .collect()
}

pub(crate) fn own_event(task: &str, body: EventBody) -> Event {
    Event {
        tenant: if task == "_ledger" { TenantId::ledger() } else { TenantId::default_tenant() },
        task: TaskId::new(task).expect("a task id"),
        producer: ProducerId::new("tollgate").expect("a producer"),
        id: EventId::new("own-1").expect("an event id"),
        occurred_at: Some("2026-11-21T08:30:00Z".parse().expect("a time")),
        trace_parent: None,
        body,
    }
}

/// Limits with no optional field set.
fn plain_limits() -> TaskLimits {
    TaskLimits {
        complexity: Complexity::Medium,
        complexity_multiplier: Decimal::ONE,
        importance: Importance::Medium,
        importance_multiplier: Decimal::ONE,
        importance_source: ImportanceSource::Default,
        budget_multiplier: None,
        phases: vec![PhaseLimit {
            phase: phase("THINK"),
            base_tokens: 4000,
            base_latency_ms: 90_000,
            weight: Decimal::new(15, 1),
            tokens: 6000,
            latency_ms: 135_000,
            overridden: LimitOverride::default(),
        }],
        thresholds: Thresholds {
            profile: Profile::Strict,
            cumulative_token: Decimal::new(12, 1),
            cumulative_latency: Decimal::new(12, 1),
            per_phase: Decimal::new(15, 1),
            allow_completion: Decimal::new(11, 1),
            checkpoint_phase: None,
            early_warn: Decimal::ONE,
            early_block: Decimal::new(15, 1),
            nearly_done_phases: Vec::new(),
        },
        pressure_levels: vec![50, 80, 90, 100, 150],
        budgeted_latency: BudgetedLatency::Full,
        config_hash: "00".repeat(32),
        warnings: Vec::new(),
        progress: None,
        drawn_tokens: 0,
    }
}

/// Limits with every optional field set.
fn full_limits() -> TaskLimits {
    let mut limits = plain_limits();
    limits.complexity = Complexity::Large;
    limits.importance_source = ImportanceSource::Tag("financial".to_owned());
    limits.budget_multiplier = Some(Decimal::new(25, 1));
    limits.phases[0].overridden = LimitOverride { tokens: Some(10_000), latency_ms: None };
    limits.phases.push(PhaseLimit {
        phase: phase("VERIFY"),
        base_tokens: 0,
        base_latency_ms: 0,
        weight: Decimal::ZERO,
        tokens: u64::MAX,
        latency_ms: 1,
        overridden: LimitOverride { tokens: Some(u64::MAX), latency_ms: Some(1) },
    });
    limits.thresholds.profile = Profile::Graduated;
    limits.thresholds.checkpoint_phase = Some(phase("VERIFY"));
    limits.thresholds.nearly_done_phases = vec![phase("PR"), phase("MONITOR")];
    limits.budgeted_latency = BudgetedLatency::Active;
    limits.warnings = vec!["override of THINK to 10000 tokens is below the computed 45000".to_owned()];
    limits
}

fn block() -> GateDecided {
    GateDecided {
        advance: Advance::Phase(phase("REVIEW")),
        verdict: Verdict::Warn,
        ruled: Verdict::Block,
        reasons: vec![
            Reason {
                code: ReasonCode::TokenBudgetExceeded,
                verdict: Verdict::Block,
                message: "Task T-2 exceeded token budget: 15,234 / 12,000 (127%)".to_owned(),
            },
            Reason { code: ReasonCode::ObserveOnly, verdict: Verdict::Warn, message: "observe".to_owned() },
        ],
        requirements: vec![Requirement::Remediation, Requirement::Explanation],
        tokens: Some(Utilization { used: u128::MAX, limit: 12_000 }),
        latency: Some(Utilization { used: 0, limit: 1 }),
        active: Some(ExecutionId { phase: phase("VERIFY"), attempt: 1 }),
        remaining_tokens: Some(0),
        remaining_latency_ms: Some(u64::MAX),
        config_hash: "00".repeat(32),
        as_of: "00000000000000000000000000000007@3:120".to_owned(),
        stale: true,
        rollout: None,
        policies: Vec::new(),
        policies_unknown: false,
        progress: None,
        drawn_tokens: 0,
    }
}

fn enforced() -> GateDecided {
    GateDecided { rollout: Some(Rollout::EnforceLowMedium), ..no_limits() }
}

fn exhausted() -> GateDecided {
    let mut decided = enforced();
    decided
        .add_policy("search-monthly".to_owned(), "Policy `search-monthly` (version 3) is used up".to_owned());
    decided
}

pub(crate) fn no_limits() -> GateDecided {
    GateDecided {
        advance: Advance::Completion,
        verdict: Verdict::Allow,
        ruled: Verdict::Allow,
        reasons: Vec::new(),
        requirements: Vec::new(),
        tokens: None,
        latency: None,
        active: None,
        remaining_tokens: None,
        remaining_latency_ms: None,
        config_hash: String::new(),
        as_of: String::new(),
        stale: false,
        rollout: None,
        policies: Vec::new(),
        policies_unknown: false,
        progress: None,
        drawn_tokens: 0,
    }
}
