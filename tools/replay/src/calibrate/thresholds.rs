//! Thresholds for a stated rate of false positives.

use tollgate_domain::config::{BudgetConfig, Profile};
use tollgate_domain::decimal::Decimal;

use super::binomial;
use super::cells::Part;
use super::history::History;
use super::options::Options;
use super::result::ThresholdProposal;
use super::sample::Outcome;
use super::utilization::{Limits, PPM, Used, ppm};

/// Parts per million of a hundredth: thresholds have two decimal places.
const HUNDREDTH: u64 = 10_000;

/// What a threshold is compared with.
type Of = fn(&Used) -> u64;

/// Proposes thresholds, and puts those that were learned into the config. The profile becomes `strict` then: others
/// ignore them. A threshold stays as it is while there are too few tasks to bound how many good ones it stops.
pub(super) fn propose(
    history: &History,
    part: Part,
    limits: &Limits,
    options: &Options,
    current: &BudgetConfig,
    config: &mut BudgetConfig,
) -> Vec<ThresholdProposal> {
    let (mut good, mut runaway) = (Vec::new(), Vec::new());
    for (task, taken) in history.by_task().filter(|(task, _)| part.has(task)) {
        if task.outcome.is_good() {
            good.push(limits.used(task, taken));
        } else if task.outcome == Outcome::Runaway {
            runaway.push(limits.used(task, taken));
        }
    }
    let now = &current.stop_loss.thresholds;
    let kinds: [(&'static str, Decimal, Of); 3] = [
        ("cumulative_token_threshold", now.cumulative_token, |used| used.tokens),
        ("cumulative_latency_threshold", now.cumulative_latency, |used| used.latency),
        ("per_phase_threshold", now.per_phase, |used| used.phase),
    ];
    let mut proposals: Vec<ThresholdProposal> = kinds
        .into_iter()
        .filter_map(|(key, current, of)| {
            let runaways: Vec<u64> = runaway.iter().map(of).collect();
            let good: Vec<u64> = good.iter().map(of).collect();
            let found = threshold(key, current, good.clone(), &runaways, options)?;
            Some(if found.learned { found } else { found.kept(&good, &runaways) })
        })
        .collect();
    // Tokens only grow: whoever is above this threshold early is above it at the end, so that no task more is
    // stopped.
    if let Some(token) = proposals.first().filter(|token| token.learned).cloned() {
        let above =
            |used: &[Used], value: u64| used.iter().filter(|used| used.early_tokens > value).count() as u64;
        let value = ppm(token.value);
        let early = ThresholdProposal {
            key: "early_block_threshold",
            current: now.early_block,
            above: above(&good, value),
            runaways_above: (above(&runaway, value), runaway.len() as u64),
            ..token
        };
        proposals.push(early);
    }
    let stop_loss = &mut config.stop_loss.thresholds;
    for proposal in proposals.iter().filter(|proposal| proposal.learned) {
        match proposal.key {
            "cumulative_token_threshold" => stop_loss.cumulative_token = proposal.value,
            "cumulative_latency_threshold" => stop_loss.cumulative_latency = proposal.value,
            "per_phase_threshold" => stop_loss.per_phase = proposal.value,
            _ => stop_loss.early_block = proposal.value,
        }
        stop_loss.profile = Profile::Strict;
    }
    proposals
}

/// How many tasks that ended well bound the rate of false positives. That none is stopped cannot be bounded: then it
/// is as many as bound one in a thousand.
pub(super) fn fewest(options: &Options) -> u64 {
    let rate = u64::from(options.false_positives_permille).max(1);
    binomial::fewest_for_bounds(1000 - rate, options.confidence.tail())
}

/// The lowest threshold, in hundredths and at least 1, above which at most the stated share of good tasks is.
fn threshold(
    key: &'static str,
    current: Decimal,
    mut good: Vec<u64>,
    runaways: &[u64],
    options: &Options,
) -> Option<ThresholdProposal> {
    good.sort_unstable();
    let rate = u64::from(options.false_positives_permille);
    let tasks = good.len() as u64;
    let may_be_above = (u128::from(tasks) * u128::from(rate) / 1000) as u64;
    // From 1: everything after this one is above the threshold at most.
    let at = |rank: u64| good.get(usize::try_from(rank).ok()?.checked_sub(1)?).copied();
    let value = hundredths(at(tasks - may_be_above)?);
    let (low, high) = binomial::ranks(tasks, 1000 - rate, options.confidence.tail());
    let bound = |rank: Option<u64>| rank.and_then(at).map(hundredths);
    let learned = tasks >= fewest(options);
    Some(ThresholdProposal {
        key,
        current,
        value,
        learned,
        low: bound(low),
        high: bound(high),
        tasks,
        above: above(&good, value),
        runaways_above: (above(runaways, value), runaways.len() as u64),
    })
}

impl ThresholdProposal {
    /// As it was, with what is above that.
    fn kept(self, good: &[u64], runaways: &[u64]) -> Self {
        Self {
            value: self.current,
            above: above(good, self.current),
            runaways_above: (above(runaways, self.current), runaways.len() as u64),
            ..self
        }
    }
}

/// How many are above a threshold.
fn above(of: &[u64], threshold: Decimal) -> u64 {
    of.iter().filter(|used| **used > ppm(threshold)).count() as u64
}

/// Parts per million as a threshold: up to the next hundredth, at least 1, at most what a config accepts.
fn hundredths(used: u64) -> Decimal {
    Decimal::new(used.clamp(PPM, PPM * PPM).div_ceil(HUNDREDTH), 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_threshold_stops_no_more_than_the_stated_share() {
        // 100 tasks that use 1.01, 1.02 … 2.00 times their limit.
        let good: Vec<u64> = (1..=100).map(|nth| PPM + nth * HUNDREDTH).collect();
        for (permille, value, above) in
            [(0, "2", 0), (10, "1.99", 1), (15, "1.99", 1), (20, "1.98", 2), (100, "1.9", 10)]
        {
            let options = Options { false_positives_permille: permille, ..Options::default() };
            let found = threshold("x", Decimal::ONE, good.clone(), &[PPM, 2 * PPM + 1], &options).unwrap();
            assert_eq!(
                (found.value.to_string().as_str(), found.above),
                (value, above),
                "{permille} permille"
            );
            assert_eq!(found.runaways_above, (1, 2));
        }
    }

    #[test]
    fn a_threshold_is_never_below_the_limit() {
        let found = threshold("x", Decimal::ONE, vec![PPM / 2; 50], &[], &Options::default()).unwrap();
        assert_eq!((found.value, found.above), (Decimal::ONE, 0));
        assert_eq!(threshold("x", Decimal::ONE, vec![], &[], &Options::default()), None);
    }
}
