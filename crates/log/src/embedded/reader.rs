//! Reading segments while a writer runs, up to the durable frontier.

use std::io;
use std::path::{Path, PathBuf};

use bytes::{Bytes, BytesMut};
use tokio::sync::watch;
use tollgate_domain::position::Sequence;
use uuid::Uuid;

use super::frame::{self, FRAME_HEADER, NoFrame};
use super::frontier::Frontier;
use super::sealed::place::{self, Elsewhere, SegmentFile};
use super::segment::{SEGMENT_HEADER, SegmentHeader};
use crate::contract::{BoxFuture, MAX_RECORD_BYTES, Partitions, ReadError, RecordReader};
use crate::record::{self, Record, RecordError, StoredRecord};

/// Bytes read at a time: several of the largest records, few enough to stay in the cache.
const CHUNK: usize = 1 << 20;

/// Where a reader learns how far it may read.
pub(super) enum Source {
    /// From the writer in this process.
    Live(watch::Receiver<Frontier>),
    /// From the frontier's file, as it was when the reader was opened.
    Fixed(Frontier),
}

impl Source {
    fn frontier(&self) -> Frontier {
        match self {
            Self::Live(receiver) => receiver.borrow().clone(),
            Self::Fixed(frontier) => frontier.clone(),
        }
    }
}

/// Reads records in order. Each call reads a chunk; nothing is locked.
pub struct SegmentReader {
    log_dir: PathBuf,
    source: Source,
    partitions: Partitions,
    /// Records up to this one are skipped.
    after: Sequence,
    /// The sequence of the record at `offset`.
    expected: Sequence,
    /// Of the segment that is read.
    header: SegmentHeader,
    file: SegmentFile,
    /// Where `file` was opened.
    path: PathBuf,
    offset: u64,
}

impl SegmentReader {
    pub(super) fn open(
        log_dir: &Path,
        source: Source,
        partitions: Partitions,
        after: Sequence,
    ) -> Result<Self, ReadError> {
        let frontier = source.frontier();
        let ordinals = place::ordinals(log_dir).map_err(|error| io_error(log_dir, &error))?;
        // The last segment that begins at or before the first wanted record.
        let elsewhere = Elsewhere::of(log_dir).map_err(|error| io_error(log_dir, &error))?;
        let mut chosen = None;
        for &ordinal in ordinals.iter().rev().filter(|&&ordinal| ordinal <= frontier.segment) {
            chosen = Some(ordinal);
            if before(log_dir, &elsewhere, ordinal)?.0 <= after {
                break;
            }
        }
        let Some(OpenSegment { file, path, header }) =
            chosen.map(|ordinal| open_segment(log_dir, ordinal)).transpose()?
        else {
            return Err(io_error(log_dir, &io::Error::new(io::ErrorKind::NotFound, "there is no segment")));
        };
        if header.before.last > after {
            return Err(ReadError::Damaged {
                path: log_dir.display().to_string(),
                offset: 0,
                sequence: after.next(),
                what: format!("the first segment begins at record {}", header.before.last.next()),
            });
        }
        Ok(Self {
            log_dir: log_dir.to_owned(),
            source,
            partitions,
            after,
            expected: header.before.last.next(),
            header,
            file,
            path,
            offset: SEGMENT_HEADER as u64,
        })
    }

    /// The header of the segment that the last records came from.
    pub(super) const fn header(&self) -> &SegmentHeader {
        &self.header
    }

    /// The next durable records, as many as fit one chunk; empty if there are no more now.
    ///
    /// # Errors
    ///
    /// [`ReadError::Damaged`] names the file, the offset and the record.
    pub fn read_available(&mut self) -> Result<Vec<StoredRecord>, ReadError> {
        loop {
            match self.read_some()? {
                Some(records) if records.is_empty() => {}
                Some(records) => return Ok(records),
                None => return Ok(Vec::new()),
            }
        }
    }

