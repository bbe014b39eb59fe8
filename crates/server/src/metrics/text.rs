//! The two Prometheus text formats, and which of them a scraper prefers.

use std::collections::BTreeSet;
use std::fmt::Write;

/// A text format of metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextFormat {
    /// The format that every scraper understands.
    Plain,
    /// OpenMetrics 1.0.
    OpenMetrics,
}

impl TextFormat {
    /// The one that an `Accept` header prefers. The older one if it has no preference: every scraper can read
    /// that.
    #[must_use]
    pub fn preferred(accept: &str) -> Self {
        let (mut plain, mut open) = (0, 0);
        for range in accept.split(',') {
            let (kind, parameters) = range.split_once(';').unwrap_or((range, ""));
            let quality = quality(parameters);
            match kind.trim().to_ascii_lowercase().as_str() {
                "application/openmetrics-text" => open = open.max(quality),
                "text/plain" => plain = plain.max(quality),
                _ => {}
            }
        }
        if open > plain { Self::OpenMetrics } else { Self::Plain }
    }

    /// Its media type.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Plain => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }

    /// An OpenMetrics page in this format.
    #[must_use]
    pub fn of_open_metrics(self, page: String) -> String {
        match self {
            Self::Plain => plain(&page),
            Self::OpenMetrics => page,
        }
    }
}

/// Thousandths, the most precise that the header has; an unreadable value counts as 1, as if it were absent.
fn quality(parameters: &str) -> u32 {
    let parameter = parameters.split(';').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("q").then(|| value.trim())
    });
    let Some((whole, part)) = parameter.map(|value| value.split_once('.').unwrap_or((value, ""))) else {
        return 1000;
    };
    let digits: String = part.chars().chain("000".chars()).take(3).collect();
    match (whole, digits.parse::<u32>()) {
        ("0", Ok(thousandths)) => thousandths,
        _ => 1000,
    }
}

/// In that format a counter has the same name as its samples, and there are no lines for units or the end.
fn plain(page: &str) -> String {
    let counters: BTreeSet<&str> =
        page.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.strip_suffix(" counter")).collect();
    let mut text = String::with_capacity(page.len());
    for line in page.lines().filter(|line| *line != "# EOF" && !line.starts_with("# UNIT ")) {
        let described = line.strip_prefix("# HELP ").or_else(|| line.strip_prefix("# TYPE "));
        let name = described.and_then(|rest| rest.split(' ').next());
        // Writing to a string does not fail.
        let _ = match name.filter(|name| counters.contains(name)) {
            Some(name) => writeln!(text, "{}", line.replacen(name, &format!("{name}_total"), 1)),
            None => writeln!(text, "{line}"),
        };
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scrapers_get_what_they_prefer() {
        for (accept, format) in [
            ("", TextFormat::Plain),
            ("*/*", TextFormat::Plain),
            ("application/json", TextFormat::Plain),
            ("text/plain;version=0.0.4;q=1,*/*;q=0.1", TextFormat::Plain),
            ("text/plain; version=0.0.4", TextFormat::Plain),
            ("application/openmetrics-text", TextFormat::OpenMetrics),
            ("application/openmetrics-text;q=0", TextFormat::Plain),
            (
                "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,\
                 text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
                TextFormat::OpenMetrics,
            ),
            ("text/plain;q=0.9, application/openmetrics-text; version=1.0.0; Q=0.85", TextFormat::Plain),
            (
                "text/plain;q=0.85, application/openmetrics-text; version=1.0.0; Q=0.9",
                TextFormat::OpenMetrics,
            ),
        ] {
            assert_eq!(TextFormat::preferred(accept), format, "{accept}");
        }
    }

    #[test]
    fn a_counter_is_called_as_its_samples_are() {
        let page = "# HELP a_events Events.\n# TYPE a_events counter\na_events_total{outcome=\"new\"} 3\n\
                    # HELP a_seconds Time.\n# TYPE a_seconds histogram\n# UNIT a_seconds seconds\na_seconds_sum 0.1\n# EOF\n";
        let expected = "# HELP a_events_total Events.\n# TYPE a_events_total counter\na_events_total{outcome=\"new\"} 3\n\
                        # HELP a_seconds Time.\n# TYPE a_seconds histogram\na_seconds_sum 0.1\n";
        assert_eq!(TextFormat::Plain.of_open_metrics(page.to_owned()), expected);
        assert_eq!(TextFormat::OpenMetrics.of_open_metrics(page.to_owned()), page);
    }
}
