//! What the figures of a candidate advise: one verdict, then its reasons, by the targets of a healthy set-up.

use tollgate_projection::overview::Share;
use tollgate_projection::savings::{MIN_TASKS, in_words, interval};
use tollgate_wire::api::{EnforcementAdvice, ReturnVerdict, ReturnView};

/// Fewer good tasks prove nothing about the share of wrong blocks, whatever their interval is.
const FEWEST_GOOD: u64 = 20;

/// Completed tasks that leave more of their limits, in percent, are not held by them.
const MOST_UNUSED: u64 = 40;

/// Tasks of a candidate.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    pub(super) judged: u64,
    pub(super) warned: u64,
    /// Tasks that went over their limit after the last decision.
    pub(super) over: u64,
    /// What they used beyond it.
    pub(super) over_tokens: u128,
    pub(super) blocked: u64,
    /// Blocked ones that did not end well because the live gate had stopped them, too.
    pub(super) stopped_live: u64,
    /// Blocked ones of those that are known to be good.
    pub(super) good: Share,
    /// Blocked ones of those marked runaway.
    pub(super) runaways: Share,
    /// Tokens that completed tasks that were not blocked left of their limits.
    pub(super) unused: Share,
}

impl Tally {
    /// Blocked tasks that nobody marked a runaway: to stop those is what limits are for.
    const fn starved(&self) -> Share {
        Share { part: self.blocked.saturating_sub(self.runaways.part), of: self.judged }
    }
}

/// The one thing that all figures together advise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    NotJudged,
    TooLittleData,
    DoNotEnforce,
    ObserveLonger,
    AlertOnly,
    SwitchOff,
    StepByStep,
    Enforce,
}

impl Verdict {
    /// What speaks against enforcing comes before what speaks for it, and what is not known before both.
    fn of(tally: &Tally, returned: &ReturnView) -> Self {
        let wrong = interval(tally.good);
        match wrong {
            _ if tally.judged == 0 => Self::NotJudged,
            _ if tally.starved().above(10) => Self::DoNotEnforce,
            Some((low, _)) if tally.good.of >= FEWEST_GOOD && low > 500 => Self::DoNotEnforce,
            None => Self::TooLittleData,
            Some(_) if tally.judged < MIN_TASKS || tally.good.of < FEWEST_GOOD => Self::TooLittleData,
            Some((_, high)) if high >= 500 => Self::ObserveLonger,
            Some((_, high)) => match (returned.runaways.advice, returned.verdict) {
                (EnforcementAdvice::AlertOnly, _) => Self::AlertOnly,
                (_, ReturnVerdict::BelowFloor) => Self::SwitchOff,
                (_, _) if high < 200 => Self::Enforce,
                (_, _) => Self::StepByStep,
            },
        }
    }

    const fn said(self) -> &'static str {
        match self {
            Self::NotJudged => "verdict: nothing can be said",
            Self::TooLittleData => "verdict: observe; too little is known to enforce anything",
            Self::DoNotEnforce => "verdict: do not enforce these limits",
            Self::ObserveLonger => "verdict: observe longer, or raise the limits",
            Self::AlertOnly => {
                "verdict: alert only; these limits would rarely stop good work, but there is hardly anything to stop"
            }
            Self::SwitchOff => {
                "verdict: consider switching it off, if this is about at least 4 weeks; these limits would rarely stop good work, but return less \
                 than they cost"
            }
            Self::StepByStep => "verdict: enforcement can begin, step by step",
            Self::Enforce => "verdict: good enough to enforce",
        }
    }
}

/// The verdict, then its reasons, the most important first.
pub(super) fn findings(tally: &Tally, returned: &ReturnView) -> Vec<String> {
    let mut findings = vec![Verdict::of(tally, returned).said().to_owned()];
    findings.extend(reasons(tally));
    if tally.judged > 0 {
        findings.extend(in_words(returned));
    }
    findings
}

