//! The protocol: what clients ask in its messages, answered from the catalogue, the resources and the prompts.

mod door;
mod lines;

use std::future::Future;
use std::sync::Arc;

use http::request::Parts;
use rmcp::model::{
    CacheScope, CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock,
    GetPromptRequestParams, GetPromptResponse, GetPromptResult, Implementation, ListPromptsResult,
    ListResourceTemplatesResult, ListResourcesResult, ListToolsResult, PaginatedRequestParams, Prompt,
    PromptArgument, PromptMessage, ReadResourceRequestParams, ReadResourceResponse, ReadResourceResult,
    Resource, ResourceContents, ResourceTemplate, Role, ServerCapabilities, ServerConfig, Tool,
    ToolAnnotations,
};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer, ServerHandler};
use serde_json::{Map, Value, json};

use crate::api::Api;
use crate::prompts::{PROMPTS, written};
use crate::resources::{READABLE, at};
use crate::tool::{Catalogue, Described, Effect, Outcome, Unsaid};

pub use self::door::Door;
pub use self::lines::{LinesError, over_lines};

/// For how long clients may keep lists: they change with the version of the program only.
const LISTS_FRESH_MS: u64 = 3_600_000;

/// What agents are told about all of it.
const INSTRUCTIONS: &str = "The budget ledger of this machine or team. Before a phase of a task begins, ask `gate`; on `block`, stop. \
                            Before a costly call, CheckBudget or AllocateBudget; after each call, RecordUsage with the \
                            provider's id of the call as idempotency_key. Repeat a call that failed with the same \
                            arguments: nothing is done twice. Amounts in US dollars are exact decimals as text: copy \
                            them, do not round them.";

/// Answers the messages of the protocol.
#[derive(Clone)]
pub(crate) struct Server {
    catalogue: Arc<Catalogue>,
    api: Arc<dyn Api>,
    unsaid: Unsaid,
}

impl Server {
    pub(crate) fn new(catalogue: Arc<Catalogue>, api: Arc<dyn Api>, unsaid: Unsaid) -> Self {
        Self { catalogue, api, unsaid }
    }

    /// Calls a tool, unless the client takes the request back.
    async fn run(
        &self,
        name: &str,
        arguments: Map<String, Value>,
        context: &RequestContext<RoleServer>,
    ) -> Result<Outcome, ErrorData> {
        let caller = context.extensions.get::<Parts>();
        let unsaid = caller.and_then(|caller| caller.extensions.get::<Unsaid>()).unwrap_or(&self.unsaid);
        let call = self.catalogue.call(&*self.api, caller, unsaid, name, arguments);
        tokio::select! {
            outcome = call => outcome.map_err(|unknown| ErrorData::invalid_params(unknown.0, None)),
            () = context.ct.cancelled() => Err(ErrorData::internal_error(
                format!("{name}: the client took the request back; repeat it with the same arguments to learn what was done"),
                None,
            )),
        }
    }
}

impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        let capabilities =
            ServerCapabilities::builder().enable_tools().enable_resources().enable_prompts().build();
        let own = Implementation::new("tollgate", env!("CARGO_PKG_VERSION")).with_title("Tollgate");
        ServerConfig::new(capabilities).with_server_info(own).with_instructions(INSTRUCTIONS)
    }

    async fn list_tools(
        &self,
        _page: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let tools = self.catalogue.tools().iter().map(tool).collect();
        Ok(ListToolsResult::with_all_items(tools)
            .with_ttl_ms(LISTS_FRESH_MS)
            .with_cache_scope(CacheScope::Public))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let outcome = self.run(&request.name, request.arguments.unwrap_or_default(), &context).await?;
        Ok(match outcome {
            Outcome::Answer { text, structured } => {
                let mut result = CallToolResult::success(vec![ContentBlock::text(text)]);
                result.structured_content = Some(structured);
                result
            }
            Outcome::Refused { why, .. } => CallToolResult::error(vec![ContentBlock::text(why)]),
        }
        .into())
    }

    async fn list_resources(
        &self,
        _page: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        let readable = READABLE.iter().filter(|it| !it.is_template());
        let resources = readable.map(|it| {
            Resource::new(it.uri, it.name)
                .with_title(it.title)
                .with_description(it.description)
                .with_mime_type(MARKDOWN)
        });
        let list = ListResourcesResult::with_all_items(resources.collect());
        Ok(list.with_ttl_ms(LISTS_FRESH_MS).with_cache_scope(CacheScope::Public))
    }

    async fn list_resource_templates(
        &self,
        _page: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        let readable = READABLE.iter().filter(|it| it.is_template());
        let templates = readable.map(|it| {
            ResourceTemplate::new(it.uri, it.name)
                .with_title(it.title)
                .with_description(it.description)
                .with_mime_type(MARKDOWN)
        });
        let list = ListResourceTemplatesResult::with_all_items(templates.collect());
        Ok(list.with_ttl_ms(LISTS_FRESH_MS).with_cache_scope(CacheScope::Public))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let Some((tool, arguments)) = at(&request.uri) else {
            let why = "there is none; resources/list and resources/templates/list have all";
            return Err(unread(&request.uri, why, true));
        };
        match self.run(tool, arguments, &context).await? {
            Outcome::Answer { text, .. } => {
                let contents = ResourceContents::text(text, request.uri).with_mime_type(MARKDOWN);
                // The figures are those of now, and of whoever asked.
                let result = ReadResourceResult::new(vec![contents]).with_ttl_ms(0);
                Ok(result.with_cache_scope(CacheScope::Private).into())
            }
            Outcome::Refused { why, is_missing } => Err(unread(&request.uri, &why, is_missing)),
        }
    }

    async fn list_prompts(
        &self,
        _page: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        let prompts = PROMPTS.iter().map(|prompt| {
            let arguments = prompt.arguments.iter().map(|it| {
                PromptArgument::new(it.name).with_description(it.description).with_required(it.required)
            });
            Prompt::new(prompt.name, Some(prompt.description), Some(arguments.collect()))
                .with_title(prompt.title)
        });
        let list = ListPromptsResult::with_all_items(prompts.collect());
        Ok(list.with_ttl_ms(LISTS_FRESH_MS).with_cache_scope(CacheScope::Public))
    }

    fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> impl Future<Output = Result<GetPromptResponse, ErrorData>> + Send + '_ {
        let found = written(&request.name, request.arguments.unwrap_or_default());
        let answer = found.map_err(|why| ErrorData::invalid_params(why, None)).map(|(prompt, text)| {
            let message = PromptMessage::new_text(Role::User, text);
            GetPromptResult::new(vec![message]).with_description(prompt.description).into()
        });
        std::future::ready(answer)
    }
}

/// Why a resource cannot be read.
fn unread(uri: &str, why: &str, is_missing: bool) -> ErrorData {
    let (message, data) = (format!("resource `{uri}`: {why}"), Some(json!({ "uri": uri })));
    if is_missing {
        ErrorData::resource_not_found(message, data)
    } else {
        ErrorData::internal_error(message, data)
    }
}

const MARKDOWN: &str = "text/markdown";

fn tool(described: &Described) -> Tool {
    let object = |schema: &Value| Arc::new(schema.as_object().cloned().unwrap_or_default());
    let reads = described.effect() == Effect::Reads;
    let annotations =
        ToolAnnotations::new().read_only(reads).destructive(false).idempotent(true).open_world(false);
    Tool::new(described.name(), described.description(), object(&described.input))
        .with_title(described.title())
        .with_raw_output_schema(object(&described.output))
        .with_annotations(annotations)
}
