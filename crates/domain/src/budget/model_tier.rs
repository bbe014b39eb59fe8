//! How heavy a model is.

use crate::words::words;

words! {
    /// How heavy a model is, and so how dear.
    ModelTier {
        /// A small model on a machine of one's own.
        LocalLightweight = "local_lightweight",
        /// A larger model on a machine of one's own, or a small one of a provider.
        LocalMidweight = "local_midweight",
        /// A large model of a provider, and every model that nothing is known of.
        RemoteHeavyweight = "remote_heavyweight",
    }
}

/// Models and the beginnings of their names. Figures of Tekton's budget service.
const MODELS: [(&str, ModelTier); 18] = [
    ("codellama", ModelTier::LocalLightweight),
    ("deepseek-coder", ModelTier::LocalLightweight),
    ("starcoder", ModelTier::LocalLightweight),
    ("phi-2", ModelTier::LocalLightweight),
    ("gemma-2b", ModelTier::LocalLightweight),
    ("claude-haiku", ModelTier::LocalMidweight),
    ("claude-3-haiku", ModelTier::LocalMidweight),
    ("llama-3", ModelTier::LocalMidweight),
    ("mistral", ModelTier::LocalMidweight),
    ("qwen", ModelTier::LocalMidweight),
    ("gemma-7b", ModelTier::LocalMidweight),
    ("gpt-4", ModelTier::RemoteHeavyweight),
    ("gpt-4o", ModelTier::RemoteHeavyweight),
    ("claude-3-opus", ModelTier::RemoteHeavyweight),
    ("claude-3-sonnet", ModelTier::RemoteHeavyweight),
    ("claude-3.5-sonnet", ModelTier::RemoteHeavyweight),
    ("claude-3-5-sonnet", ModelTier::RemoteHeavyweight),
    ("claude-3.7-sonnet", ModelTier::RemoteHeavyweight),
];

/// Providers whose models run on a machine of one's own.
const LOCAL_PROVIDERS: [&str; 4] = ["ollama", "llamacpp", "lm_studio", "vllm"];

impl ModelTier {
    /// The tier of a model: by its exact name, else by the longest beginning of it that is known, else by its
    /// provider, else the heaviest.
    #[must_use]
    pub fn of(provider: Option<&str>, model: Option<&str>) -> Self {
        let by_name = |name: &str| {
            let known = MODELS.iter().filter(|(known, _)| name.starts_with(known));
            known.max_by_key(|(known, _)| known.len()).map(|(_, tier)| *tier)
        };
        // `openai/gpt-4o` names the provider, too.
        let short = |name: &str| name.rsplit_once('/').and_then(|(_, short)| by_name(short));
        let by_model = model.and_then(|name| by_name(name).or_else(|| short(name)));
        let is_local = |name: &&str| LOCAL_PROVIDERS.iter().any(|local| local.eq_ignore_ascii_case(name));
        by_model
            .or_else(|| provider.filter(is_local).map(|_| Self::LocalMidweight))
            .unwrap_or(Self::RemoteHeavyweight)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tier_is_found_by_name_then_by_beginning_then_by_provider() {
        for (provider, model, tier) in [
            (None, Some("gpt-4o"), "remote_heavyweight"),
            (None, Some("claude-3-haiku-20240307"), "local_midweight"),
            (None, Some("mistral/mistral-large"), "local_midweight"),
            (Some("ollama"), Some("codellama:7b"), "local_lightweight"),
            (Some("ollama"), Some("something-new"), "local_midweight"),
            (Some("Ollama"), None, "local_midweight"),
            (Some("openai"), Some("gpt-9"), "remote_heavyweight"),
            (None, None, "remote_heavyweight"),
        ] {
            assert_eq!(ModelTier::of(provider, model).as_str(), tier, "{provider:?} {model:?}");
        }
    }
}
