//! Which entry prices a call.

use super::*;

const PROVIDERS: &str = r#"{
    "us.anthropic.claude-haiku-4-5-20251001-v1:0": {"litellm_provider": "bedrock_converse", "input_cost_per_token": 1.1e-06, "output_cost_per_token": 5.5e-06},
    "gemini-2.5-pro": {"litellm_provider": "vertex_ai-language-models", "input_cost_per_token": 1.25e-06, "output_cost_per_token": 1e-05},
    "gemini/gemini-2.5-pro": {"litellm_provider": "gemini", "input_cost_per_token": 1.25e-06, "output_cost_per_token": 1e-05},
    "gemini-3-flash": {"litellm_provider": "vertex_ai-language-models", "input_cost_per_token": 2e-06},
    "gemini/gemini-3-flash": {"litellm_provider": "gemini", "input_cost_per_token": 1e-06},
    "vertex_ai/claude-sonnet-4-5@20250929": {"litellm_provider": "vertex_ai-anthropic_models", "input_cost_per_token": 3e-06},
    "claude-sonnet-4-5": {"litellm_provider": "anthropic", "input_cost_per_token": 4e-06},
    "gpt-5": {"litellm_provider": "openai", "input_cost_per_token": 1e-06},
    "gpt-5-2025-08-07": {"litellm_provider": "openai", "input_cost_per_token": 5e-06},
    "gpt-5-2025-10-10": {"litellm_provider": "openai", "input_cost_per_token": "depends"},
    "azure/gpt-5": {"litellm_provider": "azure", "input_cost_per_token": 2e-06},
    "azure_ai/grok-4": {"litellm_provider": "azure_ai", "input_cost_per_token": 6e-06},
    "xai/grok-4": {"litellm_provider": "xai", "input_cost_per_token": 3e-06},
    "bedrock_mantle/openai.gpt-5": {"litellm_provider": "bedrock_mantle", "input_cost_per_token": 7e-06},
    "openrouter/openai/gpt-5": {"litellm_provider": "openrouter", "input_cost_per_token": 9e-06},
    "house-model": {"input_cost_per_token": 8e-06}
}"#;

/// `provider model | price of a million input tokens`; `-` is none.
#[test]
fn a_call_finds_the_entry_of_its_provider_and_of_no_other() {
    let (book, _) = PriceBook::from_litellm(PROVIDERS, "providers").unwrap();
    let table = "
        bedrock                   us.anthropic.claude-haiku-4-5-20251001-v1:0 | 1.1
        aws.bedrock               us.anthropic.claude-haiku-4-5-20251001-v1:0 | 1.1
        bedrock_converse          us.anthropic.claude-haiku-4-5-20251001-v1:0 | 1.1
        anthropic                 us.anthropic.claude-haiku-4-5-20251001-v1:0 | unpriced
        vertex_ai                 gemini-2.5-pro           | 1.25
        gcp.vertex_ai             gemini-2.5-pro           | 1.25
        gcp.gemini                models/gemini-2.5-pro    | 1.25
        gcp.gen_ai                gemini-2.5-pro           | 1.25
        gcp.gemini                gemini-3-flash           | 1
        gcp.vertex_ai             gemini-3-flash           | 2
        gcp.gen_ai                gemini-3-flash           | unpriced
        vertex_ai-anthropic_models claude-sonnet-4-5@20250929 | 3
        gcp.vertex_ai             claude-sonnet-4-5@20250929 | 3
        gcp.vertex_ai             claude-sonnet-4-5        | unpriced
        anthropic                 claude-sonnet-4-5-20250929 | 4
        anthropic                 claude-sonnet-4-5-latest | 4
        openai                    gpt-5                    | 1
        OpenAI.Responses          gpt-5                    | 1
        openai                    openai/gpt-5             | 1
        -                         openai/gpt-5             | 1
        -                         azure/gpt-5              | 2
        -                         gpt-5                    | 1
        openai                    gpt-5-2025-08-07         | 5
        openai                    gpt-5-2025-09-09         | 1
        openai                    gpt-5-2025-10-10         | unpriced
        azure                     gpt-5                    | 2
        azure.ai.openai           gpt-5                    | 2
        azure.ai.openai           gpt-5-2025-09-09         | 2
        az.ai.openai              gpt-5                    | 2
        azure_ai                  gpt-5                    | unpriced
        azure.ai.inference        grok-4                   | 6
        azure                     grok-4                   | unpriced
        x_ai                      grok-4                   | 3
        xai                       grok-4                   | 3
        bedrock                   openai.gpt-5             | unpriced
        bedrock_mantle            openai.gpt-5             | 7
        openrouter                openai/gpt-5             | 9
        litellm                   openai/gpt-5             | 1
        litellm_proxy             azure/gpt-5              | 2
        LiteLLM                   vertex_ai/gemini-2.5-pro | 1.25
        litellm                   gpt-5                    | unpriced
        litellm                   groq/gpt-5               | unpriced
        litellm                   nobody/                  | unpriced
        groq                      gpt-5                    | unpriced
        anyone                    house-model              | 8
        openai                    gpt-5-turbo              | unpriced
        openai                    gpt                      | unpriced
    ";
    let tokens = TokenCounts { input_uncached: 1_000_000, ..TokenCounts::default() };
    for line in table.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (given, expected) = line.split_once('|').unwrap();
        let words: Vec<&str> = given.split_whitespace().collect();
        let provider = if words[0] == "-" { "" } else { words[0] };
        let got = match book.cost(call(provider, words[1]), &tokens) {
            Cost::Priced { usd, .. } => usd.to_string(),
            Cost::Unpriced => "unpriced".to_owned(),
        };
        assert_eq!(got, expected.trim(), "{line}");
    }
}
