//! The parts of the server's ledger: each uses only those before it.

use crate::finding::Finding;
use crate::source::Source;

/// The directory they are in.
const LEDGER: &str = "crates/server/src/ledger/";

/// The parts, each after those that it may use, with the type that it is.
const PARTS: [(&str, &str); 7] = [
    ("ask", "Questions"),
    ("keys", "Keys"),
    ("in_force", "InForce"),
    ("write", "Writer"),
    ("budgets", "BudgetDecisions"),
    ("gate", "Gate"),
    ("operate", "Operations"),
];

/// Checks one file of Rust.
pub(crate) fn check(path: &str, text: &str) -> Vec<Finding> {
    let Some((part, _)) = path.strip_prefix(LEDGER).and_then(|rest| rest.split_once('/')) else {
        return Vec::new();
    };
    let Some(own) = PARTS.iter().position(|(other, _)| *other == part) else { return Vec::new() };
    let source = Source::new(text);
    let mut findings = Vec::new();
    let mut found = |at: usize, later: &str| {
        let message = format!(
            "`{part}` may use only the parts before it, not `{later}`: docs/adr/0052-the-ledger-in-parts.md"
        );
        findings.push(Finding::broken(path, source.line(at), "parts", message));
    };
    let imports = source.imports();
    for (later, name) in PARTS.iter().skip(own + 1) {
        for start in [format!("super::{later}::"), format!("ledger::{later}::")] {
            source.find(&start).for_each(|at| found(at, later));
        }
        // By way of what `ledger` exports.
        let named = |path: &str| path.contains("ledger::") || path.starts_with("super::");
        let exported = imports.iter().filter(|(_, path)| named(path) && path.ends_with(&format!("::{name}")));
        exported
            .filter(|(_, path)| !path.contains(&format!("::{later}::")))
            .for_each(|(at, _)| found(*at, later));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_uses_those_before_it_only() {
        for (path, line, broken) in [
            ("ask/query.rs", "use crate::ledger::write::own;", true),
            ("ask/mod.rs", "use super::in_force::InForce;", true),
            ("write/append.rs", "use super::ask::Questions;", false),
            ("write/append.rs", "use crate::ledger::gate::Gate;", true),
            ("gate/mod.rs", "use super::operate::Operations;", true),
            ("operate/alerts.rs", "use crate::ledger::gate::sentences;", false),
            ("ask/query.rs", "use crate::ledger::{Read, Writer};", true),
            ("ask/query.rs", "use super::super::Gate;", true),
            ("write/append.rs", "use crate::ledger::{InForce, Questions};", false),
            ("write/append.rs", "use tollgate_domain::event::Gate;", false),
            ("write/append.rs", "// as crate::ledger::gate::Gate says", false),
            ("mod.rs", "use self::gate::Gate;", false),
        ] {
            let found = check(&format!("{LEDGER}{path}"), line);
            assert_eq!(!found.is_empty(), broken, "{path}: {line}");
        }
    }
}
