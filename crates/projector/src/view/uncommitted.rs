//! How much was folded since the last commit: memory is bounded by it.

use tollgate_log::record::Record;

/// Rows that may have changed: some 10 KB each in memory, with what is kept beside them.
const MAX_ROWS: usize = 16_000;

/// Bytes of long events that may have been folded: the rows of such events are long, too.
const MAX_LONG_BYTES: usize = 32 << 20;

/// The part of an event that does not count as long. Bytes of short events add up to no memory: rows hold sums.
const SHORT_EVENT_BYTES: usize = 200;

/// What was folded since the last commit, beyond the rows that changed.
#[derive(Debug, Default)]
pub(super) struct Uncommitted {
    long_bytes: usize,
}

impl Uncommitted {
    /// Adds a record that was folded.
    pub(super) fn add(&mut self, record: &Record) {
        let short = record.len().saturating_mul(SHORT_EVENT_BYTES);
        self.long_bytes = self.long_bytes.saturating_add(record.bytes().len().saturating_sub(short));
    }

    /// Whether it is time to commit, after so many rows have changed.
    pub(super) const fn is_full(&self, changed_rows: usize) -> bool {
        changed_rows >= MAX_ROWS || self.long_bytes >= MAX_LONG_BYTES
    }
}

#[cfg(test)]
mod tests {
    use tollgate_domain::event::TaskOpened;
    use tollgate_domain::metadata::TaskMetadata;

    use super::*;
    use crate::testing::{append, event, memory, records, usage};

    #[tokio::test]
    async fn short_events_fill_nothing_and_long_ones_do() {
        let log = memory();
        append(&*log, (0..100).map(|nth| usage("T-1", &format!("u{nth}"), 1)).collect()).await;
        let title = Some("x".repeat(2_000));
        let opened = TaskOpened { metadata: TaskMetadata { title, ..TaskMetadata::default() }, limits: None };
        append(&*log, vec![event("T-2", "o", opened.into())]).await;
        let stored = records(&*log).await;
        let (short, long) = (&stored[0].record, &stored[1].record);
        let mut uncommitted = Uncommitted::default();
        for _ in 0..10_000 {
            uncommitted.add(short);
        }
        assert!(!uncommitted.is_full(MAX_ROWS - 1), "a million short events: {uncommitted:?}");
        assert!(uncommitted.is_full(MAX_ROWS));
        let mut added = 0;
        while !uncommitted.is_full(0) {
            uncommitted.add(long);
            added += 1;
        }
        assert!((16_000..19_000).contains(&added), "{added} of 2 kB each");
    }
}
