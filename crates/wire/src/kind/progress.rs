//! Budgets that follow progress: rules in limits, figures in decisions.

use serde_json::Value;
use tollgate_domain::progress::ProgressFigures;
use tollgate_domain::progress::phase::{Pace, Repeated};
use tollgate_domain::progress::rules::{PhaseSignals, ProgressRules, SpinningAction};

use crate::error::FieldError;
use crate::out::{Out, whole};
use crate::proto;
use crate::values::{decimal, phase, texts, word};

pub(super) fn rules(stored: proto::ProgressRules) -> Result<ProgressRules, FieldError> {
    let carry_phases = stored.carry_phases.iter().map(|name| phase("carry_phases", name));
    let phases = stored.phases.into_iter().enumerate();
    let phases = phases.map(|(nth, signals)| {
        phase_signals(signals).map_err(|error| error.within(&format!("[{nth}]")).within("phases"))
    });
    let action = &stored.spinning_action;
    Ok(ProgressRules {
        phases: phases.collect::<Result<_, _>>()?,
        check_percent: stored.check_percent,
        productive_rate: decimal("productive_rate", &stored.productive_rate)?,
        extension: decimal("extension", &stored.extension)?,
        ceiling: decimal("ceiling", &stored.ceiling)?,
        extension_raises_total: stored.extension_raises_total,
        spinning_repeats: stored.spinning_repeats,
        spinning_share: decimal("spinning_share", &stored.spinning_share)?,
        spinning_action: word("spinning_action", action, SpinningAction::NAMES, SpinningAction::from_word)?,
        carry_forward: decimal("carry_forward", &stored.carry_forward)?,
        carry_phases: carry_phases.collect::<Result<_, _>>()?,
        forecast_warn: decimal("forecast_warn", &stored.forecast_warn)?,
        forecast_min_phases: stored.forecast_min_phases,
    })
}

fn phase_signals(stored: proto::PhaseSignals) -> Result<PhaseSignals, FieldError> {
    Ok(PhaseSignals {
        phase: phase("phase", &stored.phase)?,
        points: stored.points.into_iter().map(|signal| (signal.name, signal.points)).collect(),
        expected_points: stored.expected_points,
    })
}

pub(super) fn rules_to_proto(rules: &ProgressRules) -> proto::ProgressRules {
    let points = |signals: &PhaseSignals| {
        let points = signals.points.iter();
        points.map(|(name, points)| proto::SignalPoints { name: name.clone(), points: *points }).collect()
    };
    let phases = rules.phases.iter().map(|signals| proto::PhaseSignals {
        phase: signals.phase.as_str().to_owned(),
        points: points(signals),
        expected_points: signals.expected_points,
    });
    proto::ProgressRules {
        phases: phases.collect(),
        check_percent: rules.check_percent,
        productive_rate: rules.productive_rate.to_string(),
        extension: rules.extension.to_string(),
        ceiling: rules.ceiling.to_string(),
        extension_raises_total: rules.extension_raises_total,
        spinning_repeats: rules.spinning_repeats,
        spinning_share: rules.spinning_share.to_string(),
        spinning_action: rules.spinning_action.as_str().to_owned(),
        carry_forward: rules.carry_forward.to_string(),
        carry_phases: texts(&rules.carry_phases),
        forecast_warn: rules.forecast_warn.to_string(),
        forecast_min_phases: rules.forecast_min_phases,
    }
}

pub(super) fn written_rules(rules: &proto::ProgressRules) -> Value {
    let mut out = Out::default();
    out.value("phases", rules.phases.iter().map(written_signals).collect());
    out.count("check_percent", rules.check_percent);
    out.text("productive_rate", &rules.productive_rate);
    out.text("extension", &rules.extension);
    out.text("ceiling", &rules.ceiling);
    out.value("extension_raises_total", rules.extension_raises_total.into());
    out.count("spinning_repeats", rules.spinning_repeats);
    out.text("spinning_share", &rules.spinning_share);
    out.text("spinning_action", &rules.spinning_action);
    out.text("carry_forward", &rules.carry_forward);
    out.texts("carry_phases", &rules.carry_phases);
    out.text("forecast_warn", &rules.forecast_warn);
    out.count("forecast_min_phases", rules.forecast_min_phases);
    out.object()
}

