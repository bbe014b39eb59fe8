//! Who serves a model, under all the names that calls and price books use.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::LazyLock;

use foldhash::fast::RandomState;

/// Names used in calls, and the names that price books use for the same provider. Names are compared in lower
/// case, with `_` for any of `.`, `-` and space. More than one: the call does not say which of them, and
/// their prices have to agree.
const NAMES: [(&str, &[&str]); 41] = [
    // OpenTelemetry's `gen_ai.provider.name`, and the older `gen_ai.system`.
    ("aws_bedrock", &["bedrock"]),
    ("az_ai_inference", &["azure_ai"]),
    ("az_ai_openai", &["azure"]),
    ("azure_ai_inference", &["azure_ai"]),
    ("azure_ai_openai", &["azure"]),
    ("gcp_gemini", &["gemini"]),
    ("gcp_gen_ai", &["gemini", "vertex_ai"]),
    ("gcp_vertex_ai", &["vertex_ai"]),
    ("ibm_watsonx_ai", &["watsonx"]),
    ("mistral_ai", &["mistral"]),
    ("x_ai", &["xai"]),
    // Names of SDKs, gateways and clouds.
    ("alibaba", &["dashscope"]),
    ("alibaba_cloud", &["dashscope"]),
    ("amazon_bedrock", &["bedrock"]),
    ("aws", &["bedrock"]),
    ("azure_openai", &["azure"]),
    ("bedrock_converse", &["bedrock"]),
    ("claude", &["anthropic"]),
    ("fireworks", &["fireworks_ai"]),
    ("gcp", &["gemini", "vertex_ai"]),
    ("google", &["gemini", "vertex_ai"]),
    ("google_ai", &["gemini"]),
    ("google_ai_studio", &["gemini"]),
    ("google_gemini", &["gemini"]),
    ("google_gen_ai", &["gemini", "vertex_ai"]),
    ("google_genai", &["gemini", "vertex_ai"]),
    ("google_generative_ai", &["gemini"]),
    ("google_vertex", &["vertex_ai"]),
    ("google_vertex_ai", &["vertex_ai"]),
    ("grok", &["xai"]),
    ("mistralai", &["mistral"]),
    ("moonshot_ai", &["moonshot"]),
    ("moonshotai", &["moonshot"]),
    ("qwen", &["dashscope"]),
    ("together", &["together_ai"]),
    ("togetherai", &["together_ai"]),
    ("vertex", &["vertex_ai"]),
    ("vertexai", &["vertex_ai"]),
    ("watsonx_ai", &["watsonx"]),
    ("z_ai", &["zai"]),
    ("zhipu", &["zai"]),
];

/// Gateways that charge nothing themselves: a call through them costs what the provider named by the model charges.
const GATEWAYS: [&str; 3] = ["litellm", "litellm_proxy", "lite_llm"];

/// Suffixes that say which interface of a provider was called.
const INTERFACES: [&str; 6] =
    ["_chat", "_responses", "_messages", "_completion", "_completions", "_embedding"];

/// Providers that price books list under several names, each with its own suffix.
static FAMILIES: [&str; 2] = ["fireworks_ai", "vertex_ai"];

/// Providers whose name begins like another's but who have their own prices.
const OF_THEIR_OWN: [&str; 5] = ["azure_ai", "bedrock_mantle", "meta_llama", "github_copilot", "amazon_nova"];

/// The providers of price books that a call's provider may refer to.
#[derive(Clone, Debug)]
pub(super) enum Providers<'a> {
    /// The list has the call's name.
    Known(&'static [&'static str]),
    /// It is the provider's name in normalized spelling.
    Named(Cow<'a, str>),
}

impl Providers<'_> {
    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        let (known, named): (&[&str], _) = match self {
            Self::Known(known) => (known, None),
            Self::Named(name) => (&[], Some(&**name)),
        };
        known.iter().copied().chain(named)
    }
}

/// [`NAMES`] by the name of the call.
static KNOWN: LazyLock<HashMap<&'static str, &'static [&'static str], RandomState>> =
    LazyLock::new(|| NAMES.into_iter().collect());

/// A name in normalized spelling.
pub(super) fn plain(name: &str) -> Cow<'_, str> {
    let name = name.trim();
    let differs = |byte: u8| matches!(byte, b'.' | b'-' | b' ' | b'/') || byte.is_ascii_uppercase();
    if !name.bytes().any(differs) {
        return Cow::Borrowed(name);
    }
    let same = |letter: char| {
        if matches!(letter, '.' | '-' | ' ' | '/') { '_' } else { letter.to_ascii_lowercase() }
    };
    Cow::Owned(name.chars().map(same).collect())
}

