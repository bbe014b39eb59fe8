//! From YAML to rules, or to every problem in them.

use super::activity::ToolKind;
use super::commands::{InvalidPattern, Pattern};
use super::files::FileClass;
use super::{Gives, Range, Rule, SessionPhases, Share, When};
use crate::config::BudgetConfig;
use crate::nearest;
use crate::phase::{InvalidPhase, Phase};
use crate::yaml::InvalidConfig;
use crate::yaml::fields::{Fields, Section};
use crate::yaml::tree::{self, Node};

const TOP_KEYS: [&str; 1] = ["rules"];

const RULE_KEYS: [&str; 4] = ["name", "when", "phase", "continues"];

const WHEN_KEYS: [&str; 10] = [
    "tools",
    "commands",
    "files",
    "plan_mode",
    "before_edit",
    "tools_recorded",
    "written_tokens",
    "turns",
    "share_of_calls",
    "share_of_time",
];

const RANGE_KEYS: [&str; 2] = ["from", "to"];

/// Rules of a file, and items of a list.
const MOST: usize = 200;

/// Longest name of a rule.
const MOST_NAME_BYTES: usize = 48;

/// The largest number that a rule may name.
const MOST_NUMBER: u64 = 1_000_000_000;

/// The configs whose limits the phases are for, by name.
type Configs<'a> = [(&'a str, &'a BudgetConfig)];

pub(super) fn from_yaml(text: &str, configs: &Configs<'_>) -> Result<SessionPhases, InvalidConfig> {
    let root = tree::file(text, &TOP_KEYS).map_err(InvalidConfig::whole_file)?;
    let mut fields = Fields::default();
    let top = fields.section("", &root, &TOP_KEYS);
    let (mut rules, mut names): (Vec<Rule>, Vec<String>) = (Vec::new(), Vec::new());
    match top.get("rules") {
        None => fields.problem("rules", "", "must be given: a list of rules, the first that holds wins"),
        Some((field, node)) => {
            let items = fields.list(&field, node);
            if matches!(node, Node::List(_)) && !(1..=MOST).contains(&items.len()) {
                fields.problem(&field, "a list", format!("must have 1 to {MOST} rules, has {}", items.len()));
            }
            for (nth, item) in items.iter().enumerate() {
                let field = format!("{field}[{nth}]");
                let Some(rule) = read_rule(&mut fields, &field, item, &mut names, configs) else { continue };
                check_against(&mut fields, &field, &rule, &rules);
                rules.push(rule);
            }
        }
    }
    if fields.problems.is_empty() {
        Ok(SessionPhases { rules })
    } else {
        Err(InvalidConfig { problems: fields.problems })
    }
}

/// That a rule asks for something that no rule before it asks for.
fn check_against(fields: &mut Fields, field: &str, rule: &Rule, before: &[Rule]) {
    if let Some(other) = before.iter().find(|other| other.when == rule.when) {
        let why = format!("never holds: the rule `{}` before it has the same conditions", other.name);
        fields.problem(&format!("{field}.when"), "a mapping", why);
    }
}

fn read_rule(
    fields: &mut Fields,
    field: &str,
    node: &Node,
    names: &mut Vec<String>,
    configs: &Configs<'_>,
) -> Option<Rule> {
    let section = fields.section(field, node, &RULE_KEYS);
    let name = read_name(fields, field, &section, names);
    let when = match section.get("when") {
        None => {
            let rule = "must be given, with at least one condition";
            fields.problem(&format!("{field}.when"), "", rule);
            None
        }
        Some((field, node)) => read_when(fields, &field, node),
    };
    let gives = read_gives(fields, field, &section, configs);
    Some(Rule { name: name?, when: when?, gives: gives? })
}

