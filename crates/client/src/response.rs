//! What a provider's response says about usage: OpenAI (chat completions, responses), Anthropic, Gemini, Ollama.
//!
//! Counters are whole numbers and stay whole numbers. The clients in other languages do the same, and all of them are
//! held to `cases/usage.json`.

use serde_json::{Map, Value};
use tollgate_domain::tokens::{MAX_TOKENS_PER_EVENT, TokenCounts};
use tollgate_domain::units::{Unit, UnitCounts};

use crate::tracker::Usage;

/// Whose form a response has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResponseFormat {
    /// OpenAI's chat completions, and servers that answer as it does.
    OpenAiChat,
    /// OpenAI's responses.
    OpenAiResponses,
    /// Anthropic's messages.
    Anthropic,
    /// Gemini's `generateContent`.
    Gemini,
    /// Ollama's `/api/chat` and `/api/generate`.
    Ollama,
}

/// Why a response gives no usage. Nothing is guessed: estimate it ([`Usage::estimated`]), or report none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResponseError {
    /// It has no counters.
    #[error(
        "reading the usage of a response: it has no `{field}`; ask the provider for it, or estimate it from lengths"
    )]
    NoUsage {
        /// Where they would be.
        field: &'static str,
    },
    /// A counter breaks its rule.
    #[error("reading the usage of a response: `{field}` is `{value}`: {rule}")]
    BadUsage {
        /// Which one.
        field: String,
        /// What it has, shortened.
        value: String,
        /// Its rule.
        rule: &'static str,
    },
}

/// Reads the usage of one response, whole or part by part.
#[derive(Clone, Debug)]
pub struct UsageReader {
    format: ResponseFormat,
    found: Map<String, Value>,
}

type Result<T> = std::result::Result<T, ResponseError>;

impl Usage {
    /// What a whole response says: provider, model, tier, its id and what was used. Phase, labels and the rest are the
    /// caller's. The provider is the one that the format is named after; set another one where somebody else serves it.
    ///
    /// # Errors
    ///
    /// [`ResponseError`].
    pub fn of_response(format: ResponseFormat, response: &Value) -> Result<Self> {
        let mut reader = UsageReader::new(format);
        reader.add(response);
        reader.usage()
    }
}

impl UsageReader {
    /// A reader of one response.
    #[must_use]
    pub fn new(format: ResponseFormat) -> Self {
        Self { format, found: Map::new() }
    }

    /// Takes the next part of a stream. Parts that say nothing of usage are passed over; later totals replace earlier
    /// ones.
    pub fn add(&mut self, part: &Value) {
        let inner = match self.format {
            ResponseFormat::OpenAiResponses => part.get("response"),
            ResponseFormat::Anthropic => part.get("message"),
            ResponseFormat::OpenAiChat | ResponseFormat::Gemini | ResponseFormat::Ollama => None,
        };
        let Some(part) = inner.filter(|inner| inner.is_object()).unwrap_or(part).as_object() else { return };
        for (name, value) in part {
            let name = camel_case(name);
            if !self.format.fields().contains(&name.as_str()) || value.is_null() {
                continue;
            }
            match (self.found.get_mut(&name), value) {
                (Some(Value::Object(known)), Value::Object(more)) => {
                    let more = more.iter().filter(|(_, value)| !value.is_null());
                    known.extend(more.map(|(name, value)| (name.clone(), value.clone())));
                }
                (_, value) => {
                    self.found.insert(name, value.clone());
                }
            }
        }
    }

    /// What was used, as far as the parts say it.
    ///
    /// # Errors
    ///
    /// [`ResponseError`].
    pub fn usage(&self) -> Result<Usage> {
        let mut usage = match self.format {
            ResponseFormat::OpenAiChat => {
                openai(&self.counters("usage")?, ["prompt_tokens", "completion_tokens"])
            }
            ResponseFormat::OpenAiResponses => {
                openai(&self.counters("usage")?, ["input_tokens", "output_tokens"])
            }
            ResponseFormat::Anthropic => anthropic(&self.counters("usage")?),
            ResponseFormat::Gemini => gemini(&self.counters("usageMetadata")?),
            ResponseFormat::Ollama => self.ollama(),
        }?;
        check(&usage.tokens)?;
        let word = |name: &str| self.found.get(name).and_then(Value::as_str).map(str::to_owned);
        usage.provider = Some(self.format.provider().to_owned());
        usage.model = word("model").or_else(|| word("modelVersion"));
        usage.request_id = word("id").or_else(|| word("responseId"));
        usage.service_tier = usage.service_tier.or_else(|| word("serviceTier"));
        Ok(usage)
    }

