//! The canonical content of a config and its hash.

use std::fmt::Write;

use super::{BudgetConfig, BypassPolicy};
use crate::hex::hex_of_sha256;
use crate::tier::{Complexity, Importance};

/// One `key=value` per line, all defaults filled in, in a fixed order.
pub(super) fn text(config: &BudgetConfig) -> String {
    let mut out = format!("{}\n", super::yaml::HEADER);
    let mut line = |key: &str, value: &dyn std::fmt::Display| {
        writeln!(out, "{key}={value}").expect("writing to a String cannot fail");
    };
    for base in &config.phases {
        line(&format!("phase.{}.tokens", base.phase), &base.tokens);
        line(&format!("phase.{}.latency_ms", base.phase), &base.latency_ms);
        line(&format!("phase.{}.weight", base.phase), &base.weight);
    }
    for tier in Complexity::ALL {
        line(&format!("complexity.{tier}"), &config.complexity_multiplier(*tier));
    }
    for tier in Importance::ALL {
        line(&format!("importance.{tier}"), &config.importance_multiplier(*tier));
    }
    let stop_loss = &config.stop_loss;
    let thresholds = &stop_loss.thresholds;
    line("stop_loss.enabled", &stop_loss.enabled);
    line("stop_loss.profile", &thresholds.profile);
    line("stop_loss.cumulative_token_threshold", &thresholds.cumulative_token);
    line("stop_loss.cumulative_latency_threshold", &thresholds.cumulative_latency);
    line("stop_loss.per_phase_threshold", &thresholds.per_phase);
    line("stop_loss.latency_action", &stop_loss.latency_action);
    line("stop_loss.per_phase_action", &stop_loss.per_phase_action);
    line("stop_loss.allow_completion_threshold", &thresholds.allow_completion);
    line("stop_loss.on_stale", &stop_loss.on_stale);
    line(
        "stop_loss.checkpoint_phase",
        &thresholds.checkpoint_phase.as_ref().map_or("", |phase| phase.as_str()),
    );
    line("stop_loss.early_warn_threshold", &thresholds.early_warn);
    line("stop_loss.early_block_threshold", &thresholds.early_block);
    let nearly_done: Vec<&str> = thresholds.nearly_done_phases.iter().map(|phase| phase.as_str()).collect();
    line("stop_loss.nearly_done_phases", &nearly_done.join(","));
    line("rollout", &config.rollout);
    line("budgeted_latency", &config.budgeted_latency);
    let levels: Vec<String> = config.pressure_levels.iter().map(u32::to_string).collect();
    line("pressure_levels", &levels.join(","));
    for (key, value) in config.alerts.lines() {
        line(key, &value);
    }
    for (key, value) in super::prices::lines(&config.prices) {
        line(&key, &value);
    }
    // Newer than the hashes stored in existing logs: defaults add nothing to the canonical content.
    if stop_loss.on_bypass != BypassPolicy::Alert {
        line("stop_loss.on_bypass", &stop_loss.on_bypass);
    }
    if !config.tracking {
        line("tracking", &config.tracking);
    }
    for (key, value) in config.reports.lines() {
        line(key, &value);
    }
    for (key, value) in super::progress::lines(config.progress.as_ref()) {
        line(&key, &value);
    }
    for (key, value) in config.pool.iter().flat_map(crate::pool::PoolRules::lines) {
        line(&key, &value);
    }
    out
}

pub(super) fn hash(config: &BudgetConfig) -> String {
    hex_of_sha256(&text(config), 32)
}
