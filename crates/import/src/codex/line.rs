//! Parses one line of a Codex rollout. Kinds of lines and fields that are not named here are skipped, unless
//! they report tokens: later versions of Codex add some, and what they count must not be lost silently.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;
use tollgate_domain::time::Timestamp;

use super::counters::Counters;
use super::fields::{bad_field, named, object, shortened, text};
use super::kinds::{kind_of, reports_tokens};
use crate::item::ProblemKind;

/// A line.
#[derive(Debug)]
pub(super) struct Read<'a> {
    /// When it was written, as it appears in the line.
    timestamp: Option<&'a RawValue>,
    /// Its place in the thread's history, in newer versions.
    pub(super) ordinal: Option<u64>,
    pub(super) meaning: Meaning,
}

/// The meaning of a line.
#[derive(Debug)]
pub(super) enum Meaning {
    /// `session_meta`: whose file this is.
    Session(Box<SessionMeta>),
    /// `turn_context`: the model of what follows; `None` if it is not readable.
    Model(Option<String>),
    /// `thread_settings_applied`: the provider's tier of what follows.
    Tier(Option<String>),
    /// `token_count` with usage.
    Count(Usage),
    /// `token_usage_record`: one call.
    Record(UsageRecord),
    /// Something else.
    Nothing,
}

/// The head of a session. `None`: missing, or not readable.
#[derive(Debug, Default)]
pub(super) struct SessionMeta {
    pub(super) id: Option<String>,
    pub(super) session: Option<String>,
    pub(super) forked_from: Option<String>,
    pub(super) originator: Option<String>,
    pub(super) model_provider: Option<String>,
    pub(super) cwd: Option<String>,
    pub(super) branch: Option<String>,
    pub(super) agent: Option<String>,
    pub(super) is_subagent: bool,
    /// The thread whose counters this one's continue from.
    pub(super) history_base: Option<String>,
    /// Lines below it are copied from the parent.
    pub(super) history_start: Option<u64>,
}

/// Cumulative usage.
#[derive(Debug)]
pub(super) struct Usage {
    pub(super) total: Counters,
    /// What the last call used, if readable.
    pub(super) last: Option<Counters>,
    /// `total_tokens`, if present.
    pub(super) total_tokens: Option<u64>,
}

/// One call.
#[derive(Debug)]
pub(super) struct UsageRecord {
    pub(super) response: Option<String>,
    pub(super) thread: Option<String>,
    pub(super) used: Counters,
    /// The thread's counters including it, if readable.
    pub(super) total: Option<Counters>,
    pub(super) total_tokens: Option<u64>,
}

impl Read<'_> {
    /// When the line was written.
    pub(super) fn timestamp(&self) -> Result<Timestamp, ProblemKind> {
        const RULE: &str = "must be RFC 3339 between the years 1 and 9999, for example 2026-11-21T08:30:00Z; the \
                            usage is counted with the next snapshot that can be read";
        let text = self.timestamp.and_then(|raw| serde_json::from_str::<&str>(raw.get()).ok());
        text.and_then(|text| text.parse().ok()).ok_or_else(|| bad_field("timestamp", self.timestamp, RULE))
    }
}

/// Why a line has no meaning.
#[derive(Debug)]
pub(super) enum LineError {
    /// It is not a JSON object.
    Json(serde_json::Error),
    /// A field that everything depends on is invalid.
    Field(ProblemKind),
}

/// Reads a line. Invalid fields that the rest does not need go to `problems`.
pub(super) fn read<'a>(bytes: &'a [u8], problems: &mut Vec<ProblemKind>) -> Result<Read<'a>, LineError> {
    let line: Envelope<'a> = envelope(bytes).map_err(LineError::Json)?;
    let meaning = meaning(&line, bytes, problems)?;
    let ordinal = line.ordinal.and_then(|raw| raw.get().parse().ok());
    Ok(Read { timestamp: line.timestamp, ordinal, meaning })
}

fn meaning(line: &Envelope<'_>, bytes: &[u8], problems: &mut Vec<ProblemKind>) -> Result<Meaning, LineError> {
    // Codex before September 2025 wrote lines without a type, and no usage.
    let Some(kind) = line.kind else { return Ok(Meaning::Nothing) };
    let Some(kind) = named(kind.get()) else {
        return Err(LineError::Field(bad_field("type", Some(kind), "must be text; the line is skipped")));
    };
    let event = match kind.as_str() {
        "session_meta" => return Ok(session_meta(payload(line.payload)?, problems)),
        "turn_context" => return Ok(model(payload(line.payload)?.model, problems)),
        "token_usage_record" => {
            return record(&payload(line.payload)?, problems).map_err(LineError::Field);
        }
        "event_msg" => {
            let payload = payload(line.payload)?;
            match payload.kind.and_then(|raw| named(raw.get())) {
                Some(event) if event == "token_count" => {
                    return count(payload.info, problems).map_err(LineError::Field);
                }
                Some(event) if event == "thread_settings_applied" => {
                    return Ok(tier(payload.thread_settings, problems));
                }
                event => event.map(|event| format!("event_msg/{event}")),
            }
        }
        _ => None,
    };
    if reports_tokens(bytes) {
        let kind = event.unwrap_or(kind);
        if !super::kinds::is_known(&kind) {
            return Err(LineError::Field(ProblemKind::UnknownKind { kind: shortened(&kind) }));
        }
    }
    Ok(Meaning::Nothing)
}

