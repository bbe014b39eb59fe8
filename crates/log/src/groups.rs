//! Records in groups, for readers that no one waits for: they look for new records when the appender is long
//! done, and are not woken by each record.

use std::future::Future;
use std::time::Duration;

use crate::contract::{ReadError, RecordReader};
use crate::record::StoredRecord;

/// How long such a reader waits between looks while the log is in use: by then a step of a task is over, and
/// nothing derived from it is late.
pub const LOOK_AFTER: Duration = Duration::from_millis(40);

/// After this many looks that found nothing (a second), the log is considered at rest.
const LOOKS: u32 = 25;

/// Records of this many bytes are assumed to be followed by others at once: a reader that is behind, or whose
/// log is busy, does not wait.
const ENOUGH_BYTES: usize = 64 << 10;

/// When a reader looks: from time to time while the log is in use, otherwise as soon as a record arrives. The
/// first record after a rest wakes it; those that follow do not.
#[derive(Debug)]
pub struct Groups {
    /// The number of looks since the last one that found something.
    in_vain: u32,
    /// Whether there is more, as far as is known.
    behind: bool,
}

impl Default for Groups {
    /// For a log at rest.
    fn default() -> Self {
        Self { in_vain: LOOKS, behind: false }
    }
}

impl Groups {
    /// The next records, at least one. `pause` lets time pass, or ends early if someone is waiting after all.
    /// Dropping the future loses none.
    ///
    /// # Errors
    ///
    /// Those of [`RecordReader::next`].
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
        // After a second without records the log is at rest: the next one is awaited, not polled for.
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
