//! What the registry is told.

use crate::app::Tekton;
use crate::json::{Json, object};
use crate::mcp::Operation;
use crate::options::Capability;
use crate::rest::{CAPABILITIES, DESCRIPTION, VERSION};

use super::address::Registry;

/// What Hermes calls this component.
pub(super) const NAME: &str = "penia";

/// What the older helper calls it.
pub(super) const COMPONENT: &str = "budget";

/// The registration with Hermes.
pub(super) fn hermes(registry: &Registry, app: &Tekton) -> Json {
    object! {
        "name" => NAME,
        "version" => VERSION,
        "type" => NAME,
        "endpoint" => &registry.endpoint,
        "capabilities" => CAPABILITIES.to_vec(),
        "metadata" => object! {
            "description" => DESCRIPTION,
            "websocket_endpoint" => "/ws/budget/updates",
            "assistant" => app.options.has(Capability::Assistant),
            "mcp_enabled" => app.options.has(Capability::Tools),
            "uptime" => app.since.elapsed().as_secs(),
        },
    }
}

/// A heartbeat to Hermes.
pub(super) fn hermes_beat(component: &str) -> Json {
    object! { "component_id" => component, "status" => object! { "health" => "healthy" } }
}

/// The tools, as Hermes takes them: those that are answered here.
pub(super) fn tools(registry: &Registry, app: &Tekton) -> Vec<Json> {
    if !app.options.has(Capability::Tools) {
        return Vec::new();
    }
    let told = Operation::of(&app.options).map(|operation| {
        let name = format!("budget_{}", operation.tool());
        object! {
            "endpoint" => format!("{}/api/tools/{name}/execute", registry.endpoint),
            "name" => name,
            "description" => operation.about(),
            "schema" => operation.schema(),
            "tags" => operation.tags().to_vec(),
            "metadata" => object! { "component" => NAME, "version" => VERSION },
        }
    });
    told.collect()
}

/// The registration of the older helper.
pub(super) fn registration(registry: &Registry) -> Json {
    let capabilities = CAPABILITIES.map(|name| {
        object! { "name" => name, "description" => name.replace('_', " "), "parameters" => Json::Object(Vec::new()) }
    });
    let messages = Operation::ALL.map(|operation| {
        object! { "type" => operation.asked(), "description" => operation.about(), "response_type" => operation.answered() }
    });
    let spoken = object! {
        "protocol" => "mcp",
        "version" => "1.0",
        "message_types" => messages.to_vec(),
        "events" => Json::List(Vec::new()),
        "endpoint" => "/api/mcp/message",
    };
    object! {
        "component_id" => COMPONENT,
        "name" => "Budget",
        "type" => "budget_manager",
        "version" => VERSION,
        "capabilities" => capabilities.to_vec(),
        "mcp_capabilities" => vec![spoken],
        "dependencies" => Json::List(Vec::new()),
        "metadata" => object! {
            "ui_enabled" => true,
            "ui_component" => "budget-dashboard",
            "supports_mcp" => true,
            "websocket_endpoints" => vec![
                "/ws/budget/updates", "/ws/budget/alerts", "/ws/budget/allocations", "/ws/budget/prices",
            ],
        },
        "endpoint" => &registry.endpoint,
    }
}

/// A heartbeat of the older helper.
pub(super) fn registration_beat(component: &str) -> Json {
    object! { "component_id" => component, "status" => "healthy" }
}

/// The end of a registration of the older helper.
pub(super) fn registration_end(component: &str) -> Json {
    object! { "component_id" => component }
}

/// A text as the value of a query.
pub(super) fn in_query(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}
