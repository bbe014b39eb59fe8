//! Why a view could not continue.

use tollgate_log::contract::ReadError;
use tollgate_view_store::StoreError;

use crate::rows::RowError;

/// Why a view could not continue.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ViewError {
    /// The log cannot be read.
    #[error(transparent)]
    Log(#[from] ReadError),
    /// Its rows cannot be read or written.
    #[error(transparent)]
    Rows(#[from] RowError),
    /// The log lacks records that the view contains, or has others in their place.
    #[error(
        "the log is older than view {view} in {dir}, or lost its end: {what}. Nothing was changed. Put the newer log back, or \
         restore a backup; to go on without what is lost: --accept-loss"
    )]
    Regressed {
        /// Which view.
        view: &'static str,
        /// Its store, which is kept.
        dir: String,
        /// What is missing.
        what: String,
    },
    /// The log is not the one the view was built from.
    #[error("the log is another one than the view was made from: {0}")]
    OtherHistory(String),
    /// Its thread cannot work.
    #[error("projector: {0}")]
    Thread(String),
}

impl From<StoreError> for ViewError {
    fn from(error: StoreError) -> Self {
        Self::Rows(error.into())
    }
}
