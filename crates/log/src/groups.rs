//! Records in groups, for readers that nobody waits for: a record that comes wakes such a reader once, not for each that follows it.

use std::future::Future;
use std::time::Duration;

use crate::contract::{ReadError, RecordReader};
use crate::record::StoredRecord;

/// How long a record waits for others: a step of a task is over by then, and nothing that is made of it is late.
pub const LINGER: Duration = Duration::from_millis(20);

/// Records of so many bytes are a group without waiting: a reader that is behind, or of a log that takes much, does not wait.
const ENOUGH_BYTES: usize = 64 << 10;

/// Lets more come: waits until `waited` is ready, then adds what is there to what has come before. Of a future that is dropped the
/// records are lost to the reader.
///
/// # Errors
///
/// As of [`RecordReader::try_next`].
pub async fn gather(
    reader: &mut dyn RecordReader,
    mut records: Vec<StoredRecord>,
    waited: impl Future<Output = ()>,
) -> Result<Vec<StoredRecord>, ReadError> {
    let bytes: usize = records.iter().map(|stored| stored.record.bytes().len()).sum();
    if bytes < ENOUGH_BYTES {
        waited.await;
        records.extend(reader.try_next().await?);
    }
    Ok(records)
}
