//! From YAML to valid sources, or to every problem.

use std::path::Path;
use std::str::FromStr;

use tollgate_domain::decimal::Decimal;
use tollgate_domain::price::{Trust, Unverified, UpdateRules};
use tollgate_domain::yaml::InvalidConfig;
use tollgate_domain::yaml::fields::{Fields, Section};
use tollgate_domain::yaml::tree::{self, Node};
use tollgate_outbound::{Permits, Target};

use super::{Kind, MAX_SOURCES, Place, PriceSources, SourceConfig};
use crate::fields::{ListFields, PRICES};

const TOP: [&str; 4] = ["unverified", "new_models", "update_every_s", "sources"];

const SOURCE: [&str; 13] = [
    "id",
    "kind",
    "url",
    "file",
    "trust",
    "every_s",
    "pause_s",
    "keep_s",
    "items",
    "fields",
    "allow_http",
    "allow_private",
    "ports",
];

const KINDS: [&str; 4] = ["litellm", "genai_prices", "json", "html"];

/// A year: what is older is no price of today, and what is asked less often is not asked.
const MAX_S: u64 = 366 * 86_400;

const DAY_S: u64 = 86_400;

/// The least time between two updates that servers make by themselves: prices do not change by the minute, and each
/// update reads every list.
const LEAST_UPDATE_S: u64 = 60;

/// Words for how many tokens a price is for.
const PER: [(&str, u32); 3] = [("token", 1), ("thousand", 1_000), ("million", 1_000_000)];

pub(super) fn from_yaml(text: &str, dir: &Path) -> Result<PriceSources, InvalidConfig> {
    let root = tree::file(text, &["sources"]).map_err(InvalidConfig::whole_file)?;
    let mut fields = Fields::default();
    let top = fields.section("", &root, &TOP);
    let mut read = PriceSources::default();
    if let Some((field, node)) = top.get("unverified")
        && let Some(unverified) = fields.word(&field, node, Unverified::NAMES, Unverified::from_word)
    {
        read.rules = UpdateRules { unverified, ..read.rules };
    }
    if let Some((field, node)) = top.get("new_models")
        && let Some(new_models) = fields.boolean(&field, node)
    {
        read.rules = UpdateRules { new_models, ..read.rules };
    }
    if let Some((field, node)) = top.get("update_every_s")
        && let Some(seconds) = fields.whole(&field, node, MAX_S)
    {
        if seconds < LEAST_UPDATE_S {
            let rule =
                format!("must be at least {LEAST_UPDATE_S}; without it servers do not update by themselves");
            fields.problem(&field, &node.shown(), rule);
        }
        read.update_every_s = Some(seconds);
    }
    match top.get("sources") {
        None => fields.problem("sources", "", "must list the sources of prices; `[]` for none"),
        Some((field, node)) => {
            let items = fields.list(&field, node);
            if items.len() > MAX_SOURCES {
                fields.problem(&field, &items.len().to_string(), format!("must be at most {MAX_SOURCES}"));
            }
            for (nth, item) in items.iter().enumerate() {
                let field = format!("{field}[{nth}]");
                let Some(source) = source(&mut fields, &field, item, dir) else { continue };
                if read.sources.iter().any(|earlier| earlier.id == source.id) {
                    fields.problem(&format!("{field}.id"), &source.id, "must be the id of one source");
                }
                read.sources.push(source);
            }
        }
    }
    if fields.problems.is_empty() { Ok(read) } else { Err(InvalidConfig { problems: fields.problems }) }
}

fn source(fields: &mut Fields, field: &str, node: &Node, dir: &Path) -> Option<SourceConfig> {
    let section = fields.section(field, node, &SOURCE);
    let id = id(fields, field, &section);
    let kind = kind(fields, field, &section);
    let place = place(fields, field, &section, dir);
    let trust = trust(fields, field, &section);
    let mut seconds = |key: &str, default: u64| {
        let given = section.get(key).map(|(field, node)| fields.whole(&field, node, MAX_S));
        given.map_or(Some(default), |read| read)
    };
    let (every_s, pause_s, keep_s) =
        (seconds("every_s", DAY_S), seconds("pause_s", 60), seconds("keep_s", 30 * DAY_S));
    Some(SourceConfig {
        id: id?,
        kind: kind?,
        place: place?,
        trust: trust?,
        every_s: every_s?,
        pause_s: pause_s?,
        keep_s: keep_s?,
    })
}

fn id(fields: &mut Fields, field: &str, section: &Section<'_>) -> Option<String> {
    let Some((field, node)) = section.get("id") else {
        fields.problem(&format!("{field}.id"), "", "must be given: prices name their source by it");
        return None;
    };
    let text = text(fields, &field, node)?;
    let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
    let begins = text.starts_with(|c: char| c.is_ascii_lowercase());
    if text.len() > 40 || !begins || !text.bytes().all(letter) {
        fields.problem(&field, text, "must be 1 to 40 of a-z 0-9 - _ and begin with a letter");
        return None;
    }
    if matches!(text, "manual" | "shipped") {
        fields.problem(&field, text, "is the word for prices that no source gives");
        return None;
    }
    Some(text.to_owned())
}

