//! The messages beside the document of the HTTP API: a field that one has and the other has not fails here.

use std::collections::BTreeSet;

use prost_reflect::{Kind, MessageDescriptor};
use serde_json::Value;

use crate::support::schema;

/// The properties of a schema of the document, with those of what it is made of.
fn properties(document: &Value, schema: &Value) -> serde_json::Map<String, Value> {
    let mut found = schema["properties"].as_object().cloned().unwrap_or_default();
    for part in schema["allOf"].as_array().into_iter().flatten() {
        let part = match part["$ref"].as_str() {
            Some(name) => &document["components"]["schemas"][name.rsplit('/').next().unwrap()],
            None => part,
        };
        found.extend(properties(document, part));
    }
    found
}

/// What a field holds, in the words of the document.
fn word(kind: &Kind) -> &'static str {
    let integers = [Kind::Int64, Kind::Uint64, Kind::Int32, Kind::Uint32];
    if *kind == Kind::Bool {
        "boolean"
    } else if integers.contains(kind) {
        "integer"
    } else if *kind == Kind::String {
        "string"
    } else if kind.as_message().is_some() {
        "object"
    } else {
        panic!("the API has no {kind:?}")
    }
}

/// The type of a property: of a list, of its items; of a map, of its values.
fn kind_of(document: &Value, property: &Value) -> String {
    let of_name = |name: &str| {
        let schema = &document["components"]["schemas"][name.rsplit('/').next().unwrap()];
        schema["type"].as_str().unwrap_or("object").to_owned()
    };
    if let Some(name) = property["$ref"].as_str() {
        return of_name(name);
    }
    if let Some(one) = property["oneOf"].as_array() {
        return one.iter().find_map(|one| one["$ref"].as_str()).map(of_name).unwrap();
    }
    let kinds = property["type"].as_array().cloned().unwrap_or_else(|| vec![property["type"].clone()]);
    let kind = kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null").unwrap();
    match kind {
        "array" => kind_of(document, &property["items"]),
        "object" => kind_of(document, &property["additionalProperties"]),
        kind => kind.to_owned(),
    }
}

fn messages() -> Vec<MessageDescriptor> {
    let pool = schema();
    let own = pool.all_messages().filter(|message| message.package_name() == "tollgate.api.v1");
    own.filter(|message| !message.is_map_entry()).collect()
}

#[test]
fn answers_have_the_fields_of_the_http_api() {
    let document = serde_json::to_value(tollgate_server::http::document()).unwrap();
    let mut compared = 0;
    for message in messages() {
        let schema = &document["components"]["schemas"][message.name()];
        if schema.is_null() {
            // Questions that the API has in its address.
            assert!(
                message.name().ends_with("Query") || message.name() == "WatchRequest",
                "{}",
                message.name()
            );
            continue;
        }
        compared += 1;
        let properties = properties(&document, schema);
        let mut fields: BTreeSet<String> = message.fields().map(|field| field.name().to_owned()).collect();
        // What the address names there is a field here.
        let in_address = ["tenant", "task", "allocation"];
        if message.name().ends_with("Request") {
            fields.retain(|field| !in_address.contains(&field.as_str()) || properties.contains_key(field));
        }
        assert_eq!(fields, properties.keys().cloned().collect(), "{}", message.name());
        for field in message.fields().filter(|field| properties.contains_key(field.name())) {
            let kind = field.kind();
            let value = kind
                .as_message()
                .filter(|_| field.is_map())
                .map(|entry| entry.map_entry_value_field().kind());
            let kind = value.unwrap_or(kind);
            let expected = kind_of(&document, &properties[field.name()]);
            assert_eq!(word(&kind), expected, "{}.{}", message.name(), field.name());
        }
    }
    assert!(compared > 40, "{compared}");
}

#[test]
fn questions_have_the_parameters_of_the_http_api() {
    let document = serde_json::to_value(tollgate_server::http::document()).unwrap();
    for (message, path, left_out) in [
        ("TaskQuery", "/v1/tasks/{task}", vec![]),
        ("TasksQuery", "/v1/tasks", vec![]),
        ("ReportQuery", "/v1/tasks/{task}/report", vec!["format"]),
        ("UsageQuery", "/v1/usage/summary", vec![]),
        ("AlertsQuery", "/v1/alerts", vec![]),
        ("BudgetsQuery", "/v1/budgets", vec![]),
        ("BudgetQuery", "/v1/budgets/{budget}", vec![]),
        ("AllocationQuery", "/v1/allocations/{allocation}", vec![]),
        // A stream is not waited for.
        ("WatchRequest", "/v1/alerts/stream", vec!["wait_ms"]),
        ("PositionQuery", "/v1/position", vec![]),
    ] {
        let parameters = document["paths"][path]["get"]["parameters"].as_array().cloned().unwrap_or_default();
        let mut expected: BTreeSet<String> =
            parameters.iter().map(|parameter| parameter["name"].as_str().unwrap().to_owned()).collect();
        expected.retain(|name| !left_out.contains(&name.as_str()));
        let found = schema().get_message_by_name(&format!("tollgate.api.v1.{message}")).unwrap();
        assert_eq!(
            found.fields().map(|field| field.name().to_owned()).collect::<BTreeSet<_>>(),
            expected,
            "{message}"
        );
    }
}

#[test]
fn money_is_never_a_float() {
    for message in messages() {
        for field in message.fields() {
            assert!(!matches!(field.kind(), Kind::Double | Kind::Float), "{}", field.full_name());
            let is_money = field.name() == "usd" || field.name().ends_with("_usd");
            assert!(
                !is_money || field.kind() == Kind::String,
                "{}: money is exact decimal text",
                field.full_name()
            );
        }
    }
}