/// A name that no rule before has.
fn read_name(
    fields: &mut Fields,
    field: &str,
    section: &Section<'_>,
    names: &mut Vec<String>,
) -> Option<String> {
    let rule = format!("must be 1 to {MOST_NAME_BYTES} of a-z 0-9 - and begin with a letter");
    let Some((field, node)) = section.get("name") else {
        fields.problem(&format!("{field}.name"), "", format!("must be given: {rule}"));
        return None;
    };
    let Node::Text(text) = node else {
        fields.wrong_type(&field, node, "a name");
        return None;
    };
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let begins = text.starts_with(|c: char| c.is_ascii_lowercase());
    if !begins || text.len() > MOST_NAME_BYTES || !text.chars().all(allowed) {
        fields.problem(&field, &node.shown(), rule);
        return None;
    }
    if names.contains(text) {
        fields.problem(&field, text, "is the name of a rule before it, must be its own");
        return None;
    }
    names.push(text.clone());
    Some(text.clone())
}

fn read_gives(
    fields: &mut Fields,
    field: &str,
    section: &Section<'_>,
    configs: &Configs<'_>,
) -> Option<Gives> {
    match (section.get("phase"), section.get("continues")) {
        (Some((field, node)), None) => read_phase(fields, &field, node, configs).map(Gives::Phase),
        (None, Some((field, node))) => match fields.boolean(&field, node)? {
            true => Some(Gives::Continues),
            false => {
                fields.problem(&field, "false", "must be true, or not be there beside a phase");
                None
            }
        },
        (Some(_), Some((continues, node))) => {
            fields.problem(&continues, &node.shown(), "must not be there together with a phase");
            None
        }
        (None, None) => {
            let rule = "must be given: the phase that the rule gives, or else `continues: true`";
            fields.problem(&format!("{field}.phase"), "", rule);
            None
        }
    }
}

fn read_phase(fields: &mut Fields, field: &str, node: &Node, configs: &Configs<'_>) -> Option<Phase> {
    let (Node::Text(text) | Node::Number(text)) = node else {
        fields.wrong_type(field, node, "the name of a phase");
        return None;
    };
    let Ok(phase) = text.parse::<Phase>() else {
        fields.problem(field, &node.shown(), InvalidPhase::RULE);
        return None;
    };
    let mut is_known = true;
    for (name, config) in configs {
        let known: Vec<&str> = config.phases.iter().map(|base| base.phase.as_str()).collect();
        if !known.contains(&phase.as_str()) {
            is_known = false;
            let hint = nearest::hint(phase.as_str(), &known);
            let rule = format!("must be a phase of the config {name}: {}{hint}", known.join(", "));
            fields.problem(field, text, rule);
        }
    }
    is_known.then_some(phase)
}

fn read_when(fields: &mut Fields, field: &str, node: &Node) -> Option<When> {
    let before = fields.problems.len();
    let section = fields.section(field, node, &WHEN_KEYS);
    let when = When {
        tools: words(fields, &section, "tools", ToolKind::NAMES, ToolKind::from_word),
        commands: patterns(fields, &section),
        files: words(fields, &section, "files", FileClass::NAMES, FileClass::from_word),
        plan_mode: boolean(fields, &section, "plan_mode"),
        before_edit: boolean(fields, &section, "before_edit"),
        tools_recorded: boolean(fields, &section, "tools_recorded"),
        written_tokens: range(fields, &section, "written_tokens"),
        turns: range(fields, &section, "turns"),
        share_of_calls: share(fields, &section, "share_of_calls"),
        share_of_time: share(fields, &section, "share_of_time"),
    };
    if fields.problems.len() > before {
        return None;
    }
    if when == When::default() {
        fields.problem(field, "", format!("must have at least one condition of {}", WHEN_KEYS.join(", ")));
        return None;
    }
    if let Some(why) = contradiction(&when) {
        fields.problem(field, "a mapping", format!("never holds: {why}"));
        return None;
    }
    Some(when)
}

