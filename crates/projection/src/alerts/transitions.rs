//! How long phase transitions take compared with a baseline. The spans carry their own times: no clock.

use serde::{Deserialize, Serialize};
use tollgate_domain::alert::{AlertRule, AlertScope, Condition};
use tollgate_domain::config::{Rollout, WatchConfig};
use tollgate_domain::event::{ConditionObserved, TransitionsMeasured};
use tollgate_domain::gate::grouped;
use tollgate_domain::time::Timestamp;

/// Transitions that a baseline needs to be meaningful.
pub const MIN_BASELINE: u64 = 100;

/// Spans that are kept: two hours of one server that measures every minute.
const KEPT_SPANS: usize = 120;

/// Measurements of phase transitions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transitions {
    /// Transitions under the rollout `observe`.
    pub baseline_transitions: u64,
    /// The sum over spans of p50 in microseconds times transitions.
    pub baseline_p50: u128,
    /// The same of p95.
    pub baseline_p95: u128,
    /// The latest spans since a person reset the breaker, oldest first.
    pub recent: Vec<Span>,
}

/// A span of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// When it ended.
    pub until: Timestamp,
    /// The length of the span, in milliseconds.
    pub span_ms: u64,
    /// The number of transitions in it.
    pub transitions: u64,
    /// 95 of 100 took at most this many microseconds.
    pub p95_us: u64,
}

impl Transitions {
    /// Adds a measurement.
    pub(super) fn note(&mut self, measured: &TransitionsMeasured, until: Timestamp) {
        let TransitionsMeasured { span_ms, transitions, p50_us, p95_us, rollout, .. } = *measured;
        if rollout == Rollout::Observe {
            self.baseline_transitions = self.baseline_transitions.saturating_add(transitions);
            let weighted = |us: u64| u128::from(us).saturating_mul(transitions.into());
            self.baseline_p50 = self.baseline_p50.saturating_add(weighted(p50_us));
            self.baseline_p95 = self.baseline_p95.saturating_add(weighted(p95_us));
        }
        if self.recent.len() >= KEPT_SPANS {
            self.recent.remove(0);
        }
        self.recent.push(Span { until, span_ms, transitions, p95_us });
    }

    /// Forgets the spans that led to a breaker that a person reset.
    pub(super) fn forget_recent(&mut self) {
        self.recent.clear();
    }

    /// The p95 of the baseline in microseconds, rounded up; `None`: not enough was measured under `observe`.
    #[must_use]
    pub fn baseline_p95_us(&self) -> Option<u64> {
        if self.baseline_transitions < MIN_BASELINE {
            return None;
        }
        u64::try_from(self.baseline_p95.div_ceil(self.baseline_transitions.into())).ok()
    }

    /// The p95 of the spans in the last `within_ms` before the latest one ended, in microseconds, weighted by
    /// their transitions, rounded up; `None`: nothing was measured.
    #[must_use]
    pub fn recent_p95_us(&self, within_ms: u64) -> Option<u64> {
        let last = self.recent.last()?.until;
        let within = i64::try_from(within_ms).unwrap_or(i64::MAX);
        let (mut sum, mut transitions) = (0_u128, 0_u128);
        for span in self.recent.iter().filter(|span| last.millis_since(span.until) < within) {
            let count = u128::from(span.transitions);
            sum = sum.saturating_add(u128::from(span.p95_us).saturating_mul(count));
            transitions = transitions.saturating_add(count);
        }
        if transitions == 0 {
            return None;
        }
        u64::try_from(sum.div_ceil(transitions)).ok()
    }

    /// The resulting observations: slow transitions, and a breaker to open.
    #[must_use]
    pub fn observed(&self, config: &WatchConfig) -> Vec<ConditionObserved> {
        let mut found = Vec::new();
        let (Some(baseline), Some(last)) = (self.baseline_p95_us(), self.recent.last()) else { return found };
        let now = self.recent_p95_us(config.breaker_after_ms).unwrap_or_default();
        let beside = format!("{} µs, baseline {} µs", grouped(now.into()), grouped(baseline.into()));
        if slow(now, baseline, config.slow_percent, config) {
            let detail = format!(
                "Phase transitions are slow: p95 {beside}, above {} %; look at the disk, the load and the views' lag",
                config.slow_percent
            );
            found.push(observed(AlertRule::SlowTransitions, last.until, detail));
        }
        if let Some(since) = self.slow_since(baseline, config) {
            let detail = format!(
                "The circuit breaker opened: phase transitions took more than {} % of the baseline from {since} to {}, p95 \
                 {beside}. Nothing is blocked until a person says `tollgate breaker reset`",
                config.breaker_percent, last.until
            );
            found.push(observed(AlertRule::Breaker, last.until, detail));
        }
        found
    }

