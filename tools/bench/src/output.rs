//! The report, for people and for programs.

use serde_json::{Map, Value, json};

use crate::place::Place;
use crate::stats::{Samples, Spread};

/// What a run measured.
pub(crate) struct Report {
    pub(crate) directory: String,
    pub(crate) file_system: String,
    pub(crate) cores: usize,
    pub(crate) quick: bool,
    pub(crate) rounds: usize,
    /// Raw numbers; the unit is in the name.
    pub(crate) figures: Samples,
    /// Quotients of numbers of the same round.
    pub(crate) ratios: Samples,
}

impl Report {
    /// What was measured in a place.
    pub(crate) fn of(place: &Place, quick: bool, rounds: usize, figures: Samples, ratios: Samples) -> Self {
        Self {
            directory: place.path().display().to_string(),
            file_system: place.file_system(),
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            quick,
            rounds,
            figures,
            ratios,
        }
    }

    /// One object: medians under their names, and for ratios also the lowest and highest round.
    pub(crate) fn to_json(&self) -> Value {
        let medians = |samples: &Samples| -> Map<String, Value> {
            samples.spreads().map(|(name, spread)| (name.to_owned(), number(spread.median))).collect()
        };
        let range = |spread: Spread| json!([number(spread.lowest), number(spread.highest)]);
        let ranges: Map<String, Value> =
            self.ratios.spreads().map(|(name, spread)| (name.to_owned(), range(spread))).collect();
        json!({
            "ratios": medians(&self.ratios),
            "ratio_ranges": ranges,
            "figures": medians(&self.figures),
            "rounds": self.rounds,
            "quick": self.quick,
            "cores": self.cores,
            "directory": self.directory,
            "file_system": self.file_system,
        })
    }

    /// Two tables, and a line about where it was measured.
    pub(crate) fn to_table(&self) -> String {
        let head = ["median", "lowest", "highest"];
        let mut text = format!(
            "{} rounds{} in {} ({}), {} cores\n",
            self.rounds,
            if self.quick { ", quick," } else { "" },
            self.directory,
            self.file_system,
            self.cores
        );
        for (title, samples) in [("ratio", &self.ratios), ("figure", &self.figures)] {
            text.push('\n');
            let width = samples.spreads().map(|(name, _)| name.len()).max().unwrap_or_default();
            let mut line = |name: &str, numbers: [String; 3]| {
                let [median, lowest, highest] = numbers;
                text.push_str(&format!("{name:width$} {median:>10} {lowest:>10} {highest:>10}\n"));
            };
            line(title, head.map(str::to_owned));
            for (name, Spread { median, lowest, highest }) in samples.spreads() {
                line(name, [median, lowest, highest].map(written));
            }
        }
        text
    }
}

/// A number for people: four digits, or all of a large one.
fn written(value: f64) -> String {
    let places = if value.abs() >= 1_000.0 {
        0
    } else if value.abs() >= 10.0 {
        1
    } else {
        3
    };
    format!("{value:.places$}")
}

/// A number for programs, without meaningless digits.
fn number(value: f64) -> Value {
    json!((value * 1e4).round() / 1e4)
}

/// Reports progress on stderr.
#[expect(clippy::print_stderr, reason = "progress is for who waits, the report alone goes to stdout")]
pub(crate) fn progress(line: &str) {
    eprintln!("{line}");
}

/// Prints the report.
#[expect(clippy::print_stdout, reason = "the report is what was asked for")]
pub(crate) fn print(report: &str) {
    println!("{}", report.trim_end());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let (mut figures, mut ratios) = (Samples::default(), Samples::default());
        for value in [3.0, 1.0, 2.0] {
            figures.add("append_events_per_second", value * 1_000.0);
            ratios.add("append_vs_raw", value / 3.0);
        }
        let (directory, file_system) = ("/data/x".to_owned(), "ext4, mounted at /".to_owned());
        Report { directory, file_system, cores: 2, quick: true, rounds: 3, figures, ratios }
    }

    #[test]
    fn programs_get_medians_and_ranges() {
        let expected = json!({
            "ratios": {"append_vs_raw": 0.6667},
            "ratio_ranges": {"append_vs_raw": [0.3333, 1.0]},
            "figures": {"append_events_per_second": 2000.0},
            "rounds": 3, "quick": true, "cores": 2,
            "directory": "/data/x", "file_system": "ext4, mounted at /",
        });
        assert_eq!(report().to_json(), expected);
    }

    #[test]
    fn people_get_tables_that_say_where_it_was_measured() {
        let text = report().to_table();
        for part in
            ["3 rounds, quick, in /data/x (ext4, mounted at /), 2 cores", "0.667", "2000", "append_vs_raw"]
        {
            assert!(text.contains(part), "{part} in {text}");
        }
    }
}
