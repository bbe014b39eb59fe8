//! Charts as SVG: bars of what each phase used against its limit, and the tokens of the task over time. Whole
//! numbers only; each chart is drawn for a narrow and a wide screen, so that its text has normal text size.
//! texts.

use std::fmt::Write;

use tollgate_domain::gate::grouped;
use tollgate_domain::time::Timestamp;
use tollgate_wire::api::{ExecutionState, TaskReport};

use super::escape::{escaped, shortened};

/// How wide a chart is, in pixels of its target screen.
#[derive(Clone, Copy)]
pub(super) struct Width {
    /// The class that shows it on such a screen.
    class: &'static str,
    all: u128,
    /// Room for names on the left.
    names: u128,
    /// The number of characters that fit there.
    name_chars: usize,
}

/// The widths that each chart is drawn in.
pub(super) const WIDTHS: [Width; 2] = [
    Width { class: "wide", all: 760, names: 120, name_chars: 16 },
    Width { class: "narrow", all: 330, names: 84, name_chars: 11 },
];

/// Room for figures on the right.
const FIGURES: u128 = 56;

/// Height of a bar's row.
const ROW: u128 = 26;

/// Longest bar, in percent of a limit: a longer one is drawn cut off, and the page says so.
pub(super) const MOST_PERCENT: u128 = 300;

/// A phase over all its attempts.
pub(super) struct PhaseBar {
    pub(super) phase: String,
    pub(super) used: u128,
    pub(super) limit: Option<u128>,
    pub(super) started: bool,
    /// Whether anything was reported for it.
    pub(super) known: bool,
}

impl PhaseBar {
    /// The phase with its figure, if its bar is cut off.
    pub(super) fn cut(&self) -> Option<String> {
        let reached = percent(self.used, self.limit?);
        (reached > MOST_PERCENT).then(|| format!("{} ({}%)", self.phase, grouped(reached)))
    }
}

/// The phases of a report in order, each over all its attempts.
pub(super) fn phase_bars(report: &TaskReport) -> Vec<PhaseBar> {
    let mut bars: Vec<PhaseBar> = Vec::new();
    for execution in &report.executions {
        let used = u128::try_from(execution.tokens_used).unwrap_or_default();
        let started = execution.state != ExecutionState::NotStarted;
        let known = execution.usage_events > 0 || execution.state == ExecutionState::Running;
        match bars.iter_mut().find(|bar| bar.phase == execution.phase) {
            Some(bar) => {
                bar.used = bar.used.saturating_add(used);
                bar.known |= known;
            }
            None => bars.push(PhaseBar {
                phase: execution.phase.clone(),
                used,
                limit: execution.tokens_limit.map(u128::from).filter(|limit| *limit > 0),
                started,
                known,
            }),
        }
    }
    bars
}

/// `used` in percent of `limit`, rounded half up.
pub(super) fn percent(used: u128, limit: u128) -> u128 {
    let half = limit.div_euclid(2);
    used.saturating_mul(100).saturating_add(half).checked_div(limit).unwrap_or_default()
}

