//! Sums over tasks under the policies of one candidate. Only additions: the order of tasks does not matter.

use std::collections::BTreeMap;

use tollgate_domain::breach::Utilization;
use tollgate_domain::event::Mark;
use tollgate_domain::money::Usd;
use tollgate_projection::overview::{Counted, Share};

use super::simulated::{Block, Refusal, Simulated, TaskMoney};
use crate::what_if::figures::{Sum, count, percent_up, share, shown_percent};
use crate::what_if::result::{MoneyBlockPoint, MoneyCandidate, MoneyDecisionPair, PolicyResult};
use crate::what_if::settled::Settled;

/// What happened to all tasks under one candidate.
#[derive(Default)]
pub(super) struct MoneySums {
    judged: u64,
    within: u64,
    warned: u64,
    refused: u64,
    blocked: u64,
    points: BTreeMap<(String, &'static str), Counted>,
    after: Sum,
    saved: Sum,
    saved_of_runaways: Sum,
    interrupted: Sum,
    runaways: Share,
    good: Share,
    legitimate: Share,
}

impl MoneySums {
    /// Adds a task that asked under a policy.
    pub(super) fn add(&mut self, task: &Settled, money: &TaskMoney) {
        count(&mut self.judged, true);
        match &money.block {
            Some(block) => self.add_blocked(task, block),
            None if money.refused.is_some() => count(&mut self.refused, true),
            None => count(if money.is_warned { &mut self.warned } else { &mut self.within }, true),
        }
        let blocked = money.block.is_some();
        let within = |share: &mut Share, belongs: bool| {
            count(&mut share.of, belongs);
            count(&mut share.part, belongs && blocked);
        };
        within(&mut self.runaways, task.mark == Some(Mark::Runaway));
        within(&mut self.good, task.is_good());
        within(&mut self.legitimate, task.mark == Some(Mark::Legitimate));
    }

    fn add_blocked(&mut self, task: &Settled, block: &Block) {
        count(&mut self.blocked, true);
        let point = (block.refusal.policy.clone(), block.refusal.ruling.as_str());
        self.points.entry(point).or_default().note(percent_up(&fullest(&block.refusal)));
        self.after.add(&block.after);
        if task.is_good() {
            self.interrupted.add(&block.after);
        } else {
            self.saved.add(&block.after);
        }
        if task.mark == Some(Mark::Runaway) {
            self.saved_of_runaways.add(&block.after);
        }
    }

    /// What is said of the candidate.
    pub(super) fn result(
        self,
        name: String,
        simulated: Simulated,
        policies: Vec<PolicyResult>,
    ) -> MoneyCandidate {
        let known = Share { part: self.good.part, of: self.good.part.saturating_add(self.runaways.part) };
        let blocks = self.points.iter().map(|((policy, ruling), percents)| MoneyBlockPoint {
            policy: policy.clone(),
            ruling,
            tasks: percents.count(),
            median_percent: shown_percent(percents.percentile(50)),
            most_percent: shown_percent(percents.percentile(100)),
        });
        let decisions = simulated.pairs.iter().map(|((live, candidate), times)| MoneyDecisionPair {
            live: live.as_str(),
            candidate: candidate.as_str(),
            times: *times,
        });
        MoneyCandidate {
            name,
            requests: simulated.requests,
            judged: self.judged,
            within: self.within,
            warned: self.warned,
            refused: self.refused,
            blocked: self.blocked,
            blocks: blocks.collect(),
            after_block: self.after.view(),
            saved: self.saved.view(),
            saved_of_runaways: self.saved_of_runaways.view(),
            interrupted: self.interrupted.view(),
            found_runaways: share(self.runaways),
            false_positives: share(self.good),
            false_positives_of_legitimate: share(self.legitimate),
            wrong_blocks: share(known),
            decisions: decisions.collect(),
            policies,
        }
    }
}

/// What was used, reserved and asked for, of the limit that it fills most: of tokens or of money.
fn fullest(refusal: &Refusal) -> Utilization {
    let whole = refusal.used.plus(refusal.asked);
    let some = |number: i128| u128::try_from(number).unwrap_or_default();
    let units = |usd: Usd| some(usd.units());
    let tokens = refusal.limit.tokens.map(|limit| Utilization::new(some(whole.tokens), limit));
    let usd = refusal.limit.usd.map(|limit| Utilization { used: units(whole.usd), limit: units(limit) });
    let all = tokens.into_iter().chain(usd);
    all.max_by_key(percent_up).unwrap_or(Utilization { used: 0, limit: 0 })
}
