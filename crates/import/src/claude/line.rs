//! Parses one line of a transcript.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;
use tollgate_domain::tokens::TokenCounts;

use crate::codex::{bad_field, shortened};
use crate::item::ProblemKind;

/// Kinds of lines that report no call, whatever tokens they contain: tool results repeat what is in their
/// sub-agent's own file, running totals repeat what is in the calls.
const QUIET: [&str; 24] = [
    "agent-name",
    "ai-title",
    "api-request",
    "api-request-blob",
    "api-request-shape",
    "atis-latch",
    "attachment",
    "cost-state",
    "custom-title",
    "file-history-snapshot",
    "last-prompt",
    "mode",
    "permission-mode",
    "pr-link",
    "progress",
    "queue-operation",
    "result",
    "saved_hook_context",
    "summary",
    "system",
    "tag",
    "tools-used",
    "user",
    "worktree-state",
];

/// The fields of a line that are read.
#[derive(Default, Deserialize)]
pub(super) struct Read<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) timestamp: Option<&'a RawValue>,
    #[serde(borrow, rename = "sessionId")]
    pub(super) session: Option<&'a RawValue>,
    #[serde(borrow, rename = "requestId")]
    pub(super) request: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) uuid: Option<&'a RawValue>,
    #[serde(borrow, rename = "isSidechain")]
    pub(super) is_sidechain: Option<&'a RawValue>,
    #[serde(borrow, rename = "isApiErrorMessage")]
    pub(super) is_error: Option<&'a RawValue>,
    #[serde(borrow, rename = "agentId")]
    pub(super) agent: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) cwd: Option<&'a RawValue>,
    #[serde(borrow, rename = "gitBranch")]
    pub(super) branch: Option<&'a RawValue>,
    #[serde(borrow, rename = "permissionMode")]
    pub(super) permission_mode: Option<&'a RawValue>,
    #[serde(borrow, rename = "isMeta")]
    pub(super) is_meta: Option<&'a RawValue>,
    #[serde(borrow, rename = "isCompactSummary")]
    pub(super) is_summary: Option<&'a RawValue>,
    #[serde(borrow)]
    message: Option<&'a RawValue>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

/// The content of a progress line: a line of the sub-agent's own file.
#[derive(Default, Deserialize)]
struct Progress<'a> {
    #[serde(borrow, rename = "agentId")]
    agent: Option<&'a RawValue>,
    #[serde(borrow)]
    message: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
pub(super) struct Message<'a> {
    #[serde(borrow)]
    pub(super) id: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) model: Option<&'a RawValue>,
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) content: Option<&'a RawValue>,
}

/// What a call used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Usage {
    pub(super) tokens: TokenCounts,
    pub(super) tier: Option<String>,
    pub(super) region: Option<String>,
    /// Web searches that the provider bills in addition to the tokens, if there were any.
    pub(super) searches: Option<String>,
}

type Fields<'a> = BTreeMap<&'a str, &'a RawValue>;

impl<'a> Read<'a> {
    pub(super) fn of(bytes: &'a [u8]) -> serde_json::Result<Self> {
        use serde::de::Error as _;
        if bytes.trim_ascii_start().starts_with(b"{") {
            return serde_json::from_slice(bytes);
        }
        serde_json::from_slice::<&'a RawValue>(bytes)?;
        Err(serde_json::Error::custom("must be a JSON object"))
    }

    pub(super) fn message(&self) -> Message<'a> {
        self.message.and_then(object).unwrap_or_default()
    }

    /// The sub-agent and the call that a progress line reports.
    pub(super) fn reported_call(&self) -> Option<(String, String)> {
        let progress: Progress<'a> = object(self.data?)?;
        let line: Read<'a> = object(progress.message?)?;
        let message = line.message();
        let _ = message.usage(&mut Vec::new())?;
        Some((word(progress.agent)?, word(message.id).or_else(|| word(line.uuid))?))
    }
}

/// Whether lines of this kind report no call.
pub(super) fn is_quiet(kind: &str) -> bool {
    QUIET.contains(&kind)
}

/// Whether it is `true`.
pub(super) fn is_true(raw: Option<&RawValue>) -> bool {
    raw.is_some_and(|raw| raw.get() == "true")
}

/// A string, if there is one.
pub(super) fn word(raw: Option<&RawValue>) -> Option<String> {
    let text: String = serde_json::from_str(raw?.get()).ok()?;
    (!text.trim().is_empty()).then_some(text)
}

impl Message<'_> {
    /// What the call used; `None` if the line has no usage. Counters unknown to this version go to `problems`.
    pub(super) fn usage(&self, problems: &mut Vec<ProblemKind>) -> Option<Result<Usage, ProblemKind>> {
        const RULE: &str = "must be an object with the call's counters; the line is skipped";
        let raw = self.usage.filter(|raw| raw.get() != "null")?;
        let Some(fields) = object::<Fields<'_>>(raw) else {
            return Some(Err(bad_field("message.usage", Some(raw), RULE)));
        };
        Some(usage(&fields, problems))
    }
}

