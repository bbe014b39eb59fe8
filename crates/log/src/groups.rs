//! Records in groups, for readers that nobody waits for: they look for what came when its appender has long
//! gone on, and are not woken by each record.

use std::future::Future;
use std::time::Duration;

use crate::contract::{ReadError, RecordReader};
use crate::record::StoredRecord;

/// How long such a reader does not look while the log is in use: a step of a task is over by then, and
/// nothing that is made of it is late.
pub const LOOK_AFTER: Duration = Duration::from_millis(40);

/// After so many looks that found nothing (a second) the log is at rest.
const LOOKS: u32 = 25;

/// Records of so many bytes are followed by others at once: a reader that is behind, or of a log that takes
/// much, does not wait.
const ENOUGH_BYTES: usize = 64 << 10;

/// When a reader looks: while the log is in use now and then, else as soon as a record comes. The first
/// record after a rest wakes it, those that follow do not.
#[derive(Debug)]
pub struct Groups {
    /// Looks since the last one that found something.
    in_vain: u32,
    /// Whether more is there, as far as that can be told.
    behind: bool,
}

impl Default for Groups {
    /// Of a log at rest.
    fn default() -> Self {
        Self { in_vain: LOOKS, behind: false }
    }
}

impl Groups {
    /// The next records, at least one. `pause` lets time pass, or ends it early where somebody waits after
    /// all. A future that is dropped loses none.
    ///
    /// # Errors
    ///
    /// As of [`RecordReader::next`].
    pub async fn next<P: Future<Output = ()>>(
        &mut self,
        reader: &mut dyn RecordReader,
        pause: impl Fn(Duration) -> P,
    ) -> Result<Vec<StoredRecord>, ReadError> {
        loop {
            let records = if self.behind {
                reader.try_next().await?
            } else if self.in_vain < LOOKS {
                pause(LOOK_AFTER).await;
                reader.try_next().await?
            } else {
                reader.next().await?
            };
            let bytes: usize = records.iter().map(|stored| stored.record.bytes().len()).sum();
            self.behind = bytes >= ENOUGH_BYTES;
            if !records.is_empty() {
                self.in_vain = 0;
                return Ok(records);
            }
            self.in_vain = self.in_vain.saturating_add(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::time::Instant;
    use tollgate_domain::position::Sequence;

    use super::*;
    use crate::conformance::{batch, event};
    use crate::contract::{EventLog, Partitions};
    use crate::memory::MemoryLog;
    use tollgate_clock::{ManualClock, sleep};

    async fn append(log: &MemoryLog, id: &str, payload: &str) {
        log.append(batch(vec![event("T-1", id, payload)])).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_record_after_a_rest_comes_at_once_and_those_that_follow_together() {
        let log = MemoryLog::new(Arc::new(ManualClock::default()));
        let mut reader = log.read_from(Partitions::ALL, Sequence::ZERO).await.unwrap();
        let mut groups = Groups::default();
        let begun = Instant::now();
        append(&log, "a", "x").await;
        assert_eq!(groups.next(&mut *reader, sleep).await.unwrap().len(), 1);
        assert_eq!(begun.elapsed(), Duration::ZERO);
        for (nth, ids) in [["b", "c"], ["d", "e"]].into_iter().enumerate() {
            for id in ids {
                append(&log, id, "x").await;
            }
            assert_eq!(groups.next(&mut *reader, sleep).await.unwrap().len(), 2);
            assert_eq!(begun.elapsed(), LOOK_AFTER * (nth as u32 + 1));
        }
        // After a second without any the log is at rest: the next one is waited for, not looked for.
        let odd = LOOK_AFTER * LOOKS + Duration::from_millis(7);
        let rested = Instant::now();
        let later = async {
            sleep(odd).await;
            append(&log, "f", "x").await;
        };
        let (records, ()) = tokio::join!(groups.next(&mut *reader, sleep), later);
        assert_eq!((records.unwrap().len(), rested.elapsed()), (1, odd));
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_is_behind_does_not_pause() {
        let log = MemoryLog::new(Arc::new(ManualClock::default()));
        let mut reader = log.read_from(Partitions::ALL, Sequence::ZERO).await.unwrap();
        let mut groups = Groups::default();
        let begun = Instant::now();
        let much = "x".repeat(15 << 10);
        for round in 0..3 {
            for nth in 0..5 {
                append(&log, &format!("{round}-{nth}"), &much).await;
            }
            assert_eq!(groups.next(&mut *reader, sleep).await.unwrap().len(), 5);
        }
        assert_eq!(begun.elapsed(), Duration::ZERO);
    }
}
