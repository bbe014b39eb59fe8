//! What is shown while a history is read.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use indicatif::{ProgressBar, ProgressStyle};
use tollgate_replay::Progress;

use crate::output::grouped_u64;

/// Is told how far it is, and may stop it.
pub(super) type Watched<'a> = dyn Fn(Progress) -> ControlFlow<()> + Sync + 'a;

/// Runs it, with a progress bar on a terminal; Ctrl-C stops it.
pub(super) fn watched<T>(work: impl FnOnce(&Watched<'_>) -> T) -> T {
    let stop = Arc::new(AtomicBool::new(false));
    let set = Arc::clone(&stop);
    let watch = tokio::spawn(async move {
        // Without a handler Ctrl-C ends the process, which loses nothing either.
        if tokio::signal::ctrl_c().await.is_ok() {
            set.store(true, Ordering::Relaxed);
        }
    });
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {percent} %  {msg}  {eta} left") {
        bar.set_style(style);
    }
    let progress = |progress: Progress| {
        bar.set_length(progress.of_records);
        bar.set_position(progress.records);
        let seconds = bar.elapsed().as_millis().max(1);
        let rate = u128::from(progress.events).saturating_mul(1_000) / seconds;
        bar.set_message(format!("{} events/s", grouped_u64(u64::try_from(rate).unwrap_or(u64::MAX))));
        if stop.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let done = tokio::task::block_in_place(|| work(&progress));
    watch.abort();
    bar.finish_and_clear();
    done
}
