//! What policies of money and tokens would have said, on screen: a column for each set of them, then the tasks whose
//! outcome differs, then the windows of each policy.

use std::fmt::Write;

use tollgate_projection::overview::Share;
use tollgate_replay::what_if::result::{
    DifferingMoney, MoneyCandidate, MoneyOutcome, MoneyResult, PolicyHeadroom, PolicyResult, RefusedRequest,
};

use super::replay_figures::{SHOWN_TASKS, money as in_usd, of_limit, share};
use super::{counted, grouped, grouped_u64, table};

/// Windows of a policy that are shown.
const SHOWN_WINDOWS: usize = 10;

/// Policies for people.
pub(super) fn money(money: &MoneyResult) -> String {
    let live = &money.live;
    let mut text = format!(
        "\nthe ledger decided about {} for allocations: {} allowed, {} warned, {} refused, for {}\n",
        counted(live.allowed + live.warned + live.refused, "request"),
        grouped_u64(live.allowed),
        grouped_u64(live.warned),
        grouped_u64(live.refused),
        counted(live.refused_tasks, "task"),
    );
    text += &side_by_side(&money.candidates);
    text += &decisions(&money.candidates);
    text += &blocks(&money.candidates);
    text += &differing(money);
    for candidate in &money.candidates {
        for policy in &candidate.policies {
            text += &policy_windows(&candidate.name, policy);
        }
    }
    text
}

/// A row of the table of candidates.
type Line = (&'static str, fn(&MoneyCandidate) -> String);

fn side_by_side(candidates: &[MoneyCandidate]) -> String {
    let lines: [Line; 22] = [
        ("requests judged", |it| grouped_u64(it.requests.judged)),
        ("  allowed", |it| of(it.requests.allowed, it.requests.judged)),
        ("  warned", |it| of(it.requests.warned, it.requests.judged)),
        ("  refused", |it| of(it.requests.refused, it.requests.judged)),
        ("not made: task stopped", |it| grouped_u64(it.requests.stopped)),
        ("uses of allocations", |it| grouped_u64(it.requests.covered)),
        ("tasks judged", |it| grouped_u64(it.judged)),
        ("  within", |it| of(it.within, it.judged)),
        ("  warned", |it| of(it.warned, it.judged)),
        ("  refused, as by the ledger", |it| of(it.refused, it.judged)),
        ("  stopped", |it| of(it.blocked, it.judged)),
        ("saved at most: tasks", |it| grouped_u64(it.saved.tasks)),
        ("  tokens", |it| grouped(it.saved.tokens)),
        ("  USD", |it| in_usd(&it.saved)),
        ("  of marked runaways: USD", |it| in_usd(&it.saved_of_runaways)),
        ("interrupted: tasks", |it| grouped_u64(it.interrupted.tasks)),
        ("  tokens", |it| grouped(it.interrupted.tokens)),
        ("  USD", |it| in_usd(&it.interrupted)),
        ("runaways found", |it| share(&it.found_runaways)),
        ("good tasks stopped", |it| share(&it.false_positives)),
        ("legitimate tasks stopped", |it| share(&it.false_positives_of_legitimate)),
        ("wrong stops", |it| share(&it.wrong_blocks)),
    ];
    let mut header = vec!["policies"];
    header.extend(candidates.iter().map(|candidate| candidate.name.as_str()));
    let numbers: Vec<usize> = (1..header.len()).collect();
    let rows = lines.iter().map(|(name, cell)| {
        let cells = candidates.iter().map(cell);
        std::iter::once((*name).to_owned()).chain(cells).collect()
    });
    table(&header, &numbers, rows.collect())
}

fn of(part: u64, whole: u64) -> String {
    let percent = Share { part, of: whole }.rounded();
    percent.map_or_else(|| grouped_u64(part), |percent| format!("{} ({percent} %)", grouped_u64(part)))
}

/// What the ledger said beside what candidates say.
fn decisions(candidates: &[MoneyCandidate]) -> String {
    let rows = candidates.iter().flat_map(|candidate| {
        candidate.decisions.iter().map(|pair| {
            let said = [pair.live, pair.candidate].map(str::to_owned);
            let row = std::iter::once(candidate.name.clone()).chain(said);
            row.chain([grouped_u64(pair.times)]).collect()
        })
    });
    let rows: Vec<Vec<String>> = rows.collect();
    if rows.is_empty() {
        return String::new();
    }
    format!("\n{}", table(&["requests for allocations", "the ledger said", "it says", "times"], &[3], rows))
}

/// Which policies stopped tasks.
fn blocks(candidates: &[MoneyCandidate]) -> String {
    let rows = candidates.iter().flat_map(|candidate| {
        candidate.blocks.iter().map(|point| {
            vec![
                candidate.name.clone(),
                point.policy.clone(),
                point.ruling.to_owned(),
                grouped_u64(point.tasks),
                of_limit(point.median_percent),
                of_limit(point.most_percent),
            ]
        })
    });
    let rows: Vec<Vec<String>> = rows.collect();
    if rows.is_empty() {
        return String::new();
    }
    let header = ["stopped under", "by policy", "says", "tasks", "half at up to", "the most at"];
    format!("\n{}", table(&header, &[3, 4, 5], rows))
}

fn differing(money: &MoneyResult) -> String {
    let beside = if money.candidates.len() == 1 { "from what the ledger decided" } else { "between them" };
    if money.differing.is_empty() {
        return format!("\nno task's outcome under policies differs {beside}\n");
    }
    let mut text = format!(
        "\n{} with an outcome under policies that differs {beside}\n",
        counted(money.differing.len() as u64, "task")
    );
    let mut header = vec!["task", "ended", "live"];
    header.extend(money.candidates.iter().map(|candidate| candidate.name.as_str()));
    let rows = money.differing.iter().take(SHOWN_TASKS).map(row);
    text += &table(&header, &[], rows.collect());
    if money.differing.len() > SHOWN_TASKS {
        let more = (money.differing.len() - SHOWN_TASKS) as u64;
        // Writing to a String cannot fail, here and below.
        let _ = writeln!(
            text,
            "… and {} more: with --format json or csv, or in the files of --out",
            grouped_u64(more)
        );
    }
    text
}

fn row(task: &DifferingMoney) -> Vec<String> {
    let ended = task.mark.map_or_else(|| task.stage.to_owned(), |mark| format!("{}, {mark}", task.stage));
    let mut row = vec![task.task.clone(), ended, task.live.unwrap_or("not asked").to_owned()];
    row.extend(task.outcomes.iter().map(outcome));
    row
}

fn outcome(outcome: &MoneyOutcome) -> String {
    let Some(refused) = &outcome.refused else { return outcome.outcome.to_owned() };
    let word = if outcome.outcome == "blocked" { "stopped" } else { "refused, as by the ledger," };
    format!("{word} by {} at {}: {}", refused.policy, refused.at, figures(refused))
}

/// What was used and asked for, of the limits that there are.
fn figures(refused: &RefusedRequest) -> String {
    let tokens = refused.limit_tokens.map(|limit| {
        let (used, asked) = (grouped(refused.used_tokens), grouped(refused.asked_tokens));
        format!("{used} + {asked} of {} tokens", grouped_u64(limit))
    });
    let usd = refused.limit_usd.as_ref();
    let usd = usd.map(|limit| format!("{} + {} of {limit} USD", refused.used_usd, refused.asked_usd));
    tokens.into_iter().chain(usd).collect::<Vec<_>>().join(", ")
}

/// What windows left of the limit.
fn headroom(left: &PolicyHeadroom) -> String {
    if left.windows == 0 {
        return String::new();
    }
    let percent = |percent: &Option<String>| {
        percent.as_ref().map(|percent| format!(" ({percent} %)")).unwrap_or_default()
    };
    let tokens = left.tokens.as_ref().map(|left| {
        format!(
            "{} of {} tokens{}, the fullest {}",
            grouped_u64(left.unused),
            grouped_u64(left.limit),
            percent(&left.unused_percent),
            grouped_u64(left.least)
        )
    });
    let usd = left.usd.as_ref().map(|left| {
        let of = format!("{} of {} USD", left.unused, left.limit);
        format!("{of}{}, the fullest {}", percent(&left.unused_percent), left.least)
    });
    let unused: Vec<String> = tokens.into_iter().chain(usd).collect();
    format!("unused in {} within the limit: {}\n", counted(left.windows, "window"), unused.join("; "))
}

/// What its author should know about a policy that counted nothing in any window.
const fn selects_nothing(windows: u64) -> &'static str {
    if windows > 0 {
        return "";
    }
    "! no usage of this history counts under it: look at its scope (what `task open --label` says of a task is no label of its usage), \
     and at `from` and `to`\n"
}

