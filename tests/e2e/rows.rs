//! Answers with a table as CSV.

use std::fmt::Write;

use tollgate_tests::Place;

#[test]
fn whatever_shows_a_table_writes_it_as_csv_too() {
    let place = Place::new();
    let _ = place.ok("demo");
    let _ = place.ok("--data tollgate-demo/data key create owner --scope admin");
    let _ = place.ok("--data tollgate-demo/data budget set fleet");
    let mut shown = String::new();
    for (line, least) in [
        ("limits", 9),
        ("health budgets", 5),
        ("budget show fleet", 1),
        ("budget pool", 0),
        ("policy show fleet-daily", 1),
        ("key list", 1),
        ("quarantine list", 0),
        ("prices sources", 0),
        ("prices show gpt-5 --input 1000 --output 10", 1),
        ("alerts deliveries", 0),
        ("report accesses", 0),
        ("report savings", 1),
        ("task show T-104", 1),
        ("check --model gpt-5 --tokens 1000", 1),
        ("route --model gpt-5 --tokens 1000", 1),
        ("replay calibrate --from tollgate-demo", 1),
        ("status", 1),
    ] {
        let csv = place.run_line(&format!("--data tollgate-demo/data {line} --format csv"));
        assert!(csv.out.ends_with("\r\n") || csv.out.ends_with('\n'), "{line}: {} {}", csv.out, csv.err);
        let mut lines = csv.out.lines();
        let header = lines.next().unwrap_or_default().to_owned();
        let rows = lines.filter(|row| !row.is_empty()).count();
        assert!(rows >= least, "{line}: {}", csv.out);
        let width = header.split(',').count();
        assert!(width > 1 || least == 0, "{line}: {header}");
        writeln!(shown, "{line}\n    {header}").unwrap();
    }
    insta::assert_snapshot!(shown);
}
