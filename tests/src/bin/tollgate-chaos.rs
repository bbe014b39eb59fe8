//! The chaos run by name: `tollgate-chaos [--seconds 600] [--seed N]`. Exits with 0 if no promise was broken.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it reports to whoever started it")]

use std::process::ExitCode;
use std::time::Duration;

use tollgate_tests::chaos::Chaos;

fn main() -> ExitCode {
    let (mut seconds, mut seed) = (600, 1);
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments.next().and_then(|value| value.parse::<u64>().ok());
        match (name.as_str(), value) {
            ("--seconds", Some(value)) => seconds = value,
            ("--seed", Some(value)) => seed = value,
            _ => {
                eprintln!("usage: tollgate-chaos [--seconds 600] [--seed 1]");
                return ExitCode::from(2);
            }
        }
    }
    match (Chaos { time: Duration::from_secs(seconds), seed }).run() {
        Some(outcome) => {
            println!("seed {seed}, {seconds} s: no promise was broken\n{outcome:#?}");
            ExitCode::SUCCESS
        }
        None => ExitCode::FAILURE,
    }
}
