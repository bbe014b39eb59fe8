//! Rebuilds a config file from its canonical content, which is what a log stores of it.

use std::fmt::Write;

use super::BudgetConfig;
use crate::yaml::{ConfigProblem, InvalidConfig};

/// The first line of the canonical content.
pub(super) const HEADER: &str = "tollgate.config.v1";

/// The config with this canonical content.
///
/// # Errors
///
/// [`InvalidConfig`] if it is not the content of a config that this version can put in force as it was: a
/// later version may have written it.
pub(super) fn from_canonical(canonical: &str) -> Result<BudgetConfig, InvalidConfig> {
    let refused = |rule: &str| InvalidConfig {
        problems: vec![ConfigProblem { rule: rule.to_owned(), ..ConfigProblem::default() }],
    };
    let yaml = of(canonical).ok_or_else(|| refused("not the content of a config of this version"))?;
    let config = super::read::from_yaml(&yaml)?;
    if config.canonical() == canonical {
        Ok(config)
    } else {
        Err(refused("this version reads another config out of it than was in force"))
    }
}

/// The canonical content as the YAML of a config file. `None` if it is not canonical content.
pub(super) fn of(canonical: &str) -> Option<String> {
    let mut lines = canonical.lines();
    if lines.next() != Some(HEADER) {
        return None;
    }
    let mut parts = Parts::default();
    for line in lines {
        let (key, value) = line.split_once('=')?;
        parts.take(key, value)?;
    }
    Some(parts.yaml())
}

/// The lines, grouped by subject.
#[derive(Default)]
struct Parts {
    phases: Vec<PhaseLines>,
    /// Sections, each with its keys and values as YAML writes them.
    sections: Vec<(String, Vec<(String, String)>)>,
    /// Local names, by their kind.
    aliases: Vec<(String, Vec<(String, String)>)>,
    /// What counts as progress, by phase; the section's other keys are in `sections`.
    signals: Vec<(String, Vec<(String, String)>)>,
    /// Points that phases are expected to end with.
    expected_points: Vec<(String, String)>,
    /// What draws from the pool leave, by importance; the section's other keys are in `sections`.
    leave: Vec<(String, String)>,
    /// Keys without a section.
    top: Vec<(String, String)>,
}

/// A phase's lines.
#[derive(Default)]
struct PhaseLines {
    name: String,
    tokens: String,
    latency_ms: String,
    weight: String,
}

impl Parts {
    fn take(&mut self, key: &str, value: &str) -> Option<()> {
        let Some((section, rest)) = key.split_once('.') else {
            self.top.push((key.to_owned(), written(key, value)));
            return Some(());
        };
        match section {
            "phase" => self.take_of_phase(rest, value)?,
            "complexity" | "importance" => {
                self.put(&format!("{section}_multipliers"), rest, value.to_owned());
            }
            "prices" => {
                let (kind, name) = rest.split_once('.')?;
                let pair = (quoted(name), quoted(value));
                match self.aliases.iter_mut().find(|(other, _)| other == kind) {
                    Some((_, pairs)) => pairs.push(pair),
                    None => self.aliases.push((kind.to_owned(), vec![pair])),
                }
            }
            "progress" => self.take_of_progress(rest, value)?,
            "pool" => match rest.strip_prefix("leave.") {
                Some(importance) => self.leave.push((importance.to_owned(), value.to_owned())),
                None => self.put(section, rest, value.to_owned()),
            },
            // An empty value is written by omitting the key: there is no such phase.
            "stop_loss" if rest == "checkpoint_phase" && value.is_empty() => {}
            _ => self.put(section, rest, written(rest, value)),
        }
        Some(())
    }

    fn take_of_phase(&mut self, rest: &str, value: &str) -> Option<()> {
        let (name, what) = rest.split_once('.')?;
        if self.phases.last().is_none_or(|phase| phase.name != name) {
            self.phases.push(PhaseLines { name: name.to_owned(), ..PhaseLines::default() });
        }
        let phase = self.phases.last_mut()?;
        let field = match what {
            "tokens" => &mut phase.tokens,
            "latency_ms" => &mut phase.latency_ms,
            "weight" => &mut phase.weight,
            _ => return None,
        };
        value.clone_into(field);
        Some(())
    }