fn trust(fields: &mut Fields, field: &str, section: &Section<'_>) -> Option<Trust> {
    let rule = "must be a number from 0 to 1 with at most 3 places, such as 0.9";
    let Some((field, node)) = section.get("trust") else {
        fields.problem(&format!("{field}.trust"), "", rule);
        return None;
    };
    let decimal = fields.decimal(&field, node)?;
    let thousandths = Decimal::from_str("1000").ok()?;
    let scale = 3_u32.checked_sub(u32::from(decimal.scale()));
    let value = scale.and_then(|scale| decimal.mantissa().checked_mul(10_u64.checked_pow(scale)?));
    let value =
        value.filter(|value| *value <= thousandths.mantissa()).and_then(|value| u16::try_from(value).ok());
    if value.is_none() {
        fields.problem(&field, &node.shown(), rule);
    }
    value.map(Trust::from_thousandths)
}

fn place(fields: &mut Fields, field: &str, section: &Section<'_>, dir: &Path) -> Option<Place> {
    match (section.get("url"), section.get("file")) {
        (Some((field, node)), None) => {
            let flag = |fields: &mut Fields, key| {
                section.get(key).and_then(|(field, node)| fields.boolean(&field, node)).unwrap_or(false)
            };
            let permits = Permits {
                http: flag(fields, "allow_http"),
                private: flag(fields, "allow_private"),
                ports: ports(fields, section),
            };
            let url = text(fields, &field, node)?;
            match Target::parse(url, &permits) {
                Ok(target) => Some(Place::Address(target)),
                Err(error) => {
                    fields.problem(&field, &error.shown, error.rule);
                    None
                }
            }
        }
        (None, Some((field, node))) => Some(Place::File(dir.join(text(fields, &field, node)?))),
        (Some(_), Some((field, _))) => {
            fields.problem(&field, "", "cannot be combined with `url`: make it two sources");
            None
        }
        (None, None) => {
            fields.problem(&format!("{field}.url"), "", "must be given, or `file`");
            None
        }
    }
}

fn ports(fields: &mut Fields, section: &Section<'_>) -> Vec<u16> {
    let Some((field, node)) = section.get("ports") else { return Vec::new() };
    let items = fields.list(&field, node);
    let port =
        |item| fields.positive(&field, item, u64::from(u16::MAX)).and_then(|port| u16::try_from(port).ok());
    items.iter().filter_map(port).collect()
}

fn kind(fields: &mut Fields, field: &str, section: &Section<'_>) -> Option<Kind> {
    let Some((kind_field, node)) = section.get("kind") else {
        let rule = format!("must be given: one of {}", KINDS.join(", "));
        fields.problem(&format!("{field}.kind"), "", rule);
        return None;
    };
    let word = fields.word(&kind_field, node, &KINDS, |word| KINDS.into_iter().find(|kind| *kind == word))?;
    let own = matches!(word, "json" | "html");
    for key in ["items", "fields"] {
        if let Some((field, node)) = section.get(key)
            && (!own || (key == "items" && word == "html"))
        {
            fields.problem(&field, &node.shown(), format!("is not for the kind `{word}`"));
        }
    }
    match word {
        "litellm" => Some(Kind::LiteLlm),
        "genai_prices" => Some(Kind::GenaiPrices),
        "html" => list_fields(fields, field, section).map(Kind::Html),
        _ => {
            let items =
                section.get("items").map(|(field, node)| text(fields, &field, node).map(str::to_owned));
            let items = items.map_or(Some(String::new()), |read| read);
            let fields = list_fields(fields, field, section);
            Some(Kind::Json { items: items?, fields: fields? })
        }
    }
}

fn list_fields(fields: &mut Fields, field: &str, section: &Section<'_>) -> Option<ListFields> {
    let Some((field, node)) = section.get("fields") else {
        let rule = "must say where a model's name and prices stand: paths of keys, or headings of columns";
        fields.problem(&format!("{field}.fields"), "", rule);
        return None;
    };
    let mut known = vec!["model", "provider", "provider_is", "per"];
    known.extend(PRICES.iter().map(|(key, _)| *key));
    let section = fields.section(&field, node, &known);
    let mut place =
        |key: &str| section.get(key).and_then(|(field, node)| text(fields, &field, node)).map(str::to_owned);
    let (model, provider, provider_is, per) =
        (place("model"), place("provider"), place("provider_is"), place("per"));
    let prices: Vec<(&'static str, String)> =
        PRICES.iter().filter_map(|(key, name)| Some((*name, place(key)?))).collect();
    if model.is_none() {
        fields.problem(&format!("{field}.model"), "", "must say where a model's name stands");
    }
    if prices.is_empty() {
        fields.problem(&format!("{field}.input"), "", "must say where a price stands");
    }
    let per = per.unwrap_or_default();
    let tokens = PER.iter().find(|(word, _)| *word == per).map(|(_, tokens)| *tokens);
    if tokens.is_none() {
        let words = PER.map(|(word, _)| word).join(", ");
        fields.problem(
            &format!("{field}.per"),
            &per,
            format!("must say how many tokens a price is for: {words}"),
        );
    }
    let prices = Some(prices).filter(|prices| !prices.is_empty())?;
    Some(ListFields { model: model?, provider, provider_is, prices, per: tokens? })
}

fn text<'a>(fields: &mut Fields, field: &str, node: &'a Node) -> Option<&'a str> {
    if let Node::Text(text) = node
        && !text.is_empty()
    {
        return Some(text);
    }
    fields.wrong_type(field, node, "text");
    None
}
