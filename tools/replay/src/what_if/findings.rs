//! What the figures of a candidate advise: the targets of a healthy set-up, in sentences.

use tollgate_projection::overview::Share;
use tollgate_projection::savings::{MIN_TASKS, interval};

/// Fewer good tasks prove nothing about the share of wrong blocks, whatever their interval is.
const FEWEST_GOOD: u64 = 20;

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
    /// Blocked ones of those that are known to be good.
    pub(super) good: Share,
    /// Blocked ones of those marked runaway.
    pub(super) runaways: Share,
}

/// What the figures advise, the most important first.
pub(super) fn findings(tally: &Tally) -> Vec<String> {
    let mut findings = Vec::new();
    if tally.judged == 0 {
        findings.push("no task has limits: nothing can be said about these; `--unopened judge` judges tasks that were not opened".to_owned());
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
    if blocked.above(50) {
        findings.push(format!(
            "{percent} % of the tasks would be blocked: these limits are not made for this work; calibrate them before they are compared any \
             further"
        ));
    } else if blocked.above(10) {
        findings.push(format!(
            "{percent} % of the tasks would be blocked: above 10 % enforcement starves tasks; raise the limits or enforce nothing yet"
        ));
    } else if blocked.above(5) {
        findings.push(format!("{percent} % of the tasks would be blocked: the target is below 5 %"));
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
    let missed = tally.runaways.of.saturating_sub(tally.runaways.part);
    if missed > 0 {
        findings.push(format!("{missed} of {} tasks marked runaway would not be blocked", tally.runaways.of));
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
        (low, _) if low > 500 => "surely above 5 %: do not enforce these limits",
        (_, high) if high < 200 => "surely below 2 %: good enough to enforce",
        (_, high) if high < 500 => "surely below 5 %: enforcement can begin, step by step",
        (_, _) => "not surely below 5 %: observe longer, or raise the limits",
    };
    format!("{part} of {of} good tasks would be blocked, {judgement}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_advise_what_the_targets_say() {
        let tally = |judged, warned, blocked, good: (u64, u64), runaways: (u64, u64)| Tally {
            judged,
            warned,
            over: 0,
            over_tokens: 0,
            blocked,
            good: Share { part: good.0, of: good.1 },
            runaways: Share { part: runaways.0, of: runaways.1 },
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
            let found = findings(&tally);
            assert_eq!(found.len(), expected.len(), "{tally:?}: {found:?}");
            for (found, expected) in found.iter().zip(expected) {
                assert!(found.starts_with(expected), "{tally:?}: {found}");
            }
        }
    }
}
