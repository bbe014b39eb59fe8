//! Rules and figures of budgets that follow progress: fixed ones for golden vectors, generated ones for properties.

use std::collections::BTreeMap;

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use tollgate_domain::decimal::Decimal;
use tollgate_domain::gate::{GateDecided, Reason, ReasonCode, Requirement, Verdict};
use tollgate_domain::progress::ProgressFigures;
use tollgate_domain::progress::phase::{Pace, Repeated};
use tollgate_domain::progress::rules::{PhaseSignals, ProgressRules, SpinningAction};

use crate::samples;
use crate::strategies::{any_text, decimal, phase};

pub(crate) fn rules() -> ProgressRules {
    let points = BTreeMap::from([("coverage_percent".to_owned(), 1), ("tests_passing".to_owned(), 2)]);
    ProgressRules {
        phases: vec![
            PhaseSignals { phase: samples::phase("THINK"), points, expected_points: Some(40) },
            PhaseSignals { phase: samples::phase("VERIFY"), points: BTreeMap::new(), expected_points: None },
        ],
        check_percent: 25,
        productive_rate: Decimal::new(15, 1),
        extension: Decimal::new(25, 2),
        ceiling: Decimal::new(2, 0),
        extension_raises_total: true,
        spinning_repeats: 8,
        spinning_share: Decimal::new(5, 1),
        spinning_action: SpinningAction::Block,
        carry_forward: Decimal::new(75, 2),
        carry_phases: vec![samples::phase("VERIFY")],
        forecast_warn: Decimal::new(15, 1),
        forecast_min_phases: 2,
    }
}

pub(crate) fn spinning() -> GateDecided {
    let figures = ProgressFigures {
        phase: samples::phase("THINK"),
        is_running: true,
        pace: Pace::Spinning,
        tokens: 7_400,
        points: 12,
        since_progress_tokens: 3_600,
        repeated: Some(Repeated {
            signal: "tool_call".to_owned(),
            key: "9f86d081884c7d65".to_owned(),
            times: 12,
        }),
        limit_tokens: 6_000,
        extended_tokens: 1_500,
        carried_in_tokens: 250,
        carried_out_tokens: 50,
        wait_ms: 30_000,
        checked_percent: 100,
        next_check_tokens: Some(100),
        forecast_phase_tokens: Some(u64::MAX),
        forecast_task_tokens: Some(40_000),
    };
    let message =
        "Phase THINK of task T-8 is spinning: the same call or file 12 times in a row, 8 are too many";
    GateDecided {
        verdict: Verdict::Block,
        ruled: Verdict::Block,
        reasons: vec![Reason {
            code: ReasonCode::Spinning,
            verdict: Verdict::Block,
            message: message.to_owned(),
        }],
        requirements: vec![Requirement::Review],
        progress: Some(Box::new(figures)),
        ..samples::no_limits()
    }
}

pub(crate) fn any_rules() -> impl Strategy<Value = ProgressRules> {
    let points = btree_map("[a-z_]{1,9}", any::<u64>(), 0..3);
    let signals = (phase(), points, option::of(any::<u64>()))
        .prop_map(|(phase, points, expected_points)| PhaseSignals { phase, points, expected_points });
    let decimals = (decimal(), decimal(), decimal(), decimal(), decimal(), decimal());
    let numbers = (any::<u32>(), any::<u64>(), any::<u64>());
    let lists = (vec(signals, 0..3), vec(phase(), 0..3));
    (lists, decimals, numbers, any::<bool>(), select(SpinningAction::NAMES)).prop_map(
        |((phases, carry_phases), decimals, numbers, extension_raises_total, action)| ProgressRules {
            phases,
            check_percent: numbers.0,
            productive_rate: decimals.0,
            extension: decimals.1,
            ceiling: decimals.2,
            extension_raises_total,
            spinning_repeats: numbers.1,
            spinning_share: decimals.3,
            spinning_action: SpinningAction::from_word(action).expect("an action"),
            carry_forward: decimals.4,
            carry_phases,
            forecast_warn: decimals.5,
            forecast_min_phases: numbers.2,
        },
    )
}

pub(crate) fn any_figures() -> impl Strategy<Value = ProgressFigures> {
    let repeated = (any_text(), any_text(), any::<u64>()).prop_map(|(signal, key, times)| Repeated {
        signal,
        key,
        times,
    });
    let numbers = proptest::array::uniform9(any::<u64>());
    let expected = proptest::array::uniform3(option::of(any::<u64>()));
    (phase(), any::<bool>(), select(Pace::NAMES), option::of(repeated), numbers, expected).prop_map(
        |(phase, is_running, pace, repeated, numbers, expected)| ProgressFigures {
            phase,
            is_running,
            pace: Pace::from_word(pace).expect("a pace"),
            tokens: numbers[0],
            points: numbers[1],
            since_progress_tokens: numbers[2],
            repeated,
            limit_tokens: numbers[3],
            extended_tokens: numbers[4],
            carried_in_tokens: numbers[5],
            carried_out_tokens: numbers[6],
            wait_ms: numbers[7],
            checked_percent: numbers[8],
            next_check_tokens: expected[0],
            forecast_phase_tokens: expected[1],
            forecast_task_tokens: expected[2],
        },
    )
}
