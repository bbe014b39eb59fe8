//! The section `prices`: local names and the names that price books use.

use std::collections::BTreeMap;

use crate::price::Aliases;
use crate::yaml::fields::{Fields, Section};
use crate::yaml::tree::Node;

const KEYS: [&str; 2] = ["providers", "models"];

/// Longest name of a provider or model.
const MAX_NAME: usize = 256;

pub(super) fn read(fields: &mut Fields, top: &Section<'_>) -> Aliases {
    let Some((field, node)) = top.get("prices") else { return Aliases::default() };
    let section = fields.section(&field, node, &KEYS);
    let mut pairs = |key: &str| {
        let (field, node) = section.get(key)?;
        Some(read_pairs(fields, &field, node))
    };
    Aliases { providers: pairs("providers").unwrap_or_default(), models: pairs("models").unwrap_or_default() }
}

fn read_pairs(fields: &mut Fields, field: &str, node: &Node) -> BTreeMap<String, String> {
    let mapping = fields.mapping(field, node);
    let names: Vec<&str> = mapping.iter().map(|(_, name, _)| name).collect();
    let mut pairs = BTreeMap::new();
    for (path, name, node) in mapping.iter() {
        let (Node::Text(theirs) | Node::Number(theirs)) = node else {
            fields.wrong_type(&path, node, "the name that price books have for it");
            continue;
        };
        if let Some(rule) = [name, theirs].into_iter().find_map(bad_name) {
            fields.problem(&path, theirs, rule);
        } else if names.contains(&theirs.as_str()) {
            fields.problem(&path, theirs, "must be a name of price books, and is an alias itself");
        } else {
            pairs.insert(name.to_owned(), theirs.clone());
        }
    }
    pairs
}

fn bad_name(name: &str) -> Option<String> {
    if name.trim().is_empty() || name.trim() != name || name.len() > MAX_NAME {
        return Some(format!("names must have 1 to {MAX_NAME} bytes, without space at the ends"));
    }
    let bad = name.chars().find(|letter| letter.is_control() || *letter == '=');
    bad.map(|_| "names must have no `=` and no control characters".to_owned())
}

/// The lines of the canonical content: none if there are no aliases, so that configs from before this section
/// keep their hash.
pub(super) fn lines(aliases: &Aliases) -> impl Iterator<Item = (String, &str)> {
    let providers = aliases.providers.iter().map(|pair| ("providers", pair));
    let models = aliases.models.iter().map(|pair| ("models", pair));
    providers.chain(models).map(|(kind, (name, theirs))| (format!("prices.{kind}.{name}"), theirs.as_str()))
}

#[cfg(test)]
mod tests {
    use super::super::BudgetConfig;

    #[test]
    fn aliases_are_read_recorded_and_come_back() {
        let yaml = "prices:\n  providers: { house-gateway: openai }\n  models: { house-gateway/large.v1: openai/gpt-5, \"yes\": 4 }\n";
        let config = BudgetConfig::from_yaml(yaml).unwrap();
        assert_eq!(config.prices.models["house-gateway/large.v1"], "openai/gpt-5");
        assert!(
            config.canonical().contains("\nprices.models.house-gateway/large.v1=openai/gpt-5\n"),
            "{}",
            config.canonical()
        );
        assert_eq!(BudgetConfig::from_canonical(&config.canonical()).unwrap(), config);
        assert_eq!(BudgetConfig::from_yaml(&config.to_yaml()).unwrap(), config, "{}", config.to_yaml());
        assert_ne!(config.hash(), BudgetConfig::built_in().hash());
        let none = BudgetConfig::from_yaml("prices: { models: {} }\n").unwrap();
        assert_eq!(none.hash(), BudgetConfig::built_in().hash());
    }

    #[test]
    fn an_alias_that_leads_nowhere_is_refused_by_name() {
        for (yaml, says) in [
            (
                "prices: { models: { a: [b] } }",
                "prices.models.a: `a list`: must be the name that price books have for it, is a list",
            ),
            ("prices: { models: { a: \"\" } }", "prices.models.a: names must have 1 to 256 bytes"),
            ("prices: { models: { a: \"b=c\" } }", "prices.models.a: `b=c`: names must have no `=`"),
            (
                "prices: { models: { a: b, b: c } }",
                "prices.models.a: `b`: must be a name of price books, and is an alias itself",
            ),
            ("prices: { providers: { a: a } }", "prices.providers.a: `a`: must be a name of price books"),
            ("prices: { provider: { a: b } }", "prices.provider: "),
            ("prices: [a]", "prices: "),
        ] {
            let error = BudgetConfig::from_yaml(yaml).unwrap_err().to_string();
            assert!(error.contains(says), "{yaml}: {error}");
        }
    }
}
