//! Base budgets, weights and multipliers from the fit.
#![expect(clippy::float_arithmetic, reason = "logarithms become integers and thousandths here; no money")]

use tollgate_domain::config::{BudgetConfig, PhaseBase};
use tollgate_domain::decimal::Decimal;
use tollgate_domain::tier::{Complexity, Importance};

use super::cells::{Cells, halves};
use super::fit::{Fit, Logarithm, Origin, Replicated, Tier};
use super::groups::{BASE_PERCENT, LATENCY_PERCENT, Table};
use super::history::TIERS;
use super::options::{Confidence, Options, WeightRule};
use super::result::{BaseProposal, Enough, Factor, PhaseProposal, TierProposal};
use super::utilization::ppm;

/// What a config accepts: a multiplier in thousandths, and a base budget.
const MOST_THOUSANDTHS: f64 = 10_000.0;
const MOST_BASE: u64 = 10_000_000_000;

/// Groups with fewer samples say nothing about the 95th percentile: it would be their largest value.
const FEWEST_FOR_LATENCY: usize = 20;

/// What is proposed for phases and tiers.
pub(super) struct Proposal {
    pub(super) phases: Vec<PhaseProposal>,
    pub(super) complexity: Vec<TierProposal<Complexity>>,
    pub(super) importance: Vec<TierProposal<Importance>>,
}

/// What it is made from.
pub(super) struct Basis<'a> {
    pub(super) current: &'a BudgetConfig,
    pub(super) options: &'a Options,
    /// What the percentile of base budgets needs.
    pub(super) enough: &'a Enough,
    pub(super) tokens: &'a Cells,
    pub(super) fit: Option<&'a Fit>,
    /// The same percentile of latency, for comparison.
    pub(super) latency_fit: Option<&'a Fit>,
    pub(super) token_table: &'a Table<u64>,
    pub(super) latency_table: &'a Table<u64>,
}

/// The logarithm of a multiplier.
pub(super) fn log_of(number: Decimal) -> f64 {
    // Scales are at most 27, mantissas below 10^18: no power or quotient leaves the range of a float.
    let mut value = number.mantissa() as f64;
    for _ in 0..number.scale() {
        value /= 10.0;
    }
    libm::log(value)
}

/// The logarithms of the multipliers of a config: complexity, importance.
pub(super) fn configured(config: &BudgetConfig) -> [[f64; TIERS]; 2] {
    [config.complexity.map(log_of), config.importance.map(log_of)]
}

impl Basis<'_> {
    /// Proposes everything but base latencies, which [`Proposal::set_latency`] adds.
    pub(super) fn propose(&self) -> Proposal {
        let confidence = self.options.confidence;
        let complexity = Complexity::ALL.iter().enumerate().map(|(nth, &tier)| {
            // Fits have one tier for each tier of the config.
            let fitted = self.fit.map(|fit| (fit.complexity[nth], fit.of_complexity(nth, confidence)));
            let latency = self.latency_fit.map(|fit| fit.complexity[nth]);
            tier_proposal(tier, self.current.complexity_multiplier(tier), fitted, latency)
        });
        let importance = Importance::ALL.iter().enumerate().map(|(nth, &tier)| {
            let fitted = self.fit.map(|fit| (fit.importance[nth], fit.of_importance(nth, confidence)));
            let latency = self.latency_fit.map(|fit| fit.importance[nth]);
            tier_proposal(tier, self.current.importance_multiplier(tier), fitted, latency)
        });
        let phases = self.current.phases.iter().enumerate();
        Proposal {
            complexity: complexity.collect(),
            importance: importance.collect(),
            phases: phases.map(|(nth, base)| self.phase(nth, base)).collect(),
        }
    }

    fn phase(&self, nth: usize, base: &PhaseBase) -> PhaseProposal {
        let all = self.tokens.of_phase(nth, |_| true);
        let percentile = self.token_table.of_phase(nth, BASE_PERCENT);
        let kept = |current| BaseProposal { current, value: current, low: None, high: None, learned: false };
        let keep_weight = Factor { current: base.weight, value: base.weight, low: None, high: None };
        let mut proposal = PhaseProposal {
            phase: base.phase.clone(),
            samples: all.len() as u64,
            tokens: kept(base.tokens),
            latency_ms: kept(base.latency_ms),
            weight: keep_weight,
            weight_origin: Origin::TooFew,
        };
        let Some(percentile) = percentile.filter(|_| proposal.samples >= self.enough.for_bounds) else {
            return proposal;
        };
        let fitted = self.fit.and_then(|fit| fit.phase(nth));
        match (self.options.weights, fitted) {
            (WeightRule::Fit, Some(fitted)) => {
                proposal.tokens = BaseProposal {
                    current: base.tokens,
                    value: percentile.value.clamp(1, MOST_BASE),
                    low: percentile.low,
                    high: percentile.high,
                    learned: true,
                };
                // How far the fit is from the percentile of all samples, in all and in each half: both sides are the
                // same kind of percentile, so that without tiers the weight is exactly 1.
                let base_log = |half| all.log_percentile(BASE_PERCENT, Some(half));
                let minus = |fit: Option<f64>, base: Option<f64>| Some(fit? - base?);
                let full = fitted.full - all.log_percentile(BASE_PERCENT, None).unwrap_or(fitted.full);
                let of_halves = halves().zip(&fitted.halves).map(|(half, fit)| minus(*fit, base_log(half)));
                let weight = Replicated { full, halves: of_halves.collect() };
                proposal.weight = factor(base.weight, weight.logarithm(self.options.confidence));
                proposal.weight_origin = Origin::Fitted;
            }
            (WeightRule::Keep, Some(fitted)) => {
                let fitted = fitted.logarithm(self.options.confidence);
                let at =
                    |sign: f64, error: f64| base_of(fitted.value + sign * error - log_of(base.weight), 0);
                proposal.tokens = BaseProposal {
                    current: base.tokens,
                    value: at(0.0, 0.0),
                    low: fitted.error.map(|error| at(-1.0, error)),
                    high: fitted.error.map(|error| at(1.0, error)),
                    learned: true,
                };
                proposal.weight_origin = Origin::Kept;
            }
            // The phase as a whole has enough samples and no group of it has: what of them is due to the tiers is not
            // known, and neither is the base.
            (WeightRule::Fit | WeightRule::Keep, None) => {}
        }
        proposal
    }
}

