//! Reading server-sent events.

use axum::body::Bytes;

/// Reads the data of events from pieces of a stream, however they are cut.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    rest: Vec<u8>,
    data: Vec<u8>,
}

impl Reader {
    /// The data of each event that is complete with this piece, without comments and events that have none.
    pub(crate) fn read(&mut self, piece: &Bytes) -> Vec<Vec<u8>> {
        self.rest.extend_from_slice(piece);
        let mut complete = Vec::new();
        while let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            let line = line.trim_ascii_end();
            if line.is_empty() {
                if !self.data.is_empty() {
                    complete.push(std::mem::take(&mut self.data));
                }
            } else if let Some(data) = line.strip_prefix(b"data:") {
                self.data.extend_from_slice(data.trim_ascii_start());
            }
        }
        complete
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read_however_their_bytes_come() {
        let text = ": hello\n\nid: 1\nevent: raised\ndata: {\"a\":1}\n\nid: 2\ndata:{\"b\":\ndata:2}\n\n:\n\nid: 3\n";
        let expected = vec![b"{\"a\":1}".to_vec(), b"{\"b\":2}".to_vec()];
        for size in 1..=text.len() {
            let mut reader = Reader::default();
            let pieces = text.as_bytes().chunks(size);
            let read: Vec<_> = pieces.flat_map(|piece| reader.read(&Bytes::copy_from_slice(piece))).collect();
            assert_eq!(read, expected, "in pieces of {size}");
        }
    }
}
