//! From YAML to valid endpoints, or to every problem.

use std::path::{Path, PathBuf};

use tollgate_domain::alert::{AlertRule, Severity};
use tollgate_domain::ids::TenantId;
use tollgate_domain::yaml::fields::{Fields, Section};
use tollgate_domain::yaml::tree::{self, Node};

use super::{AlertsConfig, Endpoint, Filter, InvalidConfig, MAX_ENDPOINTS, Way};
use crate::digest::DigestPolicy;
use tollgate_outbound::target::{Permits, Target};
use tollgate_outbound::tls::Trust;

const ENDPOINT_KEYS: [&str; 13] = [
    "name",
    "url",
    "nats",
    "secret_file",
    "secret_files",
    "ca_file",
    "rules",
    "severities",
    "tenants",
    "allow_http",
    "allow_private",
    "ports",
    "digest",
];

/// Keys that only a webhook has.
pub(crate) const WEBHOOK_KEYS: [&str; 6] =
    ["secret_file", "secret_files", "ca_file", "allow_http", "allow_private", "ports"];

/// The most secrets of an endpoint: the new one, the old one, and one left over.
const MAX_SECRETS: usize = 3;

/// The largest numbers in a digest's policy: beyond them, an endpoint would not notice a storm, or would be
/// notified an hour late.
const MAX_AFTER: u64 = 1000;
const MAX_WINDOW_S: u64 = 3600;

pub(super) fn from_yaml(text: &str, dir: &Path) -> Result<AlertsConfig, InvalidConfig> {
    let root = tree::file(text, &["endpoints"]).map_err(InvalidConfig::whole_file)?;
    let mut fields = Fields::default();
    let top = fields.section("", &root, &["endpoints"]);
    let mut endpoints: Vec<Endpoint> = Vec::new();
    match top.get("endpoints") {
        None => fields.problem("endpoints", "", "must list the receivers of alerts; `[]` for none"),
        Some((field, node)) => {
            let items = fields.list(&field, node);
            if items.len() > MAX_ENDPOINTS {
                fields.problem(&field, &items.len().to_string(), format!("must be at most {MAX_ENDPOINTS}"));
            }
            for (nth, item) in items.iter().enumerate() {
                let field = format!("{field}[{nth}]");
                let Some(endpoint) = endpoint(&mut fields, &field, item, dir) else { continue };
                if endpoints.iter().any(|earlier| earlier.name == endpoint.name) {
                    fields.problem(
                        &format!("{field}.name"),
                        &endpoint.name,
                        "must be the name of one endpoint",
                    );
                }
                endpoints.push(endpoint);
            }
        }
    }
    hide_secrets(&mut fields);
    if fields.problems.is_empty() {
        Ok(AlertsConfig { endpoints })
    } else {
        Err(InvalidConfig { problems: fields.problems })
    }
}

/// Removes secrets from what is displayed: written in the wrong place it is still a secret.
pub(crate) fn hide_secrets(fields: &mut Fields) {
    for problem in &mut fields.problems {
        if problem.value.contains("whsec_") || problem.value.contains("whsk_") {
            "***".clone_into(&mut problem.value);
        }
    }
}

fn endpoint(fields: &mut Fields, field: &str, node: &Node, dir: &Path) -> Option<Endpoint> {
    let section = fields.section(field, node, &ENDPOINT_KEYS);
    let name = match section.get("name") {
        Some((field, node)) => name(fields, &field, node),
        None => {
            fields.problem(
                &format!("{field}.name"),
                "",
                "must be given: the outbox knows the endpoint by it",
            );
            None
        }
    };
    let way = way(fields, field, &section, dir);
    let filter = Filter {
        rules: words(fields, &section, "rules", AlertRule::NAMES, AlertRule::from_word),
        severities: words(fields, &section, "severities", Severity::NAMES, Severity::from_word),
        tenants: tenants(fields, &section),
    };
    let digest = digest(fields, &section);
    Some(Endpoint { name: name?, way: way?, filter, digest })
}

pub(crate) fn name(fields: &mut Fields, field: &str, node: &Node) -> Option<String> {
    let text = text(fields, field, node)?;
    let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
    if text.len() > 40 || !text.starts_with(|c: char| c.is_ascii_lowercase()) || !text.bytes().all(letter) {
        fields.problem(field, &shown(text), "must be 1 to 40 of a-z 0-9 - _ and begin with a letter");
        return None;
    }
    Some(text.to_owned())
}

fn way(fields: &mut Fields, field: &str, section: &Section<'_>, dir: &Path) -> Option<Way> {
    let bus = flag(fields, section, "nats");
    match section.get("url") {
        Some(_) if bus => {
            fields.problem(
                &format!("{field}.nats"),
                "true",
                "cannot be combined with `url`: make it two endpoints",
            );
            None
        }
        Some((url_field, node)) => webhook(fields, field, section, (&url_field, node), dir),
        None if bus => {
            for key in WEBHOOK_KEYS {
                if let Some((field, node)) = section.get(key) {
                    fields.problem(&field, &node.shown(), "is only allowed with `url`");
                }
            }
            Some(Way::Bus)
        }
        None => {
            fields.problem(&format!("{field}.url"), "", "must be given, or `nats: true`");
            None
        }
    }
}