/// Whether a truncated line may have contained usage.
pub(super) fn may_report_usage(bytes: &[u8]) -> bool {
    !kind_of(bytes).is_some_and(|(kind, _)| matches!(kind, b"session_meta" | b"turn_context"))
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    timestamp: Option<&'a RawValue>,
    #[serde(borrow)]
    ordinal: Option<&'a RawValue>,
    #[serde(borrow, rename = "type")]
    kind: Option<&'a RawValue>,
    #[serde(borrow)]
    payload: Option<&'a RawValue>,
}

/// The fields of payloads, for all kinds of lines together.
#[derive(Default, Deserialize)]
struct Payload<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    session_id: Option<&'a RawValue>,
    #[serde(borrow)]
    forked_from_id: Option<&'a RawValue>,
    #[serde(borrow)]
    originator: Option<&'a RawValue>,
    #[serde(borrow)]
    model_provider: Option<&'a RawValue>,
    #[serde(borrow)]
    model: Option<&'a RawValue>,
    #[serde(borrow)]
    cwd: Option<&'a RawValue>,
    #[serde(borrow)]
    git: Option<&'a RawValue>,
    #[serde(borrow)]
    source: Option<&'a RawValue>,
    #[serde(borrow)]
    history_base: Option<&'a RawValue>,
    #[serde(borrow)]
    subagent_history_start_ordinal: Option<&'a RawValue>,
    #[serde(borrow)]
    response_id: Option<&'a RawValue>,
    #[serde(borrow)]
    thread_id: Option<&'a RawValue>,
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
    #[serde(borrow)]
    thread_token_usage: Option<&'a RawValue>,
    #[serde(borrow)]
    thread_settings: Option<&'a RawValue>,
    #[serde(borrow, rename = "type")]
    kind: Option<&'a RawValue>,
    #[serde(borrow)]
    info: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
struct Info<'a> {
    #[serde(borrow)]
    total_token_usage: Option<&'a RawValue>,
    #[serde(borrow)]
    last_token_usage: Option<&'a RawValue>,
}

type Fields<'a> = BTreeMap<&'a str, &'a RawValue>;

/// The known fields of a JSON object. (The derived reader alone would accept an array for an object.)
fn envelope<'a>(bytes: &'a [u8]) -> serde_json::Result<Envelope<'a>> {
    use serde::de::Error as _;
    if bytes.trim_ascii_start().starts_with(b"{") {
        return serde_json::from_slice(bytes);
    }
    serde_json::from_slice::<&'a RawValue>(bytes)?;
    Err(serde_json::Error::custom("must be a JSON object"))
}

/// A payload that is not an object has none of the fields.
fn payload(raw: Option<&RawValue>) -> Result<Payload<'_>, LineError> {
    const RULE: &str = "must name each field once; the line is skipped";
    match raw.filter(|raw| raw.get().starts_with('{')) {
        Some(raw) => object(raw).ok_or_else(|| LineError::Field(bad_field("payload", Some(raw), RULE))),
        None => Ok(Payload::default()),
    }
}

fn session_meta(payload: Payload<'_>, problems: &mut Vec<ProblemKind>) -> Meaning {
    let mut read = |field, raw| {
        text(field, raw).unwrap_or_else(|problem| {
            problems.push(problem);
            None
        })
    };
    let within = |raw: Option<&RawValue>, path: &[&str]| {
        let mut value: serde_json::Value = serde_json::from_str(raw?.get()).ok()?;
        for key in path {
            value = value.get_mut(*key)?.take();
        }
        value.as_str().map(str::to_owned)
    };
    let spawned = |key| within(payload.source, &["subagent", "thread_spawn", key]);
    let meta = SessionMeta {
        id: read("payload.id", payload.id),
        session: read("payload.session_id", payload.session_id),
        forked_from: read("payload.forked_from_id", payload.forked_from_id),
        originator: read("payload.originator", payload.originator),
        model_provider: read("payload.model_provider", payload.model_provider),
        cwd: payload.cwd.and_then(|raw| named(raw.get())),
        branch: within(payload.git, &["branch"]),
        agent: spawned("agent_role").or_else(|| spawned("agent_nickname")),
        is_subagent: payload.source.is_some_and(|raw| raw.get().starts_with("{\"subagent\"")),
        history_base: within(payload.history_base, &["thread_id"]),
        history_start: payload.subagent_history_start_ordinal.and_then(|raw| raw.get().parse().ok()),
    };
    if payload.id.is_none() {
        const RULE: &str = "must be the session's id; the id in the file's name is used where there is one";
        problems.push(bad_field("payload.id", None, RULE));
    }
    Meaning::Session(Box::new(meta))
}

