//! From YAML to the rules of a pool, or to every problem in them.

use super::PoolRules;
use crate::budget::Window;
use crate::decimal::Decimal;
use crate::tier::Importance;
use crate::yaml::InvalidConfig;
use crate::yaml::fields::Fields;
use crate::yaml::tree::{self, Node};

const TOP_KEYS: [&str; 1] = ["pool"];

const KEYS: [&str; 5] = ["window", "give", "step", "ceiling", "leave"];

/// Windows that follow one another.
const WINDOWS: [&str; 4] = ["hourly", "daily", "weekly", "monthly"];

/// The largest ceiling.
const MOST: Decimal = Decimal::new(1000, 0);

pub(super) fn from_yaml(text: &str) -> Result<PoolRules, InvalidConfig> {
    let root = tree::file(text, &TOP_KEYS).map_err(InvalidConfig::whole_file)?;
    let mut fields = Fields::default();
    let top = fields.section("", &root, &TOP_KEYS);
    let Some((field, node)) = top.get("pool") else {
        fields.problem("pool", "", "must be given: a mapping with any of window, give, step, ceiling, leave; `pool: {}` takes the defaults");
        return Err(InvalidConfig { problems: fields.problems });
    };
    let rules = section(&mut fields, &field, node);
    if fields.problems.is_empty() { Ok(rules) } else { Err(InvalidConfig { problems: fields.problems }) }
}

/// The section, in a file of its own or of a config. What is wrong is among the problems.
pub(super) fn section(fields: &mut Fields, field: &str, node: &Node) -> PoolRules {
    let mut rules = PoolRules::default();
    let section = fields.section(field, node, &KEYS);
    if let Some((field, node)) = section.get("window") {
        let follows = |word: &str| Window::from_word(word, None).filter(|_| WINDOWS.contains(&word));
        rules.window = fields.word(&field, node, &WINDOWS, follows).unwrap_or(rules.window);
    }
    let mut share = |key: &str, most: Decimal, into: &mut Decimal| {
        if let Some((field, node)) = section.get(key) {
            *into = fields.share(&field, node, most).unwrap_or(*into);
        }
    };
    share("give", Decimal::ONE, &mut rules.give);
    share("step", MOST, &mut rules.step);
    share("ceiling", MOST, &mut rules.ceiling);
    if let Some((field, node)) = section.get("leave") {
        let leave = fields.section(&field, node, Importance::NAMES);
        for (name, into) in Importance::NAMES.iter().zip(&mut rules.leave) {
            if let Some((field, node)) = leave.get(name) {
                *into = fields.share(&field, node, Decimal::ONE).unwrap_or(*into);
            }
        }
    }
    check(fields, field, &rules);
    rules
}

/// What each value allows by itself, and all of them do not.
fn check(fields: &mut Fields, field: &str, rules: &PoolRules) {
    if rules.step.is_zero() {
        fields.problem(&format!("{field}.step"), "0", "must be above 0: nothing could be drawn");
    }
    if rules.ceiling <= Decimal::ONE {
        let shown = rules.ceiling.to_string();
        let rule = "must be above 1: it is a multiple of a task's limit, and draws are what is above that";
        fields.problem(&format!("{field}.ceiling"), &shown, rule);
    }
    for pair in rules.leave.windows(2) {
        let &[lower, higher] = pair else { continue };
        if higher > lower {
            let shown = higher.to_string();
            let rule = format!(
                "must not be above {lower}, what tasks of the importance below it leave: the higher the importance, the less is left"
            );
            fields.problem(&format!("{field}.leave"), &shown, rule);
        }
    }
}
