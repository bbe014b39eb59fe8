//! The arguments of one call.

use serde_json::{Map, Value};
use tollgate_domain::nearest;

use super::KEY;
use super::schema::Operation;
use super::table::Way;

/// Arguments that a tool has, each given at most once, and none that is required left out.
pub(super) struct Arguments {
    given: Map<String, Value>,
}

impl Arguments {
    /// Checks names; what values may be is the API's to say.
    pub(super) fn check(mut given: Map<String, Value>, schema: &Value) -> Result<Self, String> {
        // Some models write `null` for what they leave out.
        given.retain(|_, value| !value.is_null());
        let known: Vec<&str> =
            schema["properties"].as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect();
        if let Some(name) = given.keys().find(|name| !known.contains(&name.as_str())) {
            let hint = nearest::hint(name, &known);
            return Err(format!("`{name}`: is no argument of it; it takes {}{hint}", known.join(", ")));
        }
        let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let missing: Vec<String> =
            required.filter(|name| !given.contains_key(*name)).map(|name| format!("`{name}`")).collect();
        if !missing.is_empty() {
            return Err(format!("{} must be given", missing.join(" and ")));
        }
        if let Some(key) = given.get(KEY)
            && key.as_str().is_none_or(|key| key.trim().is_empty())
        {
            return Err(format!(
                "`{KEY}`: `{key}`: must be a text of 1 to 128 bytes, the same for every retry"
            ));
        }
        Ok(Self { given })
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.given.contains_key(name)
    }

    pub(super) fn insert(&mut self, name: &str, value: Value) {
        self.given.insert(name.to_owned(), value);
    }

    /// Refuses arguments that mean nothing to this operation.
    pub(super) fn only(&self, operation: &Operation, way: &Way) -> Result<(), String> {
        match self.given.keys().find(|name| !operation.takes(name)) {
            None => Ok(()),
            Some(name) => {
                let with =
                    way.when.map_or_else(|| "here".to_owned(), |when| format!("together with `{when}`"));
                Err(format!("`{name}`: means nothing {with}; leave it out"))
            }
        }
    }

    /// An argument as it stands in an address: a text as it is, a list separated by commas, an object as JSON.
    pub(super) fn take_text(&mut self, name: &str) -> Option<String> {
        let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let value = self.given.remove(name)?;
        Some(match value.as_array() {
            Some(items) => items.iter().map(plain).collect::<Vec<_>>().join(","),
            None => plain(&value),
        })
    }

    /// What is left, under the names that the operation has.
    pub(super) fn into_body(mut self, way: &Way) -> Map<String, Value> {
        if let Some(name) = way.key
            && let Some(key) = self.given.remove(KEY)
        {
            self.given.insert(name.to_owned(), key);
        }
        self.given
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn arguments_are_named_one_by_one_when_they_are_wrong() {
        let schema = json!({
            "properties": {"task": {}, "idempotency_key": {}, "tokens": {}},
            "required": ["idempotency_key", "task"],
        });
        for (given, expected) in [
            (json!({"task": "T", "idempotency_key": "k"}), Ok(2)),
            (json!({"task": "T", "idempotency_key": "k", "tokens": null}), Ok(2)),
            (json!({}), Err("`idempotency_key` and `task` must be given")),
            (json!({"task": null, "idempotency_key": "k"}), Err("`task` must be given")),
            (
                json!({"task": "T", "idempotency_key": "k", "token": 1}),
                Err(
                    "`token`: is no argument of it; it takes idempotency_key, task, tokens; did you mean `tokens`?",
                ),
            ),
            (
                json!({"task": "T", "idempotency_key": " "}),
                Err("`idempotency_key`: `\" \"`: must be a text of 1 to 128 bytes, the same for every retry"),
            ),
            (
                json!({"task": "T", "idempotency_key": 7}),
                Err("`idempotency_key`: `7`: must be a text of 1 to 128 bytes, the same for every retry"),
            ),
        ] {
            let Value::Object(arguments) = given.clone() else { panic!("{given}") };
            let checked = Arguments::check(arguments, &schema).map(|arguments| arguments.given.len());
            assert_eq!(checked, expected.map_err(str::to_owned), "{given}");
        }
    }

    #[test]
    fn an_argument_in_an_address_is_a_text() {
        let given = json!({"a": "x y", "b": 5, "c": ["p", "q"], "d": true, "e": {"k": "v"}});
        let Value::Object(given) = given else { panic!("{given}") };
        let mut arguments = Arguments { given };
        let texts = ["a", "b", "c", "d", "e", "f"].map(|name| arguments.take_text(name));
        assert_eq!(
            texts.each_ref().map(Option::as_deref),
            [Some("x y"), Some("5"), Some("p,q"), Some("true"), Some("{\"k\":\"v\"}"), None]
        );
    }
}