    fn take_of_progress(&mut self, rest: &str, value: &str) -> Option<()> {
        if let Some(of_phase) = rest.strip_prefix("signals.") {
            let (phase, signal) = of_phase.split_once('.')?;
            let pair = (quoted(signal), value.to_owned());
            match self.signals.iter_mut().find(|(other, _)| other == phase) {
                Some((_, pairs)) => pairs.push(pair),
                None => self.signals.push((phase.to_owned(), vec![pair])),
            }
        } else if let Some(phase) = rest.strip_prefix("expected_points.") {
            self.expected_points.push((phase.to_owned(), value.to_owned()));
        } else {
            self.put("progress", rest, written(rest, value));
        }
        Some(())
    }

    fn put(&mut self, section: &str, key: &str, value: String) {
        let pair = (key.to_owned(), value);
        match self.sections.iter_mut().find(|(name, _)| name == section) {
            Some((_, pairs)) => pairs.push(pair),
            None => self.sections.push((section.to_owned(), vec![pair])),
        }
    }

    fn yaml(&self) -> String {
        let mut out = String::new();
        let mut line = |text: String| writeln!(out, "{text}").expect("writing to a String cannot fail");
        let names: Vec<String> = self.phases.iter().map(|phase| word(&phase.name)).collect();
        line(format!("phases: [{}]", names.join(", ")));
        line("base_budgets:".to_owned());
        for phase in &self.phases {
            let (tokens, latency_ms) = (&phase.tokens, &phase.latency_ms);
            line(format!("  {}: {{ tokens: {tokens}, latency_ms: {latency_ms} }}", word(&phase.name)));
        }
        line("phase_weights:".to_owned());
        for phase in &self.phases {
            line(format!("  {}: {}", word(&phase.name), phase.weight));
        }
        for (section, pairs) in &self.sections {
            line(format!("{section}:"));
            for (key, value) in pairs {
                line(format!("  {key}: {value}"));
            }
            match section.as_str() {
                "progress" => self.write_progress(&mut line),
                "pool" => line(format!("  leave: {}", flow(&self.leave))),
                _ => {}
            }
        }
        if !self.aliases.is_empty() {
            line("prices:".to_owned());
        }
        for (kind, pairs) in &self.aliases {
            line(format!("  {kind}:"));
            for (name, theirs) in pairs {
                line(format!("    {name}: {theirs}"));
            }
        }
        for (key, value) in &self.top {
            line(format!("{key}: {value}"));
        }
        out
    }

    /// The nested keys of the section `progress`. A config whose phases have no signals says so.
    fn write_progress(&self, line: &mut impl FnMut(String)) {
        let signals: Vec<(String, String)> =
            self.signals.iter().map(|(phase, points)| (word(phase), flow(points))).collect();
        line(format!("  signals: {}", flow(&signals)));
        if !self.expected_points.is_empty() {
            let expected: Vec<(String, String)> =
                self.expected_points.iter().map(|(phase, points)| (word(phase), points.clone())).collect();
            line(format!("  expected_points: {}", flow(&expected)));
        }
    }
}

/// Pairs as a mapping in one line.
fn flow(pairs: &[(String, String)]) -> String {
    let pairs: Vec<String> = pairs.iter().map(|(key, value)| format!("{key}: {value}")).collect();
    if pairs.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", pairs.join(", ")) }
}

/// A value in YAML syntax: lists are written in brackets.
fn written(key: &str, value: &str) -> String {
    match key {
        "nearly_done_phases" | "carry_phases" => {
            let names: Vec<String> = value.split(',').filter(|name| !name.is_empty()).map(word).collect();
            format!("[{}]", names.join(", "))
        }
        "pressure_levels" => format!("[{}]", value.split(',').collect::<Vec<_>>().join(", ")),
        "checkpoint_phase" => word(value),
        _ => value.to_owned(),
    }
}

