//! What phases took, as percentiles with their intervals, against the limits in force and those proposed.

use tollgate_charts::{Axis, Dot, Figure, Key, Mark, Panel, Sign, Stroke, Tone, Unit};

use super::MOST_ROWS;
use super::share::{counted, of, table};
use crate::calibrate::{BaseProposal, Calibration, Distribution, Group, PhaseProposal};

const OLD: Stroke = Stroke::dashed(Tone::Ink, 2.0);
const NEW: Stroke = Stroke::solid(Tone::Rose, 4.0);

/// The share of a phase's row that its marks take.
const LANES: f64 = 0.8;

/// What is measured of a phase.
struct Measure {
    name: &'static str,
    title: &'static str,
    axis: &'static str,
    counted: &'static str,
    unit: Unit,
    of: fn(&Group) -> &Distribution<u64>,
    base: fn(&PhaseProposal) -> BaseProposal,
}

/// Tokens of phases.
pub(super) fn tokens(calibration: &Calibration) -> Figure {
    figure(
        calibration,
        &Measure {
            name: "tokens-of-phases",
            title: "Tokens of phases against old and new limits",
            axis: "tokens",
            counted: "tokens",
            unit: Unit::Count,
            of: |group| &group.tokens,
            base: |phase| phase.tokens,
        },
    )
}

/// Latency of phases.
pub(super) fn latency(calibration: &Calibration) -> Figure {
    figure(
        calibration,
        &Measure {
            name: "latency-of-phases",
            title: "Latency of phases against old and new limits",
            axis: "time without waits",
            counted: "ms",
            unit: Unit::Millis,
            of: |group| &group.latency_ms,
            base: |phase| phase.latency_ms,
        },
    )
}

/// A phase with what it took and its limits.
struct Row<'a> {
    phase: &'a PhaseProposal,
    taken: Option<&'a Distribution<u64>>,
    /// The limit of a task whose multipliers are 1: base × weight, rounded up.
    old: u64,
    new: u64,
}

fn figure(calibration: &Calibration, measure: &Measure) -> Figure {
    let whole = |group: &&Group| group.complexity.is_none() && group.importance.is_none();
    let rows: Vec<Row<'_>> = calibration
        .phases
        .iter()
        .map(|phase| {
            let group = calibration.groups.iter().filter(whole).find(|group| group.phase == phase.phase);
            let base = (measure.base)(phase);
            Row {
                phase,
                taken: group.map(measure.of),
                old: phase.weight.current.times_rounded_up(base.current),
                new: phase.weight.value.times_rounded_up(base.value),
            }
        })
        .collect();
    let shown = rows.get(..MOST_ROWS).unwrap_or(&rows);
    let marks = shown.iter().enumerate().flat_map(|(nth, row)| marks(of(nth as u64), row)).collect();
    let names: Vec<String> = shown.iter().map(|row| row.phase.phase.to_string()).collect();
    let key = |sign: Sign, label: &str| Key { sign, label: label.to_owned() };
    let percentiles = "p50, p75, p90, p95, p99 from top to bottom, each with its interval";
    Figure {
        name: measure.name.to_owned(),
        title: measure.title.to_owned(),
        desc: rows.iter().map(|row| described(row, measure)).collect::<Vec<_>>().join("; "),
        panels: vec![Panel {
            heading: String::new(),
            x: Axis::log(measure.axis, measure.unit),
            height: 64.0 * of(names.len().max(1) as u64),
            y: Axis::names(names),
            marks,
            keys: vec![
                key(Sign::Dot(Tone::Blue, Dot::Disc), percentiles),
                key(Sign::Line(OLD), "limit in force (base × weight)"),
                key(Sign::Line(NEW), "limit proposed"),
            ],
        }],
        table: numbers(&rows),
    }
}

fn marks(middle: f64, row: &Row<'_>) -> Vec<Mark> {
    let mut marks = Vec::new();
    let ends = (middle - LANES / 2.0, middle + LANES / 2.0);
    let upright = |at: f64, stroke: Stroke| Mark::Line { points: vec![(at, ends.0), (at, ends.1)], stroke };
    let percentiles = row.taken.map_or(&[][..], |taken| &taken.percentiles);
    let lanes = of(percentiles.len().max(1) as u64);
    for (nth, percentile) in percentiles.iter().enumerate() {
        let y = ends.0 + LANES * (of(nth as u64) + 0.5) / lanes;
        let at = of(percentile.value);
        let (low, high) = (percentile.low.map_or(at, of), percentile.high.map_or(at, of));
        if low < high {
            marks.push(Mark::ErrorBar { from: (low, y), to: (high, y), tone: Tone::Blue });
        }
        marks.push(Mark::Point { at: (at, y), tone: Tone::Blue, dot: Dot::Disc });
    }
    marks.extend([upright(of(row.new), NEW), upright(of(row.old), OLD)]);
    marks
}

fn numbers(rows: &[Row<'_>]) -> tollgate_charts::DataTable {
    let percents = rows.iter().filter_map(|row| row.taken).find(|taken| !taken.percentiles.is_empty());
    let percents: Vec<u64> =
        percents.map_or_else(Vec::new, |it| it.percentiles.iter().map(|it| it.percent).collect());
    let names: Vec<String> = percents.iter().map(|percent| format!("p{percent}")).collect();
    let mut head = vec!["phase", "samples", "old limit", "new limit"];
    head.extend(names.iter().map(String::as_str));
    let row = |row: &Row<'_>| {
        let samples = row.taken.map_or(0, |taken| taken.samples);
        let mut cells =
            vec![row.phase.phase.to_string(), counted(samples), counted(row.old), counted(row.new)];
        cells.extend(percents.iter().map(|percent| {
            let found =
                row.taken.and_then(|taken| taken.percentiles.iter().find(|it| it.percent == *percent));
            let bound = |bound: Option<u64>| bound.map_or_else(|| "?".to_owned(), counted);
            found.map_or_else(
                || "–".to_owned(),
                |it| format!("{} ({} to {})", counted(it.value), bound(it.low), bound(it.high)),
            )
        }));
        cells
    };
    table(1, &head, rows.iter().map(row).collect())
}

fn described(row: &Row<'_>, measure: &Measure) -> String {
    let percentiles = row.taken.map_or(&[][..], |taken| &taken.percentiles);
    let values = percentiles.iter().map(|it| format!("p{} {}", it.percent, counted(it.value)));
    let values: Vec<String> = values.collect();
    let values = if values.is_empty() { "no samples".to_owned() } else { values.join(", ") };
    let (old, new) = (counted(row.old), counted(row.new));
    format!("{}: {values} {}; the limit is {old}, proposed is {new}", row.phase.phase, measure.counted)
}
