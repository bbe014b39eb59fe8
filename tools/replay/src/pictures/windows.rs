//! When policies would have been exceeded, and by how much.

use tollgate_charts::{At, Axis, Dot, Figure, Mark, Panel, Stroke, Tone, Unit};
use tollgate_domain::time::Timestamp;

use super::share::{counted, of, of_signed, rule, signed, table, value};
use crate::what_if::result::{ExceededWindow, PolicyResult, WhatIf};

/// What the windows of a policy used, over time, for each policy that was exceeded.
pub(super) fn exceeded(result: &WhatIf) -> Vec<Figure> {
    let candidates = result.money.iter().flat_map(|money| &money.candidates);
    let policies = candidates.flat_map(|of| of.policies.iter().map(|policy| (of.name.as_str(), policy)));
    let exceeded = policies.enumerate().filter(|(_, (_, policy))| !policy.exceeded.is_empty());
    exceeded.map(|(nth, (of, policy))| of_policy(nth, of, policy)).collect()
}

fn of_policy(nth: usize, of_candidate: &str, policy: &PolicyResult) -> Figure {
    let in_usd = policy.exceeded.iter().all(|window| window.limit_usd.is_some());
    let used = |window: &ExceededWindow| {
        if in_usd { value(&window.used.cost_usd) } else { of_signed(window.used.tokens) }
    };
    let limit = |window: &ExceededWindow| match (&window.limit_usd, window.limit_tokens) {
        (Some(usd), _) if in_usd => value(usd),
        (_, tokens) => tokens.map_or(f64::NAN, of),
    };
    let mut marks: Vec<Mark> = Vec::new();
    let first = policy.exceeded.first();
    if let Some(first) =
        first.filter(|first| policy.exceeded.iter().all(|it| limit(it).total_cmp(&limit(first)).is_eq()))
    {
        marks.push(rule(At::Y(limit(first)), Stroke::dashed(Tone::Soft, 1.5), "limit".to_owned()));
    }
    for window in &policy.exceeded {
        let Some(at) = seconds(&window.exceeded_at) else { continue };
        marks.push(Mark::ErrorBar { from: (at, limit(window)), to: (at, used(window)), tone: Tone::Amber });
        marks.push(Mark::Point { at: (at, used(window)), tone: Tone::Red, dot: Dot::Disc });
    }
    let rows = policy.exceeded.iter().map(|window| {
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "–".to_owned());
        vec![
            or_dash(window.of.clone().or_else(|| window.from.clone())),
            window.exceeded_at.clone(),
            window.ruling.to_owned(),
            or_dash(if in_usd { window.limit_usd.clone() } else { window.limit_tokens.map(counted) }),
            if in_usd { window.used.cost_usd.clone() } else { signed(window.used.tokens) },
        ]
    });
    let unit = if in_usd { "USD" } else { "tokens" };
    let title = format!("Windows in which {} of {of_candidate} would have been exceeded", policy.policy);
    Figure {
        name: format!("policy-{}", nth + 1),
        desc: format!("{title}: {} of {}", policy.exceeded.len(), counted(policy.windows)),
        title,
        panels: vec![Panel {
            heading: String::new(),
            x: Axis::time("when the limit was exceeded, UTC"),
            y: Axis::linear(
                &format!("{unit} used in the window"),
                if in_usd { Unit::Usd } else { Unit::Count },
            )
            .spanning([0.0]),
            height: 220.0,
            marks,
            keys: Vec::new(),
        }],
        table: table(3, &["window", "exceeded at", "says", "limit", "used"], rows.collect()),
    }
}

fn seconds(time: &str) -> Option<f64> {
    let at: Timestamp = time.parse().ok()?;
    Some(of_signed(at.micros().div_euclid(1_000_000)))
}
