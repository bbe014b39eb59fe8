//! What each threshold of tokens would have saved and interrupted: a curve, computed for all of them in one run.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use tollgate_domain::breach::Utilization;
use tollgate_domain::config::{Profile, Thresholds};
use tollgate_domain::decimal::Decimal;
use tollgate_domain::event::UsageEvent;
use tollgate_domain::phase::Advance;
use tollgate_domain::time::Timestamp;

/// From this one in steps of this, in hundredths of the limit: the closer to the limit, the closer to each other.
const GRID: [(u64, u64); 7] =
    [(50, 5), (200, 25), (500, 100), (1_000, 500), (2_000, 1_000), (5_000, 5_000), (20_000, 30_000)];

/// The last one, in hundredths of the limit.
const LAST: u64 = 50_000;

/// What every threshold would have done, and which is the best one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ThresholdCurve {
    /// The threshold of the candidate itself, from its checkpoint on: as a multiple of the limit.
    pub own: String,
    /// The threshold at which the share of what could be saved exceeds the share of what could be interrupted by the
    /// most, the highest one of several; absent: there is none, or nothing is known to draw one from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub knee: Option<String>,
    /// Why there is no knee.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub no_knee: Option<&'static str>,
    /// By threshold, the lowest first.
    pub points: Vec<ThresholdPoint>,
}

/// What one threshold would have done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ThresholdPoint {
    /// As a multiple of the limit.
    pub threshold: String,
    /// Tasks that it would have blocked.
    pub blocked: u64,
    /// Of these, those that are known to be good.
    pub good: u64,
    /// Of these, those marked runaway.
    pub runaways: u64,
    /// Tokens that were used after it in tasks that did not end well.
    pub saved_tokens: i64,
    /// Tokens that were used after it in tasks that ended well, are marked legitimate, or were let through by a person.
    pub interrupted_tokens: i64,
}

/// The decisions at which a task was above thresholds for the first time, while it is open.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Passing {
    steps: Vec<(Advance, Passed)>,
}

/// A decision at which a task was above thresholds for the first time.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Passed {
    at: Timestamp,
    /// How many thresholds it was above.
    below: u8,
    /// Whether a person set a block there aside.
    set_aside: bool,
    /// Tokens that were used after it.
    tokens_after: i128,
}

/// What became of a task that was blocked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is marked runaway.
    Runaway,
    /// It is known to be good.
    Good,
    /// Neither is known.
    Unknown,
}

/// Sums over tasks, by threshold.
#[derive(Clone, Debug, Default)]
pub(super) struct Curve {
    sums: Vec<At>,
}

#[derive(Clone, Copy, Debug, Default)]
struct At {
    blocked: u64,
    good: u64,
    runaways: u64,
    saved: i128,
    interrupted: i128,
}

/// All thresholds, in hundredths of the limit, the lowest first.
fn grid() -> impl Iterator<Item = u64> {
    let ends = GRID.iter().skip(1).map(|(from, _)| *from).chain([LAST + 1]);
    GRID.iter().zip(ends).flat_map(|((from, step), end)| {
        std::iter::successors(Some(*from), move |at| Some(at + step)).take_while(move |at| *at < end)
    })
}

/// The same as multiples of the limit.
static MULTIPLES: LazyLock<Vec<Decimal>> = LazyLock::new(|| grid().map(multiple).collect());

fn multiple(hundredths: u64) -> Decimal {
    Decimal::new(hundredths, 2)
}

impl Passing {
    /// Takes what a task has used of its limit when a decision is made.
    pub(super) fn ask(&mut self, advance: &Advance, at: Timestamp, tokens: Utilization) {
        let before = self.steps.last().map_or(0, |(_, passed)| passed.below);
        let above = MULTIPLES.iter().skip(before.into());
        let more = above.take_while(|threshold| tokens.above(**threshold)).count();
        // There are fewer than 256 of them.
        let below = before.saturating_add(u8::try_from(more).unwrap_or(u8::MAX));
        if below > before {
            self.steps.push((advance.clone(), Passed { at, below, set_aside: false, tokens_after: 0 }));
        }
    }

    /// A person lets the task pass there.
    pub(super) fn set_aside(&mut self, advance: &Advance) {
        for (_, passed) in self.steps.iter_mut().filter(|(blocked, _)| blocked == advance) {
            passed.set_aside = true;
        }
    }

    /// The decisions.
    pub(super) fn steps_mut(&mut self) -> impl Iterator<Item = &mut Passed> {
        self.steps.iter_mut().map(|(_, passed)| passed)
    }

    /// What is kept of them once the task's outcome is settled.
    pub(super) fn settle(self) -> Box<[Passed]> {
        self.steps.into_iter().map(|(_, passed)| passed).collect()
    }
}

/// Adds what an event says about tokens to the decisions that it came after, or takes it away.
pub(super) fn add_usage<'a>(steps: impl Iterator<Item = &'a mut Passed>, said: &UsageEvent, at: Timestamp) {
    let (used_at, tokens) = match said {
        UsageEvent::UsageRecorded(usage) => (Some(at), usage.tokens.total().into()),
        // Usage that was not found is from no known time.
        UsageEvent::UsageAdjusted(adjusted) => {
            let used_at = adjusted.resolved.as_ref().and_then(|found| found.occurred_at);
            (used_at, adjusted.counted().tokens.total())
        }
        UsageEvent::UsageRepriced(_)
        | UsageEvent::WaitRecorded(_)
        | UsageEvent::SignalRecorded(_)
        | UsageEvent::PhaseExplained(_) => (None, 0),
    };
    let Some(used_at) = used_at else { return };
    for step in steps.filter(|step| used_at >= step.at) {
        step.tokens_after = step.tokens_after.saturating_add(tokens);
    }
}