/// Arbitrary text, quoted as in JSON, which YAML also reads.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The name of a phase, quoted if YAML would read it as something other than a string.
fn word(name: &str) -> String {
    let other = ["null", "true", "false", "yes", "no", "on", "off", "y", "n"];
    if other.iter().any(|other| other.eq_ignore_ascii_case(name)) {
        format!("\"{name}\"")
    } else {
        name.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN_PHASES: &str = "phases: [\"NO\", TRY-1, \"Y\"]\n\
        base_budgets: { \"NO\": { tokens: 1, latency_ms: 2 }, TRY-1: { tokens: 10000000000, latency_ms: 1 }, \"Y\": { tokens: 3, latency_ms: 4 } }\n\
        phase_weights: { \"NO\": 0.000001, TRY-1: 10, \"Y\": 1.5 }\n";

    #[test]
    fn a_config_comes_back_out_of_its_canonical_content() {
        for yaml in [
            super::super::DEFAULT_CONFIG,
            "rollout: enforce\n",
            "rollout: enforce_low_medium\nbudgeted_latency: active\ntracking: false\npressure_levels: [1, 99, 100000]\n",
            "stop_loss: { enabled: false, profile: loose, on_stale: closed, latency_action: block, per_phase_action: block }\n",
            "stop_loss: { profile: graduated, checkpoint_phase: SPEC, nearly_done_phases: [] }\n",
            "complexity_multipliers: { Tiny: 0.123456 }\nimportance_multipliers: { critical: 9.5 }\n",
            "rollout: enforce\nstop_loss: { on_bypass: refuse }\n",
            "alerts: { silence_after_ms: 0, stuck_factor: 0 }\n",
            "alerts: { min_tasks: 0, breaker_floor_us: 7 }\n",
            OWN_PHASES,
            "progress: {}",
            "pool: {}",
            "pool: { window: monthly, give: 0.25, step: 0.1, ceiling: 1.5, leave: { low: 1, critical: 0.01 } }\nprogress: {}\n",
            "progress: { signals: {} }\nbudgeted_latency: full\n",
            "progress: { signals: { verify: { tests_passing: 7, a.b:c-d: 1000000 }, SPEC: { \"yes\": 2 } }, expected_points: { VERIFY: 9 }, carry_phases: [], spinning_repeats: 0 }\n",
            "progress: { extension: 0, ceiling: 1, spinning_action: block, extension_raises_total: true, carry_phases: [verify, PR], check_percent: 7 }\n",
        ] {
            let config = BudgetConfig::from_yaml(yaml).unwrap();
            let back = BudgetConfig::from_canonical(&config.canonical()).unwrap();
            assert_eq!((&back, back.hash()), (&config, config.hash()), "{yaml}");
            assert_eq!(BudgetConfig::from_yaml(&config.to_yaml()).unwrap(), config, "{}", config.to_yaml());
        }
    }

    #[test]
    fn what_this_version_would_not_put_in_force_as_it_was_is_refused() {
        let canonical = BudgetConfig::built_in().canonical();
        for (text, says) in [
            (String::new(), "not the content of a config of this version"),
            (canonical.replace(".v1", ".v2"), "not the content of a config of this version"),
            (format!("{canonical}no value\n"), "not the content of a config of this version"),
            (format!("{canonical}stop_loss.later=5\n"), "stop_loss.later: `5`: unknown key"),
            (format!("{canonical}later=5\n"), "later: `5`: unknown key"),
            (
                canonical.replace("rollout=observe", "rollout=sometimes"),
                "rollout: `sometimes`: must be one of",
            ),
            (format!("{canonical}tracking=true\n"), "this version reads another config out of it"),
        ] {
            let error = BudgetConfig::from_canonical(&text).unwrap_err().to_string();
            assert!(error.starts_with(says), "must say: {says}\nsays: {error}");
        }
    }
}