    /// The same, but others may run, or the future be dropped, after each chunk that has none of the wanted
    /// partitions: there may be many of those.
    async fn available(&mut self) -> Result<Vec<StoredRecord>, ReadError> {
        loop {
            match self.read_some()? {
                Some(records) if records.is_empty() => tokio::task::yield_now().await,
                Some(records) => return Ok(records),
                None => return Ok(Vec::new()),
            }
        }
    }

    /// The wanted records of the next chunk; `None` if there are no more now.
    fn read_some(&mut self) -> Result<Option<Vec<StoredRecord>>, ReadError> {
        loop {
            let frontier = self.source.frontier();
            if self.expected > frontier.last {
                return Ok(None);
            }
            let chunk = self.read_chunk(&frontier)?;
            let (records, used) = self.parse(&chunk)?;
            if used > 0 {
                self.offset += used as u64;
                return Ok(Some(records));
            }
            if self.header.ordinal >= frontier.segment {
                return Err(self.damaged(0, "nothing stands here"));
            }
            self.next_segment()?;
        }
    }

    fn read_chunk(&mut self, frontier: &Frontier) -> Result<Bytes, ReadError> {
        let end = if self.header.ordinal == frontier.segment { frontier.end } else { u64::MAX };
        let wanted = usize::try_from(end.saturating_sub(self.offset)).unwrap_or(usize::MAX).min(CHUNK);
        let mut chunk = BytesMut::zeroed(wanted);
        let filled = match self.file.read_up_to(&mut chunk, self.offset) {
            Ok(filled) => filled,
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                return Err(self.damaged(0, &error.to_string()));
            }
            Err(error) => return Err(io_error(&self.path, &error)),
        };
        chunk.truncate(filled);
        Ok(chunk.freeze())
    }

    /// The whole records at the start of a chunk, and the number of bytes they take. An unreadable record is
    /// an error only if it comes first: otherwise the records before it are returned, and the next call
    /// begins with it.
    fn parse(&mut self, chunk: &Bytes) -> Result<(Vec<StoredRecord>, usize), ReadError> {
        let mut records = Vec::new();
        let mut at = 0;
        while at < chunk.len() {
            match self.parse_one(chunk, at) {
                Ok(Some((bytes, record))) => {
                    records.extend(record);
                    self.expected = self.expected.next();
                    at += bytes;
                }
                Ok(None) => break,
                Err(error) if at == 0 => return Err(error),
                Err(_) => break,
            }
        }
        Ok((records, at.min(chunk.len())))
    }

    /// The bytes of the frame at an offset and its record, if wanted; `None` at the end of the chunk or the
    /// segment.
    fn parse_one(
        &self,
        chunk: &Bytes,
        at: usize,
    ) -> Result<Option<(usize, Option<StoredRecord>)>, ReadError> {
        let header = match frame::read(&chunk[at..]) {
            Ok(header) => header,
            Err(NoFrame::Empty) => return Ok(None),
            // A frame that the chunk cuts off is read with the next chunk; the largest frame fits one chunk.
            Err(NoFrame::CutOff) if at > 0 || chunk.len() < FRAME_HEADER + MAX_RECORD_BYTES => {
                return Ok(None);
            }
            Err(NoFrame::CutOff) => return Err(self.damaged(at, "a frame is cut off")),
            Err(NoFrame::Invalid(what)) => return Err(self.damaged(at, what)),
        };
        if header.sequence != self.expected {
            return Err(self.damaged(at, &format!("record {} stands here", header.sequence)));
        }
        if self.expected <= self.after {
            return Ok(Some((header.frame_bytes(), None)));
        }
        let start = at + FRAME_HEADER;
        let bytes = chunk.slice(start..start + header.record_bytes);
        // Several readers may share the partitions: what belongs to another one is not read here.
        if record::partition_of(&bytes).is_some_and(|of| !self.partitions.contains(of)) {
            return Ok(Some((header.frame_bytes(), None)));
        }
        let record = Record::parse(bytes).map_err(|error| match error {
            RecordError::Newer { .. } => ReadError::Newer {
                path: self.path.display().to_string(),
                sequence: self.expected,
                what: error.to_string(),
            },
            RecordError::Malformed(_) => self.damaged(at, &error.to_string()),
        })?;
        let stored = StoredRecord { sequence: header.sequence, chain: header.chain, record };
        Ok(Some((header.frame_bytes(), Some(stored))))
    }

    fn next_segment(&mut self) -> Result<(), ReadError> {
        let OpenSegment { file, path, header } = open_segment(&self.log_dir, self.header.ordinal + 1)?;
        if header.before.last.next() != self.expected {
            let what = format!("segment {} begins at record {}", header.ordinal, header.before.last.next());
            return Err(self.damaged(0, &what));
        }
        (self.header, self.file, self.path) = (header, file, path);
        self.offset = SEGMENT_HEADER as u64;
        Ok(())
    }

    fn damaged(&self, at: usize, what: &str) -> ReadError {
        ReadError::Damaged {
            path: self.path.display().to_string(),
            offset: self.offset + at as u64,
            sequence: self.expected,
            what: what.to_owned(),
        }
    }
}

