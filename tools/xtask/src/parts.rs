//! The parts of the server's ledger: each uses only those before it.

use crate::finding::Finding;

/// The directory they are in.
const LEDGER: &str = "crates/server/src/ledger/";

/// The parts, each after those that it may use.
const PARTS: [&str; 5] = ["ask", "in_force", "write", "gate", "operate"];

/// Checks one Rust file.
pub(crate) fn check(path: &str, text: &str) -> Vec<Finding> {
    let Some((part, _)) = path.strip_prefix(LEDGER).and_then(|rest| rest.split_once('/')) else {
        return Vec::new();
    };
    let Some(own) = PARTS.iter().position(|other| *other == part) else { return Vec::new() };
    let mut findings = Vec::new();
    for (index, line) in text.lines().enumerate() {
        for later in PARTS.iter().skip(own + 1) {
            let uses = [format!("super::{later}::"), format!("ledger::{later}::")];
            if uses.iter().any(|name| line.contains(name.as_str())) {
                let message = format!(
                    "`{part}` may use only the parts before it, not `{later}`: docs/adr/0052-the-ledger-in-parts.md"
                );
                findings.push(Finding::broken(path, index + 1, "parts", message));
            }
        }
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
            ("mod.rs", "use self::gate::Gate;", false),
        ] {
            let found = check(&format!("{LEDGER}{path}"), line);
            assert_eq!(!found.is_empty(), broken, "{path}: {line}");
        }
    }
}