impl Curve {
    /// Adds a task.
    pub(super) fn add(&mut self, steps: &[Passed], fate: Fate) {
        let mut from = 0;
        for step in steps {
            let below = usize::from(step.below);
            if self.sums.len() < below {
                self.sums.resize(below, At::default());
            }
            for sum in self.sums.iter_mut().take(below).skip(from) {
                sum.add(step, fate);
            }
            from = below;
        }
    }

    /// What is said of it. `own`: the thresholds of the candidate; `good`: how many of the judged tasks are known to be
    /// good.
    pub(super) fn result(&self, own: &Thresholds, good: u64) -> ThresholdCurve {
        let shown =
            |tokens: i128| i64::try_from(tokens).unwrap_or(if tokens < 0 { i64::MIN } else { i64::MAX });
        let points = grid().enumerate().map(|(nth, hundredths)| {
            let sum = self.sums.get(nth).copied().unwrap_or_default();
            ThresholdPoint {
                threshold: multiple(hundredths).to_string(),
                blocked: sum.blocked,
                good: sum.good,
                runaways: sum.runaways,
                saved_tokens: shown(sum.saved),
                interrupted_tokens: shown(sum.interrupted),
            }
        });
        let own = match own.profile {
            Profile::Graduated => Decimal::new(2, 0),
            Profile::Strict | Profile::Loose => own.cumulative_token,
        };
        let points: Vec<ThresholdPoint> = points.collect();
        let (knee, no_knee) = match knee(&points, good) {
            Ok(knee) => (Some(knee), None),
            Err(why) => (None, Some(why)),
        };
        ThresholdCurve { own: own.to_string(), knee, no_knee, points }
    }
}

impl At {
    fn add(&mut self, step: &Passed, fate: Fate) {
        let count = |number: &mut u64, counts: bool| *number = number.saturating_add(u64::from(counts));
        count(&mut self.blocked, true);
        count(&mut self.good, fate == Fate::Good);
        count(&mut self.runaways, fate == Fate::Runaway);
        let sum = match fate {
            Fate::Runaway => &mut self.saved,
            Fate::Good => &mut self.interrupted,
            Fate::Unknown if step.set_aside => &mut self.interrupted,
            Fate::Unknown => &mut self.saved,
        };
        *sum = sum.saturating_add(step.tokens_after);
    }
}

/// Where the curve of saved over interrupted tokens is farthest above the straight line between its ends: the greatest
/// saved / most saved − interrupted / most interrupted, compared without division. Without anything to interrupt, the
/// lowest threshold would win, which is no knee.
fn knee(points: &[ThresholdPoint], good: u64) -> Result<String, &'static str> {
    let most = |of: fn(&ThresholdPoint) -> i64| points.iter().map(of).max().map_or(0, i128::from);
    let (saved, interrupted) = (most(|at| at.saved_tokens), most(|at| at.interrupted_tokens).max(1));
    if saved <= 0 {
        return Err("no threshold saves anything");
    }
    if good == 0 {
        return Err("no task is known to be good: what a threshold interrupts is not known");
    }
    if points.iter().all(|at| at.interrupted_tokens <= 0) {
        return Err("no threshold interrupts anything: the lowest one saves most");
    }
    let height = |at: &&ThresholdPoint| {
        let gained = i128::from(at.saved_tokens).saturating_mul(interrupted);
        gained.saturating_sub(i128::from(at.interrupted_tokens).saturating_mul(saved))
    };
    // The last of equal ones: the threshold that blocks least.
    points.iter().max_by_key(height).map(|at| at.threshold.clone()).ok_or("there are no thresholds")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(threshold: &str, saved: i64, interrupted: i64) -> ThresholdPoint {
        ThresholdPoint {
            threshold: threshold.to_owned(),
            saved_tokens: saved,
            interrupted_tokens: interrupted,
            ..ThresholdPoint::default()
        }
    }

    #[test]
    fn thresholds_rise_and_are_fewer_than_a_byte_counts() {
        let all: Vec<u64> = grid().collect();
        assert!(all.is_sorted_by(|one, other| one < other) && all.len() == 57, "{all:?}");
        assert_eq!((all[0], all[10], all[all.len() - 1]), (50, 100, LAST));
    }

    #[test]
    fn the_knee_is_where_most_is_saved_for_what_is_interrupted() {
        for (points, expected) in [
            (vec![], Err("no threshold saves anything")),
            (vec![point("1", 0, 100), point("2", 0, 0)], Err("no threshold saves anything")),
            // 90 % of what can be saved for 10 % of what can be interrupted.
            (vec![point("1", 100, 100), point("1.5", 90, 10), point("2", 20, 5)], Ok("1.5")),
            (
                vec![point("1", 100, 0), point("2", 100, 0), point("3", 10, 0)],
                Err("no threshold interrupts anything: the lowest one saves most"),
            ),
            (vec![point("1", i64::MAX, i64::MAX), point("2", i64::MAX, 0)], Ok("2")),
        ] {
            assert_eq!(knee(&points, 1), expected.map(str::to_owned), "{points:?}");
        }
        let unknown = knee(&[point("1", 5, 0), point("2", 5, 0)], 0).unwrap_err();
        assert!(unknown.starts_with("no task is known to be good"), "{unknown}");
    }
}
