//! What a reader of the page should know: the same warnings, places of blocks and returns that the text has.

use tollgate_projection::savings::in_words;

use super::share::{counted, signed};
use crate::concluded::ConcludedPhases;
use crate::session_phases::{CoveredCalls, PhaseCoverage};
use crate::what_if::result::{
    CandidateResult, HistoryFigures, LiveMoney, MoneyCandidate, MoneyResult, WhatIf,
};

/// A heading and its sentences.
type Part = (String, Vec<String>);

/// All of it, each part with its heading.
pub(super) fn remarks(result: &WhatIf) -> Vec<Part> {
    let mut parts = vec![("History".to_owned(), history(result))];
    if let Some(coverage) = &result.inputs.session_phases {
        parts.push(("Phases of sessions".to_owned(), phases(coverage)));
    }
    parts.extend(result.candidates.iter().map(|candidate| (candidate.name.clone(), of_candidate(candidate))));
    if let Some(money) = &result.money {
        parts.push(("What the ledger decided about money".to_owned(), of_money(money)));
        parts.extend(money.candidates.iter().map(|it| (it.name.clone(), of_policies(it))));
    }
    let of_return = result.candidates.first().map(|first| &first.return_on_investment.assumptions);
    let assumed = result.assumptions.iter().chain(of_return.into_iter().flatten());
    parts.push(("Assumptions".to_owned(), assumed.cloned().collect()));
    parts
}

fn history(result: &WhatIf) -> Vec<String> {
    let (history, live) = (&result.history, &result.live);
    let mut said = vec![format!(
        "{} opened; {} completed, {} given up, {} not finished; {} marked legitimate, {} runaway",
        tasks(history.opened),
        counted(history.completed),
        counted(history.given_up),
        counted(history.unfinished),
        counted(history.legitimate),
        counted(history.runaway)
    )];
    said.extend(left_out(history));
    said.extend(history.estimates.sentence());
    said.extend(history.concluded_phases.iter().map(ConcludedPhases::sentence));
    said.push(format!(
        "the live gate was asked about {}: {} blocked, {} warned; its rules would have blocked {}",
        tasks(live.asked),
        counted(live.blocked),
        counted(live.warned),
        counted(live.ruled_blocked)
    ));
    let returned = live.return_on_investment.iter().flat_map(in_words);
    said.extend(returned.map(|sentence| format!("the live gate: {sentence}")));
    said
}

/// What is not judged, has no price, or came late.
fn left_out(history: &HistoryFigures) -> Vec<String> {
    let mut said = Vec::new();
    let mut say = |count: u64, text: String| said.extend((count > 0).then_some(text));
    let unreadable = tasks(history.unreadable_tasks);
    say(history.unreadable_tasks, format!("{unreadable} not judged: an event cannot be read"));
    say(history.remediations, format!("{} not judged: follow-ups of blocks", tasks(history.remediations)));
    let tracked = tasks(history.tracked_only);
    say(history.tracked_only, format!("{tracked} not judged: only tracked (enforcement: off)"));
    let late = history.late_events;
    say(late, format!("{} of usage came after the task was closed: counted", number(late, "event")));
    let unpriced = history.used.unpriced_tokens;
    say(unpriced.unsigned_abs(), format!("{} tokens have no price and are in no amount", signed(unpriced)));
    let units = history.used.unpriced_units.iter().map(|(unit, count)| format!("{} {unit}", signed(*count)));
    let units: Vec<String> = units.collect();
    say(units.len() as u64, format!("{} have no price and are in no amount", units.join(", ")));
    said
}

/// What phases came from: the sentences, then each rule, phase and agent.
fn phases(coverage: &PhaseCoverage) -> Vec<String> {
    let all = coverage.all.tokens;
    let used = |of: CoveredCalls| {
        format!("{}, {} ({})", number(of.calls, "call"), number(of.tokens, "token"), percent(of.tokens, all))
    };
    let mut said = coverage.sentences();
    let rules = coverage.by_rule.iter().filter(|rule| rule.matched.calls > 0);
    said.extend(rules.map(|rule| {
        let phase = rule.phase.as_deref().unwrap_or("as before");
        format!("rule {} → {phase}: {}", rule.rule, used(rule.matched))
    }));
    said.push(format!("no rule: {}", used(coverage.no_rule)));
    let executed = coverage.by_phase.iter().filter(|phase| phase.executions > 0);
    said.extend(executed.map(|phase| {
        let (sessions, executions) =
            (number(phase.sessions, "session"), number(phase.executions, "execution"));
        format!("{}: {sessions}, {executions}, {}", phase.phase, used(phase.used))
    }));
    said.push(format!("no phase: {}", used(coverage.no_phase)));
    said.extend(coverage.by_agent.iter().map(|agent| {
        format!(
            "{}: {} of {} sessions name tools; {} of the tokens have a phase",
            agent.agent,
            counted(agent.sessions_with_tools),
            counted(agent.sessions),
            percent(agent.with_phase.tokens, agent.all.tokens)
        )
    }));
    said
}

