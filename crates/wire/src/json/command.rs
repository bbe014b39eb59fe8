//! A command in the flat form of its own endpoint: the fields of the envelope and of the body in one object.

use serde_json::value::RawValue;

use crate::error::FieldError;
use crate::kind::ENVELOPE;
use crate::object::{Object, shown};

/// The event's JSON for a command's flat JSON. `given` are fields that are already part of the endpoint's
/// path; the body may repeat them, but with the same value.
///
/// # Errors
///
/// The first field that is unexpected, given twice, or in contradiction to the path.
pub(crate) fn nest(raw: &str, kind: &str, given: &[(&str, &str)]) -> Result<String, FieldError> {
    let raw = if raw.trim().is_empty() { "{}" } else { raw };
    let parsed: &RawValue = serde_json::from_str(raw)
        .map_err(|error| FieldError::new("body", raw, format!("must be valid JSON: {error}")))?;
    let flat = Object::any(parsed)
        .map_err(|error| if error.field.is_empty() { error.within("body") } else { error })?;
    let (mut outer, mut inner) = (Vec::new(), Vec::new());
    for (key, value) in flat.iter() {
        if let Some((_, said)) = given.iter().find(|(name, _)| *name == key) {
            if serde_json::from_str::<String>(value.get()).ok().as_deref() != Some(*said) {
                let rule = format!("must be `{said}`, as the address says, or left out");
                return Err(FieldError::new(key, &shown(value), rule));
            }
            continue;
        }
        let entry = format!("{}:{}", quoted(key), value.get());
        if ENVELOPE.contains(&key) { outer.push(entry) } else { inner.push(entry) }
    }
    for (name, said) in given {
        let entry = format!("{}:{}", quoted(name), quoted(said));
        if ENVELOPE.contains(name) { outer.push(entry) } else { inner.push(entry) }
    }
    outer.push(format!("{}:{{{}}}", quoted(kind), inner.join(",")));
    Ok(format!("{{{}}}", outer.join(",")))
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_envelope_goes_out_and_the_rest_in() {
        let flat = r#"{"complexity": "Large", "id": "e1", "budget_multiplier": 1.10, "task": "T-1"}"#;
        let event = nest(flat, "task_opened", &[("task", "T-1")]).unwrap();
        assert_eq!(
            event,
            r#"{"id":"e1","task":"T-1","task_opened":{"complexity":"Large","budget_multiplier":1.10}}"#
        );
        assert_eq!(
            nest("", "task_closed", &[("task", "a\"b")]).unwrap(),
            r#"{"task":"a\"b","task_closed":{}}"#
        );
        let started = nest("{}", "phase_started", &[("task", "T"), ("phase", "THINK")]).unwrap();
        assert_eq!(started, r#"{"task":"T","phase_started":{"phase":"THINK"}}"#);
    }

    #[test]
    fn contradictions_and_damage_are_named() {
        let error = nest(r#"{"task": "T-2"}"#, "task_closed", &[("task", "T-1")]).unwrap_err();
        assert_eq!(error.to_string(), "task: `T-2`: must be `T-1`, as the address says, or left out");
        assert_eq!(nest("[1]", "task_closed", &[]).unwrap_err().field, "body");
        assert_eq!(nest("{", "task_closed", &[]).unwrap_err().field, "body");
        assert_eq!(nest(r#"{"a":1,"a":2}"#, "task_closed", &[]).unwrap_err().field, "a");
    }
}
