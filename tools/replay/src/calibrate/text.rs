//! The result as tables in Markdown, for people.

use std::fmt::Write;

use tollgate_domain::printable::grouped;

use super::judge::WHEN_STOPPED;
use super::notes::{permille, range};
use super::propose::shown;
use super::result::{Calibration, Distribution, Group, Judgement, Rate, TierProposal};

/// p50 to p99 of one measure of a group.
type Shown = fn(&Group) -> [String; 5];

impl Calibration {
    /// Tables in Markdown: the data, the notes, what is proposed, how it does on later tasks, how many samples
    /// would be enough, the percentiles of each group. The config file is not in it.
    #[must_use]
    pub fn to_markdown(&self) -> String {
        let mut out = self.to_summary();
        self.percentiles(&mut out);
        out
    }

    /// The same without the percentiles of each group.
    #[must_use]
    pub fn to_summary(&self) -> String {
        let mut out = String::new();
        self.data(&mut out);
        if !self.notes.is_empty() {
            out.push_str("\n## Before you use it\n\n");
            for note in &self.notes {
                line(&mut out, &format!("* {note}."));
            }
        }
        self.proposals(&mut out);
        self.judgements(&mut out);
        self.enough(&mut out);
        out
    }

    fn data(&self, out: &mut String) {
        let data = &self.data;
        out.push_str("# Calibration\n\n");
        let outcomes = data.outcomes.iter().filter(|(_, tasks)| *tasks > 0);
        let outcomes: Vec<String> =
            outcomes.map(|(outcome, tasks)| format!("{} {}", number(*tasks), outcome.as_str())).collect();
        line(out, &format!("{} tasks over {} days: {}.", number(data.tasks), data.days, outcomes.join(", ")));
        line(
            out,
            &format!(
                "Fitted to {} phases of {} tasks that ended well; judged by {} later tasks{}. Intervals are at {}.",
                number(data.fitted_samples),
                number(data.fitted_tasks),
                number(data.judged_tasks),
                data.split_at.as_ref().map(|at| format!(", from {at} on")).unwrap_or_default(),
                shown(self.options.confidence)
            ),
        );
    }

    fn proposals(&self, out: &mut String) {
        out.push_str("\n## Base budgets and weights\n\n");
        let head = [
            "phase",
            "samples",
            "tokens",
            "interval",
            "was",
            "latency ms",
            "interval",
            "was",
            "weight",
            "interval",
            "was",
        ];
        let rows = self.phases.iter().map(|phase| {
            let (tokens, latency, weight) = (phase.tokens, phase.latency_ms, phase.weight);
            vec![
                phase.phase.to_string(),
                number(phase.samples),
                number(tokens.value),
                interval(tokens.low.map(number), tokens.high.map(number)),
                number(tokens.current),
                number(latency.value),
                interval(latency.low.map(number), latency.high.map(number)),
                number(latency.current),
                weight.value.to_string(),
                interval(weight.low, weight.high),
                weight.current.to_string(),
            ]
        });
        table(out, &head, rows.collect());
        out.push_str("\n## Multipliers\n\n");
        let rows = tier_rows("complexity", &self.complexity).chain(tier_rows("importance", &self.importance));
        table(out, &["tier", "samples", "multiplier", "interval", "was", "from"], rows.collect());
        out.push_str("\n## Thresholds\n\n");
        line(
            out,
            &format!(
                "At most {} of the tasks that ended well may be above each.\n",
                permille(self.options.false_positives_permille.into())
            ),
        );
        let rows = self.thresholds.iter().map(|threshold| {
            let (stopped, of) = threshold.runaways_above;
            vec![
                threshold.key.to_owned(),
                threshold.value.to_string(),
                interval(threshold.low, threshold.high),
                threshold.current.to_string(),
                format!("{} of {}", number(threshold.above), number(threshold.tasks)),
                format!("{} of {}", number(stopped), number(of)),
            ]
        });
        table(
            out,
            &["threshold", "value", "interval", "was", "good tasks above", "runaways above"],
            rows.collect(),
        );
    }

