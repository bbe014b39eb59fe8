//! From the page that `/metrics` shows (OpenMetrics text) to what a collector accepts: whatever is shown is
//! exported, including metrics added later.

use std::collections::BTreeMap;

use crate::otlp::{
    CUMULATIVE, Data, Gauge, Histogram, HistogramPoint, KeyValue, Metric, Number, NumberPoint, Sum,
};

/// The times of a page, in nanoseconds of Unix time.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// When the process began to count.
    pub start: u64,
    /// When the page was written.
    pub now: u64,
}

/// Names and values.
type Labels = Vec<(String, String)>;

/// What a page says about one metric before its samples.
#[derive(Default)]
struct Family {
    name: String,
    help: String,
    unit: String,
    kind: String,
    points: Vec<NumberPoint>,
    histograms: BTreeMap<Labels, HistogramPoint>,
}

/// The metrics of a page. Unreadable lines, and kinds that a ledger does not have, are left out.
#[must_use]
pub fn metrics(page: &str, times: Times) -> Vec<Metric> {
    let (mut metrics, mut family) = (Vec::new(), Family::default());
    for line in page.lines() {
        if let Some(rest) = line.strip_prefix("# ") {
            let mut words = rest.splitn(3, ' ');
            let (Some(what), Some(name)) = (words.next(), words.next()) else { continue };
            if name != family.name {
                metrics.extend(std::mem::take(&mut family).finished());
                name.clone_into(&mut family.name);
            }
            let said = words.next().unwrap_or_default();
            match what {
                "HELP" => said.trim_end_matches('.').clone_into(&mut family.help),
                "UNIT" => said.clone_into(&mut family.unit),
                "TYPE" => said.clone_into(&mut family.kind),
                _ => {}
            }
        } else if let Some((name, labels, value)) = sample(line) {
            family.take(name, labels, value, times);
        }
    }
    metrics.extend(family.finished());
    metrics
}

impl Family {
    fn take(&mut self, name: &str, labels: Labels, value: &str, times: Times) {
        let Some(part) = name.strip_prefix(&self.name) else { return };
        match (self.kind.as_str(), part) {
            ("counter", "_total") | ("gauge", "") => {
                let whole = value.parse().ok().map(Number::AsInt);
                let Some(number) = whole.or_else(|| value.parse().ok().map(Number::AsDouble)) else { return };
                // A current value has no start time.
                let start_time_unix_nano = if part.is_empty() { 0 } else { times.start };
                let (attributes, value) = (attributes(&labels), Some(number));
                let time_unix_nano = times.now;
                self.points.push(NumberPoint { attributes, start_time_unix_nano, time_unix_nano, value });
            }
            ("histogram", _) => self.take_histogram(part, labels, value, times),
            _ => {}
        }
    }

    fn take_histogram(&mut self, part: &str, mut labels: Labels, value: &str, times: Times) {
        let bound = labels.iter().position(|(name, _)| name == "le").map(|at| labels.remove(at).1);
        let point = self.histograms.entry(labels).or_insert_with_key(|labels| HistogramPoint {
            attributes: attributes(labels),
            start_time_unix_nano: times.start,
            time_unix_nano: times.now,
            ..HistogramPoint::default()
        });
        match (part, bound.as_deref(), value.parse::<u64>().ok()) {
            ("_sum", _, _) => point.sum = value.parse().ok(),
            ("_count", _, Some(count)) => point.count = count,
            // A page counts cumulatively up to each bound, a collector between bounds.
            ("_bucket", Some(bound), Some(up_to)) => {
                let before: u64 = point.bucket_counts.iter().sum();
                point.bucket_counts.push(up_to.saturating_sub(before));
                if let Some(bound) = bound.parse().ok().filter(|bound: &f64| bound.is_finite()) {
                    point.explicit_bounds.push(bound);
                }
            }
            _ => {}
        }
    }

    fn finished(self) -> Option<Metric> {
        let Self { name, help: description, unit, kind, points: data_points, histograms } = self;
        let data = match kind.as_str() {
            "counter" if !data_points.is_empty() => {
                Data::Sum(Sum { data_points, aggregation_temporality: CUMULATIVE, is_monotonic: true })
            }
            "gauge" if !data_points.is_empty() => Data::Gauge(Gauge { data_points }),
            "histogram" if !histograms.is_empty() => Data::Histogram(Histogram {
                data_points: histograms.into_values().collect(),
                aggregation_temporality: CUMULATIVE,
            }),
            _ => return None,
        };
        let unit = if unit == "seconds" { "s".to_owned() } else { unit };
        Some(Metric { name, description, unit, data: Some(data) })
    }
}

