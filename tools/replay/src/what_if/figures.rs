//! Sums over tasks under one candidate. Only additions: the order of tasks does not matter.

use std::collections::BTreeMap;

use tollgate_domain::breach::Utilization;
use tollgate_domain::event::{Mark, TaskOutcome};
use tollgate_domain::gate::{ReasonCode, Verdict};
use tollgate_domain::money::Usd;
use tollgate_domain::phase::{Advance, Phase};
use tollgate_domain::task::TaskStage;
use tollgate_projection::overview::{Counted, Share};
use tollgate_projection::report::unit_totals;
use tollgate_projection::savings::{Between, Effect, Stated, interval, return_on_investment};

use super::candidate::Candidate;
use super::compared::Compared;
use super::crossing::Crossing;
use super::findings::{Tally, findings};
use super::progress::ProgressSums;
use super::result::{Amounts, BlockPoint, CandidateResult, DecisionPair, Headroom, ShareView};
use super::settled::{Settled, SettledUnder, Used};
use super::thresholds::{Curve, Fate};

/// What the return on investment of a replay assumes.
const RETURN_ASSUMPTIONS: [&str; 4] = [
    "return: (saved − overhead) / cost; saved is at least the work after blocks in tasks marked runaway, at most that in all blocked tasks that \
     did not end well; it has no upper end if the live gate had stopped one of these: what that would have gone on to use never happened",
    "overhead: at most all work that was interrupted is done again; each interruption costs what was stated, at least those of tasks marked \
     legitimate or let through by a person, at most those of all tasks that ended well",
    "runaways: tasks marked runaway, at most those as well that nobody marked and nobody completed and that were blocked, or went over their limit \
     after the last decision; of the judged tasks",
    "the return of the live gate is that of `report savings`: the work after a block never happened there and is assumed from the class' baseline; under \
     limits that were not in force it did happen and is measured",
];

/// Tasks and what they used.
#[derive(Clone, Debug, Default)]
pub(super) struct Sum {
    pub(super) tasks: u64,
    pub(super) used: Used,
}

/// What happened to all tasks under one candidate.
#[derive(Clone, Debug, Default)]
pub(super) struct Figures {
    judged: u64,
    unasked: u64,
    within: u64,
    warned: u64,
    over: Sum,
    over_tokens: u128,
    blocked: u64,
    enforced: u64,
    unknown_phase: u64,
    points: BTreeMap<(Advance, &'static str), Counted>,
    after: Sum,
    saved: Sum,
    saved_of_runaways: Sum,
    /// Tasks in `saved` that the live gate had stopped.
    stopped_live: u64,
    interrupted: Sum,
    sure_interruptions: u64,
    unsure_runaways: u64,
    runaways: Share,
    good: Share,
    legitimate: Share,
    headroom: Headroom,
    used_percent: Counted,
    curve: Curve,
    progress: ProgressSums,
}

impl Sum {
    pub(super) fn add(&mut self, used: &Used) {
        self.tasks = self.tasks.saturating_add(1);
        self.used.merge(used);
    }

