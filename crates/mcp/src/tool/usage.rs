//! Usage as an argument: the fields of `usage_recorded` and of its event in one object. The API takes events as they
//! are stored, so this is the only tool whose arguments are described here; a test sends all of them through the
//! reader of events.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use utoipa::ToSchema;

/// What one model call used.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its schema is used")]
pub(super) struct UsageArguments {
    /// Owner of the task (default: `default`).
    tenant: Option<String>,
    /// Who reports it (default: `mcp`).
    producer: Option<String>,
    /// Unique to this call of a model, such as the id that the provider gave it: the same key and content again
    /// records nothing, the same key with other content is refused.
    id: String,
    /// The task that it is for.
    task: String,
    /// When it happened: an RFC 3339 time (default: now). A retry has to say the same, or nothing both times.
    occurred_at: Option<String>,
    /// The phase of the task (default: none, it counts for the task only).
    phase: Option<String>,
    /// Which attempt of that phase, from 1 (default: the latest).
    #[schema(minimum = 1)]
    attempt: Option<u32>,
    /// Who served the model.
    provider: Option<String>,
    /// Which model.
    model: Option<String>,
    /// The part of the producer that called.
    component: Option<String>,
    /// The provider's id of the call.
    request_id: Option<String>,
    /// The provider's tier that served it, such as `priority`.
    service_tier: Option<String>,
    /// Tokens by kind, as the provider reported them. The kinds do not overlap, except that `reasoning` is a part of
    /// `output` and `cache_write_1h` a part of `cache_write`.
    #[schema(inline)]
    tokens: Option<TokenArguments>,
    /// Characters of the prompt, only if no tokens were reported.
    prompt_chars: Option<u64>,
    /// Characters of the completion, only if no tokens were reported.
    completion_chars: Option<u64>,
    /// What else it is billed for, by unit, such as `output_images`; times in milliseconds.
    units: Option<BTreeMap<String, u64>>,
    /// The allocation that it uses.
    allocation: Option<String>,
    /// What allocations were made for: it uses the open one that was made for it last.
    context: Option<String>,
    /// Free pairs: `team`, `user`, `task_type` and `session` are dimensions of their own.
    labels: Option<BTreeMap<String, String>>,
}

/// Tokens by kind.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct TokenArguments {
    /// Input that was neither read from nor written to a cache.
    input_uncached: Option<u64>,
    /// Input read from a cache.
    cached_input: Option<u64>,
    /// Input written to a cache.
    cache_write: Option<u64>,
    /// The part of it that the cache keeps for an hour.
    cache_write_1h: Option<u64>,
    /// Output, including reasoning.
    output: Option<u64>,
    /// The part of output spent on reasoning.
    reasoning: Option<u64>,
}

/// Fields of the event; all others are those of its body.
const OF_THE_EVENT: [&str; 5] = ["tenant", "producer", "id", "task", "occurred_at"];

/// The request that appends it.
pub(super) fn append(mut fields: Map<String, Value>) -> Value {
    let mut event = Map::new();
    for name in OF_THE_EVENT {
        if let Some(value) = fields.remove(name) {
            event.insert(name.to_owned(), value);
        }
    }
    event.insert("usage_recorded".to_owned(), Value::Object(fields));
    json!({ "events": [event] })
}
