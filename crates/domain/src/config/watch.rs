//! What the ledger monitors by the clock: the config's section `alerts`.

use crate::decimal::Decimal;
use crate::yaml::fields::{Fields, Section};
use crate::yaml::tree::Node;

/// Keys of the section.
const KEYS: [&str; 13] = [
    "silence_after_ms",
    "stuck_factor",
    "stuck_after_ms",
    "lag_after_ms",
    "min_tasks",
    "critical_share_percent",
    "stopped_share_percent",
    "false_positive_percent",
    "token_shift_percent",
    "slow_percent",
    "breaker_percent",
    "breaker_after_ms",
    "breaker_floor_us",
];

/// Longest duration that can be set: 366 days, in milliseconds.
const MAX_AFTER_MS: u64 = 366 * 24 * 60 * 60 * 1000;

/// Largest count, and largest percentage that has no bound of its own.
const MAX_COUNT: u64 = 1_000_000;

/// Time thresholds for raising alerts. Changes take effect immediately, including for tasks already open: an
/// observation records the threshold it was made with. 0 switches a rule off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchConfig {
    /// An execution is running and has not reported usage for this many milliseconds.
    pub silence_after_ms: u64,
    /// An execution has been running for this many times its latency limit.
    pub stuck_factor: Decimal,
    /// An execution has been running for this many milliseconds, whatever its limit.
    pub stuck_after_ms: u64,
    /// A view does not contain a record that was appended this many milliseconds ago.
    pub lag_after_ms: u64,
    /// With fewer tasks than this, shares raise no alert and have no verdict.
    pub min_tasks: u64,
    /// More than this percentage of the latest tasks are of critical importance.
    pub critical_share_percent: u64,
    /// More than this percentage of the latest tasks were blocked.
    pub stopped_share_percent: u64,
    /// More than this percentage of the tasks that the rules stopped were marked legitimate.
    pub false_positive_percent: u64,
    /// The tokens of completed tasks shifted by more than this percentage from one week to the next.
    pub token_shift_percent: u64,
    /// Transitions take more than this percentage of the baseline's p95.
    pub slow_percent: u64,
    /// Transitions take more than this percentage of the baseline's p95 …
    pub breaker_percent: u64,
    /// … for this many milliseconds: the circuit breaker opens.
    pub breaker_after_ms: u64,
    /// A p95 of up to this many microseconds is never considered slow, whatever the baseline.
    pub breaker_floor_us: u64,
}

impl Default for WatchConfig {
    /// 10 minutes of silence; ten times the latency limit, or 4 hours; a minute behind the log; at least 20
    /// tasks, 10 % of them, 20 % from week to week; 120 % of the baseline, or 200 % for 10 minutes, and above
    /// 10 ms.
    fn default() -> Self {
        Self {
            silence_after_ms: 10 * 60 * 1000,
            stuck_factor: Decimal::new(10, 0),
            stuck_after_ms: 4 * 60 * 60 * 1000,
            lag_after_ms: 60 * 1000,
            min_tasks: 20,
            critical_share_percent: 10,
            stopped_share_percent: 10,
            false_positive_percent: 10,
            token_shift_percent: 20,
            slow_percent: 120,
            breaker_percent: 200,
            breaker_after_ms: 10 * 60 * 1000,
            breaker_floor_us: 10_000,
        }
    }
}

impl WatchConfig {
    /// The number of milliseconds after which an execution with this latency limit is stuck: the shorter of
    /// both rules; `None` if both are off.
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

    /// The lines of the canonical content: only values that differ from the defaults, so that configs from
    /// before this section keep their hash. An observation records its own threshold.
    pub(super) fn lines(&self) -> Vec<(&'static str, String)> {
        let default = Self::default();
        if *self == default {
            return Vec::new();
        }
        let mut lines = vec![
            ("alerts.silence_after_ms", self.silence_after_ms.to_string()),
            ("alerts.stuck_factor", self.stuck_factor.to_string()),
            ("alerts.stuck_after_ms", self.stuck_after_ms.to_string()),
            ("alerts.lag_after_ms", self.lag_after_ms.to_string()),
        ];
        // Later keys are added individually, only where they differ: a config that sets only the first four
        // keeps its hash.
        let of = |it: &Self| {
            [
                ("alerts.min_tasks", it.min_tasks),
                ("alerts.critical_share_percent", it.critical_share_percent),
                ("alerts.stopped_share_percent", it.stopped_share_percent),
                ("alerts.false_positive_percent", it.false_positive_percent),
                ("alerts.token_shift_percent", it.token_shift_percent),
                ("alerts.slow_percent", it.slow_percent),
                ("alerts.breaker_percent", it.breaker_percent),
                ("alerts.breaker_after_ms", it.breaker_after_ms),
                ("alerts.breaker_floor_us", it.breaker_floor_us),
            ]
        };
        let differing = of(self).into_iter().zip(of(&default)).filter(|(mine, theirs)| mine != theirs);
        lines.extend(differing.map(|((key, value), _)| (key, value.to_string())));
        lines
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
    let mut whole = |key: &str, most: u64, default: u64| match section.get(key) {
        Some((field, node)) => fields.whole(&field, node, most).unwrap_or(default),
        None => default,
    };
    let min_tasks = whole("min_tasks", MAX_COUNT, default.min_tasks);
    let critical_share_percent = whole("critical_share_percent", 100, default.critical_share_percent);
    let stopped_share_percent = whole("stopped_share_percent", 100, default.stopped_share_percent);
    let false_positive_percent = whole("false_positive_percent", 100, default.false_positive_percent);
    let token_shift_percent = whole("token_shift_percent", MAX_COUNT, default.token_shift_percent);
    let slow_percent = whole("slow_percent", MAX_COUNT, default.slow_percent);
    let breaker_percent = whole("breaker_percent", MAX_COUNT, default.breaker_percent);
    let breaker_after_ms = whole("breaker_after_ms", MAX_AFTER_MS, default.breaker_after_ms);
    let breaker_floor_us = whole("breaker_floor_us", MAX_AFTER_MS, default.breaker_floor_us);
    let stuck_factor = match section.get("stuck_factor") {
        Some((_, Node::Number(text))) if text == "0" => Decimal::ZERO,
        Some((field, node)) => fields.threshold(&field, node).unwrap_or(default.stuck_factor),
        None => default.stuck_factor,
    };
    WatchConfig {
        silence_after_ms,
        stuck_factor,
        stuck_after_ms,
        lag_after_ms,
        min_tasks,
        critical_share_percent,
        stopped_share_percent,
        false_positive_percent,
        token_shift_percent,
        slow_percent,
        breaker_percent,
        breaker_after_ms,
        breaker_floor_us,
    }
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
            assert!(error.starts_with(&format!("line 1: {expected}")), "{yaml}: {error}");
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
        let later =
            BudgetConfig::from_yaml("rollout: observe\nalerts: { stuck_factor: 9, min_tasks: 5 }").unwrap();
        assert!(
            !other.canonical().contains("min_tasks") && later.canonical().contains("alerts.min_tasks=5\n")
        );
        assert_eq!((later.alerts.min_tasks, later.alerts.breaker_percent), (5, 200));
    }
}
