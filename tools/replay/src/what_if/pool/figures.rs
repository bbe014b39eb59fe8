//! Sums over tasks under one candidate with a pool.

use tollgate_domain::breach::Utilization;
use tollgate_domain::event::Mark;
use tollgate_domain::gate::{ReasonCode, Verdict};
use tollgate_domain::tier::Importance;
use tollgate_projection::fold::read_task_key;
use tollgate_projection::savings::Stated;

use super::super::candidate::Candidate;
use super::super::compared::Compared;
use super::super::crossing::Crossing;
use super::super::figures::{Figures, count};
use super::super::settled::{Settled, SettledUnder};
use super::asking::Asking;
use super::settle::{Refused, Settlement};
use super::view::{PoolResult, PoolTier, PooledTask};

/// The decision at which a task would have been blocked, as it is with what the task had drawn.
fn drawn(crossing: &Crossing, tokens: u64) -> Crossing {
    let limit = crossing.measured.limit.saturating_add(tokens.into());
    Crossing {
        verdict: Verdict::Warn,
        code: ReasonCode::PoolDrawn,
        measured: Utilization { limit, ..crossing.measured },
        enforced: false,
        ..crossing.clone()
    }
}

/// What happened to all tasks.
#[derive(Debug)]
pub(in super::super) struct PoolFigures {
    settlement: Settlement,
    /// As if there were no other rules than those with the pool.
    figures: Figures,
    spared: u64,
    good_spared: u64,
    runaways_spared: u64,
    tiers: [PoolTier; 4],
    drawers: Vec<PooledTask>,
}

impl PoolFigures {
    pub(in super::super) fn new(settlement: Settlement) -> Self {
        Self {
            settlement,
            figures: Figures::default(),
            spared: 0,
            good_spared: 0,
            runaways_spared: 0,
            tiers: [PoolTier::default(); 4],
            drawers: Vec::new(),
        }
    }

    /// How a task fares with the pool, by its number in the settlement; `None`: it has nothing to do with it.
    pub(in super::super) fn with_pool(&self, number: u32, under: &SettledUnder) -> Option<SettledUnder> {
        let asking = under.pool.as_deref()?;
        let settled = self.settlement.of(number);
        let blocked = settled.blocked.and_then(|(nth, _)| asking.demands.get(nth as usize));
        let is_spared = blocked.is_none() && !asking.demands.is_empty();
        let first = match (blocked, asking.demands.first()) {
            (Some(demand), _) => Some(Box::new(demand.crossing.clone())),
            (None, Some(demand)) if is_spared => Some(Box::new(drawn(&demand.crossing, settled.drawn))),
            (None, _) => under.first.clone(),
        };
        Some(SettledUnder {
            limit_tokens: under.limit_tokens,
            total_tokens: under.total_tokens.saturating_add(settled.drawn),
            asked_tokens: under.asked_tokens,
            unknown_phase: under.unknown_phase,
            worst: match blocked {
                Some(_) => Some(Verdict::Block),
                None => under.worst.map(|worst| worst.min(Verdict::Warn)),
            },
            first,
            passed: under.passed.clone(),
            progress: under.progress.clone(),
            pool: None,
        })
    }

    /// Adds a task, by its number in the settlement.
    pub(in super::super) fn add(&mut self, key: &[u8], number: u32, task: &Settled, under: &SettledUnder) {
        let Some(asking) = under.pool.as_deref() else { return };
        let settled = self.settlement.of(number);
        let Some(with_pool) = self.with_pool(number, under) else { return };
        self.figures.add(key, task, &with_pool);
        if task.is_remediation || asking.demands.is_empty() {
            return;
        }
        let refused = settled.blocked.map(|(_, refused)| refused);
        if refused.is_none() {
            count(&mut self.spared, true);
            count(&mut self.good_spared, task.is_good());
            count(&mut self.runaways_spared, task.mark == Some(Mark::Runaway));
        }
        self.add_tier(asking, settled.drawn, refused);
        if settled.drawn > 0 {
            let (tenant, name) = read_task_key(key).unwrap_or_default();
            self.drawers.push(PooledTask {
                tenant: tenant.to_owned(),
                task: name.to_owned(),
                importance: asking.importance.as_str(),
                drawn_tokens: settled.drawn,
                blocked: refused.map(Refused::as_str),
            });
        }
    }

    fn add_tier(&mut self, asking: &Asking, drawn: u64, refused: Option<Refused>) {
        let place = Importance::ALL.iter().rev().position(|tier| *tier == asking.importance);
        let Some(tier) = place.and_then(|place| self.tiers.get_mut(place)) else { return };
        count(&mut tier.tasks, true);
        count(&mut tier.drew, drawn > 0);
        tier.drawn_tokens = tier.drawn_tokens.saturating_add(drawn);
        count(
            match refused {
                None => &mut tier.spared,
                Some(Refused::Empty) => &mut tier.empty,
                Some(Refused::Reserved) => &mut tier.reserved,
                Some(Refused::BeyondCeiling) => &mut tier.beyond_ceiling,
                Some(Refused::OtherRule) => &mut tier.other_rule,
            },
            true,
        );
    }

    /// What is said of it.
    pub(in super::super) fn result(mut self, candidate: &Candidate, stated: Stated) -> PoolResult {
        for (tier, importance) in self.tiers.iter_mut().zip(Importance::ALL.iter().rev()) {
            tier.importance = importance.as_str();
        }
        self.drawers.sort();
        let (sums, all) =
            (self.settlement.sums, self.figures.result(candidate, &Compared::default(), stated));
        PoolResult {
            givers: self.settlement.givers,
            given_tokens: sums.given,
            drawn_tokens: sums.drawn,
            returned_tokens: sums.returned,
            expired_tokens: sums.expired,
            left_tokens: sums.left,
            blocked: all.blocked,
            blocked_without: all.blocked.saturating_add(self.spared),
            spared: self.spared,
            good_spared: self.good_spared,
            runaways_spared: self.runaways_spared,
            saved: all.saved,
            saved_of_runaways: all.saved_of_runaways,
            interrupted: all.interrupted,
            found_runaways: all.found_runaways,
            false_positives: all.false_positives,
            tiers: self.tiers.to_vec(),
            drawers: self.drawers,
        }
    }
}
