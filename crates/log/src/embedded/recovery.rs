//! What is on the disk when a log is opened: every durable record, and at most one torn tail, which is cut.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use tollgate_domain::position::Sequence;

use super::OpenError;
use super::frame::{self, ALIGNMENT, FRAME_HEADER, NoFrame};
use super::frontier;
use super::ledger::LedgerFile;
use super::reader::before;
use super::sealed::place::{self, Elsewhere};
use super::segment::{self, Heads, NoSegment, SEGMENT_HEADER, SegmentHeader};
use crate::contract::ReadError;
use crate::key::RecordHash;
use crate::record::partition_of;

/// What to do about a lost segment.
pub(super) const RESTORE: &str =
    "later records are read and appended; put the segment back, or restore a backup";

/// The log as it was found.
pub(super) struct Recovered {
    /// The segment to continue in; `None` in a new log.
    pub(super) active: Option<ActiveSegment>,
    /// The last durable state.
    pub(super) heads: Heads,
    /// Bytes of a torn tail that were cut.
    pub(super) cut_bytes: u64,
}

/// The segment that is written to.
#[derive(Debug)]
pub(super) struct ActiveSegment {
    pub(super) file: File,
    pub(super) ordinal: u64,
    /// The number of bytes it may grow to.
    pub(super) capacity: u64,
    /// Where the next frame goes.
    pub(super) end: u64,
}

/// Reads the last segment, cuts a torn tail, and makes durable what a dead writer may have left in the page cache.
///
/// # Errors
///
/// [`OpenError::Damaged`] if an acknowledged record cannot be read: nothing is changed in that case.
pub(super) fn recover(
    log_dir: &Path,
    ledger: &LedgerFile,
    accept_loss: bool,
) -> Result<Recovered, OpenError> {
    let io_error = |error: io::Error| OpenError::io(log_dir, &error);
    let mut ordinals = place::ordinals(log_dir).map_err(io_error)?;
    let acknowledged =
        if accept_loss { Sequence::ZERO } else { acknowledged(log_dir, ledger).map_err(io_error)? };
    let regressed = |last| OpenError::Regressed {
        last,
        acknowledged,
        witness: log_dir.join("frontier").display().to_string(),
    };
    let mut found = None;
    while let Some(&ordinal) = ordinals.last() {
        let path = place::unpacked(log_dir, ordinal).map_err(io_error)?;
        let file = File::options()
            .read(true)
            .write(true)
            .open(&path)
            .map_err(|error| OpenError::io(&path, &error))?;
        match read_header(&file, &path, ledger)? {
            Ok(header) if header.ordinal == ordinal => {
                found = Some((file, header));
                break;
            }
            Ok(_) | Err(NoSegment::Empty | NoSegment::Invalid | NoSegment::Newer(_)) => {
                // A segment whose header never became durable: no record in it was acknowledged, unless one says so.
                let bytes = all_of(&file, &path)?;
                refuse_if_vouched_for(&bytes, &path, Sequence(1), 0)?;
                std::fs::remove_file(&path).map_err(|error| OpenError::io(&path, &error))?;
                ordinals.pop();
            }
        }
    }
    let Some((file, header)) = found else {
        if acknowledged > Sequence::ZERO {
            return Err(regressed(Sequence::ZERO));
        }
        return Ok(Recovered { active: None, heads: Heads::start(), cut_bytes: 0 });
    };
    let path = segment::path(log_dir, header.ordinal);
    let scanned = scan(&file, &path, &header)?;
    if acknowledged > scanned.heads.last {
        return Err(regressed(scanned.heads.last));
    }
    let cut_bytes = settle(&file, &scanned).map_err(|error| OpenError::io(&path, &error))?;
    let active = ActiveSegment { file, ordinal: header.ordinal, capacity: header.capacity, end: scanned.end };
    Ok(Recovered { active: Some(active), heads: scanned.heads, cut_bytes })
}