impl Proposal {
    /// Base latencies, so that with the proposed multipliers and weights the groups' 95th percentile and the
    /// margin fit.
    pub(super) fn set_latency(&mut self, basis: &Basis<'_>, latency: &Cells) {
        let factors = |proposal: &Self, complexity: usize, importance: usize| {
            // One proposal for each tier, in order.
            let of =
                (proposal.complexity[complexity].factor.value, proposal.importance[importance].factor.value);
            log_of(of.0) + log_of(of.1)
        };
        let margin = basis.options.latency_margin_percent;
        for nth in 0..self.phases.len() {
            let mut logs: Vec<(f64, usize)> = Vec::new();
            for (phase, complexity, importance, values) in latency.each() {
                if phase == nth && values.len() >= FEWEST_FOR_LATENCY {
                    let log = values.log_percentile(LATENCY_PERCENT, None);
                    logs.extend(log.map(|log| (log - factors(self, complexity, importance), values.len())));
                }
            }
            let phase = &mut self.phases[nth];
            let percentile = basis.latency_table.of_phase(nth, LATENCY_PERCENT);
            let samples = latency.of_phase(nth, |_| true).len();
            let Some(percentile) = percentile.filter(|_| samples as u64 >= basis.enough.for_bounds) else {
                continue;
            };
            let current = phase.latency_ms.current;
            if let Some(log) = weighted_median(logs) {
                let value = base_of(log - log_of(phase.weight.value), margin);
                // The interval of the whole phase's percentile, on the scale of the base.
                let scale = |bound: u64| scaled(bound, value, percentile.value);
                let (low, high) = (percentile.low.map(scale), percentile.high.map(scale));
                phase.latency_ms = BaseProposal { current, value, low, high, learned: true };
            }
        }
        for phase in self.phases.iter_mut().filter(|phase| !phase.latency_ms.learned) {
            phase.keep_latency();
        }
    }

    /// The config in force with what is proposed.
    pub(super) fn config(&self, current: &BudgetConfig) -> BudgetConfig {
        let mut config = current.clone();
        for (base, proposed) in config.phases.iter_mut().zip(&self.phases) {
            base.tokens = proposed.tokens.value;
            base.latency_ms = proposed.latency_ms.value;
            base.weight = proposed.weight.value;
        }
        for (multiplier, proposed) in config.complexity.iter_mut().zip(&self.complexity) {
            *multiplier = proposed.factor.value;
        }
        for (multiplier, proposed) in config.importance.iter_mut().zip(&self.importance) {
            *multiplier = proposed.factor.value;
        }
        config
    }
}

impl PhaseProposal {
    /// Weights are those of tokens: a latency that nothing was learned of keeps its limit, not its base.
    fn keep_latency(&mut self) {
        let (base, weight) = (&mut self.latency_ms, self.weight);
        base.value = scaled(base.current, ppm(weight.current), ppm(weight.value));
    }
}