fn policy_windows(of: &str, policy: &PolicyResult) -> String {
    let mut text = format!(
        "\npolicy {} of {of} ({}, {}): {} of {} exceeded, {} warned; {} affected; {} refused\n",
        policy.policy,
        policy.window,
        policy.enforcement,
        policy.exceeded.len(),
        counted(policy.windows, "window"),
        grouped_u64(policy.warned_windows),
        counted(policy.affected_tasks, "task"),
        counted(policy.refused_requests, "request"),
    );
    text += selects_nothing(policy.windows);
    text += &headroom(&policy.headroom);
    let rows = policy.exceeded.iter().take(SHOWN_WINDOWS).map(|window| {
        let or_dash = |value: Option<String>| value.unwrap_or_else(|| "–".to_owned());
        vec![
            or_dash(window.of.clone().or_else(|| window.from.clone())),
            window.exceeded_at.clone(),
            window.ruling.to_owned(),
            or_dash(window.over_tokens.map(grouped)),
            or_dash(window.over_usd.clone()),
            window.tasks.join(" "),
        ]
    });
    let rows: Vec<Vec<String>> = rows.collect();
    if !rows.is_empty() {
        text += &table(&["window", "exceeded at", "says", "tokens over", "USD over", "tasks"], &[3, 4], rows);
    }
    if policy.exceeded.len() > SHOWN_WINDOWS {
        let _ = writeln!(text, "… and {} more", policy.exceeded.len() - SHOWN_WINDOWS);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::selects_nothing;

    #[test]
    fn a_policy_without_windows_is_said_to_select_nothing() {
        assert!(
            selects_nothing(0).starts_with("! no usage of this history counts under it: look at its scope")
        );
        assert_eq!(selects_nothing(1), "");
    }
}
