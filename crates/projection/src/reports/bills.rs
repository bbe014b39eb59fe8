//! What providers billed, by day.

use serde::{Deserialize, Serialize};
use tollgate_domain::event::{BillDayRecorded, BillLine, RecordedEvent};
use tollgate_domain::position::Sequence;
use tollgate_domain::time::{Day, Timestamp};

use super::ReportRow;
use crate::fold::Rows;

const BILL: u8 = b'b';

/// A day of a provider's bill: the last one that was imported on a day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BillDay {
    /// Its record.
    pub sequence: Sequence,
    /// When it was imported.
    pub imported_at: Timestamp,
    /// The file that it came from.
    pub source: String,
    /// What was billed.
    pub lines: Vec<BillLine>,
}

/// The prefix of the keys of a tenant's bills.
#[must_use]
pub fn bills_of(tenant: &str) -> Vec<u8> {
    let mut key = vec![BILL];
    push(&mut key, tenant);
    key
}

/// The provider, the account and the day in a key with this prefix.
#[must_use]
pub fn bill_of_key<'a>(prefix: &[u8], key: &'a [u8]) -> Option<(&'a str, &'a str, Day)> {
    let (key, _) = key.strip_prefix(prefix)?.split_last_chunk::<DAY_BYTES>()?;
    let (names, day) = key.split_last_chunk::<DAY_BYTES>()?;
    let (provider, account) = std::str::from_utf8(names.strip_suffix(&[0])?).ok()?.split_once('\0')?;
    Some((provider, account, Day((u32::from_be_bytes(*day) ^ (1 << 31)).cast_signed())))
}

fn push(key: &mut Vec<u8>, name: &str) {
    key.extend_from_slice(name.as_bytes());
    key.push(0);
}

const DAY_BYTES: usize = 4;

/// With the sign bit flipped, days before 1970 sort before the others.
const fn day_bytes(day: Day) -> [u8; DAY_BYTES] {
    (day.0.cast_unsigned() ^ (1 << 31)).to_be_bytes()
}

/// Records a day. It takes the place of an earlier bill of the same account, which is kept if it is of another day:
/// that was known until then.
pub(super) fn note<R: Rows<ReportRow>>(
    rows: &mut R,
    event: &RecordedEvent<'_>,
    billed: &BillDayRecorded,
) -> Result<(), R::Error> {
    let mut key = bills_of(event.tenant);
    push(&mut key, &billed.provider);
    push(&mut key, &billed.account);
    key.extend_from_slice(&day_bytes(billed.day));
    key.extend_from_slice(&day_bytes(event.recorded_at.day()));
    let day = || BillDay {
        sequence: event.sequence,
        imported_at: event.recorded_at,
        source: billed.source.clone(),
        lines: billed.lines.clone(),
    };
    if let ReportRow::Bill(row) = rows.change(&key, || ReportRow::Bill(Box::new(day())))?
        && row.sequence < event.sequence
    {
        **row = day();
    }
    Ok(())
}