/// Why conditions cannot hold together.
fn contradiction(when: &When) -> Option<&'static str> {
    let is_about_tools = !when.tools.is_empty() || !when.commands.is_empty() || !when.files.is_empty();
    if when.tools_recorded == Some(false) && (is_about_tools || when.before_edit.is_some()) {
        return Some("where no tools are recorded, nothing is known of tools, commands, files and edits");
    }
    if !when.commands.is_empty() && !when.tools.is_empty() && !when.tools.contains(&ToolKind::Shell) {
        return Some("only tools of the kind shell run commands");
    }
    if !when.commands.is_empty() && !when.files.is_empty() {
        return Some("files of commands are not looked at, a rule can name commands or files");
    }
    if when.tools == [ToolKind::Edit] && when.before_edit == Some(true) {
        return Some("an edit is not before the first edit");
    }
    None
}

fn words<T>(
    fields: &mut Fields,
    section: &Section<'_>,
    key: &str,
    names: &[&str],
    parse: fn(&str) -> Option<T>,
) -> Vec<T> {
    let Some((field, node)) = section.get(key) else { return Vec::new() };
    let mut found = Vec::new();
    for (field, item) in items(fields, &field, node) {
        found.extend(fields.word(&field, item, names, parse));
    }
    found
}

fn patterns(fields: &mut Fields, section: &Section<'_>) -> Vec<Pattern> {
    let Some((field, node)) = section.get("commands") else { return Vec::new() };
    let mut found = Vec::new();
    for (field, item) in items(fields, &field, node) {
        let Node::Text(text) = item else {
            fields.wrong_type(&field, item, "the first words of a command");
            continue;
        };
        match Pattern::new(text) {
            Ok(pattern) => found.push(pattern),
            Err(_) => fields.problem(&field, &item.shown(), InvalidPattern::RULE),
        }
    }
    found
}

/// The items of a list that is not empty, each with its path.
fn items<'a>(fields: &mut Fields, field: &str, node: &'a Node) -> Vec<(String, &'a Node)> {
    let items = fields.list(field, node);
    if matches!(node, Node::List(_)) && !(1..=MOST).contains(&items.len()) {
        fields.problem(field, "a list", format!("must have 1 to {MOST} items, has {}", items.len()));
    }
    items.iter().enumerate().map(|(nth, item)| (format!("{field}[{nth}]"), item)).collect()
}

fn boolean(fields: &mut Fields, section: &Section<'_>, key: &str) -> Option<bool> {
    let (field, node) = section.get(key)?;
    fields.boolean(&field, node)
}

fn range(fields: &mut Fields, section: &Section<'_>, key: &str) -> Option<Range> {
    let (field, node) = section.get(key)?;
    let range = fields.section(&field, node, &RANGE_KEYS);
    let given = [range.get("from"), range.get("to")];
    if given == [None, None] {
        if let Node::Map(_) = node {
            fields.problem(&field, &node.shown(), "must have `from`, `to` or both, numbers from 1 on");
        }
        return None;
    }
    let [from, to] = given.map(|given| {
        let (field, node) = given?;
        fields.positive(&field, node, MOST_NUMBER)
    });
    let from = from.unwrap_or(1);
    if let Some(to) = to.filter(|to| *to < from) {
        fields.problem(&format!("{field}.to"), &to.to_string(), format!("must be at least `from`, {from}"));
        return None;
    }
    Some(Range { from, to })
}

fn share(fields: &mut Fields, section: &Section<'_>, key: &str) -> Option<Share> {
    let (field, node) = section.get(key)?;
    let range = fields.section(&field, node, &RANGE_KEYS);
    let mut percent = |key, otherwise| match range.get(key) {
        Some((field, node)) => fields.whole(&field, node, 100).and_then(|percent| u8::try_from(percent).ok()),
        None => Some(otherwise),
    };
    let (from, to) = (percent("from", 0)?, percent("to", 100)?);
    if from >= to {
        let rule = format!("must be above `from`, {from}: percent of the session");
        fields.problem(&format!("{field}.to"), &to.to_string(), rule);
        return None;
    }
    Some(Share { from, to })
}
