//! Charges in the format of FOCUS, checked by the specification's own validator where it is installed.

use tollgate_test_process::Program;
use tollgate_tests::Place;

/// Names the validator's executable, if it is not in the path.
const VALIDATOR: &str = "TOLLGATE_TEST_FOCUS_VALIDATOR";

/// What the validator says of every row, wrongly: it reads "not null if there is an invoice" as "not null".
const KNOWN: &str = "InvoiceId-C-005-C";

/// Charges of two months and two tenants, divided and undivided, with corrections, with usage without a price, usage
/// that got its price later and another one since, and an allocation of which nothing was used.
fn charges() -> String {
    let place = Place::new();
    let record = |rest: &str| place.ok(&format!("--data d usage record T-1 {rest}"));
    let gpt = "--provider openai --model gpt-5";
    record(&format!("--id a --at 2026-10-31T20:00:00Z {gpt} --input 1200 --output 70 --reasoning 20"));
    record(&format!("--id b --at 2026-11-02T20:00:00Z {gpt} --input 1000000 --cached 3 --output 1"));
    record(
        "--id c --at 2026-11-02T21:00:00Z --provider anthropic --model claude-sonnet-4-5 --input 300000 --output 1",
    );
    record("--id d --at 2026-11-03T09:00:00Z --model nobodys --input 5");
    record("--id e --at 2026-11-03T10:00:00Z --provider studio --model painter --unit output_images=3");
    record("--id f --at 2026-11-03T11:00:00Z --provider acme --model house --input 500000 --output 1000");
    record(&format!("--id g --at 2026-11-05T10:00:00Z {gpt} --service-tier flex --input 2000 --output 10"));
    let north = |rest: &str| place.ok(&format!("--data d --tenant north {rest}"));
    let _ =
        north(&format!("usage record T-1 --id a --at 2026-11-02T20:00:00Z {gpt} --input 9000 --output 70"));
    let _ = north("allocate create A-1 --tokens 1000 --model gpt-5 --provider openai");
    let _ = place.ok("--data d usage adjust T-1 a --at 2026-11-04T00:00:00Z --input -200 --reason twice");
    for (entry, model, input) in
        [("acme/house", "house", 2), ("acme/house", "house", 3), ("gpt-5", "gpt-5", 1)]
    {
        let _ = place.ok(&format!(
            "--data d prices set {entry} --input {input} --output 8 --from 2026-11-01 --by ann"
        ));
        let _ = place.ok(&format!("--data d prices reprice --model {model} --from 2026-11-01 --by ann"));
    }
    let focus = place.ok("--data d report focus --tags phase,producer");
    let ledger = place.json("--data d report");
    let again =
        place.ok("--data d report focus --from 2026-01-01 --to 2200-01-01 --zone UTC --tags phase,producer");
    assert_eq!(focus, again);
    let billed = focus.lines().skip(1).map(|row| row.split(',').next().unwrap().parse().unwrap());
    let sum = billed.fold(tollgate_domain::money::Usd::ZERO, |sum, cost| sum.checked_add(cost).unwrap());
    assert_eq!(ledger["cost_usd"], sum.to_string(), "{focus}");
    // What was costed with the prices before is still divided by them, and what only changes a price says so.
    let has = |parts: &[&str]| focus.lines().any(|row| parts.iter().all(|part| row.contains(part)));
    assert!(has(&["gpt-5 by openai: cached input tokens,", "2026-11-02T00:00:00Z"]), "{focus}");
    assert!(has(&["house by acme: tokens of all kinds (another price for 2026-11-03)"]), "{focus}");
    assert!(has(&["gpt-5 by openai: output tokens", ",north,"]) && !has(&["A-1"]), "{focus}");
    focus
}

#[test]
fn the_validator_of_focus_finds_nothing_else() {
    let charges = charges();
    let Some((validator, rules)) = validator() else { return };
    let place = Place::new();
    place.write("focus.csv", &charges);
    let said = Program::new(&validator)
        .current_dir(&rules)
        .args([
            "--data-file",
            &place.path("focus.csv").display().to_string(),
            "--validate-version",
            "1.2.0.1",
        ])
        .args(["--block-download", "--focus-dataset", "CostAndUsage", "--show-violations"])
        .output();
    let text = String::from_utf8_lossy(&said.stdout);
    assert!(text.contains("BilledCost-C-001-M: PASS"), "{text}\n{}", String::from_utf8_lossy(&said.stderr));
    let failed: Vec<&str> = text.lines().filter(|line| line.contains(": FAIL")).collect();
    assert!(failed.iter().all(|line| line.contains(KNOWN)), "{}\n{charges}", failed.join("\n"));
}

/// The validator and the directory that it has to run in, to find its own files; says so if there is none.
#[expect(clippy::print_stderr, reason = "a skipped test says so")]
fn validator() -> Option<(String, String)> {
    let validator = std::env::var(VALIDATOR).unwrap_or_else(|_| "focus-validator".to_owned());
    let python = std::path::Path::new(&validator).with_file_name("python");
    let place =
        "import focus_validator, os; print(os.path.dirname(os.path.dirname(focus_validator.__file__)))";
    let found = Program::new(python.as_os_str()).args(["-c", place]).try_output();
    match found {
        Ok(said) if said.status.success() => {
            Some((validator, String::from_utf8_lossy(&said.stdout).trim().to_owned()))
        }
        Ok(_) | Err(_) => {
            eprintln!(
                "SKIPPED: rows of FOCUS are not validated: install focus-validator 2.2.1 with pyarrow < 22 (PyPI) into an \
                 environment of its own, and name its executable in {VALIDATOR}"
            );
            None
        }
    }
}
