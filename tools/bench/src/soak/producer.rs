//! The producers of a soak: who appends what, and who waits.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tollgate_log::embedded::EmbeddedLog;

use super::PAUSE;
use crate::usage::{BATCH, Maker, append_to, task_name};
use crate::work::mix;

/// Events that open a task.
const OPENING: u64 = 4;

/// How far all producers are.
pub(crate) struct Course {
    batches: u64,
    tasks: u64,
    /// Batches that were begun, and those that are durable.
    begun: AtomicU64,
    done: AtomicU64,
    held: AtomicBool,
}

impl Course {
    pub(crate) const fn new(batches: u64, tasks: u64) -> Self {
        let (begun, done) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { batches, tasks, begun, done, held: AtomicBool::new(false) }
    }

    pub(crate) const fn batches(&self) -> u64 {
        self.batches
    }

    /// Batches of usage that are durable.
    pub(crate) fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    /// Tasks that were opened before this batch.
    fn opened_before(&self, batch: u64) -> u64 {
        (u128::from(self.tasks) * u128::from(batch) / u128::from(self.batches)) as u64
    }

    /// Tasks so far.
    pub(crate) fn tasks(&self) -> u64 {
        self.opened_before(self.done())
    }

    /// Events so far, about: of usage, and those that opened tasks.
    pub(crate) fn events(&self) -> u64 {
        self.done() * BATCH + self.tasks() * OPENING
    }

    /// Has producers wait before their next batch.
    pub(crate) fn hold(&self, held: bool) {
        self.held.store(held, Ordering::Relaxed);
    }
}

/// Opens tasks and reports their usage, until nothing is left to do.
pub(crate) async fn produce(number: u64, log: Arc<EmbeddedLog>, course: Arc<Course>) {
    let mut made = Maker::numbered_from(number << 40);
    loop {
        while course.held.load(Ordering::Relaxed) {
            tollgate_clock::sleep(PAUSE).await;
        }
        let batch = course.begun.fetch_add(1, Ordering::Relaxed);
        if batch >= course.batches {
            return;
        }
        for task in course.opened_before(batch)..course.opened_before(batch + 1) {
            append_to(&log, &task_name(task), made.opened(task), true).await;
        }
        // Of a task that was opened some time ago: another producer may not be done with the latest ones.
        let task = mix(batch) % course.opened_before(batch).saturating_sub(1_000).max(1);
        let usage = (0..BATCH).map(|_| made.usage(task)).collect();
        append_to(&log, &task_name(task), usage, false).await;
        course.done.fetch_add(1, Ordering::Relaxed);
    }
}