    /// Since when every span was too slow for the breaker, if that is long enough.
    fn slow_since(&self, baseline: u64, config: &WatchConfig) -> Option<Timestamp> {
        if config.breaker_after_ms == 0 {
            return None;
        }
        let after = i64::try_from(config.breaker_after_ms).unwrap_or(i64::MAX);
        let (mut since, mut next) = (None, None);
        for span in self.recent.iter().rev() {
            let begun =
                span.until.plus_millis(i64::try_from(span.span_ms).unwrap_or(i64::MAX).saturating_neg());
            // If nothing was measured for that long, nothing is known.
            let gap = next.is_some_and(|next: Timestamp| next.millis_since(span.until) > after);
            if gap || !slow(span.p95_us, baseline, config.breaker_percent, config) {
                break;
            }
            (since, next) = (Some(begun), Some(begun));
        }
        let last = self.recent.last()?.until;
        since.filter(|since| last.millis_since(*since) >= after)
    }
}

/// Whether a p95 is above this percentage of the baseline, and above what is never slow. 0 percent: the rule is off.
fn slow(p95_us: u64, baseline: u64, percent: u64, config: &WatchConfig) -> bool {
    let bound = u128::from(baseline).saturating_mul(percent.into());
    percent > 0 && p95_us > config.breaker_floor_us && u128::from(p95_us).saturating_mul(100) > bound
}

fn observed(rule: AlertRule, since: Timestamp, detail: String) -> ConditionObserved {
    let condition = Condition { rule, scope: AlertScope::Task, level: 0 };
    ConditionObserved { condition, active: true, since, threshold_ms: 0, detail }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEGIN: &str = "2026-11-21T08:00:00Z";

    /// One-minute spans with 100 transitions each: `o5000` under observe with that p95, `e5000` under
    /// enforce, `-` a minute without any.
    fn measured(script: &str) -> Transitions {
        let mut transitions = Transitions::default();
        let mut until: Timestamp = BEGIN.parse().unwrap();
        for word in script.split_whitespace() {
            let (word, times) = word.split_once('*').unwrap_or((word, "1"));
            for _ in 0..times.parse::<u32>().unwrap() {
                until = until.plus_millis(60_000);
                let Some(p95_us) = word.get(1..).and_then(|us| us.parse().ok()) else { continue };
                let rollout = if word.starts_with('o') { Rollout::Observe } else { Rollout::Enforce };
                let measured = TransitionsMeasured {
                    span_ms: 60_000,
                    transitions: 100,
                    p50_us: p95_us / 2,
                    p95_us,
                    longest_us: p95_us,
                    rollout,
                };
                transitions.note(&measured, until);
            }
        }
        transitions
    }

    #[test]
    fn slow_for_long_opens_the_breaker_and_nothing_else_does() {
        for (script, expected) in [
            ("", ""),
            ("e99000*30", ""),
            ("o10000*3 e12000*10", ""),
            ("o10000*3 e12001*10", "slow_transitions"),
            ("o10000*3 e20000*10", "slow_transitions"),
            ("o10000*3 e20001*9", "slow_transitions"),
            ("o10000*3 e20001*10", "slow_transitions breaker"),
            ("o10000*3 e20001*6 e20000 e20001*9", "slow_transitions"),
            ("o10000*3 e20001*4 - - e20001*4", "slow_transitions breaker"),
            ("o10000*3 e20001*9 -*11 e20001", "slow_transitions"),
            ("o10000*3 e20001*10 e10000*11", ""),
            // 400 % of the baseline, and yet nobody notices.
            ("o2500*3 e10000*20", ""),
            ("o2500*3 e10001*20", "slow_transitions breaker"),
            ("o10000*3 o30000*1 e30001*10", "slow_transitions breaker"),
        ] {
            let found = measured(script).observed(&WatchConfig::default());
            let rules: Vec<&str> = found.iter().map(|seen| seen.rule().as_str()).collect();
            assert_eq!(rules.join(" "), expected, "{script}");
        }
        let off = WatchConfig { breaker_after_ms: 0, slow_percent: 0, ..WatchConfig::default() };
        assert_eq!(measured("o10000*3 e90000*20").observed(&off), []);
    }

    #[test]
    fn the_sentences_name_the_numbers() {
        let found = measured("o10000*3 e20001*10").observed(&WatchConfig::default());
        assert_eq!(
            found[1].detail,
            "The circuit breaker opened: phase transitions took more than 200 % of the baseline from 2026-11-21T08:03:00Z to \
             2026-11-21T08:13:00Z, p95 20,001 µs, baseline 10,000 µs. Nothing is blocked until a person says `tollgate breaker reset`"
        );
        assert_eq!(found[1].since.to_string(), "2026-11-21T08:13:00Z");
    }
}