impl RecordReader for SegmentReader {
    fn next(&mut self) -> BoxFuture<'_, Result<Vec<StoredRecord>, ReadError>> {
        Box::pin(async move {
            loop {
                if let Source::Live(receiver) = &mut self.source {
                    receiver.mark_unchanged();
                }
                let records = self.available().await?;
                if !records.is_empty() {
                    return Ok(records);
                }
                match &mut self.source {
                    Source::Live(receiver) => receiver.changed().await.map_err(|_| ReadError::Closed)?,
                    Source::Fixed(_) => return Err(ReadError::Closed),
                }
            }
        })
    }

    fn try_next(&mut self) -> BoxFuture<'_, Result<Vec<StoredRecord>, ReadError>> {
        Box::pin(self.available())
    }
}

/// A segment that is open for reading.
pub(super) struct OpenSegment {
    pub(super) file: SegmentFile,
    /// Where it was found.
    pub(super) path: PathBuf,
    pub(super) header: SegmentHeader,
}

/// Opens a segment and reads its header.
pub(super) fn open_segment(log_dir: &Path, ordinal: u64) -> Result<OpenSegment, ReadError> {
    let unreadable = |path: &Path, what: &str| ReadError::Damaged {
        path: path.display().to_string(),
        offset: 0,
        sequence: Sequence::ZERO,
        what: what.to_owned(),
    };
    let failed = |path: &Path, error: &io::Error| {
        let is_damaged = error.kind() == io::ErrorKind::InvalidData;
        if is_damaged { unreadable(path, &error.to_string()) } else { io_error(path, error) }
    };
    let (mut file, path) = place::open(log_dir, ordinal).map_err(|(path, error)| failed(&path, &error))?;
    let mut bytes = vec![0; SEGMENT_HEADER];
    file.read_up_to(&mut bytes, 0).map_err(|error| failed(&path, &error))?;
    match SegmentHeader::read(&bytes) {
        Ok(header) if header.ordinal == ordinal => Ok(OpenSegment { file, path, header }),
        Ok(_) | Err(_) => Err(unreadable(&path, "the segment's header cannot be read")),
    }
}

/// The last record before a segment, and its epoch. An archived one is not read for it.
pub(super) fn before(
    log_dir: &Path,
    elsewhere: &Elsewhere,
    ordinal: u64,
) -> Result<(Sequence, Uuid), ReadError> {
    match elsewhere.segment(log_dir, ordinal) {
        Ok(Some(found)) => Ok(found),
        Ok(None) => {
            open_segment(log_dir, ordinal).map(|found| (found.header.before.last, found.header.epoch))
        }
        Err(error) => Err(io_error(log_dir, &error)),
    }
}

pub(super) fn io_error(path: &Path, error: &io::Error) -> ReadError {
    ReadError::Io { path: path.display().to_string(), message: error.to_string() }
}
