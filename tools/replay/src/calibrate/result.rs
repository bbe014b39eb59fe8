//! What a calibration says. Integers and decimal strings only, in a fixed order: the same samples give the same
//! bytes.

use std::fmt::Display;

use serde::{Serialize, Serializer};
use tollgate_domain::decimal::Decimal;
use tollgate_domain::phase::Phase;
use tollgate_domain::tier::{Complexity, Importance};
use tollgate_domain::words::Word;

use super::fit::Origin;
use super::options::Options;
use super::sample::Outcome;

/// Limits proposed from a history, and how far they can be relied on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Calibration {
    /// What was asked for.
    pub options: Options,
    /// What it is made from.
    pub data: Data,
    /// How many samples each percentile needs.
    pub enough: Vec<Enough>,
    /// What phases took: of each phase, then by complexity, then by importance, too.
    pub groups: Vec<Group>,
    /// Base budgets and weights, in the order of the config.
    pub phases: Vec<PhaseProposal>,
    /// One multiplier per complexity, lowest tier first.
    pub complexity: Vec<TierProposal<Complexity>>,
    /// One multiplier per importance, lowest tier first.
    pub importance: Vec<TierProposal<Importance>>,
    /// The thresholds of the stop-loss.
    pub thresholds: Vec<ThresholdProposal>,
    /// What later tasks say about it; `None`: there are none to judge by.
    pub judged: Option<Judged>,
    /// What a reader should know, in sentences.
    pub notes: Vec<String>,
    /// Hash of the proposed config.
    pub config_hash: String,
    /// The proposed config, as a file with comments.
    pub config: String,
}

/// What a calibration is made from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Data {
    /// Tasks in the history.
    pub tasks: u64,
    /// How they ended.
    #[serde(serialize_with = "counted_words")]
    pub outcomes: Vec<(Outcome, u64)>,
    /// Tasks that the proposal is fitted to: those that ended well and began before [`Self::split_at`].
    pub fitted_tasks: u64,
    /// Their executed phases.
    pub fitted_samples: u64,
    /// Tasks that the proposal is judged by: those that ended and began at [`Self::split_at`] or later.
    pub judged_tasks: u64,
    /// Where fitting ends and judging begins.
    pub split_at: Option<String>,
    /// When the first task began.
    pub first_at: Option<String>,
    /// When the last task began.
    pub last_at: Option<String>,
    /// Whole days between them.
    pub days: u64,
}

/// How many samples a percentile needs, whatever the distribution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Enough {
    /// Which percentile.
    pub percent: u64,
    /// From this many samples on, its interval has both bounds.
    pub for_bounds: u64,
    /// From about this many samples on, its interval is as narrow as asked for.
    pub for_precision: u64,
}

tollgate_domain::words!(
    /// Whether there are enough samples for a base budget.
    Sufficiency {
        /// The percentile of base budgets is as well known as asked for.
        Enough = "enough",
        /// It has an interval that is wider.
        Thin = "thin",
        /// It has no interval.
        TooFew = "too_few"
    }
);

/// What a group of executed phases took.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Group {
    /// Which phase.
    pub phase: Phase,
    /// `None`: of all.
    #[serde(serialize_with = "optional_text")]
    pub complexity: Option<Complexity>,
    /// `None`: of all.
    #[serde(serialize_with = "optional_text")]
    pub importance: Option<Importance>,
    /// Whether a base budget can be learned from it.
    #[serde(serialize_with = "word")]
    pub data: Sufficiency,
    /// Tokens.
    pub tokens: Distribution<u64>,
    /// Milliseconds without waits.
    pub latency_ms: Distribution<u64>,
    /// USD, as decimal strings.
    pub cost_usd: Distribution<String>,
}

/// Percentiles of one measure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Distribution<T> {
    /// Samples whose value is known.
    pub samples: u64,
    /// p50, p75, p90, p95 and p99; empty without samples.
    pub percentiles: Vec<Percentile<T>>,
}

/// A percentile with its interval.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Percentile<T> {
    /// Which one.
    pub percent: u64,
    /// The value of the sample at the nearest rank.
    pub value: T,
    /// With the stated confidence it is between these two; `None`: too few samples for this bound.
    pub low: Option<T>,
    /// See `low`.
    pub high: Option<T>,
}

/// What is proposed for a phase.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PhaseProposal {
    /// Which phase.
    pub phase: Phase,
    /// Samples it is learned from.
    pub samples: u64,
    /// Base budget in tokens.
    pub tokens: BaseProposal,
    /// Base budget in milliseconds.
    pub latency_ms: BaseProposal,
    /// The phase's weight.
    pub weight: Factor,
    /// Whether the weight is fitted.
    #[serde(serialize_with = "word")]
    pub weight_origin: Origin,
}