    fn counters(&self, field: &'static str) -> Result<Counters> {
        let counters = self.found.get(field).and_then(Value::as_object).filter(|it| !it.is_empty());
        let counters = counters.ok_or(ResponseError::NoUsage { field })?;
        Ok(Counters { path: field.to_owned(), fields: counters.clone() })
    }

    fn ollama(&self) -> Result<Usage> {
        let counters = Counters { path: String::new(), fields: self.found.clone() };
        if !["promptEvalCount", "evalCount"].iter().any(|name| self.found.contains_key(*name)) {
            return Err(ResponseError::NoUsage { field: "eval_count" });
        }
        let (input_uncached, output) = (counters.count("promptEvalCount")?, counters.count("evalCount")?);
        Ok(of_tokens(TokenCounts { input_uncached, output, ..TokenCounts::default() }))
    }
}

impl ResponseFormat {
    const fn provider(self) -> &'static str {
        match self {
            Self::OpenAiChat | Self::OpenAiResponses => "openai",
            Self::Anthropic => "anthropic",
            Self::Gemini => "gemini",
            Self::Ollama => "ollama",
        }
    }

    /// What is read of a response, at its top.
    const fn fields(self) -> &'static [&'static str] {
        match self {
            Self::OpenAiChat | Self::OpenAiResponses => &["id", "model", "serviceTier", "usage"],
            Self::Anthropic => &["id", "model", "usage"],
            Self::Gemini => &["responseId", "modelVersion", "usageMetadata"],
            Self::Ollama => &["model", "promptEvalCount", "evalCount"],
        }
    }
}

/// An object of counters, and where it stands.
struct Counters {
    path: String,
    fields: Map<String, Value>,
}

impl Counters {
    fn field(&self, name: &str) -> Option<&Value> {
        let camel = || self.fields.iter().find(|(known, _)| camel_case(known) == name);
        self.fields.get(name).or_else(|| camel().map(|(_, value)| value)).filter(|value| !value.is_null())
    }

    /// A counter; 0 where there is none.
    fn count(&self, name: &str) -> Result<u64> {
        let Some(value) = self.field(name) else { return Ok(0) };
        let known = value.as_u64().filter(|count| *count <= MAX_TOKENS_PER_EVENT);
        let path = format!("{}.{name}", self.path);
        known
            .ok_or_else(|| bad(path.trim_start_matches('.'), value, "must be a whole number from 0 to 10^12"))
    }

    /// What is below; empty where there is nothing.
    fn inner(&self, name: &str) -> Self {
        let fields = self.field(name).and_then(Value::as_object).cloned().unwrap_or_default();
        Self { path: format!("{}.{name}", self.path), fields }
    }

    /// The sum of one medium in a list of tokens by medium.
    fn of_medium(&self, list: &str, medium: &str) -> Result<u64> {
        let mut sum = 0;
        for (nth, entry) in self.field(list).and_then(Value::as_array).into_iter().flatten().enumerate() {
            let fields = entry.as_object().cloned().unwrap_or_default();
            let entry = Self { path: format!("{}.{list}[{nth}]", self.path), fields };
            if entry.field("modality").and_then(Value::as_str) == Some(medium) {
                sum += entry.count("tokenCount")?;
            }
        }
        Ok(sum)
    }

    /// A whole without one of its parts.
    fn without(&self, whole: (&str, u64), part: (&str, u64)) -> Result<u64> {
        let path = format!("{}.{}", self.path, part.0);
        let rest = whole.1.checked_sub(part.1);
        rest.ok_or_else(|| {
            bad(&path, &part.1.into(), "must not be more than what it is a part of, or nothing is certain")
        })
    }
}

fn openai(counters: &Counters, [input, output]: [&str; 2]) -> Result<Usage> {
    let given = counters.inner(&format!("{input}_details"));
    let made = counters.inner(&format!("{output}_details"));
    let (all_input, output_tokens) = (counters.count(input)?, counters.count(output)?);
    let cached = given.count("cached_tokens")?;
    let reasoning = made.count("reasoning_tokens")?;
    let input_uncached = given.without((input, all_input), ("cached_tokens", cached))?;
    let shown = made.without((output, output_tokens), ("reasoning_tokens", reasoning))?;
    let mut usage = of_tokens(TokenCounts {
        input_uncached,
        cached_input: cached,
        output: output_tokens,
        reasoning,
        ..TokenCounts::default()
    });
    let heard = given.count("audio_tokens")?.min(input_uncached);
    let spoken = made.count("audio_tokens")?.min(shown);
    usage.units = units(&[(Unit::InputAudioTokens, heard), (Unit::OutputAudioTokens, spoken)]);
    Ok(usage)
}

