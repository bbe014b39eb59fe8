//! Proposed changes for a tier whose tasks are stopped although they are legitimate.

use tollgate_domain::decimal::Decimal;
use tollgate_domain::tier::Importance;
use tollgate_wire::api::ThresholdProposal;

use super::figures::WeekFigures;
use super::health_config::HealthConfig;
use super::share::Share;

/// A tier gets a proposal above this percentage of false positives.
const ABOVE_PERCENT: u64 = 5;

/// A proposal for each importance with too many false positives.
#[must_use]
pub fn proposals(window: &WeekFigures, config: &HealthConfig) -> Vec<ThresholdProposal> {
    let of = Importance::ALL.iter().zip(config.importance);
    of.filter_map(|(importance, multiplier)| proposal(window, *importance, multiplier, config)).collect()
}

fn proposal(
    window: &WeekFigures,
    importance: Importance,
    multiplier: Decimal,
    config: &HealthConfig,
) -> Option<ThresholdProposal> {
    let tier = window.all(|_, it| it == importance);
    if !(Share { part: tier.legitimate, of: tier.ruled }).above(ABOVE_PERCENT) {
        return None;
    }
    let p95 = tier.legitimate_percent.percentile(95)?;
    // Up to the next 5 %, and never below the threshold in force.
    let threshold = millionths(config.threshold);
    let wanted = p95.div_ceil(5).saturating_mul(5);
    let wanted = wanted.max(threshold.div_ceil(10_000));
    // Raised in the same proportion as the threshold would be, up to the next tenth.
    let tenths = u128::from(millionths(multiplier)).saturating_mul(wanted.into()).saturating_mul(10);
    let tenths = tenths.div_ceil(u128::from(threshold.max(1)).saturating_mul(100));
    let proposed_threshold = hundredths(wanted);
    let proposed_multiplier = hundredths(u64::try_from(tenths).unwrap_or(u64::MAX).saturating_mul(10));
    let (passing, runaways) = (tier.legitimate_percent.up_to(wanted), tier.runaway_percent.up_to(wanted));
    let text = format!(
        "{importance}: {} of {} stopped tasks were legitimate, 95 of 100 of them used at most {p95} % of their limit. Raise \
         importance_multipliers.{importance} from {multiplier} to {proposed_multiplier} (this tier alone) or \
         stop_loss.cumulative_token_threshold from {} to {proposed_threshold} (every tier): {passing} of {} legitimate ones \
         would have passed, and {runaways} of {} runaways",
        tier.legitimate, tier.ruled, config.threshold, tier.legitimate, tier.runaway,
    );
    Some(ThresholdProposal {
        importance,
        stopped: tier.ruled,
        legitimate: tier.legitimate,
        legitimate_p95_percent: p95,
        threshold: config.threshold.to_string(),
        proposed_threshold,
        multiplier: multiplier.to_string(),
        proposed_multiplier,
        legitimate_passing: passing,
        runaway_passing: runaways,
        runaway: tier.runaway,
        text,
    })
}

/// A number from a config in millionths: it has no more than six places.
fn millionths(number: Decimal) -> u64 {
    number.times_rounded_up(1_000_000)
}

/// Hundredths as a decimal without trailing zeros.
fn hundredths(number: u64) -> String {
    let text = format!("{}.{:02}", number.div_euclid(100), number.rem_euclid(100));
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
