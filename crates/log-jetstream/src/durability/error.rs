//! A durability class that cannot be given.

use tollgate_log::contract::Durability;

/// A class was asked for that is not so, or that nothing shows.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("durability {asked} was asked for of {place}, {}", listed(findings, *contradicted, *asked))]
pub struct DurabilityError {
    /// The log.
    pub place: String,
    /// What was asked for.
    pub asked: Durability,
    /// Whether something says that it is not so. Otherwise the operator's word would do.
    pub contradicted: bool,
    /// What was looked at and what it said.
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
