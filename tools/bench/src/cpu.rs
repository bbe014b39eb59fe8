//! Processor time, as Linux counts it.

/// Processor seconds of this thread.
pub(crate) fn thread_seconds() -> f64 {
    nanoseconds("/proc/thread-self/schedstat") / 1e9
}

/// Processor seconds of all threads of this process that still run.
pub(crate) fn process_seconds() -> f64 {
    let tasks = std::fs::read_dir("/proc/self/task").expect("this benchmark needs Linux's /proc");
    tasks
        .filter_map(Result::ok)
        .map(|task| nanoseconds(&format!("{}/schedstat", task.path().display())) / 1e9)
        .sum()
}

fn nanoseconds(path: &str) -> f64 {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.split_whitespace().next().and_then(|first| first.parse().ok()).unwrap_or_default()
}
