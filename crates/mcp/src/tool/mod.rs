//! The tools: which operations they are, what they take and what they answer.

mod answer;
mod arguments;
mod schema;
mod table;
mod usage;

use std::fmt;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{Method, Request};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};
use tollgate_domain::nearest;

use self::answer::shown;
use self::arguments::Arguments;
use self::schema::{Document, Operation};
use self::table::{Body, TOOLS, Tool, Way};
use crate::api::{Api, Caller, ask};

pub use self::schema::InvalidDocument;
pub(crate) use self::table::Effect;

/// The name of the argument that makes a retry get the first answer.
const KEY: &str = "idempotency_key";

/// Who reports, where nobody says.
const PRODUCER: &str = "mcp";

/// What stays as it is in a path or query.
const PLAIN: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// What a call is taken to say where it says nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unsaid {
    /// Whose data it is about; `None`: the ledger's default.
    pub tenant: Option<String>,
    /// Who reports; `None`: `mcp`.
    pub producer: Option<String>,
}

/// All tools, with their schemas.
pub struct Catalogue {
    tools: Vec<Described>,
}

/// A tool as clients see it.
pub(crate) struct Described {
    tool: &'static Tool,
    operations: Vec<Operation>,
    /// What it takes, as a JSON schema.
    pub(crate) input: Value,
    /// What it answers, as a JSON schema.
    pub(crate) output: Value,
}

/// What a call gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The answer: for people, and for programs.
    Answer {
        /// In sentences.
        text: String,
        /// In the form of the output schema.
        structured: Value,
    },
    /// There is none.
    Refused {
        /// Why, and what to do.
        why: String,
        /// What was asked about does not exist.
        is_missing: bool,
    },
}

/// There is no such tool: what is wrong, and what was probably meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UnknownTool(pub(crate) String);

impl Described {
    pub(crate) const fn name(&self) -> &'static str {
        self.tool.name
    }

    pub(crate) const fn title(&self) -> &'static str {
        self.tool.title
    }

    pub(crate) const fn description(&self) -> &'static str {
        self.tool.description
    }

    pub(crate) const fn effect(&self) -> Effect {
        self.tool.effect
    }
}

impl Catalogue {
    /// The tools of an API.
    ///
    /// # Errors
    ///
    /// [`InvalidDocument`] if an operation or a type that a tool needs is not in the OpenAPI document.
    pub fn new(openapi: &Value) -> Result<Self, InvalidDocument> {
        let document = Document::new(openapi);
        let tools = TOOLS.iter().map(|tool| describe(tool, &document)).collect::<Result<_, _>>()?;
        Ok(Self { tools })
    }

    pub(crate) fn tools(&self) -> &[Described] {
        &self.tools
    }

    /// Calls a tool.
    pub(crate) async fn call(
        &self,
        api: &dyn Api,
        caller: Option<&Caller>,
        unsaid: &Unsaid,
        name: &str,
        arguments: Map<String, Value>,
    ) -> Result<Outcome, UnknownTool> {
        let Some(described) = self.tools.iter().find(|it| it.tool.name == name) else {
            let names: Vec<&str> = TOOLS.iter().map(|tool| tool.name).collect();
            return Err(UnknownTool(format!(
                "tool `{name}`: there is none of that name; tools/list has all{}",
                nearest::hint(name, &names)
            )));
        };
        let (way, operation, request) = match described.request(arguments, unsaid) {
            Ok(request) => request,
            Err(why) => return Ok(refused(name, &why, false)),
        };
        let body = match ask(api, caller, request).await {
            Ok(body) => body,
            Err(error) => return Ok(refused(name, &error.to_string(), error.is_missing())),
        };
        Ok(match shown(way, operation, &body) {
            Ok((text, structured)) => Outcome::Answer { text, structured },
            Err(why) => refused(name, &why, false),
        })
    }
}

fn refused(name: &str, why: &str, is_missing: bool) -> Outcome {
    Outcome::Refused { why: format!("{name}: {why}"), is_missing }
}

impl fmt::Debug for Catalogue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.tools.iter().map(|it| it.tool.name)).finish()
    }
}

fn describe(tool: &'static Tool, document: &Document<'_>) -> Result<Described, InvalidDocument> {
    let operations: Vec<Operation> =
        tool.ways.iter().map(|way| document.operation(way)).collect::<Result<_, _>>()?;
    let input = schema::input(tool, &operations);
    let output = document.output(tool, &operations)?;
    Ok(Described { tool, operations, input, output })
}

impl Described {
    /// The request that a call is.
    fn request(
        &self,
        arguments: Map<String, Value>,
        unsaid: &Unsaid,
    ) -> Result<(&'static Way, &Operation, Request<Bytes>), String> {
        let mut given = Arguments::check(arguments, &self.input)?;
        let ways = self.tool.ways.iter().zip(&self.operations);
        let chosen = ways.clone().find(|(way, _)| way.when.is_none_or(|when| given.has(when)));
        // The last way of a tool has no condition; a test says so.
        let (way, operation) = chosen.ok_or("its arguments do not say what is asked")?;
        let producer = unsaid.producer.as_deref().unwrap_or(PRODUCER);
        for (name, value) in [("tenant", unsaid.tenant.as_deref()), ("producer", Some(producer))] {
            if let Some(value) = value.filter(|_| operation.takes(name) && !given.has(name)) {
                given.insert(name, json!(value));
            }
        }
        given.only(operation, way)?;
        let request = build(way, operation, given)?;
        Ok((way, operation, request))
    }
}

/// Puts arguments where the operation has them: in the path, in the query or in the body.
fn build(way: &Way, operation: &Operation, mut given: Arguments) -> Result<Request<Bytes>, String> {
    let mut path = way.path.to_owned();
    for name in &operation.in_path {
        let text = given.take_text(name).ok_or_else(|| format!("`{name}`: must be a text"))?;
        path = path.replace(&format!("{{{name}}}"), &escaped(&text));
    }
    let mut query = Vec::new();
    for name in &operation.in_query {
        if let Some(text) = given.take_text(name) {
            query.push(format!("{name}={}", escaped(&text)));
        }
    }
    query.extend(way.always.iter().map(|(name, value)| format!("{name}={}", escaped(value))));
    if !query.is_empty() {
        path = format!("{path}?{}", query.join("&"));
    }
    let body = match way.body {
        Body::None => Bytes::new(),
        Body::Fields => Value::Object(given.into_body(way)).to_string().into(),
        Body::Usage => usage::append(given.into_body(way)).to_string().into(),
    };
    Request::builder()
        .method(if matches!(way.body, Body::None) { Method::GET } else { Method::POST })
        .uri(path)
        .header(ACCEPT, "application/json")
        .header(CONTENT_TYPE, "application/json")
        .body(body)
        .map_err(|error| error.to_string())
}

fn escaped(text: &str) -> String {
    utf8_percent_encode(text, &PLAIN).to_string()
}