/// Which segments before the active one are missing or do not match their names; `None` if all are in place.
/// Their contents are only checked when they are read.
pub(super) fn incomplete(log_dir: &Path, active: u64, ledger: &LedgerFile) -> Option<String> {
    let elsewhere = match Elsewhere::of(log_dir) {
        Ok(elsewhere) => elsewhere,
        Err(error) => return Some(format!("{error}; {RESTORE}")),
    };
    let mut last = Sequence::ZERO;
    for ordinal in 1..=active {
        let (before, epoch) = match before(log_dir, &elsewhere, ordinal) {
            Ok(found) => found,
            Err(error) => return Some(format!("segment {ordinal} of the log: {error}; {RESTORE}")),
        };
        if !ledger.knows(epoch) {
            return Some(format!("segment {ordinal} is of another log, {}; {RESTORE}", epoch.simple()));
        }
        if before < last || (ordinal == 1 && before > Sequence::ZERO) {
            let begins = before.next();
            return Some(format!(
                "segment {ordinal} begins at record {begins}, before the one in front of it ends; {RESTORE}"
            ));
        }
        last = before;
    }
    None
}

/// The last sequence that is on the disk according to the frontier's file.
pub(super) fn acknowledged(log_dir: &Path, ledger: &LedgerFile) -> io::Result<Sequence> {
    Ok(match frontier::read(log_dir)? {
        Some((epoch, true, frontier)) if epoch == ledger.epoch => frontier.last,
        Some(_) | None => Sequence::ZERO,
    })
}

fn read_header(
    file: &File,
    path: &Path,
    ledger: &LedgerFile,
) -> Result<Result<SegmentHeader, NoSegment>, OpenError> {
    let mut bytes = vec![0; SEGMENT_HEADER];
    let length = file.metadata().map_err(|error| OpenError::io(path, &error))?.len();
    if length < SEGMENT_HEADER as u64 {
        return Ok(Err(NoSegment::Invalid));
    }
    file.read_exact_at(&mut bytes, 0).map_err(|error| OpenError::io(path, &error))?;
    match SegmentHeader::read(&bytes) {
        Err(NoSegment::Newer(found)) => {
            let dir = path.display().to_string();
            Err(OpenError::NewerFormat { dir, found, known: super::format::FORMAT })
        }
        Ok(header) if !ledger.knows(header.epoch) => Err(OpenError::NotADataDirectory {
            dir: path.display().to_string(),
            what: format!("the segment is of another log, {}", header.epoch.simple()),
        }),
        other => Ok(other),
    }
}

/// What the last segment holds.
struct Scanned {
    heads: Heads,
    /// Where the last good frame ends.
    end: u64,
    /// Where the frames begin that nothing vouches for: they may be in the page cache only.
    unsynced_from: u64,
    /// The file's bytes.
    bytes: Vec<u8>,
}

fn scan(file: &File, path: &Path, header: &SegmentHeader) -> Result<Scanned, OpenError> {
    let bytes = all_of(file, path)?;
    let mut heads = header.before.clone();
    let mut at = SEGMENT_HEADER;
    let mut starts: Vec<(Sequence, usize)> = Vec::new();
    let mut synced_through = Sequence::ZERO;
    while let Ok(frame) = frame::read(&bytes[at..]) {
        let record = &bytes[at + FRAME_HEADER..at + FRAME_HEADER + frame.record_bytes];
        let Some(partition) = partition_of(record) else { break };
        let follows = frame.sequence == heads.last.next();
        if !follows || heads.chains[partition.index()].then(RecordHash::of(record)) != frame.chain {
            break;
        }
        heads.advance(&frame, partition);
        starts.push((frame.sequence, at));
        synced_through = synced_through.max(frame.synced_through);
        at += frame.frame_bytes();
        if at >= bytes.len() {
            at = bytes.len();
            break;
        }
    }
    refuse_if_vouched_for(&bytes[at..], path, heads.last.next(), at as u64)?;
    let unsynced =
        starts.iter().find(|(sequence, _)| *sequence > synced_through).map_or(at, |&(_, start)| start);
    Ok(Scanned { heads, end: at as u64, unsynced_from: unsynced as u64, bytes })
}

