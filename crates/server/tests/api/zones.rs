//! Totals by period, in a time zone and a time range.

use http::Request;
use serde_json::{Value, json};

use crate::support::{Service, at};

/// Usage around midnight in Tokyo and in Paris, around both clock changes there, and an hour ago. The clock
/// is at 2026-11-20T10:00:00Z.
async fn service(config: Option<&str>) -> Service {
    let service = Service::with_config(config).await;
    let used = |id: &str, at: &str, tokens: u64| {
        json!({"id": id, "task": "T-1", "occurred_at": at,
            "usage_recorded": {"model": "gpt-5", "tokens": {"output": tokens}}})
    };
    let events = json!([
        used("a", "2026-06-01T14:59:59.999Z", 1),
        used("b", "2026-06-01T15:00:00Z", 20),
        used("c", "2026-06-01T22:00:00Z", 300),
        used("d", "2026-03-28T23:30:00Z", 4_000),
        used("e", "2026-10-25T00:30:00Z", 50_000),
        used("f", "2026-10-25T01:30:00Z", 600_000),
        used("g", "2026-10-25T23:00:00Z", 7_000_000),
    ]);
    let (status, answer) = service.append(events).await;
    assert_eq!(status, 201, "{answer}");
    service
}

/// The rows of a list as `key:tokens`; they add up to the total.
fn rows(report: &Value, list: &str) -> String {
    let rows = report[list].as_array().unwrap_or_else(|| panic!("{list} in {report}"));
    let sum: i64 = rows.iter().map(|row| row["tokens"]["total"].as_i64().unwrap()).sum();
    assert_eq!(report["tokens"]["total"], sum, "{report}");
    let shown = rows.iter().map(|row| format!("{}:{}", row["key"].as_str().unwrap(), row["tokens"]["total"]));
    shown.collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn each_period_zone_and_range() {
    let service = service(None).await;
    for (query, list, expected) in [
        ("", "by_day", "2026-03-28:4000 2026-06-01:321 2026-10-25:7650000"),
        (
            "time_zone=Asia/Tokyo",
            "by_day",
            "2026-03-29:4000 2026-06-01:1 2026-06-02:320 2026-10-25:650000 2026-10-26:7000000",
        ),
        (
            "zone=europe/paris",
            "by_day",
            "2026-03-29:4000 2026-06-01:21 2026-06-02:300 2026-10-25:650000 2026-10-26:7000000",
        ),
        (
            "zone=Europe/Paris&by=week",
            "by_week",
            "2026-W13:4000 2026-W23:321 2026-W43:650000 2026-W44:7000000",
        ),
        ("zone=Europe/Paris&by=month", "by_month", "2026-03:4000 2026-06:321 2026-10:7650000"),
        (
            "zone=Europe/Paris&by=hour&since=2026-10-25&until=2026-10-26",
            "by_hour",
            "2026-10-25T02:00+02:00:50000 2026-10-25T02:00+01:00:600000",
        ),
        ("zone=Asia/Tokyo&since=2026-06-02&until=2026-06-03", "by_day", "2026-06-02:320"),
        ("since=2026-06-01T15:00:00Z&until=2026-06-01T15:15:00Z", "by_day", "2026-06-01:20"),
        ("zone=Europe/Paris&until=2026-03-29", "by_day", ""),
        ("zone=Europe/Paris&since=2026-03-29&until=2026-03-30", "by_model", "gpt-5:4000"),
        (
            "zone=Europe/Paris&since=2026-03-29T00:00:00%2B01:00&until=2026-06-02&top=1",
            "by_producer",
            "ci:4021",
        ),
    ] {
        let (status, report) = service.get(&format!("/v1/report?at_least=tail&{query}")).await;
        assert_eq!(status, 200, "{query}: {report}");
        assert_eq!(rows(&report, list), expected, "{query}");
    }
    let (_, report) = service.get("/v1/report?at_least=tail&zone=asia/tokyo&by=week&since=2026-06-02").await;
    let database = tollgate_domain::zone::database_version();
    let period = json!({"by": "week", "time_zone": "Asia/Tokyo", "time_zone_database": database,
        "since": "2026-06-01T15:00:00Z"});
    assert_eq!((&report["period"], &report["by_day"]), (&period, &json!([])), "{report}");
    let (_, health) = service.get("/v1/health").await;
    assert_eq!(health["time_zone_database"], database, "{health}");
}

#[tokio::test]
async fn the_zone_of_the_config_holds_where_none_is_given() {
    let service = service(Some("reports: { time_zone: Asia/Tokyo }\n")).await;
    for (query, expected) in [
        ("since=2026-06-02&until=2026-06-03", "2026-06-02:320"),
        ("time_zone=UTC&since=2026-06-01&until=2026-06-02", "2026-06-01:321"),
    ] {
        let (_, report) = service.get(&format!("/v1/report?at_least=tail&{query}")).await;
        assert_eq!(rows(&report, "by_day"), expected, "{query}");
    }
    let (_, log) = service.get("/v1/log?after=0&limit=10").await;
    assert!(log.to_string().contains("reports.time_zone=Asia/Tokyo"), "{log}");
}

#[tokio::test]
async fn what_is_wrong_with_a_question_is_said() {
    let service = service(None).await;
    for (query, field, says) in [
        ("by=year", "by", "must be `hour`, `day`, `week` or `month`"),
        ("time_zone=Europe/Pariss", "time_zone", "did you mean `Europe/Paris`?"),
        ("time_zone=%2B02:00", "time_zone", "must be the name of a time zone"),
        ("since=2026-13-01", "since", "must be a time such as 2026-11-21T08:30:00Z, or a day"),
        ("until=2026-06-01T15:01:00Z", "until", "must be a quarter of an hour"),
        ("since=2026-06-02&until=2026-06-01", "until", "must be later than `since`"),
        ("format=xml", "format", "must be `json` or `csv`"),
    ] {
        let (status, problem) = service.get(&format!("/v1/report?{query}")).await;
        assert_eq!((status.as_u16(), problem["field"].as_str()), (400, Some(field)), "{query}: {problem}");
        assert!(problem["detail"].as_str().unwrap().contains(says), "{query}: {problem}");
    }
}

#[tokio::test]
async fn totals_as_csv_by_query_and_by_header() {
    let service = service(None).await;
    let path = "/v1/report?at_least=tail&zone=Asia/Tokyo&since=2026-06-02&until=2026-06-03";
    let request =
        |path: String| Request::get(path).header("host", "localhost:7070").header("accept", "text/csv");
    let body = axum::body::Body::empty;
    let (_, by_header) = service.send(request(path.to_owned()).body(body()).unwrap()).await;
    let (status, by_query) = service.send(request(format!("{path}&format=csv")).body(body()).unwrap()).await;
    assert_eq!((status.as_u16(), &by_header), (200, &by_query));
    let lines: Vec<&str> = by_query.split("\r\n").collect();
    assert!(lines[0].starts_with("list,key,rest_of,usage_events,tokens,"), "{by_query}");
    let range = "Asia/Tokyo,2026-06-01T15:00:00Z,2026-06-02T15:00:00Z";
    assert!(lines[1].starts_with("total,,,2,320,0,0,0,320,0,0,") && lines[1].contains(range), "{by_query}");
    assert!(lines[2].starts_with("day,2026-06-02,,2,320,"), "{by_query}");
    let headers = service.headers(request(path.to_owned()).body(body()).unwrap()).await;
    assert_eq!(headers["content-disposition"], "attachment; filename=\"ledger_report.csv\"");
}

/// The producer's clock is 27 hours, then 70 years ahead: its usage counts at once, and its days are marked.
#[tokio::test]
async fn a_day_that_a_wrong_clock_dated_says_so() {
    let service = service(None).await;
    let used = |id: &str, at: &str| json!({"id": id, "task": "T-2", "occurred_at": at, "usage_recorded": {"tokens": {"output": 9}}});
    service.append(json!([used("x", "2026-11-21T13:00:00Z"), used("y", "2096-11-20T10:00:00Z")])).await;
    let (_, report) = service.get("/v1/report?at_least=tail&since=2026-11-01").await;
    assert_eq!(rows(&report, "by_day"), "2026-11-21:9 2096-11-20:9");
    for row in report["by_day"].as_array().unwrap() {
        assert_eq!(
            (&row["ahead"]["tokens"], &row["ahead"]["usage_events"]),
            (&json!(9), &json!(1)),
            "{report}"
        );
        assert!(row["ahead"]["note"].as_str().unwrap().contains("a producer's clock is wrong"), "{report}");
    }
}

/// The same phase and usage by clocks that are 27 hours ahead, 70 years ahead, 27 hours behind, and right.
#[tokio::test]
async fn silence_stuck_and_skew_by_four_clocks() {
    let config = "alerts: { silence_after_ms: 5000, stuck_factor: 0, stuck_after_ms: 8000 }\n";
    let service = Service::with_config(Some(config)).await;
    let clocks = [
        ("T-day", "2026-11-21T13:00:00Z", Some(97_200_000)),
        ("T-life", "2096-11-20T10:00:00Z", Some(2_209_075_200_000_i64)),
        ("T-late", "2026-11-19T07:00:00Z", Some(-97_200_000)),
        ("T-right", "2026-11-20T10:00:00Z", None),
    ];
    for (task, now, _) in clocks {
        let events = json!([
            {"id": "o", "task": task, "occurred_at": now, "task_opened": {}},
            {"id": "s", "task": task, "occurred_at": now, "phase_started": {"phase": "PLAN"}},
            {"id": "u", "task": task, "occurred_at": now, "usage_recorded": {"phase": "PLAN", "tokens": {"output": 100}}},
        ]);
        assert_eq!(service.append(events).await.0, 201);
    }
    service.clock.set(at("2026-11-20T10:00:09Z"));
    service.ledger.watch().look().await.unwrap();
    for (task, _, skew) in clocks {
        let (_, status) = service.get(&format!("/v1/tasks/{task}?at_least=tail")).await;
        assert_eq!(
            (status["tokens_used"].as_i64(), status["clock_skew_ms"].as_i64()),
            (Some(100), skew),
            "{status}"
        );
        let (_, list) = service.get(&format!("/v1/alerts?at_least=tail&task={task}")).await;
        let mut rules: Vec<&str> =
            list["alerts"].as_array().unwrap().iter().map(|alert| alert["rule"].as_str().unwrap()).collect();
        rules.sort_unstable();
        let expected: &[&str] =
            if skew.is_some() { &["clock_skew", "silence", "stuck"] } else { &["silence", "stuck"] };
        assert_eq!(rules, expected, "{task}: {list}");
    }
    let (_, tasks) = service.get("/v1/tasks?at_least=tail").await;
    let skewed =
        tasks["tasks"].as_array().unwrap().iter().filter(|task| task["clock_skew_ms"].is_i64()).count();
    assert_eq!(skewed, 3, "{tasks}");
    let (_, report) = service.get("/v1/report?at_least=tail").await;
    assert_eq!(rows(&report, "by_day"), "2026-11-19:100 2026-11-20:100 2026-11-21:100 2096-11-20:100");
    let marked: Vec<bool> =
        report["by_day"].as_array().unwrap().iter().map(|row| row["ahead"].is_object()).collect();
    assert_eq!(marked, [false, false, true, true], "{report}");
}
