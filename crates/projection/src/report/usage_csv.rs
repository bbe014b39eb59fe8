//! Usage as CSV (RFC 4180): one record, or one group, per row.

use tollgate_domain::units::in_pairs;
use tollgate_wire::api::{TokenTotals, UsageList, UsageSummary, UsageTotals};

use super::csv::text;

/// The columns of records, in order.
const RECORD_COLUMNS: [&str; 25] = [
    "sequence",
    "occurred_at",
    "recorded_at",
    "task",
    "producer",
    "id",
    "adjusts",
    "phase",
    "attempt",
    "component",
    "provider",
    "model",
    "allocation",
    "labels",
    "tokens",
    "input_uncached",
    "cached_input",
    "cache_write",
    "output",
    "reasoning",
    "units",
    "estimated",
    "cost_usd",
    "price_version",
    "as_of",
];

/// The columns of sums, in order, behind the period and the dimensions that were grouped by.
const SUM_COLUMNS: [&str; 15] = [
    "usage_events",
    "tokens",
    "input_uncached",
    "cached_input",
    "cache_write",
    "output",
    "reasoning",
    "cost_usd",
    "unpriced_tokens",
    "units",
    "unpriced_units",
    "time_zone",
    "since",
    "until",
    "as_of",
];

/// The records, one per row. Unknown values are empty; labels are a JSON object.
#[must_use]
pub fn usage_csv(list: &UsageList) -> String {
    let mut out = line(RECORD_COLUMNS.map(str::to_owned));
    let maybe = |value: &Option<String>| text(value.as_deref().unwrap_or_default());
    for record in &list.records {
        let labels = if record.labels.is_empty() {
            String::new()
        } else {
            // Texts can always be written.
            serde_json::to_string(&record.labels).unwrap_or_default()
        };
        let [total, uncached, cached, written, output, reasoning] = tokens(&record.tokens);
        out.push_str(&line([
            record.sequence.to_string(),
            record.occurred_at.clone(),
            record.recorded_at.clone(),
            text(&record.task),
            text(&record.producer),
            text(&record.id),
            maybe(&record.adjusts),
            maybe(&record.phase),
            record.attempt.map(|attempt| attempt.to_string()).unwrap_or_default(),
            maybe(&record.component),
            maybe(&record.provider),
            maybe(&record.model),
            maybe(&record.allocation),
            text(&labels),
            total,
            uncached,
            cached,
            written,
            output,
            reasoning,
            in_pairs(&record.units),
            record.estimated.to_string(),
            // Numbers we produced ourselves, which may be negative.
            record.cost_usd.clone().unwrap_or_default(),
            maybe(&record.price_version),
            text(&list.as_of),
        ]));
    }
    out
}

/// The groups, one per row. Values that usage does not state are empty.
#[must_use]
pub fn usage_summary_csv(summary: &UsageSummary) -> String {
    let named = std::iter::once("period").chain(summary.group_by.iter().map(String::as_str));
    let mut out = line(named.chain(SUM_COLUMNS).map(text));
    for group in &summary.groups {
        let values = summary.group_by.iter().map(|by| group.values.get(by).map(|value| text(value)));
        let period = group.period.clone().unwrap_or_default();
        let first = std::iter::once(period).chain(values.map(Option::unwrap_or_default));
        out.push_str(&line(first.chain(sums(summary, &group.totals))));
    }
    out
}

fn sums(summary: &UsageSummary, totals: &UsageTotals) -> Vec<String> {
    let maybe = |value: &Option<String>| text(value.as_deref().unwrap_or_default());
    let mut fields = vec![totals.usage_events.to_string()];
    fields.extend(tokens(&totals.tokens));
    fields.extend([
        totals.cost_usd.clone(),
        totals.unpriced_tokens.to_string(),
        in_pairs(&totals.units),
        in_pairs(&totals.unpriced_units),
        text(&summary.period.time_zone),
        maybe(&summary.period.since),
        maybe(&summary.period.until),
        text(&summary.as_of),
    ]);
    fields
}

fn tokens(tokens: &TokenTotals) -> [String; 6] {
    [
        tokens.total,
        tokens.input_uncached,
        tokens.cached_input,
        tokens.cache_write,
        tokens.output,
        tokens.reasoning,
    ]
    .map(|count| count.to_string())
}

fn line(fields: impl IntoIterator<Item = String>) -> String {
    let mut line = fields.into_iter().collect::<Vec<_>>().join(",");
    line.push_str("\r\n");
    line
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use tollgate_wire::api::{ReportPeriod, UsageGroup};

    use super::*;

    #[test]
    fn a_group_has_a_column_for_each_dimension_and_what_is_not_stated_is_empty() {
        let group = |values: &[(&str, &str)]| UsageGroup {
            period: Some("2026-11".to_owned()),
            values: values.iter().map(|(by, value)| ((*by).to_owned(), (*value).to_owned())).collect(),
            totals: UsageTotals { usage_events: 1, cost_usd: "-0.5".to_owned(), ..UsageTotals::default() },
        };
        let summary = UsageSummary {
            as_of: "e@0:1".to_owned(),
            period: ReportPeriod { time_zone: "UTC".to_owned(), ..ReportPeriod::default() },
            group_by: vec!["team".to_owned(), "model".to_owned()],
            groups: vec![group(&[("model", "gpt-5")]), group(&[("model", "a,b"), ("team", "=1+1")])],
            next: None,
            totals: UsageTotals::default(),
            degraded_tasks: 0,
        };
        assert_eq!(
            usage_summary_csv(&summary),
            format!(
                "period,team,model,{}\r\n2026-11,,gpt-5,1,0,0,0,0,0,0,-0.5,0,,,UTC,,,e@0:1\r\n2026-11,'=1+1,\"a,b\",1,0,0,0,0,0,0,\
                 -0.5,0,,,UTC,,,e@0:1\r\n",
                SUM_COLUMNS.join(",")
            )
        );
    }

    #[test]
    fn a_record_has_all_columns() {
        let list = UsageList { as_of: String::new(), records: Vec::new(), next: None, unreadable: 0 };
        assert_eq!(usage_csv(&list).matches(',').count(), RECORD_COLUMNS.len() - 1);
        let record = tollgate_wire::api::UsageRecord {
            sequence: 7,
            occurred_at: "2026-11-21T08:30:00Z".to_owned(),
            recorded_at: "2026-11-21T08:30:01Z".to_owned(),
            task: "T-1".to_owned(),
            producer: "ci".to_owned(),
            id: "u-1".to_owned(),
            adjusts: None,
            context: None,
            request_id: None,
            phase: Some("PLAN".to_owned()),
            attempt: Some(1),
            component: None,
            provider: None,
            model: Some("gpt-5".to_owned()),
            allocation: None,
            labels: BTreeMap::from([("team".to_owned(), "a".to_owned())]),
            tokens: TokenTotals::default(),
            units: BTreeMap::from([("output_images".to_owned(), 3)]),
            estimated: false,
            cost_usd: None,
            price_version: None,
        };
        let csv = usage_csv(&UsageList { records: vec![record], ..list });
        let row = csv.lines().nth(1).unwrap();
        assert_eq!(
            row,
            "7,2026-11-21T08:30:00Z,2026-11-21T08:30:01Z,T-1,ci,u-1,,PLAN,1,,,gpt-5,,\"{\"\"team\"\":\"\"a\"\"}\",0,0,0,0,0,0,\
             output_images=3,false,,,"
        );
    }
}