    fn judgements(&self, out: &mut String) {
        let Some(judged) = &self.judged else { return };
        out.push_str("\n## On later tasks\n\n");
        let of = |name: &str, rate: fn(&Judgement) -> Rate| {
            vec![name.to_owned(), share(rate(&judged.proposed)), share(rate(&judged.current))]
        };
        let median = |it: &Judgement| percent(it.median_utilization_ppm);
        let rows = vec![
            of("good tasks above their limit", |it| it.breaches),
            of("phases above theirs", |it| it.phase_breaches),
            of("good tasks stopped (false positives)", |it| it.false_positives),
            of("runaways stopped", |it| it.runaways_stopped),
            vec!["median of tokens / limit".to_owned(), median(&judged.proposed), median(&judged.current)],
        ];
        table(out, &["", "proposed", "in force"], rows);
        line(out, &format!("\n{WHEN_STOPPED}."));
        out.push_str(
            "\nLater samples that are within the percentiles of the earlier ones of their group:\n\n",
        );
        let rows = judged.coverage.iter().map(|coverage| {
            vec![coverage.measure.to_owned(), format!("p{}", coverage.percent), share(coverage.within)]
        });
        table(out, &["measure", "percentile", "within"], rows.collect());
    }

    fn percentiles(&self, out: &mut String) {
        let sections: [(&str, Shown); 3] = [
            ("Tokens", |group| cells(&group.tokens, |value| number(*value))),
            ("Latency in ms, without waits", |group| cells(&group.latency_ms, |value| number(*value))),
            ("Cost in USD", |group| cells(&group.cost_usd, Clone::clone)),
        ];
        for (title, of) in sections {
            line(out, &format!("\n## {title}\n"));
            let rows = self.groups.iter().map(|group| {
                let tier = |tier: Option<String>| tier.unwrap_or_else(|| "all".to_owned());
                let mut row = vec![
                    group.phase.to_string(),
                    tier(group.complexity.map(|tier| tier.to_string())),
                    tier(group.importance.map(|tier| tier.to_string())),
                    number(group.tokens.samples),
                    group.data.as_str().replace('_', " "),
                ];
                row.extend(of(group));
                row
            });
            let head =
                ["phase", "complexity", "importance", "samples", "data", "p50", "p75", "p90", "p95", "p99"];
            table(out, &head, rows.collect());
        }
    }

    fn enough(&self, out: &mut String) {
        out.push_str("\n## How many samples are enough\n\n");
        let points = self.options.precision_points;
        let rows = self.enough.iter().map(|enough| {
            vec![format!("p{}", enough.percent), number(enough.for_bounds), number(enough.for_precision)]
        });
        let precise = format!("within ±{points} points");
        table(out, &["percentile", "for an interval", &precise], rows.collect());
    }
}

fn tier_rows<'a, T: std::fmt::Display>(
    kind: &'a str,
    tiers: &'a [TierProposal<T>],
) -> impl Iterator<Item = Vec<String>> + 'a {
    tiers.iter().map(move |tier| {
        vec![
            format!("{kind} {}", tier.tier),
            number(tier.samples),
            tier.factor.value.to_string(),
            interval(tier.factor.low, tier.factor.high),
            tier.factor.current.to_string(),
            tier.origin.as_str().replace('_', " "),
        ]
    })
}

/// p50 to p99, each with its interval.
fn cells<T>(distribution: &Distribution<T>, show: impl Fn(&T) -> String) -> [String; 5] {
    std::array::from_fn(|nth| match distribution.percentiles.get(nth) {
        None => "–".to_owned(),
        Some(found) => {
            let (low, high) = (found.low.as_ref().map(&show), found.high.as_ref().map(&show));
            format!("{} ({})", show(&found.value), range(low, high))
        }
    })
}

fn interval<T: std::fmt::Display>(low: Option<T>, high: Option<T>) -> String {
    if low.is_none() && high.is_none() { "–".to_owned() } else { range(low, high) }
}

fn share(rate: Rate) -> String {
    if rate.of == 0 {
        return "–".to_owned();
    }
    let ppm = (u128::from(rate.count) * 1_000_000 / u128::from(rate.of)) as u64;
    let bounds = range(Some(percent(rate.low_ppm)), Some(percent(rate.high_ppm)));
    format!("{} of {}, {} ({bounds})", number(rate.count), number(rate.of), percent(ppm))
}

/// Parts per million as a percentage with one place, rounded half up.
fn percent(ppm: u64) -> String {
    let tenths = (ppm + 500) / 1000;
    format!("{}.{} %", grouped((tenths / 10).into()), tenths % 10)
}

fn number(number: u64) -> String {
    grouped(number.into())
}

fn table(out: &mut String, head: &[&str], rows: Vec<Vec<String>>) {
    line(out, &format!("| {} |", head.join(" | ")));
    line(out, &format!("|{}", " --- |".repeat(head.len())));
    for row in rows {
        line(out, &format!("| {} |", row.join(" | ")));
    }
}

fn line(out: &mut String, text: &str) {
    writeln!(out, "{text}").expect("writing to a String cannot fail");
}