/// Bars of used tokens against limits, with a mark at 100 %.
pub(super) fn bars(bars: &[PhaseBar], id: &str, width: Width, out: &mut String) -> std::fmt::Result {
    let Width { class, all, names, name_chars } = width;
    let room = all.saturating_sub(names).saturating_sub(FIGURES);
    let reach = |bar: &PhaseBar| bar.limit.map_or(0, |limit| percent(bar.used, limit));
    let limited = bars.iter().any(|bar| bar.limit.is_some());
    let most = bars.iter().map(reach).max().unwrap_or_default().clamp(120, MOST_PERCENT);
    let largest = bars.iter().map(|bar| bar.used).max().unwrap_or_default().max(1);
    let at = |percent: u128| room.saturating_mul(percent.min(most)).div_euclid(most);
    let rows = u128::try_from(bars.len()).unwrap_or_default().saturating_mul(ROW);
    let height = rows.saturating_add(24);
    write!(
        out,
        r#"<svg class="{class}" viewBox="0 0 {all} {height}" role="img" aria-labelledby="{id}-{class}-t {id}-{class}-d">"#
    )?;
    write!(out, r#"<title id="{id}-{class}-t">Tokens used compared with the limit of each phase</title>"#)?;
    write!(out, r#"<desc id="{id}-{class}-d">{}</desc>"#, escaped(&described(bars)))?;
    for (nth, bar) in bars.iter().enumerate() {
        let top = u128::try_from(nth).unwrap_or_default().saturating_mul(ROW).saturating_add(20);
        let text_y = top.saturating_add(13);
        let name = shortened(&bar.phase, name_chars);
        write!(out, r#"<text x="0" y="{text_y}">{name}</text>"#)?;
        write!(out, r#"<rect class="track" x="{names}" y="{top}" width="{room}" height="18" rx="3"/>"#)?;
        let figure = match bar.limit {
            _ if !bar.started => "–".to_owned(),
            _ if !bar.known => "no data".to_owned(),
            Some(limit) => {
                let reached = percent(bar.used, limit);
                let within = at(reached.min(100));
                write!(
                    out,
                    r#"<rect class="use" x="{names}" y="{top}" width="{within}" height="18" rx="3"/>"#
                )?;
                if reached > 100 {
                    let (from, over) = (names.saturating_add(within), at(reached).saturating_sub(within));
                    write!(
                        out,
                        r#"<rect class="over" x="{from}" y="{top}" width="{over}" height="18" rx="3"/>"#
                    )?;
                }
                if reached > MOST_PERCENT {
                    let from = names.saturating_add(room).saturating_sub(18);
                    write!(out, r#"<path class="cut" d="M{from} {top}l5 18m5 0l-5 -18"/>"#)?;
                }
                format!("{}%", grouped(reached))
            }
            None => {
                let length = room.saturating_mul(bar.used).div_euclid(largest);
                write!(
                    out,
                    r#"<rect class="use" x="{names}" y="{top}" width="{length}" height="18" rx="3"/>"#
                )?;
                compact(bar.used)
            }
        };
        write!(out, r#"<text x="{all}" y="{text_y}" text-anchor="end">{figure}</text>"#)?;
    }
    if limited {
        let mark = names.saturating_add(at(100));
        let end = height.saturating_sub(2);
        write!(out, r#"<line class="mark" x1="{mark}" x2="{mark}" y1="15" y2="{end}"/>"#)?;
        write!(out, r#"<text class="soft" x="{mark}" y="11" text-anchor="middle">100% of limit</text>"#)?;
    }
    out.push_str("</svg>");
    Ok(())
}

fn described(bars: &[PhaseBar]) -> String {
    let of = |bar: &PhaseBar| match bar.limit {
        _ if !bar.started => format!("{} not started", bar.phase),
        _ if !bar.known => format!("{}: data unavailable", bar.phase),
        Some(limit) => format!("{} {} of {} tokens", bar.phase, grouped(bar.used), grouped(limit)),
        None => format!("{} {} tokens", bar.phase, grouped(bar.used)),
    };
    bars.iter().map(of).collect::<Vec<_>>().join("; ")
}

/// Tokens of the task by time.
pub(super) struct Timeline {
    /// Times with the cumulative tokens, in order, and what happened.
    pub(super) points: Vec<(Timestamp, u128, String)>,
    pub(super) limit: Option<u128>,
}

/// The timeline of a report: tokens grow evenly while an execution runs, unphased usage is added at the end.
/// `None` if no phase was started.
pub(super) fn timeline(report: &TaskReport) -> Option<Timeline> {
    let mut executions: Vec<(Timestamp, Timestamp, u128, String, bool)> = Vec::new();
    for execution in &report.executions {
        let Some(start) = execution.started_at.as_deref().and_then(|at| at.parse::<Timestamp>().ok()) else {
            continue;
        };
        let end = execution.ended_at.as_deref().and_then(|at| at.parse::<Timestamp>().ok());
        let runs_until = || start.plus_millis(i64::try_from(execution.latency_ms).unwrap_or_default());
        let end = end.unwrap_or_else(runs_until).max(start);
        let used = u128::try_from(execution.tokens_used).unwrap_or_default();
        let attempt = if execution.attempt > 1 { format!("/{}", execution.attempt) } else { String::new() };
        let runs = execution.state == ExecutionState::Running;
        executions.push((start, end, used, format!("{}{attempt}", execution.phase), runs));
    }
    executions.sort();
    let (mut points, mut sum) = (Vec::new(), 0_u128);
    for (start, end, used, name, runs) in executions {
        points.push((start, sum, format!("{name} started")));
        sum = sum.saturating_add(used);
        let ended = if runs { "so far" } else { "ended" };
        points.push((end, sum, format!("{name} {ended}")));
    }
    let last = points.iter().map(|(at, ..)| *at).max()?;
    let total = u128::try_from(report.totals.tokens.total).unwrap_or_default();
    if total != sum {
        points.push((last, total, "with what names no phase".to_owned()));
    }
    Some(Timeline { points, limit: report.totals.tokens_budget.as_ref().map(|tokens| tokens.limit.into()) })
}

impl Timeline {
    /// As a line over an area, with the limit.
    pub(super) fn draw(&self, id: &str, width: Width, out: &mut String) -> std::fmt::Result {
        let Width { class, all, .. } = width;
        let (left, top, height, bottom) = (56_u128, 18_u128, 220_u128, 194_u128);
        let (room, tall) = (all.saturating_sub(left).saturating_sub(8), bottom.saturating_sub(top));
        let times = self.points.iter().map(|(at, ..)| *at);
        let (Some(first), Some(last)) = (times.clone().min(), times.max()) else { return Ok(()) };
        let whole = u128::try_from(last.millis_since(first)).unwrap_or_default().max(1);
        let used = self.points.iter().map(|(_, tokens, _)| *tokens).max().unwrap_or_default();
        let most = used.max(self.limit.unwrap_or_default()).max(1);
        let most = most.saturating_add(most.div_euclid(10));
        let x = |at: Timestamp| {
            let since = u128::try_from(at.millis_since(first)).unwrap_or_default();
            left.saturating_add(room.saturating_mul(since).div_euclid(whole))
        };
        let y = |tokens: u128| bottom.saturating_sub(tall.saturating_mul(tokens).div_euclid(most));
        write!(
            out,
            r#"<svg class="{class}" viewBox="0 0 {all} {height}" role="img" aria-labelledby="{id}-{class}-t {id}-{class}-d">"#
        )?;
        write!(out, r#"<title id="{id}-{class}-t">Tokens of the task over time</title>"#)?;
        let limit = self.limit.map(|limit| format!(", the limit is {}", grouped(limit))).unwrap_or_default();
        write!(
            out,
            r#"<desc id="{id}-{class}-d">From {first} to {last} up to {} tokens{limit}</desc>"#,
            grouped(used)
        )?;
        let line: Vec<String> =
            self.points.iter().map(|(at, tokens, _)| format!("{},{}", x(*at), y(*tokens))).collect();
        let line = line.join(" ");
        let (start, end) = (x(first), x(last));
        write!(out, r#"<polygon class="area" points="{start},{bottom} {line} {end},{bottom}"/>"#)?;
        write!(out, r#"<line class="axis" x1="{left}" x2="{all}" y1="{bottom}" y2="{bottom}"/>"#)?;
        write!(out, r#"<polyline class="line" points="{line}"/>"#)?;
        let tick = left.saturating_sub(6);
        let zero = bottom.saturating_add(4);
        write!(out, r#"<text class="soft" x="{tick}" y="{zero}" text-anchor="end">0</text>"#)?;
        if let Some(limit) = self.limit {
            let (at, label) = (y(limit), y(limit).saturating_add(4));
            write!(out, r#"<line class="mark" x1="{left}" x2="{all}" y1="{at}" y2="{at}"/>"#)?;
            write!(out, r#"<text x="{tick}" y="{label}" text-anchor="end">{}</text>"#, compact(limit))?;
            let (above, beside) = (at.saturating_sub(4), left.saturating_add(4));
            write!(out, r#"<text class="soft" x="{beside}" y="{above}">limit</text>"#)?;
        }
        // Close to the limit there is no room for a second figure.
        let far = self.limit.is_none_or(|limit| y(limit).abs_diff(y(used)) > 14);
        if far && used > 0 && bottom.saturating_sub(y(used)) > 14 {
            let label = y(used).saturating_add(4);
            write!(out, r#"<text x="{tick}" y="{label}" text-anchor="end">{}</text>"#, compact(used))?;
        }
        let below = bottom.saturating_add(18);
        write!(out, r#"<text class="soft" x="{left}" y="{below}">{}</text>"#, minute(first))?;
        write!(out, r#"<text class="soft" x="{all}" y="{below}" text-anchor="end">{}</text>"#, minute(last))?;
        out.push_str("</svg>");
        Ok(())
    }
}

/// A time to the minute.
fn minute(at: Timestamp) -> String {
    let text = at.to_string();
    let cut = text.get(..16).unwrap_or(&text);
    format!("{} UTC", cut.replace('T', " "))
}

/// A count in few characters: 1,234 · 33.6k · 1.2M.
fn compact(count: u128) -> String {
    for (unit, name) in [(1_000_000_000_u128, "G"), (1_000_000, "M"), (1_000, "k")] {
        if count >= unit.saturating_mul(10) || (unit > 1_000 && count >= unit) {
            let tenths = count.div_euclid(unit.div_euclid(10));
            return format!("{}.{}{name}", grouped(tenths.div_euclid(10)), tenths.rem_euclid(10));
        }
    }
    grouped(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_in_few_characters_and_percent_rounded() {
        let counts = [0, 9_999, 10_000, 33_620, 999_999, 1_200_000, 12_345_678_901];
        assert_eq!(counts.map(compact), ["0", "9,999", "10.0k", "33.6k", "999.9k", "1.2M", "12.3G"]);
        assert_eq!([percent(1, 3), percent(2, 3), percent(5, 0)], [33, 67, 0]);
    }
}