fn tier_proposal<T: std::fmt::Display>(
    tier: T,
    current: Decimal,
    fitted: Option<(Tier, Option<f64>)>,
    latency: Option<Tier>,
) -> TierProposal<T> {
    let kept = Factor { current, value: current, low: None, high: None };
    let (samples, origin) = fitted.map_or((0, Origin::TooFew), |(tier, _)| (tier.samples, tier.origin));
    let factor_of = |tier: Tier, error| factor(current, Logarithm { value: tier.log, error });
    let factor = match fitted {
        Some((tier, error)) if origin == Origin::Fitted => factor_of(tier, error),
        Some(_) | None => kept,
    };
    let latency = latency.filter(|tier| tier.origin == Origin::Fitted);
    TierProposal {
        tier,
        samples,
        origin,
        factor,
        latency_alone: latency.map(|tier| factor_of(tier, None).value),
    }
}

/// A factor from its logarithm, in thousandths, its bounds rounded outwards: beyond the errors of floats.
fn factor(current: Decimal, log: Logarithm) -> Factor {
    const FLOAT_ERROR: f64 = 1e-6;
    let thousandths = |log: f64| libm::exp(log) * 1000.0;
    let decimal = |number: f64| Decimal::new(libm::fmin(libm::fmax(number, 1.0), MOST_THOUSANDTHS) as u64, 3);
    Factor {
        current,
        value: decimal(libm::floor(thousandths(log.value) + 0.5)),
        low: log.error.map(|error| decimal(libm::floor(thousandths(log.value - error) + FLOAT_ERROR))),
        high: log.error.map(|error| decimal(libm::ceil(thousandths(log.value + error) - FLOAT_ERROR))),
    }
}

/// A base budget from its logarithm, with a margin in percent, rounded up.
fn base_of(log: f64, margin: u32) -> u64 {
    let value = libm::ceil(libm::exp(log) * (1.0 + f64::from(margin) / 100.0));
    // Floats above the range become its end.
    (value as u64).clamp(1, MOST_BASE)
}

/// A bound times `to / from`, rounded up.
fn scaled(bound: u64, to: u64, from: u64) -> u64 {
    let scaled = (u128::from(bound) * u128::from(to)).div_ceil(u128::from(from.max(1)));
    u64::try_from(scaled).unwrap_or(u64::MAX).min(MOST_BASE)
}

/// The value at which half of the weight is reached.
fn weighted_median(mut values: Vec<(f64, usize)>) -> Option<f64> {
    values.sort_unstable_by(|one, other| one.0.total_cmp(&other.0).then(one.1.cmp(&other.1)));
    let all: usize = values.iter().map(|(_, weight)| weight).sum();
    let mut reached = 0;
    values.into_iter().find_map(|(value, weight)| {
        reached += weight;
        (reached * 2 >= all).then_some(value)
    })
}

/// At which confidence intervals are stated, for a sentence.
pub(super) fn shown(confidence: Confidence) -> String {
    format!("{} %", confidence.percent())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors_are_thousandths_and_their_bounds_are_rounded_outwards() {
        let log = |value: f64, error| Logarithm { value: libm::log(value), error };
        let found = factor(Decimal::ONE, log(1.5004, Some(0.1)));
        assert_eq!(found.value.to_string(), "1.5");
        // 1.5004 / e^0.1 = 1.35762, 1.5004 · e^0.1 = 1.65820.
        assert_eq!(found.low.unwrap().to_string(), "1.357");
        assert_eq!(found.high.unwrap().to_string(), "1.659");
        for (value, shown) in [(25.0, "10"), (0.000_01, "0.001"), (0.7996, "0.8")] {
            assert_eq!(factor(Decimal::ONE, log(value, None)).value.to_string(), shown);
        }
    }

    #[test]
    fn half_of_the_weight_is_the_median() {
        assert_eq!(weighted_median(vec![(3.0, 1), (1.0, 1), (2.0, 1)]), Some(2.0));
        assert_eq!(weighted_median(vec![(3.0, 5), (1.0, 1), (2.0, 1)]), Some(3.0));
        assert_eq!(weighted_median(vec![]), None);
    }

    #[test]
    fn logarithms_of_decimals_are_those_of_their_values() {
        for text in ["1", "0.5", "1.5", "0.000001", "10"] {
            let number: Decimal = text.parse().unwrap();
            let expected = libm::log(text.parse::<f64>().unwrap());
            assert!((log_of(number) - expected).abs() < 1e-12, "{text}");
        }
        assert_eq!(log_of(Decimal::ONE), 0.0);
    }
}