fn reasons(tally: &Tally) -> Vec<String> {
    let mut findings = Vec::new();
    if tally.judged == 0 {
        findings.push("no task has limits that a gate enforces: nothing can be said about these; `--unopened judge` judges tasks that were not opened".to_owned());
        return findings;
    }
    if tally.judged < MIN_TASKS {
        findings.push(format!(
            "{} few: at least {MIN_TASKS} of all kinds should be replayed before anything is enforced",
            if tally.judged == 1 { "1 task is".to_owned() } else { format!("{} tasks are", tally.judged) }
        ));
    }
    let blocked = Share { part: tally.blocked, of: tally.judged };
    let percent = blocked.rounded().unwrap_or_default();
    let starved = tally.starved();
    let unmarked = if tally.runaways.part == 0 { "" } else { ", runaways left out" };
    if blocked.above(50) {
        findings.push(format!(
            "{percent} % of the tasks would be blocked: these limits are not made for this work; calibrate them before they are compared any \
             further"
        ));
    } else if starved.above(10) {
        let percent = starved.rounded().unwrap_or_default();
        findings.push(format!(
            "{percent} % of the tasks would be blocked{unmarked}: above 10 % enforcement starves tasks"
        ));
    } else if starved.above(5) {
        let percent = starved.rounded().unwrap_or_default();
        findings
            .push(format!("{percent} % of the tasks would be blocked{unmarked}: the target is below 5 %"));
    }
    let beyond = Share { part: tally.blocked.saturating_add(tally.warned), of: tally.judged };
    if beyond.above(10) && !blocked.above(10) {
        let percent = beyond.rounded().unwrap_or_default();
        findings.push(format!(
            "{percent} % of the tasks would be warned of or blocked: the target is below 10 %"
        ));
    }
    if tally.over > 0 {
        let Tally { over, over_tokens, .. } = tally;
        findings.push(format!(
            "{over} of {} tasks went over the limit after the gate was asked last, by {over_tokens} tokens together: no block stops these; have the gate \
             asked more often, or let a policy of tokens or money stop the calls",
            tally.judged
        ));
    }
    findings.push(wrong_blocks(tally.good));
    if tally.stopped_live > 0 {
        findings.push(format!(
            "{} of {} blocked tasks had been stopped by the live gate: what they would have gone on to use never happened, so more would be saved than \
             is said, and only a history under `rollout: observe` knows how much",
            tally.stopped_live, tally.blocked
        ));
    }
    let missed = tally.runaways.of.saturating_sub(tally.runaways.part);
    if missed > 0 {
        findings.push(format!("{missed} of {} tasks marked runaway would not be blocked", tally.runaways.of));
    }
    if tally.unused.above(MOST_UNUSED) {
        let percent = tally.unused.rounded().unwrap_or_default();
        findings.push(format!(
            "{percent} % of the limits of completed tasks that were not blocked is left unused: above {MOST_UNUSED} % limits are too loose to notice \
             anything"
        ));
    }
    findings
}

/// Whether blocks of good tasks allow enforcement: below 5 % before it begins, below 2 % while it lasts.
fn wrong_blocks(good: Share) -> String {
    let Some((low, high)) = interval(good) else {
        return "no task is known to be good, so nothing is known about wrong blocks: mark tasks, or close them as completed".to_owned();
    };
    let (part, of) = (good.part, good.of);
    if of < FEWEST_GOOD {
        return format!(
            "{part} of {of} good tasks would be blocked: fewer than {FEWEST_GOOD} are too few to judge these limits by"
        );
    }
    let judgement = match (low, high) {
        (low, _) if low > 500 => "surely above 5 %",
        (_, high) if high < 200 => "surely below 2 %",
        (_, high) if high < 500 => "surely below 5 %",
        (_, _) => "not surely below 5 %",
    };
    format!("{part} of {of} good tasks would be blocked, {judgement}")
}

#[cfg(test)]
mod tests {
    use tollgate_domain::money::Usd;
    use tollgate_projection::savings::{Between, Effect, Stated, return_on_investment};

    use super::*;

    #[test]
    fn figures_advise_what_the_targets_say() {
        let tally = |judged, warned, blocked, good: (u64, u64), runaways: (u64, u64)| Tally {
            judged,
            warned,
            over: 0,
            over_tokens: 0,
            blocked,
            stopped_live: 0,
            good: Share { part: good.0, of: good.1 },
            runaways: Share { part: runaways.0, of: runaways.1 },
            unused: Share { part: 41, of: 100 },
        };
        for (tally, expected) in [
            (tally(0, 0, 0, (0, 0), (0, 0)), &["no task has limits"][..]),
            (tally(1, 0, 0, (0, 0), (0, 0)), &["1 task is few", "no task is known to be good"]),
            (tally(49, 0, 0, (0, 0), (0, 0)), &["49 tasks are few", "no task is known to be good"]),
            (
                tally(100, 0, 51, (0, 0), (0, 0)),
                &["51 % of the tasks would be blocked: these limits are not", "no task"],
            ),
            (
                tally(100, 0, 11, (11, 60), (0, 0)),
                &[
                    "11 % of the tasks would be blocked: above 10 %",
                    "11 of 60 good tasks would be blocked, surely above 5 %",
                ],
            ),
            (
                tally(17, 0, 16, (0, 0), (0, 0)),
                &["17 tasks are few", "94.12 % of the tasks would be blocked", "no task"],
            ),
            (tally(60, 0, 3, (1, 1), (0, 0)), &["1 of 1 good tasks would be blocked: fewer than 20"]),
            (
                tally(100, 0, 6, (0, 60), (0, 0)),
                &[
                    "6 % of the tasks would be blocked: the target",
                    "0 of 60 good tasks would be blocked, not surely below 5 %",
                ],
            ),
            (
                tally(1000, 0, 10, (0, 90), (9, 10)),
                &[
                    "0 of 90 good tasks would be blocked, surely below 5 %",
                    "1 of 10 tasks marked runaway would not",
                ],
            ),
            (
                tally(1000, 95, 10, (0, 900), (0, 0)),
                &[
                    "10.5 % of the tasks would be warned",
                    "0 of 900 good tasks would be blocked, surely below 2 %",
                ],
            ),
        ] {
            let mut found = reasons(&tally);
            let unused = found.pop_if(|last| last.starts_with("41 % of the limits of completed tasks"));
            assert_eq!(unused.is_some(), tally.judged > 0, "{tally:?}: {found:?}");
            assert_eq!(found.len(), expected.len(), "{tally:?}: {found:?}");
            for (found, expected) in found.iter().zip(expected) {
                assert!(found.starts_with(expected), "{tally:?}: {found}");
            }
        }
    }

