//! Reading one segment from its header to its last frame, with all that it says about itself.

use std::io;

use bytes::Bytes;
use tollgate_domain::time::Timestamp;

use super::place::SegmentFile;
use crate::contract::MAX_RECORD_BYTES;
use crate::embedded::frame::{self, FRAME_HEADER, NoFrame};
use crate::embedded::segment::{Heads, SEGMENT_HEADER, SegmentHeader};
use crate::key::RecordHash;
use crate::record::Record;

/// Bytes read at a time: the largest frame fits.
const CHUNK: usize = 1 << 20;

const _: () = assert!(CHUNK >= FRAME_HEADER + MAX_RECORD_BYTES);

/// A segment that was read to its end.
pub(super) struct Walked {
    pub(super) header: SegmentHeader,
    /// Where its last frame ends.
    pub(super) end: u64,
    /// The state of the log after its last record.
    pub(super) after: Heads,
    /// When its last record was recorded.
    pub(super) recorded_at: Option<Timestamp>,
}

/// Reads a segment and checks the CRC, the sequence and the chain of every frame.
///
/// # Errors
///
/// The operating system's error; `InvalidData` with the byte and the record at which the segment is damaged.
pub(super) fn walk(file: &mut SegmentFile) -> io::Result<Walked> {
    let mut head = vec![0; SEGMENT_HEADER];
    file.read_up_to(&mut head, 0)?;
    let header = SegmentHeader::read(&head).map_err(|_| damaged(0, "its header cannot be read"))?;
    let (mut after, mut recorded_at, mut at) = (header.before.clone(), None, SEGMENT_HEADER as u64);
    loop {
        let mut chunk = vec![0; CHUNK];
        let read = file.read_up_to(&mut chunk, at)?;
        chunk.truncate(read);
        let chunk = Bytes::from(chunk);
        let mut used = 0;
        while used < chunk.len() {
            let place = at + used as u64;
            let frame = match frame::read(&chunk[used..]) {
                Ok(frame) => frame,
                Err(NoFrame::Empty) => break,
                Err(NoFrame::CutOff) if used > 0 => break,
                Err(NoFrame::CutOff) => return Err(damaged(place, "a frame is cut off")),
                Err(NoFrame::Invalid(what)) => return Err(damaged(place, what)),
            };
            let start = used + FRAME_HEADER;
            let record = Record::parse(chunk.slice(start..start + frame.record_bytes));
            let record = record.map_err(|error| damaged(place, &error.to_string()))?;
            if frame.sequence != after.last.next() {
                let what = format!("record {} stands here, not {}", frame.sequence, after.last.next());
                return Err(damaged(place, &what));
            }
            let partition = record.partition();
            if after.chains[partition.index()].then(RecordHash::of(record.bytes())) != frame.chain {
                let what = format!("the chain of partition {partition} breaks at record {}", frame.sequence);
                return Err(damaged(place, &what));
            }
            after.advance(&frame, partition);
            recorded_at = Some(record.recorded_at());
            used += frame.frame_bytes();
        }
        if used == 0 {
            return Ok(Walked { header, end: at, after, recorded_at });
        }
        at += used as u64;
    }
}

fn damaged(at: u64, what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("byte {at}: {what}"))
}
