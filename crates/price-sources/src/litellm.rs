//! LiteLLM's price map, and any file in that form: it is the form of the price book.

use std::collections::BTreeSet;

use tollgate_domain::price::{Listed, ModelName, list};

use crate::adapter::{Adapter, ListError, Request, unless_empty};

/// Reads the form of the price book.
pub(crate) struct LiteLlm;

impl Adapter for LiteLlm {
    fn read(&self, text: &str, _request: &Request<'_>) -> Result<Vec<Listed>, ListError> {
        let (listed, notes) =
            list(text).map_err(|reason| ListError::Form { expected: "a price map of LiteLLM", reason })?;
        let skipped: Vec<String> = notes.left_out.iter().map(ToString::to_string).collect();
        // What is hard to believe is not taken from a list: a person who believes it can put it in force.
        let doubtful: BTreeSet<&str> = notes.doubts.iter().map(|doubt| doubt.model.as_str()).collect();
        let listed = listed.into_iter().filter(|listed| !doubtful.contains(listed.entry.as_str()));
        unless_empty(listed.collect(), &skipped)
    }

    fn names(&self, text: &str) -> BTreeSet<ModelName> {
        list(text)
            .map(|(listed, _)| listed.into_iter().map(|listed| listed.model).collect())
            .unwrap_or_default()
    }
}