/// A turn without a model says nothing about it; one with an invalid model makes it unknown, since it is
/// probably not the previous model.
fn model(raw: Option<&RawValue>, problems: &mut Vec<ProblemKind>) -> Meaning {
    match text("payload.model", raw) {
        Ok(None) => Meaning::Nothing,
        Ok(model) => Meaning::Model(model),
        Err(problem) => {
            problems.push(problem);
            Meaning::Model(None)
        }
    }
}

fn tier(settings: Option<&RawValue>, problems: &mut Vec<ProblemKind>) -> Meaning {
    let Some(fields) = settings.and_then(object::<Fields<'_>>) else { return Meaning::Nothing };
    match text(
        "payload.thread_settings.service_tier",
        fields.get("service_tier").copied().filter(|raw| raw.get() != "null"),
    ) {
        Ok(tier) => Meaning::Tier(tier),
        Err(problem) => {
            problems.push(problem);
            Meaning::Tier(None)
        }
    }
}

fn record(payload: &Payload<'_>, problems: &mut Vec<ProblemKind>) -> Result<Meaning, ProblemKind> {
    const RULE: &str = "must be an object with the call's counters; the line is skipped";
    let mut total_tokens = None;
    let used = counters(payload.usage, &mut total_tokens, Some(problems))
        .unwrap_or_else(|| Err(bad_field("payload.usage", payload.usage, RULE)))?;
    Ok(Meaning::Record(UsageRecord {
        response: text("payload.response_id", payload.response_id)?,
        thread: text("payload.thread_id", payload.thread_id)?,
        used,
        total: counters(payload.thread_token_usage, &mut None, None).and_then(Result::ok),
        total_tokens,
    }))
}

fn count(info: Option<&RawValue>, problems: &mut Vec<ProblemKind>) -> Result<Meaning, ProblemKind> {
    // Codex writes `"info": null` as long as it knows of no call.
    let Some(info) = info else { return Ok(Meaning::Nothing) };
    const RULE: &str = "must be an object with the cumulative counters; the line is skipped";
    let info = object::<Info<'_>>(info).unwrap_or_default();
    let mut total_tokens = None;
    let raw = info.total_token_usage;
    let total = counters(raw, &mut total_tokens, Some(problems))
        .unwrap_or_else(|| Err(bad_field("payload.info.total_token_usage", raw, RULE)))?;
    let last = counters(info.last_token_usage, &mut None, None).and_then(Result::ok);
    Ok(Meaning::Count(Usage { total, last, total_tokens }))
}

/// The counters of an object; `None`: it is not an object. Counters unknown to this version go to `problems`.
fn counters(
    raw: Option<&RawValue>,
    total_tokens: &mut Option<u64>,
    mut problems: Option<&mut Vec<ProblemKind>>,
) -> Option<Result<Counters, ProblemKind>> {
    let fields = raw.and_then(object::<Fields<'_>>)?;
    let (mut found, mut whole) = (Counters::default(), (false, false));
    for (&name, &raw) in &fields {
        let (field, count) = match name {
            "input_tokens" => {
                whole.0 = true;
                ("input_tokens", &mut found.input)
            }
            "output_tokens" => {
                whole.1 = true;
                ("output_tokens", &mut found.output)
            }
            // Parts that early versions omit, or set to null, when they are zero.
            _ if raw.get() == "null" => continue,
            "cached_input_tokens" => ("cached_input_tokens", &mut found.cached),
            "cache_write_input_tokens" => ("cache_write_input_tokens", &mut found.written),
            "reasoning_output_tokens" => ("reasoning_output_tokens", &mut found.reasoning),
            "total_tokens" => {
                *total_tokens = raw.get().parse().ok();
                continue;
            }
            _ if name.ends_with("_tokens") && raw.get() != "0" => {
                let field = shortened(name);
                let unknown = ProblemKind::UnknownCounter { field, value: shortened(raw.get()) };
                problems.iter_mut().for_each(|problems| problems.push(unknown.clone()));
                continue;
            }
            _ => continue,
        };
        match raw.get().parse() {
            Ok(value) => *count = value,
            Err(_) => return Some(Err(bad_field(field, (raw.get() != "null").then_some(raw), COUNTER_RULE))),
        }
    }
    for (there, field) in [(whole.0, "input_tokens"), (whole.1, "output_tokens")] {
        if !there {
            return Some(Err(bad_field(field, None, COUNTER_RULE)));
        }
    }
    Some(Ok(found))
}

const COUNTER_RULE: &str = "must be a whole number of tokens from 0 to 2^64 - 1; the snapshot is skipped";
