//! JSON schemas of tools, made from the API's OpenAPI document.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};
use utoipa::PartialSchema;

use super::KEY;
use super::table::{Body, Tool, Way};
use super::usage::UsageArguments;

/// Where the document has its types.
const COMPONENTS: &str = "#/components/schemas/";

/// Where a schema of a tool has those that it refers to.
const DEFINITIONS: &str = "#/$defs/";

/// The OpenAPI document does not have what a tool needs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the OpenAPI document has no {0}")]
pub struct InvalidDocument(String);

/// The OpenAPI document.
pub(super) struct Document<'a> {
    json: &'a Value,
}

/// An operation as a tool uses it.
#[derive(Clone, Debug)]
pub(super) struct Operation {
    /// Its arguments by name, each with its schema.
    pub(super) arguments: BTreeMap<String, Value>,
    /// Those that have to be given.
    pub(super) required: BTreeSet<String>,
    /// Arguments that are a part of the path.
    pub(super) in_path: Vec<String>,
    /// Arguments that are in the query.
    pub(super) in_query: Vec<String>,
    /// The type of its answer; `None`: a plain text.
    pub(super) answer: Option<String>,
}

impl Operation {
    /// Whether it has this argument.
    pub(super) fn takes(&self, name: &str) -> bool {
        self.arguments.contains_key(name)
    }
}

impl<'a> Document<'a> {
    pub(super) const fn new(json: &'a Value) -> Self {
        Self { json }
    }

    pub(super) fn operation(&self, way: &Way) -> Result<Operation, InvalidDocument> {
        let method = if way.body == Body::None { "get" } else { "post" };
        let missing = || InvalidDocument(format!("operation {method} {}", way.path));
        let found = self.json["paths"][way.path].get(method).ok_or_else(missing)?;
        let (fields, required) = self.body(way, found)?;
        let mut operation = Operation {
            arguments: BTreeMap::new(),
            required,
            in_path: Vec::new(),
            in_query: Vec::new(),
            answer: None,
        };
        for (name, schema) in fields {
            let name = if way.key == Some(name.as_str()) { KEY.to_owned() } else { name };
            if !way.omits.contains(&name.as_str()) {
                operation.arguments.insert(name, argument(schema));
            }
        }
        self.parameters(way, found, &mut operation);
        if let Some(key) = way.key {
            operation.required.remove(key);
            operation.required.insert(KEY.to_owned());
            operation.arguments.insert(KEY.to_owned(), key_schema());
        }
        let answers = found["responses"].as_object().into_iter().flatten();
        let contents =
            answers.filter(|(status, _)| status.starts_with('2')).map(|(_, answer)| &answer["content"]);
        let named =
            contents.filter_map(|content| content["application/json"]["schema"]["$ref"].as_str()).next();
        operation.answer = named.and_then(|named| named.strip_prefix(COMPONENTS)).map(str::to_owned);
        Ok(operation)
    }

    /// The fields of the body, and those that are required.
    fn body(
        &self,
        way: &Way,
        found: &Value,
    ) -> Result<(Map<String, Value>, BTreeSet<String>), InvalidDocument> {
        let own;
        let schema = match way.body {
            Body::None => return Ok((Map::new(), BTreeSet::new())),
            Body::Fields => &found["requestBody"]["content"]["application/json"]["schema"],
            Body::Usage => {
                // A schema can always be written as JSON.
                own = serde_json::to_value(UsageArguments::schema()).unwrap_or_default();
                &own
            }
        };
        let (mut fields, mut required) = (Map::new(), BTreeSet::new());
        self.gather(schema, &mut fields, &mut required)?;
        Ok((fields, required))
    }