    pub(super) fn view(&self) -> Amounts {
        Amounts { tasks: self.tasks, ..amounts(&self.used) }
    }
}

/// Tokens and money for people; more than 9.2 · 10¹⁸ tokens are shown as that.
pub(super) fn amounts(used: &Used) -> Amounts {
    Amounts {
        tasks: 0,
        tokens: shown(used.tokens),
        cost_usd: used.cost.to_string(),
        unpriced_tokens: shown(used.unpriced_tokens),
        unpriced_units: unit_totals(&used.unpriced_units),
    }
}

pub(super) fn shown(tokens: i128) -> i64 {
    i64::try_from(tokens).unwrap_or(if tokens < 0 { i64::MIN } else { i64::MAX })
}

pub(super) fn share(share: Share) -> ShareView {
    let points = |hundredths: u64| Share { part: hundredths, of: 10_000 }.percent().unwrap_or_default();
    ShareView {
        part: share.part,
        of: share.of,
        percent: share.rounded(),
        interval: interval(share).map(|(low, high)| [points(low), points(high)]),
    }
}

impl Figures {
    /// Adds a task.
    pub(super) fn add(&mut self, key: &[u8], task: &Settled, under: &SettledUnder) {
        if under.limit_tokens.is_none() || !task.can_be_blocked() {
            return;
        }
        count(&mut self.judged, true);
        self.progress.add(key, task, under);
        count(&mut self.unknown_phase, under.unknown_phase);
        let crossing = under.first.as_ref().filter(|_| under.worst == Some(Verdict::Block));
        match (under.worst, crossing) {
            (_, Some(crossing)) => self.add_blocked(task, crossing),
            (_, None) if task.is_over(under) => self.add_over(task, under),
            (Some(Verdict::Warn | Verdict::Block), None) => count(&mut self.warned, true),
            (Some(Verdict::Allow), None) => count(&mut self.within, true),
            (None, None) => count(&mut self.unasked, true),
        }
        let fate = match task.mark {
            Some(Mark::Runaway) => Fate::Runaway,
            Some(Mark::Legitimate) | None if task.is_good() => Fate::Good,
            Some(Mark::Legitimate) | None => Fate::Unknown,
        };
        self.curve.add(&under.passed, fate);
        let blocked = crossing.is_some();
        let within = |share: &mut Share, belongs: bool| {
            count(&mut share.of, belongs);
            count(&mut share.part, belongs && blocked);
        };
        within(&mut self.runaways, task.mark == Some(Mark::Runaway));
        within(&mut self.good, task.is_good());
        within(&mut self.legitimate, task.mark == Some(Mark::Legitimate));
        if !blocked && task.stage == TaskStage::Closed(TaskOutcome::Completed) {
            self.add_headroom(task, under.total_tokens);
        }
    }

    fn add_over(&mut self, task: &Settled, under: &SettledUnder) {
        self.over.add(&task.used);
        self.over_tokens = self.over_tokens.saturating_add(task.beyond(under));
        count(&mut self.unsure_runaways, task.mark.is_none());
    }

    fn add_blocked(&mut self, task: &Settled, crossing: &Crossing) {
        count(&mut self.blocked, true);
        count(&mut self.enforced, crossing.enforced);
        let point = self.points.entry((crossing.advance.clone(), code(crossing.code))).or_default();
        point.note(percent_up(&crossing.measured));
        self.after.add(&crossing.after);
        let is_runaway = task.mark == Some(Mark::Runaway);
        if is_runaway {
            self.add_saved(task, crossing);
            self.saved_of_runaways.add(&crossing.after);
        } else if task.is_good() || crossing.set_aside {
            self.interrupted.add(&crossing.after);
            count(&mut self.sure_interruptions, task.mark == Some(Mark::Legitimate) || crossing.set_aside);
        } else {
            self.add_saved(task, crossing);
            count(&mut self.unsure_runaways, true);
        }
    }

    fn add_saved(&mut self, task: &Settled, crossing: &Crossing) {
        self.saved.add(&crossing.after);
        count(&mut self.stopped_live, task.stopped_live);
    }

    fn add_headroom(&mut self, task: &Settled, limit: u64) {
        let used = u64::try_from(task.used.tokens.max(0)).unwrap_or(u64::MAX);
        let room = &mut self.headroom;
        room.tasks = room.tasks.saturating_add(1);
        room.limit_tokens = room.limit_tokens.saturating_add(limit);
        room.unused_tokens = room.unused_tokens.saturating_add(limit.saturating_sub(used));
        self.used_percent.note(percent_up(&Utilization::new(used, limit)));
    }

