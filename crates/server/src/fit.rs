//! Reading a request as JSON. A value of the wrong kind is named by the path of its field: what is flattened or tagged
//! is read twice by serde, whose errors then do not say where they are.

use serde::de::DeserializeOwned;
use serde_json::Value;
use tollgate_wire::api::Problem;

use crate::problem::{Answer, INVALID};

/// The longest request in which the field is looked for, in bytes: it is read again for each field that may be it.
const LONGEST: usize = 64 << 10;

/// The most fields of one object or elements of one list that are looked at.
const MOST: usize = 500;

/// The JSON of a request as a type.
///
/// # Errors
///
/// The problem to answer with: `what` does not fit this operation, with the path of the field and why.
pub(crate) fn read<T: DeserializeOwned>(what: &str, json: &[u8]) -> Answer<T> {
    serde_json::from_slice(json).map_err(|error| {
        let read = (json.len() <= LONGEST).then(|| serde_json::from_slice(json).ok()).flatten();
        does_not_fit::<T>(what, read, &error)
    })
}

/// The same of JSON that was read before.
///
/// # Errors
///
/// As for [`read`].
pub(crate) fn of_value<T: DeserializeOwned>(what: &str, value: Value) -> Answer<T> {
    serde_json::from_value(value.clone()).map_err(|error| does_not_fit::<T>(what, Some(value), &error))
}

fn does_not_fit<T: DeserializeOwned>(
    what: &str,
    value: Option<Value>,
    error: &serde_json::Error,
) -> Box<Problem> {
    let path = value.and_then(|mut value| {
        let why = why_not::<T>(&value)?;
        let mut path = Vec::new();
        while let Some(step) = next_step::<T>(&mut value, &path, &why) {
            path.push(step);
        }
        // What says its name needs no path to it.
        if let Some(Step::Field(last)) = path.last()
            && why.contains(&format!("field `{last}`"))
        {
            path.pop();
        }
        Some(in_words(&path)).filter(|path| !path.is_empty())
    });
    let at = path.as_ref().map(|path| format!("{path}: ")).unwrap_or_default();
    let mut problem = INVALID.with(format!("{what} does not fit this operation: {at}{error}"));
    problem.field = path;
    problem
}

/// A step into a value.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Field(String),
    Element(usize),
}

/// Why a value does not fit a type.
fn why_not<T: DeserializeOwned>(value: &Value) -> Option<String> {
    serde_json::from_value::<T>(value.clone()).err().map(|error| error.to_string())
}

/// The part below a path without which it is something else that does not fit, or nothing. A part that has to be there
/// is only taken if it is none of the others: that one is missing says nothing about the rest.
fn next_step<T: DeserializeOwned>(value: &mut Value, path: &[Step], why: &str) -> Option<Step> {
    let steps: Vec<Step> = match below(value, path)? {
        Value::Object(fields) => fields.keys().take(MOST).cloned().map(Step::Field).collect(),
        Value::Array(elements) => (0..elements.len().min(MOST)).map(Step::Element).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return None,
    };
    let (mut required, lacks) = (None, why.starts_with("missing field"));
    for step in steps {
        let now = without::<T>(value, path, &step);
        if now.as_deref() == Some(why) {
            continue;
        }
        let is_missed =
            |name: &String| now.as_ref().is_some_and(|now| *now == format!("missing field `{name}`"));
        match &step {
            // A text or a number lacks no field.
            Step::Field(name) if is_missed(name) && lacks && !is_nested(value, path, name) => {}
            Step::Field(name) if is_missed(name) => required = required.or(Some(step)),
            Step::Field(_) | Step::Element(_) => return Some(step),
        }
    }
    required
}

/// Why a value does not fit without a part of it.
fn without<T: DeserializeOwned>(value: &mut Value, path: &[Step], step: &Step) -> Option<String> {
    match (below(value, path)?, step) {
        (Value::Object(fields), Step::Field(name)) => {
            let part = fields.remove(name)?;
            let why = why_not::<T>(value);
            if let Some(Value::Object(fields)) = below(value, path) {
                fields.insert(name.clone(), part);
            }
            why
        }
        (Value::Array(elements), Step::Element(index)) => {
            let part = elements.remove(*index);
            let why = why_not::<T>(value);
            if let Some(Value::Array(elements)) = below(value, path) {
                elements.insert(*index, part);
            }
            why
        }
        (_, _) => None,
    }
}

