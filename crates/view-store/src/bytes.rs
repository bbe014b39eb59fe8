//! How entries and numbers are written: lengths and counts as LEB128, checks as the first eight bytes of BLAKE3.

use crate::change::Entry;

/// The beginning of a BLAKE3 hash: enough to find damage, and a part of another file.
pub(crate) type Check = [u8; 8];

/// The check of some bytes.
pub(crate) fn check(bytes: &[u8]) -> Check {
    first_eight(blake3::hash(bytes).as_bytes())
}

fn first_eight(hash: &[u8; 32]) -> Check {
    let [a, b, c, d, e, f, g, h, ..] = *hash;
    [a, b, c, d, e, f, g, h]
}

/// Writes a number.
pub(crate) fn put_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Writes a key and its content, after the key before it: what they share is not written again.
pub(crate) fn put_entry(out: &mut Vec<u8>, before: &[u8], key: &[u8], value: Option<&[u8]>) {
    let shared = before.iter().zip(key).take_while(|(one, other)| one == other).count();
    put_number(out, shared as u64);
    put_number(out, (key.len() - shared) as u64);
    put_number(out, value.map_or(0, |value| value.len() as u64 + 1));
    out.extend_from_slice(&key[shared..]);
    out.extend_from_slice(value.unwrap_or_default());
}

/// A reader over bytes; each step is `None` if they end too early.
pub(crate) struct Bytes<'a>(pub(crate) &'a [u8]);

impl<'a> Bytes<'a> {
    pub(crate) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*taken)
    }

    pub(crate) fn number(&mut self) -> Option<u64> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let [byte] = self.array()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    pub(crate) fn length(&mut self) -> Option<usize> {
        usize::try_from(self.number()?).ok()
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next entry after one with this key.
    pub(crate) fn entry(&mut self, before: &[u8]) -> Option<Entry> {
        let (shared, rest, value) = (self.length()?, self.length()?, self.length()?);
        let mut key = before.get(..shared)?.to_vec();
        key.extend_from_slice(self.take(rest)?);
        let value = match value.checked_sub(1) {
            Some(length) => Some(self.take(length)?.to_vec()),
            None => None,
        };
        Some((key, value))
    }
}

/// All entries of a block; `None` if they are not whole.
pub(crate) fn read_entries(block: &[u8]) -> Option<Vec<Entry>> {
    let mut bytes = Bytes(block);
    let mut entries: Vec<Entry> = Vec::new();
    while !bytes.is_empty() {
        let before = entries.last().map_or(&[][..], |(key, _)| key);
        let entry = bytes.entry(before)?;
        entries.push(entry);
    }
    Some(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_and_numbers_are_read_as_they_were_written() {
        let entries: Vec<Entry> = vec![
            (b"".to_vec(), Some(b"".to_vec())),
            (b"task-1".to_vec(), Some(vec![7; 300])),
            (b"task-10".to_vec(), None),
            (b"task-2".to_vec(), Some(b"x".to_vec())),
        ];
        let mut bytes = Vec::new();
        let mut before: &[u8] = &[];
        for (key, value) in &entries {
            put_entry(&mut bytes, before, key, value.as_deref());
            before = key;
        }
        assert_eq!(read_entries(&bytes).unwrap(), entries);
        assert!(read_entries(&bytes[..bytes.len() - 1]).is_none());
        for number in [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX] {
            let mut bytes = Vec::new();
            put_number(&mut bytes, number);
            assert_eq!(Bytes(&bytes).number(), Some(number));
        }
        assert_eq!(Bytes(&[0x80; 11]).number(), None);
    }
}
