//! What the ledger watches by the clock: the config's section `alerts`.

use super::fields::{Fields, Section};
use super::raw::Node;
use crate::decimal::Decimal;

/// Keys of the section.
const KEYS: [&str; 4] = ["silence_after_ms", "stuck_factor", "stuck_after_ms", "lag_after_ms"];

/// Longest time that can be set: 366 days, in milliseconds.
const MAX_AFTER_MS: u64 = 366 * 24 * 60 * 60 * 1000;

/// After how long passing time raises an alert. These act at once, also on tasks already open: an observation says the
/// threshold that it was made with. 0 switches a rule off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchConfig {
    /// An execution runs and its usage was last reported so many milliseconds ago.
    pub silence_after_ms: u64,
    /// An execution runs for this times its latency limit.
    pub stuck_factor: Decimal,
    /// An execution runs for so many milliseconds, whatever its limit.
    pub stuck_after_ms: u64,
    /// A view does not contain a record that was appended so many milliseconds ago.
    pub lag_after_ms: u64,
}

impl Default for WatchConfig {
    /// 10 minutes of silence; ten times the latency limit, or 4 hours; a minute behind the log.
    fn default() -> Self {
        Self {
            silence_after_ms: 10 * 60 * 1000,
            stuck_factor: Decimal::new(10, 0),
            stuck_after_ms: 4 * 60 * 60 * 1000,
            lag_after_ms: 60 * 1000,
        }
    }
}

impl WatchConfig {
    /// After how many milliseconds an execution with this latency limit is stuck: the shorter of both rules; `None` where both
    /// are off.
    #[must_use]
    pub fn stuck_after(&self, latency_limit_ms: Option<u64>) -> Option<u64> {
        let by_limit = latency_limit_ms
            .filter(|_| !self.stuck_factor.is_zero())
            .map(|limit| self.stuck_factor.times_rounded_up(limit));
        let at_all = Some(self.stuck_after_ms).filter(|ms| *ms > 0);
        match (by_limit, at_all) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        }
    }

    /// The lines of the canonical content: only where something differs from the defaults, so that configs from before this
    /// section keep their hash. An observation says its threshold itself.
    pub(super) fn lines(&self) -> Vec<(&'static str, String)> {
        if *self == Self::default() {
            return Vec::new();
        }
        vec![
            ("alerts.silence_after_ms", self.silence_after_ms.to_string()),
            ("alerts.stuck_factor", self.stuck_factor.to_string()),
            ("alerts.stuck_after_ms", self.stuck_after_ms.to_string()),
            ("alerts.lag_after_ms", self.lag_after_ms.to_string()),
        ]
    }
}

pub(super) fn read(fields: &mut Fields, top: &Section<'_>) -> WatchConfig {
    let default = WatchConfig::default();
    let Some((field, node)) = top.get("alerts") else { return default };
    let section = fields.section(&field, node, &KEYS);
    let mut after = |key: &str, default: u64| match section.get(key) {
        Some((field, node)) => fields.whole(&field, node, MAX_AFTER_MS).unwrap_or(default),
        None => default,
    };
    let silence_after_ms = after("silence_after_ms", default.silence_after_ms);
    let stuck_after_ms = after("stuck_after_ms", default.stuck_after_ms);
    let lag_after_ms = after("lag_after_ms", default.lag_after_ms);
    let stuck_factor = match section.get("stuck_factor") {
        Some((_, Node::Number(text))) if text == "0" => Decimal::ZERO,
        Some((field, node)) => fields.threshold(&field, node).unwrap_or(default.stuck_factor),
        None => default.stuck_factor,
    };
    WatchConfig { silence_after_ms, stuck_factor, stuck_after_ms, lag_after_ms }
}

#[cfg(test)]
mod tests {
    use super::super::BudgetConfig;
    use super::*;

    fn read(yaml: &str) -> Result<WatchConfig, String> {
        BudgetConfig::from_yaml(yaml).map(|config| config.alerts).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_left_out_keeps_its_default_and_zero_is_off() {
        assert_eq!(read("rollout: observe").unwrap(), WatchConfig::default());
        assert_eq!(
            BudgetConfig::built_in().alerts,
            WatchConfig::default(),
            "the shipped file says the defaults"
        );
        let read = read("alerts: { silence_after_ms: 0, stuck_factor: 2.5 }").unwrap();
        assert_eq!((read.silence_after_ms, read.stuck_after_ms), (0, 14_400_000));
        assert_eq!(read.stuck_after(Some(3)), Some(8), "rounded up");
        assert_eq!(read.stuck_after(Some(u64::MAX)), Some(14_400_000), "the shorter one");
        assert_eq!(read.stuck_after(None), Some(14_400_000));
        let only_limit = WatchConfig { stuck_after_ms: 0, ..read.clone() };
        assert_eq!((only_limit.stuck_after(None), only_limit.stuck_after(Some(4))), (None, Some(10)));
        let off = WatchConfig { stuck_factor: Decimal::ZERO, ..only_limit };
        assert_eq!(off.stuck_after(Some(4)), None);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (yaml, expected) in [
            ("alerts: 5", "alerts: `5`: must be a mapping, is a number"),
            (
                "alerts: { silence_after: 5 }",
                "alerts.silence_after: `5`: unknown key, must be one of silence_after_ms",
            ),
            (
                "alerts: { lag_after_ms: -1 }",
                "alerts.lag_after_ms: `-1`: must be a whole number from 0 to 31622400000",
            ),
            ("alerts: { lag_after_ms: 1.5 }", "alerts.lag_after_ms: `1.5`: must be a whole number from 0 to"),
            ("alerts: { stuck_factor: -1 }", "alerts.stuck_factor: `-1`: must be above 0"),
            (
                "alerts: { stuck_after_ms: 4h }",
                "alerts.stuck_after_ms: `4h`: must be a whole number, is text",
            ),
        ] {
            let error = read(yaml).unwrap_err();
            assert!(error.starts_with(expected), "{yaml}: {error}");
        }
    }

    #[test]
    fn the_hash_moves_only_where_something_differs() {
        let plain = BudgetConfig::from_yaml("rollout: observe").unwrap();
        let same = BudgetConfig::from_yaml("rollout: observe\nalerts: { stuck_factor: 10.0 }").unwrap();
        let other = BudgetConfig::from_yaml("rollout: observe\nalerts: { stuck_factor: 9 }").unwrap();
        assert_eq!(plain.hash(), same.hash());
        assert_ne!(plain.hash(), other.hash());
        assert!(other.canonical().contains("alerts.stuck_factor=9\n"), "{}", other.canonical());
    }
}