/// A base budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct BaseProposal {
    /// In the config in force.
    pub current: u64,
    /// Proposed.
    pub value: u64,
    /// The interval of the percentile it is made of, on the same scale.
    pub low: Option<u64>,
    /// See `low`.
    pub high: Option<u64>,
    /// Whether it is learned; otherwise it is the current one, of latency divided by what the weight changed.
    pub learned: bool,
}

/// A multiplier of a tier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TierProposal<T: Display> {
    /// Which tier.
    #[serde(serialize_with = "text")]
    pub tier: T,
    /// Samples it is learned from.
    pub samples: u64,
    /// Where it comes from.
    #[serde(serialize_with = "word")]
    pub origin: Origin,
    /// The multiplier, fitted to tokens.
    #[serde(flatten)]
    pub factor: Factor,
    /// The multiplier that latency alone would give; `None`: not known, or what others are compared with. A
    /// config has one multiplier for both.
    #[serde(serialize_with = "optional_text")]
    pub latency_alone: Option<Decimal>,
}

/// A factor of limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Factor {
    /// In the config in force.
    #[serde(serialize_with = "text")]
    pub current: Decimal,
    /// Proposed, rounded to thousandths.
    #[serde(serialize_with = "text")]
    pub value: Decimal,
    /// With the stated confidence it is between these two; `None`: not fitted, or its error is not known.
    #[serde(serialize_with = "optional_text")]
    pub low: Option<Decimal>,
    /// See `low`.
    #[serde(serialize_with = "optional_text")]
    pub high: Option<Decimal>,
}

/// A threshold of the stop-loss.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ThresholdProposal {
    /// Its key in the config.
    pub key: &'static str,
    /// In the config in force.
    #[serde(serialize_with = "text")]
    pub current: Decimal,
    /// Proposed: the lowest one, in hundredths and at least 1, that stops no more good tasks than asked for.
    #[serde(serialize_with = "text")]
    pub value: Decimal,
    /// Whether it was learned: otherwise it is as before.
    pub learned: bool,
    /// What the quantile behind it is not below, with the stated confidence.
    #[serde(serialize_with = "optional_text")]
    pub low: Option<Decimal>,
    /// What it is not above: a threshold here stops no more than asked for with that confidence.
    #[serde(serialize_with = "optional_text")]
    pub high: Option<Decimal>,
    /// Good tasks it is learned from.
    pub tasks: u64,
    /// How many of them are above it.
    pub above: u64,
    /// Tasks marked as runaway that are above it, of so many.
    pub runaways_above: (u64, u64),
}

/// How the proposal and the config in force do on later tasks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Judged {
    /// The proposal.
    pub proposed: Judgement,
    /// The config in force.
    pub current: Judgement,
    /// How many later samples are within the percentiles of their groups.
    pub coverage: Vec<Coverage>,
}

/// How a config does on later tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Judgement {
    /// Good tasks above their limit of tokens or latency.
    pub breaches: Rate,
    /// Executed phases of good tasks above theirs.
    pub phase_breaches: Rate,
    /// Good tasks that the gate would stop, by tokens and by what is set to block: false positives.
    pub false_positives: Rate,
    /// Runaway tasks that it would stop.
    pub runaways_stopped: Rate,
    /// Tokens of good tasks as parts per million of their limits, at the median.
    pub median_utilization_ppm: u64,
}

/// A share, with its interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Rate {
    /// How many.
    pub count: u64,
    /// Of how many.
    pub of: u64,
    /// Its interval in parts per million.
    pub low_ppm: u64,
    /// See `low_ppm`.
    pub high_ppm: u64,
}

/// How many later samples are at most a percentile of the earlier ones of their group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// `tokens` or `latency_ms`.
    pub measure: &'static str,
    /// Which percentile: so many of 100 should be.
    pub percent: u64,
    /// How many are.
    pub within: Rate,
}

fn text<T: Display, S: Serializer>(shown: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(shown)
}

#[expect(clippy::ref_option, reason = "serde passes a reference to the field")]
fn optional_text<T: Display, S: Serializer>(shown: &Option<T>, serializer: S) -> Result<S::Ok, S::Error> {
    match shown {
        Some(shown) => serializer.collect_str(shown),
        None => serializer.serialize_none(),
    }
}

fn word<T: Word, S: Serializer>(word: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str((*word).as_str())
}

fn counted_words<S: Serializer>(counts: &[(Outcome, u64)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(counts.iter().map(|(outcome, count)| (outcome.as_str(), count)))
}
