//! A JSON list by paths: every number is taken by its text.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::value::RawValue;
use tollgate_domain::price::{Listed, ModelName};

use crate::adapter::{Adapter, ListError, Request, unless_empty};
use crate::fields::ListFields;

/// The path of the key of an item, where the items are the values of an object.
const KEY: &str = "$key";

/// Reads a JSON list.
pub(crate) struct JsonList {
    /// Where the items are; empty: the whole text.
    pub(crate) items: String,
    pub(crate) fields: ListFields,
}

impl JsonList {
    fn all(&self, text: &str) -> Result<(Vec<Listed>, Vec<String>), ListError> {
        let form = |reason: String| ListError::Form { expected: "a JSON list of models", reason };
        let whole: &RawValue = serde_json::from_str(text).map_err(|error| form(error.to_string()))?;
        let items =
            at(whole, &self.items).ok_or_else(|| form(format!("there is nothing at `{}`", self.items)))?;
        let items: Vec<(Option<String>, &RawValue)> =
            match serde_json::from_str::<Vec<&RawValue>>(items.get()) {
                Ok(list) => list.into_iter().map(|item| (None, item)).collect(),
                Err(_) => serde_json::from_str::<BTreeMap<String, &RawValue>>(items.get())
                    .map_err(|_| {
                        form(format!("what is at `{}` is neither a list nor an object", self.items))
                    })?
                    .into_iter()
                    .map(|(key, item)| (Some(key), item))
                    .collect(),
            };
        let (mut listed, mut skipped) = (Vec::new(), Vec::new());
        for (key, item) in items {
            let value = |path: &str| if path == KEY { key.clone() } else { at(item, path).and_then(text_of) };
            match self.fields.listed(value) {
                Ok(one) => listed.push(one),
                Err(why) => skipped.push(why),
            }
        }
        Ok((listed, skipped))
    }
}

impl Adapter for JsonList {
    fn read(&self, text: &str, _request: &Request<'_>) -> Result<Vec<Listed>, ListError> {
        let (listed, skipped) = self.all(text)?;
        unless_empty(listed, &skipped)
    }

    fn names(&self, text: &str) -> BTreeSet<ModelName> {
        self.all(text)
            .map(|(listed, _)| listed.into_iter().map(|one| one.model).collect())
            .unwrap_or_default()
    }
}

/// What stands at a path of keys, `a.b.c`.
fn at<'a>(value: &'a RawValue, path: &str) -> Option<&'a RawValue> {
    path.split('.').filter(|key| !key.is_empty()).try_fold(value, |value, key| {
        let mut fields: BTreeMap<String, &'a RawValue> = serde_json::from_str(value.get()).ok()?;
        fields.remove(key)
    })
}

/// The text of a text or a number; `null` is nothing.
fn text_of(value: &RawValue) -> Option<String> {
    match value.get() {
        "null" => None,
        text if text.starts_with('"') => serde_json::from_str(text).ok(),
        text => Some(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use tollgate_domain::time::Timestamp;

    use super::*;

    fn read(items: &str, model: &str, text: &str) -> Result<Vec<String>, String> {
        let prices = vec![
            ("input_cost_per_token", "pricing.prompt".to_owned()),
            ("output_cost_per_token", "pricing.completion".to_owned()),
        ];
        let fields = ListFields {
            model: model.to_owned(),
            provider: None,
            provider_is: Some("Acme AI".to_owned()),
            prices,
            per: 1,
        };
        let list = JsonList { items: items.to_owned(), fields };
        let (models, at) = (BTreeSet::new(), Timestamp::default());
        let listed = list.read(text, &Request { models: &models, at }).map_err(|error| error.to_string())?;
        Ok(listed.iter().map(|one| format!("{} {}", one.entry, one.rates)).collect())
    }

    #[test]
    fn prices_are_found_by_paths_and_taken_by_their_text() {
        let text = r#"{"data": {"models": [
            {"id": "big", "pricing": {"prompt": 0.00000125, "completion": "1e-5"}},
            {"id": "free?", "pricing": {"prompt": "Free", "completion": 0}},
            {"id": "acme_ai/named", "pricing": {"prompt": 0, "completion": null}}]}}"#;
        let big = r#"acme_ai/big {"input_cost_per_token": 0.00000125, "litellm_provider": "acme_ai", "output_cost_per_token": 0.00001}"#;
        let named = r#"acme_ai/named {"input_cost_per_token": 0, "litellm_provider": "acme_ai"}"#;
        assert_eq!(read("data.models", "id", text).unwrap(), [big, named]);
        let keyed = r#"{"big": {"pricing": {"prompt": 0.00000125, "completion": "1e-5"}}}"#;
        assert_eq!(read("", KEY, keyed).unwrap(), [big]);
    }

    #[test]
    fn a_text_of_another_form_says_what_is_wrong() {
        for (text, reason) in [
            ("<html>", "the text is not a JSON list of models: expected value"),
            (r#"{"data": 1}"#, "there is nothing at `data.models`"),
            (r#"{"data": {"models": 5}}"#, "is neither a list nor an object"),
            (
                r#"{"data": {"models": [{"id": "x"}]}}"#,
                "the first of 1 that were passed over: rates of `acme_ai/x`",
            ),
        ] {
            let error = read("data.models", "id", text).unwrap_err();
            assert!(error.contains(reason), "{error}");
        }
    }
}