fn is_nested(value: &mut Value, path: &[Step], name: &str) -> bool {
    below(value, path)
        .and_then(|value| value.get(name))
        .is_some_and(|part| part.is_object() || part.is_array())
}

fn below<'a>(value: &'a mut Value, path: &[Step]) -> Option<&'a mut Value> {
    path.iter().try_fold(value, |value, step| match step {
        Step::Field(name) => value.get_mut(name),
        Step::Element(index) => value.get_mut(index),
    })
}

/// `lines[3].tokens`.
fn in_words(path: &[Step]) -> String {
    path.iter().fold(String::new(), |mut text, step| {
        match step {
            Step::Field(name) if text.is_empty() => text.push_str(name),
            Step::Field(name) => text.extend([".", name]),
            Step::Element(index) => text.push_str(&format!("[{index}]")),
        }
        text
    })
}

#[cfg(test)]
mod tests {
    use tollgate_wire::api::{AllocateRequest, BillRequest, PolicyRequest, RouteRequest};

    use super::*;

    fn why<T: DeserializeOwned>(json: &str) -> (Option<String>, String) {
        let problem = match read::<T>("the body", json.as_bytes()) {
            Ok(_) => panic!("{json} fits"),
            Err(problem) => problem,
        };
        (problem.field.clone(), problem.detail.clone())
    }

    #[test]
    fn a_value_of_the_wrong_kind_is_named_by_the_path_of_its_field() {
        let lines = |line: &str| {
            format!(
                r#"{{"provider": "p", "lines": [{{"day": "d", "model": "m", "amount_usd": "1"}}, {line}]}}"#
            )
        };
        for ((field, detail), path, because) in [
            (
                why::<PolicyRequest>(r#"{"window":"daily","limit_usd":5}"#),
                "limit_usd",
                "invalid type: integer `5`",
            ),
            (why::<PolicyRequest>(r#"{"window":7,"limit_usd":"5"}"#), "window", "invalid type: integer `7`"),
            (
                why::<PolicyRequest>(r#"{"window":"daily","scope":{"model":1}}"#),
                "scope.model",
                "invalid type",
            ),
            (why::<PolicyRequest>(r#"{"window":"daily","enforcement":"hard"}"#), "enforcement", "`hard`"),
            (
                why::<RouteRequest>(r#"{"tokens":1.5,"mode":"chat"}"#),
                "tokens",
                "invalid type: floating point",
            ),
            (why::<AllocateRequest>(r#"{"tokens":-1}"#), "tokens", "invalid value: integer `-1`"),
            (why::<AllocateRequest>(r#"{"labels":{"a":"b","c":[]}}"#), "labels.c", "invalid type: sequence"),
            (
                why::<BillRequest>(&lines(r#"{"day": "d", "model": "m", "amount_usd": 1}"#)),
                "lines[1].amount_usd",
                "invalid type: integer `1`",
            ),
            (
                why::<BillRequest>(&lines(r#"{"day": "d", "model": "m"}"#)),
                "lines[1]",
                "missing field `amount_usd`",
            ),
            (
                why::<BillRequest>(&lines(r#"{"day": "d", "modle": "m", "amount_usd": "1"}"#)),
                "lines[1]",
                "unknown field `modle`",
            ),
        ] {
            assert_eq!(field.as_deref(), Some(path), "{detail}");
            assert!(
                detail.starts_with(&format!("the body does not fit this operation: {path}: ")),
                "{detail}"
            );
            assert!(detail.contains(because), "{detail}");
        }
    }

    #[test]
    fn what_names_its_field_or_is_no_json_needs_no_path() {
        for (field, detail) in [
            why::<PolicyRequest>(r#"{"window":"daily","limt_usd":"5"}"#),
            why::<BillRequest>(r#"{"lines":[]}"#),
            why::<PolicyRequest>(r#"{"window":"#),
            why::<PolicyRequest>("[]"),
        ] {
            assert_eq!(field, None, "{detail}");
        }
    }
}
