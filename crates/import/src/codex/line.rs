//! What one line of a Codex rollout says. Kinds of lines and fields that are not named here are skipped: later versions
//! of Codex add some.

use serde::Deserialize;
use serde_json::value::RawValue;
use tollgate_domain::ids::MAX_ID_BYTES;
use tollgate_domain::time::Timestamp;

use super::growth::Snapshot;
use crate::item::ProblemKind;

/// What a line says.
#[derive(Debug)]
pub(super) enum Meaning<'a> {
    /// `session_meta`: whose file this is.
    Session(SessionMeta),
    /// `turn_context`: the model of what follows; `None` where it is not readable.
    Model(Option<String>),
    /// `token_count` with usage.
    Usage(Usage<'a>),
    /// Something else.
    Nothing,
}

/// The head of a session. `None`: not there, or not readable.
#[derive(Debug)]
pub(super) struct SessionMeta {
    pub(super) id: Option<String>,
    pub(super) forked_from: Option<String>,
    pub(super) originator: Option<String>,
    pub(super) model_provider: Option<String>,
}

/// Cumulative usage.
#[derive(Debug)]
pub(super) struct Usage<'a> {
    pub(super) snapshot: Snapshot,
    /// `total_tokens`, where it is there.
    pub(super) total: Option<u64>,
    timestamp: Option<&'a RawValue>,
}

impl Usage<'_> {
    /// When the line was written.
    pub(super) fn timestamp(&self) -> Result<Timestamp, ProblemKind> {
        const RULE: &str = "must be RFC 3339 between the years 1 and 9999, for example 2026-11-21T08:30:00Z; the \
                            growth is counted with the next snapshot that can be read";
        let text = self.timestamp.and_then(|raw| serde_json::from_str::<String>(raw.get()).ok());
        text.and_then(|text| text.parse().ok()).ok_or_else(|| bad_field("timestamp", self.timestamp, RULE))
    }
}

/// Reads a line. Fields that are wrong but not needed for the rest go to `problems`.
pub(super) fn read<'a>(text: &'a str, problems: &mut Vec<ProblemKind>) -> Result<Meaning<'a>, LineError> {
    let line: Envelope<'a> = object(text).map_err(LineError::Json)?;
    // Codex before September 2025 wrote lines without a type, and no usage.
    let Some(kind) = line.kind else { return Ok(Meaning::Nothing) };
    let Some(kind) = named(kind.get()) else {
        return Err(LineError::Field(bad_field("type", Some(kind), "must be text; the line is skipped")));
    };
    match kind.as_str() {
        "session_meta" => Ok(Meaning::Session(session_meta(&payload(line.payload)?, problems))),
        "turn_context" => Ok(model(payload(line.payload)?.model, problems)),
        "event_msg" => {
            let payload = payload(line.payload)?;
            if payload.kind.and_then(|raw| named(raw.get())).as_deref() == Some("token_count") {
                usage(line.timestamp, payload.info).map_err(LineError::Field)
            } else {
                Ok(Meaning::Nothing)
            }
        }
        _ => Ok(Meaning::Nothing),
    }
}

/// Why a line says nothing.
#[derive(Debug)]
pub(super) enum LineError {
    /// It is no JSON object.
    Json(serde_json::Error),
    /// A field that everything depends on is wrong.
    Field(ProblemKind),
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    timestamp: Option<&'a RawValue>,
    #[serde(borrow, rename = "type")]
    kind: Option<&'a RawValue>,
    #[serde(borrow)]
    payload: Option<&'a RawValue>,
}

/// The payloads' fields, of all kinds of lines together.
#[derive(Default, Deserialize)]
struct Payload<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    forked_from_id: Option<&'a RawValue>,
    #[serde(borrow)]
    originator: Option<&'a RawValue>,
    #[serde(borrow)]
    model_provider: Option<&'a RawValue>,
    #[serde(borrow)]
    model: Option<&'a RawValue>,
    #[serde(borrow, rename = "type")]
    kind: Option<&'a RawValue>,
    #[serde(borrow)]
    info: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
struct Info<'a> {
    #[serde(borrow)]
    total_token_usage: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
struct Totals<'a> {
    #[serde(borrow)]
    input_tokens: Option<&'a RawValue>,
    #[serde(borrow)]
    cached_input_tokens: Option<&'a RawValue>,
    #[serde(borrow)]
    output_tokens: Option<&'a RawValue>,
    #[serde(borrow)]
    reasoning_output_tokens: Option<&'a RawValue>,
    #[serde(borrow)]
    total_tokens: Option<&'a RawValue>,
}

/// A JSON object's named fields. (The derived reader alone would take an array for an object.)
fn object<'a, T: Deserialize<'a>>(text: &'a str) -> serde_json::Result<T> {
    use serde::de::Error as _;
    if text.trim_ascii_start().starts_with('{') {
        return serde_json::from_str(text);
    }
    serde_json::from_str::<&'a RawValue>(text)?;
    Err(serde_json::Error::custom("must be a JSON object"))
}

