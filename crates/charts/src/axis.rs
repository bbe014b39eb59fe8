//! Axes: which values they span, where their ticks are, and which place a value has.

use crate::calendar;
use crate::number::{Unit, shown, tick};
use crate::text::cleaned;
use crate::ticks::{self, Ticks};

/// No value is farther from zero: a picture cannot tell more apart, and no difference of two overflows.
const LARGEST: f64 = 1e36;

/// What is closer to zero is as good as zero where quotients count.
const SMALLEST: f64 = 1e-36;

/// An axis: how it counts, and what it is about.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    pub(crate) title: String,
    scale: Scale,
    pub(crate) unit: Unit,
    /// Values that it spans in any case.
    spans: Vec<f64>,
}

#[derive(Clone, Debug, PartialEq)]
enum Scale {
    Linear,
    Log,
    Time,
    Names(Vec<String>),
}

impl Axis {
    /// Equal steps are equal differences.
    #[must_use]
    pub fn linear(title: &str, unit: Unit) -> Self {
        Self::new(title, Scale::Linear, unit)
    }

    /// Equal steps are equal quotients. What is not above zero is at the lower end.
    #[must_use]
    pub fn log(title: &str, unit: Unit) -> Self {
        Self::new(title, Scale::Log, unit)
    }

    /// Times in UTC, as seconds since 1970.
    #[must_use]
    pub fn time(title: &str) -> Self {
        Self::new(title, Scale::Time, Unit::Count)
    }

    /// Names, the first at 0, the next at 1.
    #[must_use]
    pub fn names(names: Vec<String>) -> Self {
        let names = names.iter().map(|name| cleaned(name)).collect();
        Self::new("", Scale::Names(names), Unit::Count)
    }

    /// The same axis, which spans these values even if no mark is there.
    #[must_use]
    pub fn spanning(mut self, values: impl IntoIterator<Item = f64>) -> Self {
        self.spans.extend(values);
        self
    }

    fn new(title: &str, scale: Scale, unit: Unit) -> Self {
        Self { title: title.to_owned(), scale, unit, spans: Vec::new() }
    }

    pub(crate) const fn are_names(&self) -> bool {
        matches!(self.scale, Scale::Names(_))
    }

    /// The axis over these values, with at most about so many ticks.
    pub(crate) fn placed(&self, values: &[f64], most: usize) -> Placed {
        let known = values.iter().chain(&self.spans).copied().filter_map(finite);
        let ends = |values: &mut dyn Iterator<Item = f64>| {
            values.fold(None, |ends: Option<(f64, f64)>, value| {
                Some(ends.map_or((value, value), |(low, high)| (low.min(value), high.max(value))))
            })
        };
        match &self.scale {
            Scale::Linear => {
                let (low, high) = ends(&mut { known }).unwrap_or((0.0, 1.0));
                let Ticks { low, high, at, step } = ticks::linear(low, high, most, self.unit == Unit::Count);
                let label = |value: f64| tick(value, step, self.unit);
                Placed { low, high, is_log: false, ticks: labelled(&at, label) }
            }
            Scale::Log => {
                let (low, high) = ends(&mut known.filter(|value| *value >= SMALLEST)).unwrap_or((1.0, 10.0));
                let Ticks { low, high, at, .. } = ticks::log(low, high, most);
                Placed { low, high, is_log: true, ticks: labelled(&at, |value| shown(value, self.unit)) }
            }
            Scale::Time => {
                let (low, high) = ends(&mut { known }).unwrap_or((0.0, 1.0));
                let (low, high, at) = calendar::ticks(low, high, most);
                Placed { low, high, is_log: false, ticks: at }
            }
            Scale::Names(names) => {
                let ticks = names.iter().enumerate().map(|(nth, name)| (nth as f64, name.clone()));
                Placed {
                    low: -0.5,
                    high: names.len().max(1) as f64 - 0.5,
                    is_log: false,
                    ticks: ticks.collect(),
                }
            }
        }
    }
}

fn labelled(at: &[f64], label: impl Fn(f64) -> String) -> Vec<(f64, String)> {
    at.iter().map(|value| (*value, label(*value))).collect()
}

/// A value as it is drawn; `None`: it cannot be.
pub(crate) fn finite(value: f64) -> Option<f64> {
    value.is_finite().then(|| value.clamp(-LARGEST, LARGEST))
}

/// An axis with its ends and ticks.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Placed {
    low: f64,
    high: f64,
    is_log: bool,
    pub(crate) ticks: Vec<(f64, String)>,
}

impl Placed {
    /// Where a value is, from 0 at the lower end to 1 at the upper one; what is outside is at an end.
    pub(crate) fn share(&self, value: f64) -> Option<f64> {
        let value = finite(value)?.clamp(self.low, self.high);
        let share = if self.is_log {
            libm::log10(value / self.low) / libm::log10(self.high / self.low)
        } else {
            (value - self.low) / (self.high - self.low)
        };
        Some(share.clamp(0.0, 1.0))
    }
}
