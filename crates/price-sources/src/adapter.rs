//! What a kind of list has to do.

use std::collections::BTreeSet;

use tollgate_domain::price::{Listed, ModelName};
use tollgate_domain::time::Timestamp;

/// What to look for in a list.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Models that others have: a list that names models by patterns says which of them it prices.
    pub models: &'a BTreeSet<ModelName>,
    /// The time whose prices are wanted.
    pub at: Timestamp,
}

/// Why a text is no list of prices.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ListError {
    /// It has another form than the kind of the source says.
    #[error("the text is not {expected}: {reason}")]
    Form {
        /// What it should be.
        expected: &'static str,
        /// The parser's message.
        reason: String,
    },
    /// It has the form, and no price in it.
    #[error("the text has no price per token; the first of {skipped} that were passed over: {first}")]
    Empty {
        /// How many entries were passed over.
        skipped: usize,
        /// Why the first one was.
        first: String,
    },
}

/// A kind of list: from its text to prices in the form of the price book.
pub trait Adapter: Send + Sync {
    /// Reads a text. Entries without a usable price are left out.
    ///
    /// # Errors
    ///
    /// [`ListError`] if the text as a whole cannot be used.
    fn read(&self, text: &str, request: &Request<'_>) -> Result<Vec<Listed>, ListError>;

    /// The models that it names itself, for the requests to other lists.
    fn names(&self, text: &str) -> BTreeSet<ModelName>;

    /// Whether it reads what was made for people: such prices always wait for one.
    fn is_scraped(&self) -> bool {
        false
    }
}

/// A list of what could be read; if nothing could, an error with the first reason.
pub(crate) fn unless_empty(listed: Vec<Listed>, skipped: &[String]) -> Result<Vec<Listed>, ListError> {
    if listed.is_empty() {
        let first = skipped.first().cloned().unwrap_or_else(|| "nothing is listed".to_owned());
        return Err(ListError::Empty { skipped: skipped.len(), first });
    }
    Ok(listed)
}
