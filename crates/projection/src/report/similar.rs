//! Compares a task with others of its class: complexity × importance.

use tollgate_domain::decimal::Decimal;
use tollgate_domain::gate::grouped;
use tollgate_domain::progress::anomaly::{FEWEST_VALUES, Judged, Quartiles, Side};
use tollgate_wire::api::{ClassComparison, Comparison, PhaseComparison, SpreadView};

use super::phase_use::{FAR_ABOVE, FAR_BELOW, PhaseUse};
use super::words::{counted, seconds};
use crate::reports::{ClassSums, ClassUse, Sums};
use crate::status::{Figures, TaskRow};

/// The number of other tasks from which their average is meaningful: two can differ by chance.
const ENOUGH: u64 = 3;

/// What other tasks of the class used, as far as known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Similar {
    /// The task has no class: it was not opened.
    NoClass,
    /// What the others used, without the task itself.
    Known(ClassSums),
    /// It could not be determined, for this reason.
    Unavailable(String),
}

impl Similar {
    fn phase(&self, phase: &str) -> Option<&ClassUse> {
        match self {
            Self::Known(sums) => sums.phases.get(phase),
            Self::NoClass | Self::Unavailable(_) => None,
        }
    }
}

/// How far a phase is from those of similar tasks, with the size of the distance: from how their tokens and latency are
/// spread, or, while they are too few for that, from their average.
pub(super) fn anomalies(used: &PhaseUse<'_>, similar: &Similar) -> Vec<(u128, String)> {
    let Some(class) = similar.phase(used.phase.as_str()) else { return Vec::new() };
    let tokens = narrow(used.tokens.used);
    let (of_tokens, of_latency) = (class.spread.tokens.quartiles(), class.spread.latency_ms.quartiles());
    let mut found: Vec<(u128, String)> = Vec::new();
    match far(used, &of_tokens, tokens) {
        Judged::Far(side) => {
            let said = counted(tokens.into(), "token");
            found.push(sentence(used, &of_tokens, (tokens, side), &format!("used {said}"), |it| {
                grouped(it.into())
            }));
        }
        Judged::TooFew => found.extend(beside_average(used, class.sums)),
        Judged::Usual => {}
    }
    if let Judged::Far(side) = far(used, &of_latency, used.took_ms) {
        let said = format!("took {}s", seconds(used.took_ms.into()));
        found.push(sentence(used, &of_latency, (used.took_ms, side), &said, |it| {
            format!("{}s", seconds(it.into()))
        }));
    }
    found
}

/// A phase without usage is an anomaly of its own, and one that runs has not taken little.
fn far(used: &PhaseUse<'_>, class: &Quartiles, value: u64) -> Judged {
    if used.usage_events == 0 || value == 0 {
        return Judged::Usual;
    }
    match class.judge(value) {
        Judged::Far(Side::Below) if used.runs => Judged::Usual,
        judged @ (Judged::Far(_) | Judged::TooFew | Judged::Usual) => judged,
    }
}

/// `IMPLEMENT used 9,000 tokens, 4.5 times the median of 31 similar tasks (quartiles 1,500 / 2,000 / 2,600)`.
fn sentence(
    used: &PhaseUse<'_>,
    class: &Quartiles,
    (value, side): (u64, Side),
    said: &str,
    shown: impl Fn(u64) -> String,
) -> (u128, String) {
    let times = class.times(value, side);
    let factor = format!("{}.{}", grouped((times / 1000).into()), times % 1000 / 100);
    let beside = match side {
        Side::Above => format!("{factor} times the median"),
        Side::Below => format!("the median is {factor} times that,"),
    };
    let others = counted(class.values.into(), "similar task");
    let [low, median, high] = [class.low, class.median, class.high].map(shown);
    let phase = used.phase;
    (
        u128::from(times) / 10,
        format!("{phase} {said}, {beside} of {others} (quartiles {low} / {median} / {high})"),
    )
}