    /// What is said of the candidate.
    pub(super) fn result(
        self,
        candidate: &Candidate,
        compared: &Compared,
        stated: Stated,
    ) -> CandidateResult {
        let return_on_investment = return_on_investment(&self.effect(), stated);
        let findings = findings(&self.tally(), &return_on_investment);
        let phases: Vec<Phase> = candidate.config.phases.iter().map(|base| base.phase.clone()).collect();
        let known = Share { part: self.good.part, of: self.good.part.saturating_add(self.runaways.part) };
        let room = Share { part: self.headroom.unused_tokens, of: self.headroom.limit_tokens };
        let points = self.points.iter().map(|((advance, rule), percents)| BlockPoint {
            advance: advance.to_string(),
            rule,
            tasks: percents.count(),
            median_percent: shown_percent(percents.percentile(50)),
            most_percent: shown_percent(percents.percentile(100)),
        });
        let pairs = compared.pairs.iter().map(|((live, live_ruled, candidate), times)| DecisionPair {
            live: live.as_str(),
            live_ruled: live_ruled.as_str(),
            candidate_ruled: candidate.as_str(),
            times: *times,
        });
        CandidateResult {
            name: candidate.name.clone(),
            judged: self.judged,
            unasked: self.unasked,
            within: self.within,
            warned: self.warned,
            over: self.over.view(),
            over_tokens: u64::try_from(self.over_tokens).unwrap_or(u64::MAX),
            blocked: self.blocked,
            blocked_by_own_rollout: self.enforced,
            unknown_phase: self.unknown_phase,
            blocks: points.collect(),
            after_block: self.after.view(),
            saved: self.saved.view(),
            saved_of_runaways: self.saved_of_runaways.view(),
            stopped_live: self.stopped_live,
            interrupted: self.interrupted.view(),
            found_runaways: share(self.runaways),
            false_positives: share(self.good),
            false_positives_of_legitimate: share(self.legitimate),
            wrong_blocks: share(known),
            headroom: Headroom {
                unused_percent: room.rounded(),
                median_used_percent: shown_percent(self.used_percent.percentile(50)),
                ..self.headroom
            },
            thresholds: self.curve.result(&candidate.config.stop_loss.thresholds, self.good.of),
            decisions: pairs.collect(),
            progress: self.progress.result(&phases),
            pool: None,
            return_on_investment,
            findings,
        }
    }

    fn tally(&self) -> Tally {
        Tally {
            judged: self.judged,
            warned: self.warned,
            over: self.over.tasks,
            over_tokens: self.over_tokens,
            blocked: self.blocked,
            stopped_live: self.stopped_live,
            good: self.good,
            runaways: self.runaways,
            unused: Share { part: self.headroom.unused_tokens, of: self.headroom.limit_tokens },
        }
    }

    fn effect(&self) -> Effect {
        let (sure, all) = (&self.saved_of_runaways.used, &self.saved.used);
        let unpriced = [("after blocks", all), ("of interrupted work", &self.interrupted.used)];
        let unpriced = unpriced.into_iter().find(|(_, used)| used.is_unpriced());
        Effect {
            saved: unpriced.is_none().then_some(Between { from: sure.cost, up_to: all.cost }),
            lacks: unpriced.map(|(which, used)| {
                let tokens = (used.unpriced_tokens != 0).then(|| format!("{} tokens", used.unpriced_tokens));
                let units = Some(used.unpriced_units.to_string()).filter(|units| !units.is_empty());
                let what: Vec<String> = tokens.into_iter().chain(units).collect();
                format!("not enough data: {} {which} have no price", what.join(" and "))
            }),
            open_end: (self.stopped_live > 0).then(|| {
                format!(
                    "the live gate had stopped {} of {} blocked tasks that did not end well, and what would have been used after that never happened",
                    self.stopped_live, self.saved.tasks
                )
            }),
            repeated: Between { from: Usd::ZERO, up_to: self.interrupted.used.cost },
            interruptions: Between { from: self.sure_interruptions, up_to: self.interrupted.tasks },
            runaways: Between {
                from: self.runaways.of,
                up_to: self.runaways.of.saturating_add(self.unsure_runaways),
            },
            tasks: self.judged,
            assumptions: RETURN_ASSUMPTIONS.map(str::to_owned).to_vec(),
        }
    }
}

fn code(code: ReasonCode) -> &'static str {
    code.as_str()
}

/// A percentage that says something; `None`: it is of a limit of 0.
pub(super) fn shown_percent(percent: Option<u64>) -> Option<u64> {
    percent.filter(|percent| *percent < MOST_PERCENT)
}

/// From here on it is no percentage: of a limit of one token that is more than all that was ever used.
const MOST_PERCENT: u64 = u64::MAX / 1024;

/// Percent of a limit, rounded up; without a limit any use is the largest, so that it is the worst.
pub(super) fn percent_up(of: &Utilization) -> u64 {
    let percent = of.used.saturating_mul(100).checked_add(of.limit.saturating_sub(1));
    let percent = percent.and_then(|sum| sum.checked_div(of.limit));
    percent.map_or(u64::MAX, |percent| u64::try_from(percent).unwrap_or(u64::MAX))
}

pub(super) fn count(number: &mut u64, counts: bool) {
    *number = number.saturating_add(u64::from(counts));
}