    /// A return with this verdict of its own, and this advice by the share of runaways.
    fn returned(verdict: ReturnVerdict, advice: EnforcementAdvice) -> ReturnView {
        let effect = Effect {
            saved: None,
            lacks: None,
            open_end: None,
            repeated: Between { from: Usd::ZERO, up_to: Usd::ZERO },
            interruptions: Between { from: 0, up_to: 0 },
            runaways: Between { from: 0, up_to: 0 },
            tasks: 0,
            assumptions: Vec::new(),
        };
        let mut view = return_on_investment(&effect, Stated { cost: None, interruption: Usd::ZERO });
        (view.verdict, view.runaways.advice) = (verdict, advice);
        view
    }

    #[test]
    fn there_is_one_verdict_whatever_each_number_alone_advises() {
        use EnforcementAdvice::{AlertOnly, Enforce};
        use ReturnVerdict::{BelowFloor, MeetsGoal};
        for (judged, blocked, good, of_return, advice, expected) in [
            (0, 0, (0, 0), MeetsGoal, Enforce, Verdict::NotJudged),
            (49, 0, (0, 49), MeetsGoal, Enforce, Verdict::TooLittleData),
            (1000, 0, (0, 19), MeetsGoal, Enforce, Verdict::TooLittleData),
            (1000, 0, (0, 0), MeetsGoal, Enforce, Verdict::TooLittleData),
            (1000, 101, (0, 900), MeetsGoal, Enforce, Verdict::DoNotEnforce),
            (1000, 100, (90, 900), MeetsGoal, Enforce, Verdict::DoNotEnforce),
            (1000, 10, (0, 60), MeetsGoal, Enforce, Verdict::ObserveLonger),
            (1000, 10, (0, 900), BelowFloor, AlertOnly, Verdict::AlertOnly),
            (1000, 10, (0, 900), BelowFloor, Enforce, Verdict::SwitchOff),
            (1000, 10, (0, 900), MeetsGoal, Enforce, Verdict::Enforce),
            (1000, 10, (0, 90), MeetsGoal, Enforce, Verdict::StepByStep),
        ] {
            let good = Share { part: good.0, of: good.1 };
            let tally = Tally { judged, blocked, good, ..Tally::default() };
            let returned = returned(of_return, advice);
            assert_eq!(Verdict::of(&tally, &returned), expected, "{tally:?}");
            let found = findings(&tally, &returned);
            let verdicts = found.iter().filter(|finding| finding.starts_with("verdict: "));
            assert_eq!((verdicts.count(), found[0].as_str()), (1, expected.said()), "{found:?}");
        }
    }

    #[test]
    fn to_stop_runaways_starves_nobody() {
        for (blocked, expected) in [(143, Verdict::Enforce), (144, Verdict::DoNotEnforce)] {
            let (good, runaways) = (Share { part: 0, of: 257 }, Share { part: 43, of: 43 });
            let tally = Tally { judged: 1000, blocked, good, runaways, ..Tally::default() };
            let returned = returned(ReturnVerdict::MeetsGoal, EnforcementAdvice::Enforce);
            assert_eq!(Verdict::of(&tally, &returned), expected, "{tally:?}");
            let starves = findings(&tally, &returned).iter().any(|said| said.contains("starves"));
            assert_eq!(starves, expected == Verdict::DoNotEnforce, "{tally:?}");
        }
    }
}
