//! Budgets that follow progress: the config's optional section `progress`.

use std::collections::BTreeMap;

use crate::decimal::Decimal;
use crate::nearest;
use crate::phase::Phase;
use crate::progress::rules::{PhaseSignals, ProgressRules, SpinningAction};
use crate::yaml::fields::{Fields, Section};
use crate::yaml::tree::Node;

/// Keys of the section.
const KEYS: [&str; 14] = [
    "signals",
    "expected_points",
    "check_percent",
    "productive_rate",
    "extension",
    "ceiling",
    "extension_raises_total",
    "spinning_repeats",
    "spinning_share",
    "spinning_action",
    "carry_forward",
    "carry_phases",
    "forecast_warn",
    "forecast_min_phases",
];

/// Most points of a unit, and most of a phase.
const MAX_POINTS: u64 = 1_000_000;

/// Most repeats, and most phases.
const MAX_COUNT: u64 = 1_000_000;

/// Most signals of all phases: a task's opening, which holds them, has to fit into an event.
const MAX_SIGNALS: usize = 64;

/// Longest name of a signal in bytes, as in events.
const MAX_SIGNAL_BYTES: usize = 64;

/// Largest share of a limit that can be set.
const MAX_SHARE: Decimal = Decimal::new(1000, 0);

/// The section; `None` if the file has none: budgets do not follow progress then.
pub(super) fn read(fields: &mut Fields, top: &Section<'_>, phases: &[Phase]) -> Option<ProgressRules> {
    let (field, node) = top.get("progress")?;
    let section = fields.section(&field, node, &KEYS);
    let mut rules = ProgressRules::of_phases(phases);
    if let Some((field, node)) = section.get("signals") {
        rules.phases = read_signals(fields, &field, node, phases);
    }
    if let Some((field, node)) = section.get("expected_points") {
        read_expected(fields, &field, node, &mut rules.phases);
    }
    if let Some((field, node)) = section.get("check_percent") {
        let percent = fields.positive(&field, node, 100).and_then(|percent| u32::try_from(percent).ok());
        rules.check_percent = percent.unwrap_or(rules.check_percent);
    }
    if let Some((field, node)) = section.get("productive_rate") {
        rules.productive_rate = fields.threshold(&field, node).unwrap_or(rules.productive_rate);
    }
    let mut share = |key: &str, most: Decimal, into: &mut Decimal| {
        if let Some((field, node)) = section.get(key) {
            *into = fields.share(&field, node, most).unwrap_or(*into);
        }
    };
    share("extension", MAX_SHARE, &mut rules.extension);
    share("ceiling", MAX_SHARE, &mut rules.ceiling);
    share("spinning_share", MAX_SHARE, &mut rules.spinning_share);
    share("carry_forward", Decimal::ONE, &mut rules.carry_forward);
    share("forecast_warn", MAX_SHARE, &mut rules.forecast_warn);
    if let Some((field, node)) = section.get("extension_raises_total") {
        rules.extension_raises_total = fields.boolean(&field, node).unwrap_or_default();
    }
    if let Some((field, node)) = section.get("spinning_repeats") {
        rules.spinning_repeats = read_repeats(fields, &field, node).unwrap_or(rules.spinning_repeats);
    }
    if let Some((field, node)) = section.get("spinning_action") {
        let word = fields.word(&field, node, SpinningAction::NAMES, SpinningAction::from_word);
        rules.spinning_action = word.unwrap_or(rules.spinning_action);
    }
    if let Some((field, node)) = section.get("carry_phases") {
        let items = fields.list(&field, node);
        let named: Vec<Phase> = items.iter().filter_map(|item| fields.phase(&field, item)).collect();
        rules.carry_phases = named.into_iter().filter(|name| known(fields, &field, name, phases)).collect();
    }
    if let Some((field, node)) = section.get("forecast_min_phases") {
        rules.forecast_min_phases =
            fields.positive(&field, node, MAX_COUNT).unwrap_or(rules.forecast_min_phases);
    }
    check_ceiling(fields, &field, &rules);
    Some(rules)
}

/// A ceiling below the limit would lower it, and one at the limit would leave no room for what is promised.
fn check_ceiling(fields: &mut Fields, field: &str, rules: &ProgressRules) {
    let field = format!("{field}.ceiling");
    let shown = rules.ceiling.to_string();
    if rules.ceiling < Decimal::ONE {
        fields.problem(&field, &shown, "must be at least 1: it is a multiple of a phase's limit");
    } else if rules.ceiling == Decimal::ONE && !(rules.extension.is_zero() && rules.carry_forward.is_zero()) {
        let rule =
            "must be above 1 where `extension` or `carry_forward` is above 0: set these to 0 to add nothing";
        fields.problem(&field, &shown, rule);
    }
}