fn attributes(labels: &[(String, String)]) -> Vec<KeyValue> {
    labels.iter().map(|(name, value)| KeyValue::new(name, value)).collect()
}

/// Name, labels and value of a line.
fn sample(line: &str) -> Option<(&str, Labels, &str)> {
    let Some((name, rest)) = line.split_once('{').filter(|(name, _)| !name.contains(' ')) else {
        let (name, value) = line.split_once(' ')?;
        return Some((name, Vec::new(), value));
    };
    let (mut labels, mut rest) = (Vec::new(), rest);
    while !rest.starts_with('}') {
        let (label, quoted) = rest.split_once("=\"")?;
        let (value, after) = unquoted(quoted)?;
        labels.push((label.to_owned(), value));
        rest = after.strip_prefix(',').unwrap_or(after);
    }
    Some((name, labels, rest.strip_prefix("} ")?))
}

/// A quoted text up to its end, and what follows.
fn unquoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => value.push(match letters.next()?.1 {
                'n' => '\n',
                other => other,
            }),
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const PAGE: &str = r#"# HELP tollgate_events Events answered, by outcome.
# TYPE tollgate_events counter
tollgate_events_total{outcome="appended"} 5
tollgate_events_total{outcome="with \"quotes\", \\ and }"} 2
# HELP tollgate_nothing Nothing was counted.
# TYPE tollgate_nothing counter
# HELP tollgate_took_seconds Time taken.
# TYPE tollgate_took_seconds histogram
# UNIT tollgate_took_seconds seconds
tollgate_took_seconds_sum{route="/v1"} 1.25
tollgate_took_seconds_count{route="/v1"} 4
tollgate_took_seconds_bucket{le="0.1",route="/v1"} 1
tollgate_took_seconds_bucket{le="1.0",route="/v1"} 3
tollgate_took_seconds_bucket{le="+Inf",route="/v1"} 4
# HELP tollgate_waiting Messages that wait.
# TYPE tollgate_waiting gauge
tollgate_waiting -3
# EOF
"#;

    #[test]
    fn what_a_page_shows_is_what_a_collector_gets() {
        let metrics = metrics(PAGE, Times { start: 1, now: 2 });
        let text = |text: &str| json!({"stringValue": text});
        let outcome = |value: &str| json!([{"key": "outcome", "value": text(value)}]);
        let point = |outcome: Value, value: &str| json!({"attributes": outcome, "startTimeUnixNano": "1", "timeUnixNano": "2", "asInt": value});
        let expected = json!([
            {"name": "tollgate_events", "description": "Events answered, by outcome", "unit": "", "sum": {
                "dataPoints": [point(outcome("appended"), "5"), point(outcome("with \"quotes\", \\ and }"), "2")],
                "aggregationTemporality": 2, "isMonotonic": true}},
            {"name": "tollgate_took_seconds", "description": "Time taken", "unit": "s", "histogram": {
                "dataPoints": [{
                    "attributes": [{"key": "route", "value": text("/v1")}], "startTimeUnixNano": "1", "timeUnixNano": "2",
                    "count": "4", "sum": 1.25, "bucketCounts": ["1", "2", "1"], "explicitBounds": [0.1, 1.0]}],
                "aggregationTemporality": 2}},
            {"name": "tollgate_waiting", "description": "Messages that wait", "unit": "", "gauge": {
                "dataPoints": [{"attributes": [], "startTimeUnixNano": "0", "timeUnixNano": "2", "asInt": "-3"}]}},
        ]);
        assert_eq!(serde_json::to_value(&metrics).unwrap(), expected);
    }

    #[test]
    fn what_cannot_be_read_is_left_out() {
        for page in [
            "",
            "x",
            "{",
            "a{b 1",
            "a{b=\"c} 1",
            "# TYPE a counter\na_total many\na_other 1\n",
            "# TYPE a info\na_info 1",
        ] {
            assert_eq!(metrics(page, Times { start: 1, now: 2 }), [], "{page}");
        }
    }
}