pub(crate) fn webhook(
    fields: &mut Fields,
    field: &str,
    section: &Section<'_>,
    (url_field, url): (&str, &Node),
    dir: &Path,
) -> Option<Way> {
    let permits = Permits {
        http: flag(fields, section, "allow_http"),
        private: flag(fields, section, "allow_private"),
        ports: ports(fields, section),
    };
    let target = text(fields, url_field, url).and_then(|text| match Target::parse(text, &permits) {
        Ok(target) => Some(target),
        Err(error) => {
            fields.problem(url_field, &error.shown, error.rule);
            None
        }
    });
    let secret_files = secret_files(fields, field, section, dir);
    let trust = match section.get("ca_file") {
        None => Trust::System,
        Some((field, node)) => Trust::File(dir.join(text(fields, &field, node)?)),
    };
    if target.as_ref().is_some_and(|target| !target.is_tls()) && trust != Trust::System {
        fields.problem(&format!("{field}.ca_file"), "", "is only allowed with an https address");
    }
    Some(Way::Webhook { target: target?, secret_files: secret_files?, trust })
}

fn secret_files(fields: &mut Fields, field: &str, section: &Section<'_>, dir: &Path) -> Option<Vec<PathBuf>> {
    match (section.get("secret_file"), section.get("secret_files")) {
        (None, None) => {
            let rule =
                "must name the file of the secret that signs; a receiver cannot trust what nobody signed";
            fields.problem(&format!("{field}.secret_file"), "", rule);
            None
        }
        (Some(_), Some((field, _))) => {
            fields.problem(&field, "", "cannot be combined with `secret_file`: list both there");
            None
        }
        (Some((field, node)), None) => Some(vec![dir.join(text(fields, &field, node)?)]),
        (None, Some((field, node))) => {
            let items = fields.list(&field, node);
            if !(1..=MAX_SECRETS).contains(&items.len()) {
                fields.problem(
                    &field,
                    &items.len().to_string(),
                    "must be 1 to 3 files, the newest secret first",
                );
                return None;
            }
            items.iter().map(|item| Some(dir.join(text(fields, &field, item)?))).collect()
        }
    }
}

fn digest(fields: &mut Fields, section: &Section<'_>) -> DigestPolicy {
    let shipped = DigestPolicy::default();
    let Some((field, node)) = section.get("digest") else { return shipped };
    let section = fields.section(&field, node, &["after", "window_s"]);
    let mut number = |key: &str, max: u64, default: u32| {
        let given = section.get(key).and_then(|(field, node)| fields.positive(&field, node, max));
        given.and_then(|value| u32::try_from(value).ok()).unwrap_or(default)
    };
    DigestPolicy {
        after: number("after", MAX_AFTER, shipped.after),
        window_s: number("window_s", MAX_WINDOW_S, shipped.window_s),
    }
}

fn ports(fields: &mut Fields, section: &Section<'_>) -> Vec<u16> {
    let Some((field, node)) = section.get("ports") else { return Vec::new() };
    let items = fields.list(&field, node);
    let port =
        |item| fields.positive(&field, item, u64::from(u16::MAX)).and_then(|port| u16::try_from(port).ok());
    items.iter().filter_map(port).collect()
}

fn tenants(fields: &mut Fields, section: &Section<'_>) -> Vec<String> {
    let Some((field, node)) = section.get("tenants") else { return Vec::new() };
    let items = filled(fields, &field, node);
    let mut tenants = Vec::new();
    for item in items {
        let (Node::Text(text) | Node::Number(text)) = item else {
            fields.wrong_type(&field, item, "a tenant");
            continue;
        };
        match TenantId::new(text.as_str()) {
            Ok(_) => tenants.push(text.clone()),
            Err(error) => fields.problem(&field, &error.value, error.rule),
        }
    }
    tenants
}

/// A list of values from a small set of words.
fn words<T>(
    fields: &mut Fields,
    section: &Section<'_>,
    key: &str,
    names: &[&str],
    parse: fn(&str) -> Option<T>,
) -> Vec<T> {
    let Some((field, node)) = section.get(key) else { return Vec::new() };
    let items = filled(fields, &field, node);
    items.iter().filter_map(|item| fields.word(&field, item, names, parse)).collect()
}

/// A list that must not be empty: one reader would take an empty one for nothing and another for everything.
fn filled<'a>(fields: &mut Fields, field: &str, node: &'a Node) -> &'a [Node] {
    let items = fields.list(field, node);
    if matches!(node, Node::List(items) if items.is_empty()) {
        fields.problem(field, "[]", "must name at least one; leave it out for all");
    }
    items
}

pub(crate) fn flag(fields: &mut Fields, section: &Section<'_>, key: &str) -> bool {
    section.get(key).and_then(|(field, node)| fields.boolean(&field, node)).unwrap_or(false)
}

pub(crate) fn text<'a>(fields: &mut Fields, field: &str, node: &'a Node) -> Option<&'a str> {
    if let Node::Text(text) = node
        && !text.is_empty()
    {
        return Some(text);
    }
    fields.wrong_type(field, node, "text");
    None
}

fn shown(text: &str) -> String {
    text.chars().take(60).collect()
}