fn read_signals(fields: &mut Fields, field: &str, node: &Node, phases: &[Phase]) -> Vec<PhaseSignals> {
    let mut read: BTreeMap<Phase, BTreeMap<String, u64>> = BTreeMap::new();
    for (path, name, value) in fields.mapping(field, node).iter() {
        let Some(phase) = fields.phase_name(&path, name) else { continue };
        if !known(fields, &path, &phase, phases) {
            continue;
        }
        let mut points = BTreeMap::new();
        for (path, signal, value) in fields.mapping(&path, value).iter() {
            if let Some(rule) = bad_signal(signal) {
                fields.problem(&path, &value.shown(), rule);
            } else if let Some(worth) = fields.positive(&path, value, MAX_POINTS) {
                points.insert(signal.to_owned(), worth);
            }
        }
        if read.insert(phase, points).is_some() {
            fields.problem(&path, name, "the phase is listed twice");
        }
    }
    let count: usize = read.values().map(BTreeMap::len).sum();
    if count > MAX_SIGNALS {
        let rule = format!("must name at most {MAX_SIGNALS} signals in all: each task keeps them");
        fields.problem(field, &format!("{count} signals"), rule);
    }
    let ordered = phases.iter().filter_map(|phase| {
        let points = read.remove(phase).filter(|points| !points.is_empty())?;
        Some(PhaseSignals { phase: phase.clone(), points, expected_points: None })
    });
    ordered.collect()
}

fn read_expected(fields: &mut Fields, field: &str, node: &Node, signals: &mut [PhaseSignals]) {
    for (path, name, value) in fields.mapping(field, node).iter() {
        let Some(phase) = fields.phase_name(&path, name) else { continue };
        let expected = fields.positive(&path, value, MAX_POINTS);
        match signals.iter_mut().find(|signals| signals.phase == phase) {
            Some(of_phase) => of_phase.expected_points = expected,
            None => fields.problem(&path, &value.shown(), "must be a phase that has signals"),
        }
    }
}

/// Every repetition has something before it: one in a row is none.
fn read_repeats(fields: &mut Fields, field: &str, node: &Node) -> Option<u64> {
    let repeats = fields.whole(field, node, MAX_COUNT)?;
    if repeats == 1 {
        fields.problem(field, "1", "must be 0 (off) or at least 2: one of a kind repeats nothing");
        return None;
    }
    Some(repeats)
}

fn known(fields: &mut Fields, field: &str, phase: &Phase, phases: &[Phase]) -> bool {
    let is_known = phases.contains(phase);
    if !is_known {
        let names: Vec<&str> = phases.iter().map(Phase::as_str).collect();
        let hint = nearest::hint(phase.as_str(), &names);
        let rule = format!("unknown phase, must be one of {}{hint}", names.join(", "));
        fields.problem(field, phase.as_str(), rule);
    }
    is_known
}

fn bad_signal(name: &str) -> Option<String> {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-' | '.' | ':');
    let fits = (1..=MAX_SIGNAL_BYTES).contains(&name.len()) && name.chars().all(plain);
    (!fits).then(|| format!("names of signals must be 1 to {MAX_SIGNAL_BYTES} of a-z A-Z 0-9 _ - . :"))
}

/// The lines of the canonical content: none without the section, so that configs from before it keep their hash; all of
/// them with it, so that a log says what held.
pub(super) fn lines(rules: Option<&ProgressRules>) -> Vec<(String, String)> {
    let Some(rules) = rules else { return Vec::new() };
    let mut lines: Vec<(String, String)> = Vec::new();
    let mut line = |key: &str, value: String| lines.push((format!("progress.{key}"), value));
    for of_phase in &rules.phases {
        for (signal, worth) in &of_phase.points {
            line(&format!("signals.{}.{signal}", of_phase.phase), worth.to_string());
        }
    }
    for of_phase in &rules.phases {
        if let Some(expected) = of_phase.expected_points {
            line(&format!("expected_points.{}", of_phase.phase), expected.to_string());
        }
    }
    line("check_percent", rules.check_percent.to_string());
    line("productive_rate", rules.productive_rate.to_string());
    line("extension", rules.extension.to_string());
    line("ceiling", rules.ceiling.to_string());
    line("extension_raises_total", rules.extension_raises_total.to_string());
    line("spinning_repeats", rules.spinning_repeats.to_string());
    line("spinning_share", rules.spinning_share.to_string());
    line("spinning_action", rules.spinning_action.to_string());
    line("carry_forward", rules.carry_forward.to_string());
    let phases: Vec<&str> = rules.carry_phases.iter().map(Phase::as_str).collect();
    line("carry_phases", phases.join(","));
    line("forecast_warn", rules.forecast_warn.to_string());
    line("forecast_min_phases", rules.forecast_min_phases.to_string());
    lines
}

#[cfg(test)]
mod tests;
