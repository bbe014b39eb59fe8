//! Builds JSON objects for output: empty and absent fields are omitted.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use tollgate_domain::time::Timestamp;

use crate::object::MAX_JSON_INTEGER;
use crate::{proto, values};

/// A whole number; as a string if binary floats would change it.
pub(crate) fn whole(value: impl Into<i128>) -> Value {
    let value = value.into();
    match i64::try_from(value) {
        Ok(small) if value.unsigned_abs() <= MAX_JSON_INTEGER => Value::from(small),
        Ok(_) | Err(_) => Value::from(value.to_string()),
    }
}

/// An object under construction.
#[derive(Default)]
pub(crate) struct Out(Map<String, Value>);

impl Out {
    pub(crate) fn object(self) -> Value {
        Value::Object(self.0)
    }

    pub(crate) fn value(&mut self, key: &str, value: Value) {
        self.0.insert(key.to_owned(), value);
    }

    pub(crate) fn optional(&mut self, key: &str, value: Option<Value>) {
        if let Some(value) = value {
            self.value(key, value);
        }
    }

    pub(crate) fn text(&mut self, key: &str, text: &str) {
        if !text.is_empty() {
            self.value(key, text.into());
        }
    }

    pub(crate) fn texts(&mut self, key: &str, texts: &[String]) {
        if !texts.is_empty() {
            self.value(key, texts.iter().map(String::as_str).collect());
        }
    }

    pub(crate) fn filled(&mut self, key: &str, entries: Map<String, Value>) {
        if !entries.is_empty() {
            self.value(key, Value::Object(entries));
        }
    }

    pub(crate) fn count(&mut self, key: &str, value: impl Into<i128>) {
        self.value(key, whole(value));
    }

    pub(crate) fn execution(&mut self, phase: &str, attempt: Option<u32>) {
        self.text("phase", phase);
        self.optional("attempt", attempt.map(whole));
    }

    pub(crate) fn cost(&mut self, cost: Option<&proto::Cost>) {
        match cost {
            Some(cost) => {
                self.text("cost_usd", &cost.cost_usd);
                self.text("price_version", &cost.price_version);
            }
            None => self.value("cost_usd", Value::Null),
        }
    }

    pub(crate) fn labels(&mut self, key: &str, labels: &BTreeMap<String, String>) {
        let labels = labels.iter().map(|(key, value)| (key.clone(), Value::from(value.as_str())));
        self.filled(key, labels.collect());
    }

    pub(crate) fn time(&mut self, key: &str, time: Option<prost_types::Timestamp>) {
        let time: Option<Timestamp> = time.and_then(|time| values::time_from_proto(time).ok());
        self.text(key, &time.map(|time| time.to_string()).unwrap_or_default());
    }
}
