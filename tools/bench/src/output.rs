//! What was measured, for people and for programs.

use std::fmt::Write;

use serde_json::{Map, Value, json};

/// Figures and ratios in the order they were measured.
#[derive(Debug, Default)]
pub(crate) struct Results {
    figures: Vec<(String, f64, &'static str)>,
    ratios: Vec<(&'static str, f64, &'static str)>,
}

impl Results {
    /// A figure with its unit in the name, and how it is written.
    pub(crate) fn figure(&mut self, name: impl Into<String>, value: f64, what: &'static str) {
        self.figures.push((name.into(), value, what));
    }

    /// A ratio, and what it must reach.
    pub(crate) fn ratio(&mut self, name: &'static str, value: f64, goal: &'static str) {
        self.ratios.push((name, value, goal));
    }

    pub(crate) fn table(&self) -> String {
        let mut text = String::new();
        for (name, value, what) in &self.figures {
            let _ = writeln!(text, "{name:<48} {:>14}  {what}", written(*value));
        }
        let _ = writeln!(text, "\n{:<48} {:>14}  goal", "ratio", "");
        for (name, value, goal) in &self.ratios {
            let _ = writeln!(text, "{name:<48} {value:>14.2}  {goal}");
        }
        text
    }

    pub(crate) fn json(&self, rounds: usize) -> Value {
        let rounded = |value: f64| json!((value * 1000.0).round() / 1000.0);
        let figures: Map<String, Value> =
            self.figures.iter().map(|(name, value, _)| (name.clone(), rounded(*value))).collect();
        let ratios: Map<String, Value> =
            self.ratios.iter().map(|(name, value, _)| ((*name).to_owned(), rounded(*value))).collect();
        json!({"ratios": ratios, "figures": figures, "rounds": rounds})
    }
}

fn written(value: f64) -> String {
    if value >= 1000.0 { format!("{value:.0}") } else { format!("{value:.2}") }
}
