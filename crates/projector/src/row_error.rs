//! Why a row could not be read.

use tollgate_view_store::StoreError;

/// Why a row could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RowError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The id index beside the rows failed.
    #[error("id index: {0}")]
    Ids(String),
    /// The row's bytes are none of this version's.
    #[error("row of {bytes} bytes cannot be read: {message}")]
    Unreadable {
        /// How many bytes it has.
        bytes: usize,
        /// The decoder's message.
        message: String,
    },
    /// The view moved on too far from where an answer over many rows began, or was opened again.
    #[error("the view moved on too far while the answer was made; ask again")]
    Overtaken,
}