/// All bytes of a segment.
fn all_of(file: &File, path: &Path) -> Result<Vec<u8>, OpenError> {
    let io_error = |error| OpenError::io(path, &error);
    let length = file.metadata().map_err(io_error)?.len();
    let mut bytes = vec![0; usize::try_from(length).unwrap_or(usize::MAX)];
    file.read_exact_at(&mut bytes, 0).map_err(io_error)?;
    Ok(bytes)
}

/// Damage rather than a torn tail: after the first unreadable frame, which is where these bytes begin, there is a frame
/// stating that the unreadable one was durable when it was written.
fn refuse_if_vouched_for(rest: &[u8], path: &Path, missing: Sequence, from: u64) -> Result<(), OpenError> {
    let mut at = 0;
    while at + FRAME_HEADER <= rest.len() {
        match frame::read(&rest[at..]) {
            Ok(later) if later.synced_through >= missing => {
                let what = format!("it cannot be read, but record {} says it was durable", later.sequence);
                return Err(OpenError::Damaged(ReadError::Damaged {
                    path: path.display().to_string(),
                    offset: from,
                    sequence: missing,
                    what,
                }));
            }
            Ok(later) => at += later.frame_bytes(),
            Err(NoFrame::Empty) => {
                // Prepared space is zeros to the end: jump to the next nonzero byte.
                let Some(next) = first_nonzero(&rest[at..]) else { break };
                at = ((at + next) / ALIGNMENT * ALIGNMENT).max(at + ALIGNMENT);
            }
            Err(NoFrame::CutOff | NoFrame::Invalid(_)) => at += ALIGNMENT,
        }
    }
    Ok(())
}

/// Where the first byte is that is not zero. Prepared segments are up to 64 MiB of zeros: those are looked at many
/// at a time.
fn first_nonzero(bytes: &[u8]) -> Option<usize> {
    let block = bytes.chunks(BLOCK).position(is_used)? * BLOCK;
    bytes[block..].iter().position(|&byte| byte != 0).map(|at| block + at)
}

/// Where the last byte is that is not zero.
fn last_nonzero(bytes: &[u8]) -> Option<usize> {
    let block = bytes.chunks(BLOCK).rposition(is_used)? * BLOCK;
    let end = bytes.len().min(block + BLOCK);
    bytes[block..end].iter().rposition(|&byte| byte != 0).map(|at| block + at)
}

/// Bytes that are looked at together.
const BLOCK: usize = 4096;

fn is_used(block: &[u8]) -> bool {
    block.iter().fold(0, |all, byte| all | byte) != 0
}

/// Zeros what follows the last good frame, so that none of it can ever be mistaken for a record, and rewrites
/// what a dead writer may have left unsynced: a failed sync leaves pages that look written but are not.
fn settle(file: &File, scanned: &Scanned) -> io::Result<u64> {
    let end = scanned.end as usize;
    let torn = last_nonzero(&scanned.bytes[end..]).map_or(0, |last| last + 1);
    if torn > 0 {
        file.write_all_at(&vec![0; torn], scanned.end)?;
    }
    let unsynced = &scanned.bytes[scanned.unsynced_from as usize..end];
    file.write_all_at(unsynced, scanned.unsynced_from)?;
    file.sync_all()?;
    Ok(torn as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_not_zero_are_found_wherever_they_are() {
        for length in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 5] {
            let zeros = vec![0; length];
            assert_eq!((first_nonzero(&zeros), last_nonzero(&zeros)), (None, None), "{length}");
            let places = [0, 1, BLOCK - 1, BLOCK, 2 * BLOCK + 7, length.saturating_sub(1)];
            for first in places.into_iter().filter(|&place| place < length) {
                for last in places.into_iter().filter(|&place| (first..length).contains(&place)) {
                    let mut bytes = zeros.clone();
                    (bytes[first], bytes[last]) = (1, 128);
                    assert_eq!(
                        (first_nonzero(&bytes), last_nonzero(&bytes)),
                        (Some(first), Some(last)),
                        "{length}"
                    );
                }
            }
        }
    }
}