/// Whether a call's provider only forwards it.
pub(super) fn is_gateway(name: &str) -> bool {
    GATEWAYS.contains(&&*plain(name))
}

/// The providers of price books that a call's provider may refer to.
pub(super) fn of_call(name: &str) -> Providers<'_> {
    let plain = plain(name);
    if let Some(family) = FAMILIES
        .iter()
        .position(|family| plain.strip_prefix(family).is_some_and(|rest| rest.starts_with('_')))
    {
        return Providers::Known(FAMILIES.get(family..=family).unwrap_or_default());
    }
    let name = plain.strip_prefix("text_completion_").unwrap_or(&plain);
    let without = INTERFACES.iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(name);
    let known = |name: &str| KNOWN.get(name).copied();
    match known(name).or_else(|| (without != name).then(|| known(without)).flatten()) {
        Some(ours) => Providers::Known(ours),
        None if without.len() == plain.len() => Providers::Named(plain),
        None => Providers::Named(Cow::Owned(without.to_owned())),
    }
}

/// A call's provider as price books name it; `None`: it may be several.
#[must_use]
pub fn of_books(name: &str) -> Option<String> {
    let providers = of_call(name);
    let mut names = providers.iter();
    let only = names.next().map(str::to_owned)?;
    names.next().is_none().then_some(only).filter(|name| !name.is_empty())
}

/// One name for a provider, however it is spelled: that of price books or, where it may be several there, its own in
/// plain spelling.
#[must_use]
pub fn one_name(name: &str) -> String {
    of_books(name).unwrap_or_else(|| plain(name).into_owned())
}

/// Whether an entry of a price book belongs to a provider: it has the same name or one of its family, which
/// is the part before `_` or `-` (`bedrock_converse`, `vertex_ai-language-models`, `text-completion-openai`).
pub(super) fn is_of(entry: &str, provider: &str) -> bool {
    let entry = plain(entry);
    let entry = entry.strip_prefix("text_completion_").unwrap_or(&entry);
    if entry == provider {
        return true;
    }
    let in_family = entry.strip_prefix(provider).is_some_and(|rest| rest.starts_with('_'));
    in_family
        && !OF_THEIR_OWN
            .iter()
            .any(|own| entry == *own || entry.strip_prefix(own).is_some_and(|rest| rest.starts_with('_')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_a_call_finds_its_provider_and_no_other() {
        for (call, entry, same) in [
            ("openai", "openai", true),
            ("OpenAI", "openai", true),
            ("openai.responses", "openai", true),
            ("openai", "text-completion-openai", true),
            ("bedrock", "bedrock_converse", true),
            ("bedrock_converse", "bedrock", true),
            ("aws.bedrock", "bedrock_converse", true),
            ("aws.bedrock", "bedrock_mantle", false),
            ("bedrock_mantle", "bedrock_mantle", true),
            ("vertex_ai", "vertex_ai-language-models", true),
            ("gcp.vertex_ai", "vertex_ai-anthropic_models", true),
            ("gcp.vertex_ai", "gemini", false),
            ("gcp.gemini", "vertex_ai-language-models", false),
            ("azure.ai.openai", "azure", true),
            ("azure.ai.openai", "azure_text", true),
            ("azure.ai.openai", "azure_ai", false),
            ("azure.ai.inference", "azure_ai", true),
            ("azure", "azure_ai", false),
            ("x_ai", "xai", true),
            ("mistral_ai", "mistral", true),
            ("cohere", "cohere_chat", true),
            ("cohere_chat", "cohere", true),
            ("fireworks", "fireworks_ai-embedding-models", true),
            ("open", "openai", false),
            ("openai", "azure", false),
            ("vertex", "vertex_ai", true),
            ("vertex_ai-anthropic_models", "vertex_ai-anthropic_models", true),
            ("text-completion-openai", "text-completion-openai", true),
        ] {
            let found = of_call(call).iter().any(|provider| is_of(entry, provider));
            assert_eq!(found, same, "{call} {entry}");
        }
        assert_eq!(of_call("gcp.gen_ai").iter().collect::<Vec<_>>(), ["gemini", "vertex_ai"]);
    }
}