fn written_signals(signals: &proto::PhaseSignals) -> Value {
    let mut out = Out::default();
    out.text("phase", &signals.phase);
    let points = signals.points.iter().map(|signal| (signal.name.clone(), whole(signal.points)));
    out.filled("points", points.collect());
    out.optional("expected_points", signals.expected_points.map(whole));
    out.object()
}

pub(super) fn figures(stored: proto::ProgressFigures) -> Result<ProgressFigures, FieldError> {
    let proto::RepeatedSignal { signal, key, times } = stored.repeated.clone().unwrap_or_default();
    Ok(ProgressFigures {
        phase: phase("phase", &stored.phase)?,
        is_running: stored.is_running,
        pace: word("pace", &stored.pace, Pace::NAMES, Pace::from_word)?,
        tokens: stored.tokens,
        points: stored.points,
        since_progress_tokens: stored.since_progress_tokens,
        repeated: stored.repeated.map(|_| Repeated { signal, key, times }),
        limit_tokens: stored.limit_tokens,
        extended_tokens: stored.extended_tokens,
        carried_in_tokens: stored.carried_in_tokens,
        carried_out_tokens: stored.carried_out_tokens,
        wait_ms: stored.wait_ms,
        checked_percent: stored.checked_percent,
        next_check_tokens: stored.next_check_tokens,
        forecast_phase_tokens: stored.forecast_phase_tokens,
        forecast_task_tokens: stored.forecast_task_tokens,
    })
}

pub(super) fn figures_to_proto(figures: &ProgressFigures) -> proto::ProgressFigures {
    let repeated = figures.repeated.as_ref().map(|Repeated { signal, key, times }| proto::RepeatedSignal {
        signal: signal.clone(),
        key: key.clone(),
        times: *times,
    });
    proto::ProgressFigures {
        phase: figures.phase.as_str().to_owned(),
        is_running: figures.is_running,
        pace: figures.pace.as_str().to_owned(),
        tokens: figures.tokens,
        points: figures.points,
        since_progress_tokens: figures.since_progress_tokens,
        repeated,
        limit_tokens: figures.limit_tokens,
        extended_tokens: figures.extended_tokens,
        carried_in_tokens: figures.carried_in_tokens,
        carried_out_tokens: figures.carried_out_tokens,
        wait_ms: figures.wait_ms,
        checked_percent: figures.checked_percent,
        next_check_tokens: figures.next_check_tokens,
        forecast_phase_tokens: figures.forecast_phase_tokens,
        forecast_task_tokens: figures.forecast_task_tokens,
    }
}

pub(super) fn written_figures(figures: &proto::ProgressFigures) -> Value {
    let mut out = Out::default();
    out.text("phase", &figures.phase);
    out.value("is_running", figures.is_running.into());
    out.text("pace", &figures.pace);
    out.count("tokens", figures.tokens);
    out.count("points", figures.points);
    out.count("since_progress_tokens", figures.since_progress_tokens);
    let repeated = figures.repeated.as_ref().map(|repeated| {
        let mut out = Out::default();
        out.text("signal", &repeated.signal);
        out.text("key", &repeated.key);
        out.count("times", repeated.times);
        out.object()
    });
    out.optional("repeated", repeated);
    out.count("limit_tokens", figures.limit_tokens);
    out.count("extended_tokens", figures.extended_tokens);
    out.count("carried_in_tokens", figures.carried_in_tokens);
    out.count("carried_out_tokens", figures.carried_out_tokens);
    out.count("wait_ms", figures.wait_ms);
    out.count("checked_percent", figures.checked_percent);
    out.optional("next_check_tokens", figures.next_check_tokens.map(whole));
    out.optional("forecast_phase_tokens", figures.forecast_phase_tokens.map(whole));
    out.optional("forecast_task_tokens", figures.forecast_task_tokens.map(whole));
    out.object()
}
