//! A durability class that cannot be provided.

use tollgate_log::contract::Durability;

/// A class was requested that does not hold, or for which there is no evidence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("durability {asked} was asked for of {place}, {}", listed(findings, *contradicted, *asked))]
pub struct DurabilityError {
    /// The log.
    pub place: String,
    /// The class that was requested.
    pub asked: Durability,
    /// Whether there is evidence against it. Otherwise a declaration by the operator would be enough.
    pub contradicted: bool,
    /// What was checked, and the result.
    pub findings: Vec<String>,
}

fn listed(findings: &[String], contradicted: bool, asked: Durability) -> String {
    let found = findings.join("; ");
    if contradicted {
        format!("but {found}; correct that, or ask for {}", Durability::PageCache)
    } else {
        format!(
            "and nothing shows it: {found}; ask for {}, or declare that the server does what {asked} says",
            Durability::PageCache
        )
    }
}
