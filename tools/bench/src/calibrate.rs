//! Generating a history, and proposing limits from its samples, on one core.

use tollgate_domain::config::BudgetConfig;
use tollgate_replay::calibrate::{History, Options, calibrate};
use tollgate_replay::generate::Spec;

use crate::cpu;
use crate::output::progress;

/// What is calibrated.
#[derive(Debug, clap::Args)]
pub(crate) struct Calibrate {
    /// Tasks of the history, each with nine phases and about 48 events
    #[arg(long, value_name = "N", default_value_t = 200_000)]
    tasks: u64,
    /// Rounds
    #[arg(long, value_name = "N", default_value_t = 3)]
    rounds: u64,
}

/// Each round has another seed. Returns lines to print.
pub(crate) fn run(args: &Calibrate) -> Result<String, String> {
    let mut lines = String::new();
    for seed in 1..=args.rounds {
        progress(&format!("calibrate: round {seed} of {}", args.rounds));
        let spec = Spec::new(seed, args.tasks);
        let used = cpu::process_seconds();
        let events = spec.events().map_err(|error| error.to_string())?.count();
        let generated = cpu::process_seconds() - used;

        let mut history = History::default();
        let (mut pushed, mut samples) = (0.0, 0_u64);
        // In parts, so that what is timed is the history alone, and not the generator.
        let mut all = spec.samples();
        loop {
            let part: Vec<_> = all.by_ref().take(100_000).collect();
            if part.is_empty() {
                break;
            }
            samples += part.len() as u64;
            let used = cpu::thread_seconds();
            history.extend(part).map_err(|error| error.to_string())?;
            pushed += cpu::thread_seconds() - used;
        }
        let used = cpu::process_seconds();
        let found = calibrate(&mut history, &BudgetConfig::built_in(), &Options::default())
            .map_err(|error| error.to_string())?;
        let seconds = cpu::process_seconds() - used;
        lines += &format!(
            "{events} events generated: {:.2} million/s; {samples} samples taken: {:.2} million/s, calibrated: {:.2} million/s \
             ({seconds:.2} s, {} groups)\n",
            events as f64 / generated / 1e6,
            samples as f64 / pushed / 1e6,
            samples as f64 / seconds / 1e6,
            found.groups.len(),
        );
    }
    lines += &format!("peak memory of this process: {:.0} MB\n", cpu::peak_megabytes()?);
    Ok(lines)
}
