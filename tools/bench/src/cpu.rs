//! Processor time and memory, as Linux counts them.

use std::fs;

/// Clock ticks of `/proc/self/stat` per second: 100 on every machine this is built for.
const TICKS_PER_SECOND: f64 = 100.0;

/// Processor seconds this process has used so far, user and system, including threads that have ended. In
/// steps of 10 ms.
pub(crate) fn process_seconds() -> f64 {
    seconds_of(std::process::id())
}

/// Like [`process_seconds`], for a running process.
pub(crate) fn seconds_of(process: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).expect("Linux has this file");
    ticks(&stat).expect("Linux writes user and system time there") as f64 / TICKS_PER_SECOND
}

/// Processor seconds this thread has used so far, to the nanosecond.
pub(crate) fn thread_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/thread-self/schedstat").expect("Linux has this file");
    let nanoseconds: Option<u64> = stat.split_whitespace().next().and_then(|first| first.parse().ok());
    nanoseconds.expect("Linux writes the thread's time there") as f64 / 1e9
}

/// The peak memory of this process.
pub(crate) fn peak_megabytes() -> Result<f64, String> {
    status("VmHWM:")
}

/// The memory of this process.
pub(crate) fn megabytes() -> Result<f64, String> {
    status("VmRSS:")
}

fn status(name: &str) -> Result<f64, String> {
    let status = std::fs::read_to_string("/proc/self/status").map_err(|error| error.to_string())?;
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let line = line.ok_or_else(|| format!("no {name} in /proc/self/status"))?;
    let kilobytes: f64 =
        line.trim().trim_end_matches(" kB").parse().map_err(|_| format!("{name} is no number"))?;
    Ok(kilobytes / 1e3)
}

/// The sum of `utime` and `stime`. The process's name, in parentheses, may contain blanks.
fn ticks(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    let mut next = || fields.next()?.parse::<u64>().ok();
    Some(next()? + next()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_and_system_time_are_found_behind_the_name() {
        for (stat, expected) in [
            ("7 (cat) R 1 2 3 4 5 6 7 8 9 10 120 30 0 0 20", Some(150)),
            ("7 (a b) c) S 1 2 3 4 5 6 7 8 9 10 1 0 0", Some(1)),
            ("7 (cat) R 1 2", None),
            ("", None),
        ] {
            assert_eq!(ticks(stat), expected, "{stat}");
        }
    }
}