/// A payload that is no object has none of the fields.
fn payload(raw: Option<&RawValue>) -> Result<Payload<'_>, LineError> {
    const RULE: &str = "must name each field once; the line is skipped";
    match raw.filter(|raw| raw.get().starts_with('{')) {
        Some(raw) => object(raw.get()).map_err(|_| LineError::Field(bad_field("payload", Some(raw), RULE))),
        None => Ok(Payload::default()),
    }
}

fn named(json: &str) -> Option<String> {
    serde_json::from_str(json).ok()
}

fn session_meta(payload: &Payload<'_>, problems: &mut Vec<ProblemKind>) -> SessionMeta {
    let mut read = |field, raw| {
        text(field, raw).unwrap_or_else(|problem| {
            problems.push(problem);
            None
        })
    };
    let meta = SessionMeta {
        id: read("payload.id", payload.id),
        forked_from: read("payload.forked_from_id", payload.forked_from_id),
        originator: read("payload.originator", payload.originator),
        model_provider: read("payload.model_provider", payload.model_provider),
    };
    if payload.id.is_none() {
        const RULE: &str = "must be the session's id; the id in the file's name is used where there is one";
        problems.push(bad_field("payload.id", None, RULE));
    }
    meta
}

/// A turn that does not name its model says nothing of it; one that names it wrongly makes it unknown, since the model
/// before is probably not the one.
fn model<'a>(raw: Option<&RawValue>, problems: &mut Vec<ProblemKind>) -> Meaning<'a> {
    match text("payload.model", raw) {
        Ok(None) => Meaning::Nothing,
        Ok(model) => Meaning::Model(model),
        Err(problem) => {
            problems.push(problem);
            Meaning::Model(None)
        }
    }
}

fn usage<'a>(
    timestamp: Option<&'a RawValue>,
    info: Option<&'a RawValue>,
) -> Result<Meaning<'a>, ProblemKind> {
    // Codex writes `"info": null` while it knows of no call yet.
    let Some(info) = info else { return Ok(Meaning::Nothing) };
    const RULE: &str = "must be an object with the cumulative counters; the line is skipped";
    let raw = object::<Info<'_>>(info.get()).unwrap_or_default().total_token_usage;
    let totals = raw.and_then(|raw| object::<Totals<'_>>(raw.get()).ok());
    let totals = totals.ok_or_else(|| bad_field("payload.info.total_token_usage", raw, RULE))?;
    let required = |field, raw: Option<&RawValue>| {
        counter(field, raw)?.ok_or_else(|| bad_field(field, None, COUNTER_RULE))
    };
    Ok(Meaning::Usage(Usage {
        snapshot: Snapshot {
            input: required("input_tokens", totals.input_tokens)?,
            output: required("output_tokens", totals.output_tokens)?,
            // Parts that early versions leave out where they are zero.
            cached: counter("cached_input_tokens", totals.cached_input_tokens)?.unwrap_or_default(),
            reasoning: counter("reasoning_output_tokens", totals.reasoning_output_tokens)?
                .unwrap_or_default(),
        },
        total: totals.total_tokens.and_then(|raw| raw.get().parse().ok()),
        timestamp,
    }))
}

const COUNTER_RULE: &str = "must be a whole number of tokens from 0 to 2^64 - 1; the snapshot is skipped";

fn counter(field: &'static str, raw: Option<&RawValue>) -> Result<Option<u64>, ProblemKind> {
    let Some(raw) = raw else { return Ok(None) };
    raw.get().parse().map(Some).map_err(|_| bad_field(field, Some(raw), COUNTER_RULE))
}

/// A text that an event can carry. `None`: not there.
fn text(field: &'static str, raw: Option<&RawValue>) -> Result<Option<String>, ProblemKind> {
    const _: () = assert!(MAX_ID_BYTES == 128, "the rule below says so");
    const RULE: &str = "must be text of 1 to 128 bytes without control characters; it is left out";
    let Some(raw) = raw else { return Ok(None) };
    let fits = |text: &String| {
        !text.trim().is_empty() && text.len() <= MAX_ID_BYTES && !text.chars().any(char::is_control)
    };
    match named(raw.get()).filter(fits) {
        Some(text) => Ok(Some(text)),
        None => Err(bad_field(field, Some(raw), RULE)),
    }
}

fn bad_field(field: &'static str, raw: Option<&RawValue>, rule: &'static str) -> ProblemKind {
    const SHOWN: usize = 60;
    let text = raw.map_or("missing", RawValue::get);
    let mut value: String = text.chars().take(SHOWN).collect();
    if value.len() < text.len() {
        value.push('…');
    }
    ProblemKind::BadField { field, value, rule }
}
