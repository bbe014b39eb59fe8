//! Tools of the Model Context Protocol, in the form that Tekton's components ask for them.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::Path;

use super::Operation;
use super::run::{Done, run};
use crate::app::Tekton;
use crate::door::Caller;
use crate::fault::{Answer, Fault, Handled};
use crate::fields::Fields;
use crate::json::{Json, object};

/// The version of the tools.
const VERSION: &str = "0.1.0";

/// Who asks where nobody says so.
const ANYBODY: &str = "mcp";

/// What the tools are for.
const CAPABILITIES: [(&str, &str, &str); 3] = [
    ("budget_management", "Reserve, check and record tokens and money", "resource"),
    ("model_recommendations", "Name models that cost less or still fit", "optimization"),
    ("budget_analytics", "Add up usage and show how limits stand", "analytics"),
];

impl Operation {
    /// What its tool takes, as a JSON Schema.
    pub(crate) fn schema(self) -> Json {
        let (required, parameters) = self.parameters();
        let properties =
            parameters.iter().map(|(name, kind)| ((*name).to_owned(), object! { "type" => *kind }));
        object! {
            "type" => "object",
            "properties" => Json::Object(properties.collect()),
            "required" => required.to_vec(),
        }
    }

    /// What its tool is about, in words.
    pub(crate) const fn tags(self) -> [&'static str; 2] {
        match self {
            Self::Allocate | Self::Check | Self::Record => ["budget", "usage"],
            Self::Status | Self::Analyze => ["budget", "analytics"],
            Self::Recommend | Self::Route => ["budget", "models"],
        }
    }

    const fn category(self) -> &'static str {
        match self {
            Self::Allocate | Self::Check | Self::Record => "budget_management",
            Self::Recommend | Self::Route => "model_recommendations",
            Self::Status | Self::Analyze => "budget_analytics",
        }
    }
}

/// `GET /mcp/health`.
pub(super) async fn health() -> Answer {
    Answer::ok(object! { "status" => "healthy", "message" => "MCP service is running" })
}

/// `GET /mcp/capabilities`.
pub(super) async fn capabilities() -> Answer {
    let told = CAPABILITIES.map(|(name, description, modality)| {
        object! { "name" => name, "description" => description, "modality" => modality }
    });
    Answer::ok(object! { "capabilities" => told.to_vec(), "count" => CAPABILITIES.len() })
}

/// `GET /mcp/tools`.
pub(super) async fn list(Caller(app): Caller) -> Answer {
    let told = Operation::of(&app.options).map(|operation| {
        object! {
            "name" => operation.tool(),
            "description" => operation.about(),
            "schema" => operation.schema(),
            "tags" => operation.tags().to_vec(),
            "category" => operation.category(),
            "version" => VERSION,
        }
    });
    let told: Vec<Json> = told.collect();
    let count = told.len();
    Answer::ok(object! { "tools" => told, "count" => count })
}

/// Runs a tool: its own result, which says so where it failed.
async fn result(app: &Arc<Tekton>, tool: &str, read: &mut Fields) -> Handled<Done> {
    let operation =
        Operation::of_tool(tool).ok_or_else(|| Fault::missing(format!("Tool not found: {tool}")))?;
    let (required, _) = operation.parameters();
    for name in required {
        if read.raw(name).is_none() {
            let _ = read.needed(name);
        }
    }
    read.done()?;
    let mut done = run(app, operation, ANYBODY, read).await;
    if let Some(error) = &done.error {
        done.payload = done.payload.with("error", error.as_str());
    }
    Ok(done)
}

/// `POST /mcp/process`.
pub(super) async fn process(Caller(app): Caller, body: Bytes) -> Handled {
    let mut read = Fields::of_body(&body)?;
    let tool = match read.filled("tool_name").or_else(|| read.filled("tool")) {
        Some(tool) => tool,
        None => read.needed("tool_name"),
    };
    read.done()?;
    let named = if read.raw("arguments").is_some() { "arguments" } else { "parameters" };
    let mut arguments = read.within(named);
    let told = |result: Json, error: Option<String>| {
        let status = if error.is_some() { "error" } else { "success" };
        Answer::ok(object! { "status" => status, "result" => result, "error" => error })
    };
    Ok(match result(&app, &tool, &mut arguments).await {
        Ok(Done { payload, error: None }) => told(payload, None),
        Ok(Done { error, .. }) => told(Json::Null, error),
        Err(fault) => told(Json::Null, Some(fault.text)),
    })
}

/// `POST /mcp/tools/{tool}/execute`: the result itself.
pub(super) async fn execute(Caller(app): Caller, Path(tool): Path<String>, body: Bytes) -> Handled {
    let mut read = Fields::of_body(&body)?;
    let mut parameters = if read.raw("parameters").is_some() { read.within("parameters") } else { read };
    Ok(Answer::ok(result(&app, &tool, &mut parameters).await?.payload))
}