fn anthropic(counters: &Counters) -> Result<Usage> {
    let mut tokens = messages(counters)?;
    let thinking = counters.inner("output_tokens_details").count("thinking_tokens")?;
    tokens.reasoning = thinking.min(tokens.output);
    let parts = counters.field("iterations").and_then(Value::as_array).into_iter().flatten();
    for (nth, part) in parts.enumerate() {
        // A compaction within the call is not in the call's own counters; they are those of the message.
        if part.get("type").and_then(Value::as_str) == Some("compaction") {
            let fields = part.as_object().cloned().unwrap_or_default();
            let more = messages(&Counters { path: format!("usage.iterations[{nth}]"), fields })?;
            tokens.input_uncached += more.input_uncached;
            tokens.cached_input += more.cached_input;
            tokens.cache_write += more.cache_write;
            tokens.cache_write_1h += more.cache_write_1h;
            tokens.output += more.output;
        }
    }
    let mut usage = of_tokens(tokens);
    let word = |name: &str| counters.field(name).and_then(Value::as_str).map(str::to_owned);
    usage.service_tier = word("speed").filter(|speed| speed != "standard").or_else(|| word("service_tier"));
    let searches = counters.inner("server_tool_use").count("web_search_requests")?;
    if searches > 0 {
        usage.labels.insert("web_searches".to_owned(), searches.to_string());
    }
    Ok(usage)
}

/// Anthropic's counters. Input does not include what was read from or written to a cache.
fn messages(counters: &Counters) -> Result<TokenCounts> {
    let by_lifetime = counters.inner("cache_creation");
    let minutes = by_lifetime.count("ephemeral_5m_input_tokens")?;
    let hour = by_lifetime.count("ephemeral_1h_input_tokens")?;
    Ok(TokenCounts {
        input_uncached: counters.count("input_tokens")?,
        cached_input: counters.count("cache_read_input_tokens")?,
        cache_write: counters.count("cache_creation_input_tokens")?.max(minutes + hour),
        output: counters.count("output_tokens")?,
        reasoning: 0,
        cache_write_1h: hour,
    })
}

fn gemini(counters: &Counters) -> Result<Usage> {
    let (prompt, cached) = (counters.count("promptTokenCount")?, counters.count("cachedContentTokenCount")?);
    let thoughts = counters.count("thoughtsTokenCount")?;
    let candidates = counters.count("candidatesTokenCount")?;
    let input = counters.without(("promptTokenCount", prompt), ("cachedContentTokenCount", cached))?;
    let input = input + counters.count("toolUsePromptTokenCount")?;
    let mut usage = of_tokens(TokenCounts {
        input_uncached: input,
        cached_input: cached,
        output: candidates + thoughts,
        reasoning: thoughts,
        ..TokenCounts::default()
    });
    let given = |medium: &str| -> Result<u64> {
        let all = counters.of_medium("promptTokensDetails", medium)?
            + counters.of_medium("toolUsePromptTokensDetails", medium)?;
        Ok(all.saturating_sub(counters.of_medium("cacheTokensDetails", medium)?))
    };
    let made = |medium: &str| counters.of_medium("candidatesTokensDetails", medium);
    let heard = given("AUDIO")?.min(input);
    let spoken = made("AUDIO")?.min(candidates);
    usage.units = units(&[
        (Unit::InputAudioTokens, heard),
        (Unit::InputImageTokens, given("IMAGE")?.min(input - heard)),
        (Unit::OutputAudioTokens, spoken),
        (Unit::OutputImageTokens, made("IMAGE")?.min(candidates - spoken)),
    ]);
    Ok(usage)
}

fn of_tokens(tokens: TokenCounts) -> Usage {
    Usage { tokens, ..Usage::default() }
}

fn units(counts: &[(Unit, u64)]) -> UnitCounts {
    UnitCounts::from_pairs(counts.iter().copied())
}

/// Sums of counters that are each small enough may not be.
fn check(tokens: &TokenCounts) -> Result<()> {
    tokens.check().map_err(|error| ResponseError::BadUsage {
        field: "usage".to_owned(),
        value: error.to_string(),
        rule: "must be what one call can use",
    })
}

fn bad(field: &str, value: &Value, rule: &'static str) -> ResponseError {
    ResponseError::BadUsage {
        field: field.to_owned(),
        value: value.to_string().chars().take(80).collect(),
        rule,
    }
}

/// A name of the top of a response as its documentation has it: some libraries write them with underscores.
fn camel_case(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut upper = false;
    for c in name.chars() {
        match c {
            '_' => upper = true,
            c if std::mem::take(&mut upper) => out.extend(c.to_uppercase()),
            c => out.push(c),
        }
    }
    out
}
