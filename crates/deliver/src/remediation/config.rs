//! How remediations are opened: `remediation.yaml`, checked as a whole before anything is done.

use std::path::Path;

use tollgate_domain::yaml::InvalidConfig;
use tollgate_domain::yaml::fields::{Fields, Section};
use tollgate_domain::yaml::tree::{self, Node};

use super::{RemediationWay, To};
use crate::config::read::{WEBHOOK_KEYS, flag, hide_secrets, name, text, webhook};
use crate::config::{Endpoint, Filter};
use crate::digest::DigestPolicy;

/// The most ways in a file.
pub const MAX_WAYS: usize = 8;

/// How long a command may take by default, and the longest that the file may allow, in seconds.
const TIMEOUT_S: u64 = 30;
const MAX_TIMEOUT_S: u64 = 300;

/// The most words in a command.
const MAX_WORDS: usize = 32;

/// Every way in which remediations are opened, in addition to the task in the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemediationConfig {
    /// In the order of the file.
    pub ways: Vec<RemediationWay>,
}

impl Default for RemediationConfig {
    /// A file next to the evidence of the task.
    fn default() -> Self {
        Self { ways: vec![RemediationWay::evidence()] }
    }
}

impl RemediationConfig {
    /// Parses the text of a file. Paths in it are relative to `dir`, the directory of the file; those of a
    /// command are not.
    ///
    /// # Errors
    ///
    /// [`InvalidConfig`] with everything that is wrong, each with field, value and rule, but nothing secret.
    pub fn from_yaml(yaml: &str, dir: &Path) -> Result<Self, InvalidConfig> {
        let root = tree::file(yaml, &["ways"]).map_err(InvalidConfig::whole_file)?;
        let mut fields = Fields::default();
        let top = fields.section("", &root, &["ways"]);
        let mut ways: Vec<RemediationWay> = Vec::new();
        match top.get("ways") {
            None => {
                fields.problem("ways", "", "must list how remediations are opened; `[]` for the task alone")
            }
            Some((field, node)) => {
                let items = fields.list(&field, node);
                if items.len() > MAX_WAYS {
                    fields.problem(&field, &items.len().to_string(), format!("must be at most {MAX_WAYS}"));
                }
                for (nth, item) in items.iter().enumerate() {
                    let field = format!("{field}[{nth}]");
                    let Some(way) = way(&mut fields, &field, item, dir) else { continue };
                    if ways.iter().any(|earlier| earlier.name == way.name) {
                        fields.problem(&format!("{field}.name"), &way.name, "must be the name of one way");
                    }
                    ways.push(way);
                }
            }
        }
        hide_secrets(&mut fields);
        if fields.problems.is_empty() {
            Ok(Self { ways })
        } else {
            Err(InvalidConfig { problems: fields.problems }.placed_in(yaml))
        }
    }
}

fn way(fields: &mut Fields, field: &str, node: &Node, dir: &Path) -> Option<RemediationWay> {
    let mut keys = vec!["name", "evidence", "dir", "url", "command", "timeout_s"];
    keys.extend(WEBHOOK_KEYS);
    let section = fields.section(field, node, &keys);
    let name = match section.get("name") {
        Some((field, node)) => name(fields, &field, node),
        None => {
            fields.problem(&format!("{field}.name"), "", "must be given: the ledger knows the way by it");
            None
        }
    };
    let evidence = flag(fields, &section, "evidence");
    let given: Vec<&str> =
        ["dir", "url", "command"].into_iter().filter(|key| section.get(key).is_some()).collect();
    if given.len() + usize::from(evidence) != 1 {
        let rule = "must be one of `evidence: true`, `dir`, `url` and `command`";
        fields.problem(field, &given.join(", "), rule);
        return None;
    }
    for key in WEBHOOK_KEYS {
        if given != ["url"]
            && let Some((field, node)) = section.get(key)
        {
            fields.problem(&field, &node.shown(), "is only allowed with `url`");
        }
    }
    if given != ["command"]
        && let Some((field, node)) = section.get("timeout_s")
    {
        fields.problem(&field, &node.shown(), "is only allowed with `command`");
    }
    let to = if let Some((field, node)) = section.get("dir") {
        text(fields, &field, node).map(|path| To::File(Some(dir.join(path))))
    } else if let Some((url_field, url)) = section.get("url") {
        let way = webhook(fields, field, &section, (&url_field, url), dir);
        way.map(|way| {
            let (name, filter) = (name.clone().unwrap_or_default(), Filter::default());
            To::Webhook(Box::new(Endpoint { name, way, filter, digest: DigestPolicy::default() }))
        })
    } else if section.get("command").is_some() {
        command(fields, &section)
    } else {
        Some(To::File(None))
    };
    Some(RemediationWay { name: name?, to: to? })
}

fn command(fields: &mut Fields, section: &Section<'_>) -> Option<To> {
    let (field, node) = section.get("command")?;
    let items = fields.list(&field, node);
    if !(1..=MAX_WORDS).contains(&items.len()) {
        let rule = format!("must be the program and its arguments, 1 to {MAX_WORDS}; no shell reads them");
        fields.problem(&field, &items.len().to_string(), rule);
        return None;
    }
    let argv: Option<Vec<String>> =
        items.iter().map(|item| text(fields, &field, item).map(str::to_owned)).collect();
    let timeout_s = section
        .get("timeout_s")
        .and_then(|(field, node)| fields.positive(&field, node, MAX_TIMEOUT_S))
        .unwrap_or(TIMEOUT_S);
    Some(To::Command { argv: argv?, timeout_s })
}