/// The findings, what it would have returned among them, and where it would have blocked first and by which rule.
fn of_candidate(candidate: &CandidateResult) -> Vec<String> {
    let mut said = candidate.findings.clone();
    said.extend(candidate.blocks.iter().map(|point| {
        format!(
            "blocked before {} by {}: {}, {}",
            point.advance,
            point.rule,
            tasks(point.tasks),
            used(point.median_percent, point.most_percent)
        )
    }));
    if candidate.unknown_phase > 0 {
        let tasks = tasks(candidate.unknown_phase);
        said.push(format!("overrides of {tasks} name a phase that it does not have: left out"));
    }
    said
}

/// What was really decided, and which tasks would have had another outcome.
fn of_money(money: &MoneyResult) -> Vec<String> {
    let LiveMoney { allowed, warned, refused, refused_tasks } = money.live;
    let mut said = vec![format!(
        "requests for allocations: {} allowed, {} warned, {} refused, for {}",
        counted(allowed),
        counted(warned),
        counted(refused),
        tasks(refused_tasks)
    )];
    let differing = money.differing.len() as u64;
    said.push(format!("{} with an outcome that differs: see the result in JSON or CSV", tasks(differing)));
    said
}

/// What a set of policies says to what the ledger was asked, what stopped tasks, and what is left.
fn of_policies(it: &MoneyCandidate) -> Vec<String> {
    let mut said: Vec<String> = it
        .decisions
        .iter()
        .map(|pair| {
            let requests = number(pair.times, "request");
            format!("{requests} for allocations: {} by the ledger, {} here", pair.live, pair.candidate)
        })
        .collect();
    said.extend(it.blocks.iter().map(|point| {
        format!(
            "stopped by {} ({}): {}, {}",
            point.policy,
            point.ruling,
            tasks(point.tasks),
            used(point.median_percent, point.most_percent)
        )
    }));
    for policy in &it.policies {
        let left = &policy.headroom;
        let tokens = left.tokens.as_ref().map(|left| {
            format!(
                "{} of {} tokens, the fullest {}",
                counted(left.unused),
                counted(left.limit),
                counted(left.least)
            )
        });
        let usd = left.usd.as_ref();
        let usd =
            usd.map(|left| format!("{} of {} USD, the fullest {}", left.unused, left.limit, left.least));
        let left: Vec<String> = tokens.into_iter().chain(usd).collect();
        said.push(format!(
            "{}: {} of {} exceeded; the others left {}",
            policy.policy,
            counted(policy.exceeded.len() as u64),
            number(policy.windows, "window"),
            if policy.headroom.windows == 0 {
                "nothing: there are none".to_owned()
            } else {
                left.join(" and ")
            }
        ));
    }
    said
}

/// How much of a limit blocked tasks used; absent: it is 0.
fn used(median: Option<u64>, most: Option<u64>) -> String {
    let half = median.map(|median| format!("half of them used up to {} % of the limit", counted(median)));
    match (half, most) {
        (Some(half), Some(most)) => format!("{half}, the most {} %", counted(most)),
        (Some(half), None) => format!("{half}, others have a limit of 0"),
        (None, _) => "with a limit of 0".to_owned(),
    }
}

fn tasks(count: u64) -> String {
    number(count, "task")
}

/// A number of something that has a regular plural.
fn number(count: u64, noun: &str) -> String {
    format!("{} {noun}{}", counted(count), if count == 1 { "" } else { "s" })
}

/// With one decimal, rounded down.
fn percent(part: u64, whole: u64) -> String {
    let permille = u128::from(part) * 1000 / u128::from(whole.max(1));
    format!("{}.{} %", permille / 10, permille % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_no_plural_and_a_limit_of_0_has_no_percentage() {
        let calls = [0, 1, 1200].map(|count| number(count, "call"));
        assert_eq!(calls, ["0 calls", "1 call", "1,200 calls"]);
        let known = used(Some(105), Some(1100));
        assert_eq!(known, "half of them used up to 105 % of the limit, the most 1,100 %");
        assert_eq!(used(None, None), "with a limit of 0");
    }
}
