//! What a calibration is asked for.

use serde::Serialize;

use super::error::CalibrateError;

/// How often an interval contains what it is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Confidence {
    /// In 90 of 100 histories.
    Ninety,
    /// In 95 of 100 histories.
    #[default]
    NinetyFive,
    /// In 99 of 100 histories.
    NinetyNine,
}

impl Confidence {
    /// As a percentage.
    #[must_use]
    pub const fn percent(self) -> u8 {
        match self {
            Self::Ninety => 90,
            Self::NinetyFive => 95,
            Self::NinetyNine => 99,
        }
    }

    /// The confidence with this percentage.
    ///
    /// # Errors
    ///
    /// [`CalibrateError::Option`] for another one than 90, 95 and 99.
    pub fn from_percent(percent: u64) -> Result<Self, CalibrateError> {
        match percent {
            90 => Ok(Self::Ninety),
            95 => Ok(Self::NinetyFive),
            99 => Ok(Self::NinetyNine),
            other => Err(CalibrateError::option("confidence", other, "must be 90, 95 or 99 percent")),
        }
    }

    /// The share of histories in which the interval is above what it is about, and in which it is below.
    pub(super) const fn tail(self) -> f64 {
        match self {
            Self::Ninety => 0.05,
            Self::NinetyFive => 0.025,
            Self::NinetyNine => 0.005,
        }
    }

    /// Student's t at this confidence with 31 degrees of freedom, one for each half of the tasks that errors
    /// are made of (any table of the t distribution).
    pub(super) const fn student_t_31(self) -> f64 {
        match self {
            Self::Ninety => 1.695_519,
            Self::NinetyFive => 2.039_513,
            Self::NinetyNine => 2.744_042,
        }
    }
}

impl Serialize for Confidence {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(self.percent())
    }
}

tollgate_domain::words!(
    /// What becomes of the phase weights.
    WeightRule {
        /// A base budget is the percentile of all the phase's samples; its weight is what makes the limit fit
        /// each tier.
        Fit = "fit",
        /// Weights stay as configured; base budgets follow from the fit.
        Keep = "keep"
    }
);

/// What a calibration is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Options {
    /// Of every interval.
    pub confidence: Confidence,
    /// The percentage of tasks, the latest ones, that the proposal is judged by and not fitted to; 0: it is not
    /// judged.
    pub holdout_percent: u8,
    /// How many of 1,000 tasks that ended well the thresholds may stop.
    pub false_positives_permille: u32,
    /// Added to the 95th percentile of latency, in percent.
    pub latency_margin_percent: u32,
    /// What becomes of the phase weights.
    #[serde(serialize_with = "word")]
    pub weights: WeightRule,
    /// A percentile counts as well known once its interval reaches over at most this many percentage points of the
    /// samples on either side.
    pub precision_points: u8,
}

fn word<S: serde::Serializer>(rule: &WeightRule, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(rule.as_str())
}

impl Default for Options {
    fn default() -> Self {
        Self {
            confidence: Confidence::NinetyFive,
            holdout_percent: 30,
            false_positives_permille: 20,
            latency_margin_percent: 20,
            weights: WeightRule::Fit,
            precision_points: 5,
        }
    }
}

impl Options {
    /// Checks the bounds.
    ///
    /// # Errors
    ///
    /// [`CalibrateError::Option`] names the first one that is broken.
    pub fn check(&self) -> Result<(), CalibrateError> {
        let within = [
            ("holdout_percent", u64::from(self.holdout_percent), 0..=80, "must be 0 to 80"),
            ("false_positives_permille", self.false_positives_permille.into(), 0..=500, "must be 0 to 500"),
            ("latency_margin_percent", self.latency_margin_percent.into(), 0..=1000, "must be 0 to 1000"),
            ("precision_points", self.precision_points.into(), 1..=25, "must be 1 to 25"),
        ];
        for (field, value, allowed, rule) in within {
            if !allowed.contains(&value) {
                return Err(CalibrateError::option(field, value, rule));
            }
        }
        Ok(())
    }
}
