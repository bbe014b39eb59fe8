//! What the stop-loss did for the money, on screen.

use std::fmt::Write;

use tollgate_domain::units::in_words;
use tollgate_wire::api::{
    AvoidedRow, EnforcementAdvice, ReturnVerdict, ReturnView, SavingsReport, SavingsSide, StoppedRow,
};

use super::{counted, grouped_u64, table};

/// Classes with both sides, then what was stopped, then what that may have avoided, and the assumptions
/// behind it all.
pub(crate) fn savings(report: &SavingsReport) -> String {
    let mut text = String::new();
    if report.classes.is_empty() {
        text.push_str("No opened task has a gate that could or could not block it\n");
    }
    for row in &report.classes {
        // Writing to a String cannot fail, here and below.
        let _ = writeln!(text, "{} × {}", row.complexity, row.importance);
        let sides = [("baseline", &row.baseline), ("enforced", &row.enforced)];
        let header = ["", "tasks", "completed", "median", "mean", "median USD", "mean USD", "overrides", ""];
        let sides = sides.into_iter().map(|(name, side)| side_cells(name, side));
        text += &table(&header, &[1, 2, 3, 4, 5, 6, 7], sides.collect());
        let compared = match (&row.median_percent, &row.lacks) {
            (Some(percent), _) => format!("the enforced median is {percent} % of the baseline"),
            (None, Some(lacks)) => lacks.clone(),
            (None, None) => "–".to_owned(),
        };
        let _ = writeln!(text, "compared  {compared}\n{}{}", stopped(&row.stopped), avoided(&row.avoided));
    }
    let _ = writeln!(text, "all\n{}{}", stopped(&report.stopped), avoided(&report.avoided));
    text += &returned(&report.return_on_investment);
    if report.left_out_tasks > 0 {
        let tasks = counted(report.left_out_tasks, "task");
        let _ = writeln!(text, "left out  {tasks}: only tracked, or never asked of a gate that could block");
    }
    if report.degraded_tasks > 0 {
        let tasks = counted(report.degraded_tasks, "task");
        let _ = writeln!(text, "! some events of {tasks} could not be read: the figures do not include them");
    }
    for assumption in report.assumptions.iter().chain(&report.return_on_investment.assumptions) {
        let _ = writeln!(text, "* {assumption}");
    }
    text
}

/// What it returned for what it cost, what that means, and what the share of runaways advises.
pub(crate) fn returned(row: &ReturnView) -> String {
    let or_dash = |value: &Option<String>| value.clone().unwrap_or_else(|| "–".to_owned());
    let mut text = match (&row.times_from, &row.times_up_to, &row.cost_usd) {
        (Some(from), Some(up_to), Some(cost)) => format!(
            "return    {from} to {up_to} times: saved {} to {} USD, overhead {} to {} USD, cost {cost} USD: {}\n",
            or_dash(&row.saved_usd_from),
            or_dash(&row.saved_usd_up_to),
            or_dash(&row.overhead_usd_from),
            or_dash(&row.overhead_usd_up_to),
            match row.verdict {
                ReturnVerdict::MeetsGoal => "meets the goal of 3 times",
                ReturnVerdict::WorthIt => "at least twice, the goal of 3 times is not sure",
                ReturnVerdict::Undecided => "the range is too wide to say whether it is at least twice",
                ReturnVerdict::BelowFloor => "below twice: after 4 weeks, consider switching it off",
                ReturnVerdict::NotEnoughData => "not enough data",
            }
        ),
        (_, _, _) => format!("return    {}\n", row.lacks.as_deref().unwrap_or("–")),
    };
    let share = &row.runaways;
    let advice = match share.advice {
        EnforcementAdvice::Enforce => "above 10 %: enforce",
        EnforcementAdvice::AlertOnly => "below 5 %: alert only",
        EnforcementAdvice::Undecided => "not surely above 10 % nor below 5 %: observe longer",
        EnforcementAdvice::NotEnoughData => "not enough data: fewer than 50 tasks",
    };
    let (from, up_to) = (or_dash(&share.percent_from), or_dash(&share.percent_up_to));
    // Writing to a String cannot fail.
    let _ = writeln!(
        text,
        "runaways  {} to {} of {} ({from} to {up_to} %, 95 % interval): {advice}",
        share.tasks_from,
        share.tasks_up_to,
        counted(share.of, "task"),
    );
    text
}

fn side_cells(name: &str, side: &SavingsSide) -> Vec<String> {
    let or_dash = |value: &Option<String>| value.clone().unwrap_or_else(|| "–".to_owned());
    vec![
        name.to_owned(),
        side.tasks.to_string(),
        side.completed.to_string(),
        side.median_tokens.map_or_else(|| "–".to_owned(), grouped_u64),
        or_dash(&side.mean_tokens),
        or_dash(&side.median_cost_usd),
        or_dash(&side.mean_cost_usd),
        side.overrides.to_string(),
        side.lacks.clone().unwrap_or_default(),
    ]
}

fn stopped(row: &StoppedRow) -> String {
    let percent = row.percent.as_ref().map(|percent| format!(" ({percent} %)")).unwrap_or_default();
    let unpriced = match row.sunk_unpriced_tokens {
        0 => String::new(),
        tokens => format!(", {} tokens without a price", grouped_u64(tokens)),
    };
    let units = match row.sunk_unpriced_units.is_empty() {
        true => String::new(),
        false => format!(", {} without a price", in_words(&row.sunk_unpriced_units)),
    };
    format!(
        "stopped   {} of {}{percent}: {} legitimate, {} runaway, {} not marked; {} completed anyway\n\
         sunk      {}: {} tokens, {} USD{unpriced}{units}\n",
        row.tasks,
        row.of,
        row.legitimate,
        row.runaway,
        row.unmarked,
        row.completed,
        counted(row.sunk_tasks, "task"),
        grouped_u64(row.sunk_tokens),
        row.sunk_cost_usd,
    )
}

fn avoided(row: &AvoidedRow) -> String {
    let Some(up_to) = row.tokens_up_to else {
        return format!("avoided   {}\n", row.lacks.as_deref().unwrap_or("–"));
    };
    let cost = row
        .cost_usd_up_to
        .as_ref()
        .map_or_else(|| "costs are not known".to_owned(), |usd| format!("0 to {usd} USD"));
    format!(
        "avoided   0 to {} tokens, {cost}, over {} marked runaway (an assumption, not a measure)\n",
        grouped_u64(up_to),
        counted(row.tasks, "task"),
    )
}
