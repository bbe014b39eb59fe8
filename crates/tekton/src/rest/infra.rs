//! Health, discovery and what else a component answers about itself.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json as AxumJson, Router};

use tollgate_client::ClientError;

use crate::app::Tekton;
use crate::door::Caller;
use crate::fault::Answer;
use crate::json::{Json, object};
use crate::names::escaped;
use crate::paths::PATHS;

/// What this component is called.
pub(crate) const COMPONENT: &str = "budget";

/// Its version, as Tekton counts.
pub(crate) const VERSION: &str = "0.1.0";

/// What it is.
pub(crate) const DESCRIPTION: &str = "Token and cost budgets for LLM usage, answered by a Tollgate ledger";

/// What it can do, in the words that the registry is told.
pub(crate) const CAPABILITIES: [&str; 5] =
    ["budget_allocation", "cost_tracking", "usage_monitoring", "assistant_service", "websocket_support"];

/// The paths outside of `/api`.
pub(crate) fn roots() -> Router<Arc<Tekton>> {
    Router::new()
        .route("/", get(root))
        .route("/health", get(health))
        .route("/ready", get(ready))
        .route("/workflow", post(workflow))
}

/// The paths of `/api/v1` that say what this is.
pub(crate) fn discovery() -> Router<Arc<Tekton>> {
    Router::new()
        .route("/api/v1/health", get(short_health))
        .route("/api/v1/discovery", get(discover))
        .route("/api/v1/openapi.json", get(openapi))
        .route("/api/v1/docs", get(docs))
}

async fn root() -> Answer {
    Answer::ok(object! {
        "component" => COMPONENT, "description" => DESCRIPTION, "version" => VERSION, "status" => "active",
    })
}

async fn health(Caller(app): Caller) -> Answer {
    let services = CAPABILITIES.iter().take(4).filter(|name| **name != "usage_monitoring").copied();
    let services: Vec<Json> = services.map(Json::from).collect();
    Answer::ok(object! {
        "status" => "healthy",
        "component" => COMPONENT,
        "version" => VERSION,
        "timestamp" => app.now(),
        "uptime" => app.since.elapsed().as_secs(),
        "port" => app.options.port,
        "registered_with_hermes" => app.is_registered(),
        "dependencies" => Json::List(Vec::new()),
        "metrics" => Json::Object(Vec::new()),
        "details" => object! { "services" => services },
    })
}

async fn short_health(Caller(app): Caller) -> Answer {
    Answer::ok(object! {
        "status" => "healthy", "component" => COMPONENT, "version" => VERSION, "timestamp" => app.now(),
    })
}

/// Ready as soon as the ledger answers, whether a registry knows it or not.
async fn ready(Caller(app): Caller) -> Answer {
    // That it asks for a key is an answer, too.
    let is_ready = match app.ledger.position().await {
        Ok(_) => true,
        Err(ClientError::Problem(problem)) => problem.status < 500,
        Err(_) => false,
    };
    let told = object! {
        "ready" => is_ready,
        "component" => COMPONENT,
        "version" => VERSION,
        "initialization_time" => 0,
        "timestamp" => app.now(),
    };
    Answer(if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, told)
}

async fn workflow() -> Answer {
    Answer::ok(
        object! { "status" => "not_implemented", "component" => COMPONENT, "message" => "Budget has no workflows" },
    )
}

async fn discover(Caller(app): Caller) -> Answer {
    let endpoints = PATHS.iter().map(|(method, path, about)| {
        let tag = path.trim_start_matches("/api/v1/").trim_start_matches("/api/").split('/').next();
        object! {
            "path" => *path,
            "method" => *method,
            "description" => *about,
            "tags" => vec![tag.unwrap_or_default()],
        }
    });
    let registry = app.options.registry.as_ref().map(|registry| registry.base.as_str());
    Answer::ok(object! {
        "component" => COMPONENT,
        "version" => VERSION,
        "description" => DESCRIPTION,
        "endpoints" => endpoints.collect::<Vec<_>>(),
        "capabilities" => CAPABILITIES.to_vec(),
        "dependencies" => object! { "hermes" => registry.unwrap_or("http://localhost:8001") },
        "metadata" => object! { "websocket_endpoint" => "/ws/budget/updates", "documentation" => "/api/v1/docs" },
    })
}

async fn openapi() -> Response {
    let mut paths = serde_json::Map::new();
    for (method, path, about) in PATHS {
        let entry = paths.entry((*path).to_owned()).or_insert_with(|| serde_json::json!({}));
        entry[method.to_ascii_lowercase()] =
            serde_json::json!({"summary": about, "responses": {"200": {"description": "The answer"}}});
    }
    let document = serde_json::json!({
        "openapi": "3.1.0",
        "info": {"title": "Budget", "version": VERSION, "description": DESCRIPTION},
        "paths": paths,
    });
    AxumJson(document).into_response()
}

async fn docs() -> Html<String> {
    let rows = PATHS.iter().map(|(method, path, about)| {
        format!(
            "<tr><td>{method}</td><td><code>{}</code></td><td>{}</td></tr>",
            escaped(path),
            escaped(about)
        )
    });
    let rows: String = rows.collect();
    Html(format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Budget</title><h1>Budget</h1><p>{}</p>\
         <p><a href=\"/api/v1/openapi.json\">openapi.json</a></p><table>{rows}</table></html>",
        escaped(DESCRIPTION)
    ))
}
