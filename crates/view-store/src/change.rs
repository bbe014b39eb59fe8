//! What a commit changes.

use crate::digest::Digest;

/// A row that a commit changes.
#[derive(Clone, Debug)]
pub struct Change<'a> {
    /// Its key.
    pub key: &'a [u8],
    /// Its new content; `None` removes it.
    pub value: Option<Vec<u8>>,
    /// What is committed under the key until then.
    pub was: Was,
}

/// What is committed under a key, as far as the caller knows. The digest over all rows follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Was {
    /// The store looks it up.
    Unknown,
    /// No row.
    Absent,
    /// The row of this digest.
    Row(Digest),
}

/// A key and its content after a change; `None` if the row was removed.
pub(crate) type Entry = (Vec<u8>, Option<Vec<u8>>);