fn usage(fields: &Fields<'_>, problems: &mut Vec<ProblemKind>) -> Result<Usage, ProblemKind> {
    let mut tokens = counts(fields, problems)?;
    let detail = |name| fields.get(name).copied().and_then(object::<Fields<'_>>).unwrap_or_default();
    tokens.reasoning = count("thinking_tokens", &detail("output_tokens_details"))?.min(tokens.output);
    for iteration in iterations(fields, problems) {
        let Some(fields) = object::<Fields<'_>>(iteration) else { continue };
        let kind = word(fields.get("type").copied());
        // A compaction within the call is not part of its own counters; they count the message.
        if kind.as_deref() == Some("compaction") {
            let more = counts(&fields, problems)?;
            tokens.input_uncached = tokens.input_uncached.saturating_add(more.input_uncached);
            tokens.cached_input = tokens.cached_input.saturating_add(more.cached_input);
            tokens.cache_write = tokens.cache_write.saturating_add(more.cache_write);
            tokens.cache_write_1h = tokens.cache_write_1h.saturating_add(more.cache_write_1h);
            tokens.output = tokens.output.saturating_add(more.output);
        } else if let Some(kind) = kind.filter(|kind| kind != "message")
            && counts(&fields, &mut Vec::new()).is_ok_and(|more| more.total() > 0)
        {
            problems.push(ProblemKind::UnknownKind { kind: shortened(&format!("iterations/{kind}")) });
        }
    }
    let speed = word(fields.get("speed").copied()).filter(|speed| speed != "standard");
    Ok(Usage {
        tokens,
        tier: speed.or_else(|| word(fields.get("service_tier").copied())),
        region: word(fields.get("inference_geo").copied()),
        searches: detail("server_tool_use")
            .get("web_search_requests")
            .map(|raw| raw.get().to_owned())
            .filter(|number| number != "0" && number.parse::<u64>().is_ok()),
    })
}

/// The parts of a call, if it lists them.
fn iterations<'a>(fields: &Fields<'a>, problems: &mut Vec<ProblemKind>) -> Vec<&'a RawValue> {
    let Some(raw) = fields.get("iterations").filter(|raw| raw.get() != "null") else { return Vec::new() };
    serde_json::from_str(raw.get()).unwrap_or_else(|_| {
        const RULE: &str = "must be a list; what is in it is not counted";
        problems.push(bad_field("message.usage.iterations", Some(raw), RULE));
        Vec::new()
    })
}

/// The counters of a call. Here `input_tokens` does not include cached ones.
fn counts(fields: &Fields<'_>, problems: &mut Vec<ProblemKind>) -> Result<TokenCounts, ProblemKind> {
    let by_lifetime =
        fields.get("cache_creation").copied().and_then(object::<Fields<'_>>).unwrap_or_default();
    let minutes = count("ephemeral_5m_input_tokens", &by_lifetime)?;
    let hour = count("ephemeral_1h_input_tokens", &by_lifetime)?;
    const KNOWN: [&str; 4] =
        ["input_tokens", "output_tokens", "cache_creation_input_tokens", "cache_read_input_tokens"];
    const KNOWN_LIFETIMES: [&str; 2] = ["ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens"];
    for (all, known) in [(fields, &KNOWN[..]), (&by_lifetime, &KNOWN_LIFETIMES[..])] {
        let unknown = all.iter().filter(|(name, raw)| {
            name.ends_with("_tokens") && !known.contains(name) && !matches!(raw.get(), "0" | "null")
        });
        problems.extend(unknown.map(|(name, raw)| ProblemKind::UnknownCounter {
            field: shortened(name),
            value: shortened(raw.get()),
        }));
    }
    let written = count("cache_creation_input_tokens", fields)?;
    Ok(TokenCounts {
        input_uncached: count("input_tokens", fields)?,
        cached_input: count("cache_read_input_tokens", fields)?,
        cache_write: written.max(minutes.saturating_add(hour)),
        output: count("output_tokens", fields)?,
        reasoning: 0,
        cache_write_1h: hour,
    })
}

fn count(field: &'static str, fields: &Fields<'_>) -> Result<u64, ProblemKind> {
    const RULE: &str = "must be a whole number of tokens from 0 to 2^64 - 1; the line is skipped";
    match fields.get(field) {
        None => Ok(0),
        Some(raw) if raw.get() == "null" => Ok(0),
        Some(raw) => raw.get().parse().map_err(|_| bad_field(field, Some(raw), RULE)),
    }
}

fn object<'a, T: Deserialize<'a>>(raw: &'a RawValue) -> Option<T> {
    raw.get().starts_with('{').then(|| serde_json::from_str(raw.get()).ok()).flatten()
}
