//! A return on investment in words, for screens and pages.

use tollgate_domain::printable::grouped;
use tollgate_wire::api::{EnforcementAdvice, ReturnVerdict, ReturnView};

/// What it returned for what it cost, and the share of runaways: a sentence each, with what the rules make of that
/// number alone. Advice that weighs both belongs to who knows more.
#[must_use]
pub fn in_words(row: &ReturnView) -> [String; 2] {
    let or_dash = |value: &Option<String>| value.clone().unwrap_or_else(|| "–".to_owned());
    let goal = match row.verdict {
        ReturnVerdict::MeetsGoal => "the goal of 3 times is met",
        ReturnVerdict::WorthIt => "at least twice, the goal of 3 times is not sure",
        ReturnVerdict::Undecided if row.times_up_to.is_none() => "not known whether it is at least twice",
        ReturnVerdict::Undecided => "the range is too wide to say whether it is at least twice",
        ReturnVerdict::BelowFloor => "below twice",
        ReturnVerdict::NotEnoughData => "not enough data",
    };
    let returned = match (&row.times_from, &row.times_up_to, &row.cost_usd) {
        (Some(from), Some(up_to), Some(cost)) => format!(
            "return {from} to {up_to} times: saved {} to {} USD, overhead {} to {} USD, cost {cost} USD: {goal}",
            or_dash(&row.saved_usd_from),
            or_dash(&row.saved_usd_up_to),
            or_dash(&row.overhead_usd_from),
            or_dash(&row.overhead_usd_up_to),
        ),
        (Some(from), None, Some(cost)) => format!(
            "return at least {from} times: saved at least {} USD, overhead {} to {} USD, cost {cost} USD: {goal}; how much more is not known: {}",
            or_dash(&row.saved_usd_from),
            or_dash(&row.overhead_usd_from),
            or_dash(&row.overhead_usd_up_to),
            or_dash(&row.lacks),
        ),
        (_, _, _) => format!("return unknown: {}", row.lacks.as_deref().unwrap_or("–")),
    };
    let share = &row.runaways;
    if share.of == 0 {
        return [returned, "runaways unknown: there is no task that the gate could block".to_owned()];
    }
    let runaways = format!(
        "runaways {} to {} of {} tasks ({} to {} %, 95 % interval): {}",
        grouped(share.tasks_from.into()),
        grouped(share.tasks_up_to.into()),
        grouped(share.of.into()),
        or_dash(&share.percent_from),
        or_dash(&share.percent_up_to),
        match share.advice {
            EnforcementAdvice::Enforce => "surely above 10 %",
            EnforcementAdvice::AlertOnly => "surely below 5 %",
            EnforcementAdvice::Undecided => "not surely above 10 % nor below 5 %",
            EnforcementAdvice::NotEnoughData => "not enough data: fewer than 50 tasks",
        }
    );
    [returned, runaways]
}