    /// The properties of a type, with those of the types that it is made of.
    fn gather(
        &self,
        schema: &Value,
        fields: &mut Map<String, Value>,
        required: &mut BTreeSet<String>,
    ) -> Result<(), InvalidDocument> {
        if let Some(name) = schema["$ref"].as_str() {
            self.gather(self.named(name.trim_start_matches(COMPONENTS))?, fields, required)?;
        }
        for part in schema["allOf"].as_array().into_iter().flatten() {
            self.gather(part, fields, required)?;
        }
        for (name, field) in schema["properties"].as_object().into_iter().flatten() {
            fields.insert(name.clone(), field.clone());
        }
        required.extend(
            schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned),
        );
        Ok(())
    }

    fn parameters(&self, way: &Way, found: &Value, operation: &mut Operation) {
        for parameter in found["parameters"].as_array().into_iter().flatten() {
            let Some(name) = parameter["name"].as_str() else { continue };
            // What the body has too is given there.
            if way.omits.contains(&name) || operation.arguments.contains_key(name) {
                continue;
            }
            let mut schema = parameter["schema"].clone();
            if let Some(description) = parameter.get("description") {
                schema["description"] = description.clone();
            }
            if parameter["in"] == "path" {
                operation.in_path.push(name.to_owned());
                operation.required.insert(name.to_owned());
                schema["description"] = json!(format!("The {name}."));
            } else {
                operation.in_query.push(name.to_owned());
            }
            operation.arguments.insert(name.to_owned(), argument(schema));
        }
    }

    fn named(&self, name: &str) -> Result<&'a Value, InvalidDocument> {
        let found = self.json["components"]["schemas"].get(name);
        found.ok_or_else(|| InvalidDocument(format!("type {name}")))
    }

    /// The schema of a tool's answers.
    pub(super) fn output(&self, tool: &Tool, operations: &[Operation]) -> Result<Value, InvalidDocument> {
        let (mut parts, mut definitions) = (Map::new(), Map::new());
        for (way, operation) in tool.ways.iter().zip(operations) {
            let Some(answer) = &operation.answer else {
                return Ok(object(json!({ "text": { "type": "string" } }), &["text"]));
            };
            self.define(answer, &mut definitions)?;
            let Some(part) = way.part else {
                let mut whole = definitions.remove(answer).unwrap_or_default();
                // What is made of several types is an object too; clients want that said.
                whole["type"] = json!("object");
                return Ok(with_definitions(whole, definitions));
            };
            parts.insert(part.to_owned(), json!({ "$ref": format!("{DEFINITIONS}{answer}") }));
        }
        Ok(with_definitions(object(Value::Object(parts), &[]), definitions))
    }

    /// Adds a type and all that it refers to. What fields mean is in the OpenAPI document and in the text of answers;
    /// a list of tools has to be short.
    fn define(&self, name: &str, definitions: &mut Map<String, Value>) -> Result<(), InvalidDocument> {
        if definitions.contains_key(name) {
            return Ok(());
        }
        let mut schema = self.named(name)?.clone();
        let mut referred = BTreeSet::new();
        shorten(&mut schema, &mut referred);
        definitions.insert(name.to_owned(), schema);
        referred.iter().try_for_each(|name| self.define(name, definitions))
    }
}

/// The schema of a tool's arguments.
pub(super) fn input(tool: &Tool, operations: &[Operation]) -> Value {
    let mut arguments = BTreeMap::new();
    for operation in operations {
        for (name, schema) in &operation.arguments {
            arguments.entry(name.clone()).or_insert_with(|| schema.clone());
        }
    }
    let mut required: BTreeSet<&String> = operations.iter().flat_map(|it| &it.required).collect();
    required.retain(|name| operations.iter().all(|operation| operation.required.contains(*name)));
    let required: Vec<&str> = required.into_iter().map(String::as_str).collect();
    let mut schema = object(json!(arguments), &required);
    schema["additionalProperties"] = json!(false);
    schema["title"] = json!(tool.name);
    schema
}

fn object(properties: Value, required: &[&str]) -> Value {
    let mut schema = json!({ "type": "object", "properties": properties });
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema
}

fn with_definitions(mut schema: Value, definitions: Map<String, Value>) -> Value {
    if !definitions.is_empty() {
        schema["$defs"] = Value::Object(definitions);
    }
    schema
}

fn key_schema() -> Value {
    json!({
        "type": "string",
        "minLength": 1,
        "maxLength": 128,
        "description": "Choose one for this call and keep it for every retry: a retry with the same key gets the first answer, \
                        and nothing is done twice. A new call needs a new key.",
    })
}

/// The schema of an argument: what may be left out need not be `null`, and models do better with plain types.
fn argument(mut schema: Value) -> Value {
    if let Some(fields) = schema.as_object_mut() {
        fields.remove("format");
        fields.remove("propertyNames");
        if let Some(Value::Array(kinds)) = fields.get("type") {
            let kind = kinds.iter().find(|kind| *kind != "null").cloned().unwrap_or(Value::Null);
            fields.insert("type".to_owned(), kind);
        }
        if let Some(Value::Array(choices)) = fields.remove("oneOf") {
            // An optional object: `null`, or what it is.
            let described = fields.remove("description").map(in_one_line);
            let is = choices.into_iter().find(|choice| choice["type"] != "null").unwrap_or_default();
            let mut is = argument(is);
            if let Some(described) = described {
                is["description"] = described;
            }
            return is;
        }
        if let Some(described) = fields.remove("description") {
            fields.insert("description".to_owned(), in_one_line(described));
        }
        for name in ["properties", "additionalProperties", "items"] {
            match (name, fields.get_mut(name)) {
                ("properties", Some(Value::Object(inner))) => {
                    inner.values_mut().for_each(|it| *it = argument(it.take()));
                }
                (_, Some(inner)) if inner.is_object() => *inner = argument(inner.take()),
                _ => {}
            }
        }
    }
    schema
}

fn in_one_line(described: Value) -> Value {
    described.as_str().map_or(Value::Null, |text| json!(text.replace('\n', " ")))
}

/// Takes descriptions out of a schema, and points what it refers to at its own definitions.
fn shorten(schema: &mut Value, referred: &mut BTreeSet<String>) {
    match schema {
        Value::Object(fields) => {
            if fields.get("description").is_some_and(Value::is_string) {
                fields.remove("description");
            }
            if let Some(Value::String(target)) = fields.get_mut("$ref")
                && let Some(name) = target.strip_prefix(COMPONENTS).map(str::to_owned)
            {
                *target = format!("{DEFINITIONS}{name}");
                referred.insert(name);
            }
            fields.values_mut().for_each(|inner| shorten(inner, referred));
        }
        Value::Array(items) => items.iter_mut().for_each(|inner| shorten(inner, referred)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