fn beside_average(used: &PhaseUse<'_>, sums: Sums) -> Option<(u128, String)> {
    if sums.tasks < ENOUGH {
        return None;
    }
    let compared = sums.compared(used.tokens.used)?;
    let (percent, average) = (compared.percent()?, sums.average()?);
    let far = compared.above(FAR_ABOVE) || (!used.runs && used.usage_events > 0 && compared.below(FAR_BELOW));
    let distance = if compared.above(Decimal::ONE) { percent } else { 100_u128.saturating_sub(percent) };
    far.then(|| {
        let phase = used.phase;
        let tokens = counted(used.tokens.used, "token");
        let others = counted(sums.tasks.into(), "similar task");
        let average = counted(average, "token");
        (distance, format!("{phase} used {tokens}, {percent}% of the average of {others} ({average})"))
    })
}

/// The task and its phases compared with their class; `None` if it has none or nothing is known.
pub(super) fn comparison<'a>(
    row: &TaskRow,
    figures: &Figures,
    phases: impl Iterator<Item = PhaseUse<'a>>,
    similar: &Similar,
) -> Option<ClassComparison> {
    let Similar::Known(sums) = similar else { return None };
    let limits = row.state.limits.as_deref()?;
    let of_phase = |used: PhaseUse<'_>| {
        let class = sums.phases.get(used.phase.as_str()).cloned().unwrap_or_default();
        PhaseComparison {
            phase: used.phase.as_str().to_owned(),
            comparison: compare(used.tokens.used, class.sums),
            tokens_spread: spread(&used, &class.spread.tokens.quartiles(), narrow(used.tokens.used)),
            latency_spread: spread(&used, &class.spread.latency_ms.quartiles(), used.took_ms),
        }
    };
    Some(ClassComparison {
        complexity: limits.complexity,
        importance: limits.importance,
        whole: compare(figures.total.tokens.used(), sums.whole.sums),
        phases: phases.map(of_phase).collect(),
    })
}

fn spread(used: &PhaseUse<'_>, class: &Quartiles, value: u64) -> SpreadView {
    let far = match far(used, class, value) {
        Judged::Far(side) => Some(side),
        Judged::TooFew | Judged::Usual => None,
    };
    SpreadView {
        value,
        others: class.values,
        p25: class.low,
        p50: class.median,
        p75: class.high,
        judged: class.values >= FEWEST_VALUES,
        far,
    }
}

fn narrow(value: u128) -> u64 {
    u64::try_from(value).unwrap_or(u64::MAX)
}

fn compare(tokens: u128, sums: Sums) -> Comparison {
    Comparison {
        tokens_used: narrow(tokens),
        tasks: sums.tasks,
        average_tokens: sums.average().map(narrow),
        percent: sums.compared(tokens).and_then(|compared| compared.percent()).map(narrow),
    }
}

/// What markdown and pages say below the table: which phases are judged by how the class is spread, and which are not.
pub(super) fn spreads(class: &ClassComparison) -> Vec<String> {
    if class.phases.is_empty() {
        return Vec::new();
    }
    let (judged, few): (Vec<_>, Vec<_>) = class.phases.iter().partition(|of| of.tokens_spread.judged);
    let mut lines = Vec::new();
    if !judged.is_empty() {
        let said: Vec<String> = judged.into_iter().map(quartiles).collect();
        lines.push(format!("Quartiles of the others: {}.", said.join("; ")));
    }
    if !few.is_empty() {
        let said: Vec<String> =
            few.iter().map(|of| format!("{} ({})", of.phase, of.tokens_spread.others)).collect();
        lines.push(format!(
            "Too few others to say how the class is spread, at least {FEWEST_VALUES} are needed: {}.",
            said.join(", ")
        ));
    }
    lines
}

/// `THINK 1,500 / 2,000 / 2,600 tokens, 12.0s / 14.0s / 20.1s (31)`.
fn quartiles(of: &PhaseComparison) -> String {
    let SpreadView { others, p25, p50, p75, .. } = of.tokens_spread;
    let [low, median, high] = [p25, p50, p75].map(|it| grouped(it.into()));
    let latency = &of.latency_spread;
    let took = if latency.judged {
        let [low, median, high] =
            [latency.p25, latency.p50, latency.p75].map(|it| format!("{}s", seconds(it.into())));
        format!(", {low} / {median} / {high}")
    } else {
        String::new()
    };
    format!("{} {low} / {median} / {high} tokens{took} of {others}", of.phase)
}
