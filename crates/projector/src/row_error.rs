//! Why a row could not be read.

use tollgate_view_store::StoreError;

/// Why a row could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RowError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The id index of the view failed.
    #[error("id index: {0}")]
    Ids(String),
    /// The row's bytes are not in this version's format.
    #[error("row of {bytes} bytes cannot be read: {message}")]
    Unreadable {
        /// The number of its bytes.
        bytes: usize,
        /// The decoder's message.
        message: String,
    },
    /// The view moved too far on from where an answer over many rows began, or was reopened.
    #[error("the view moved on too far while the answer was made; ask again")]
    Overtaken,
}
