//! Making and changing a budget.

use std::collections::BTreeMap;

use super::{BudgetState, Decision, name};
use crate::event::BudgetSet;
use crate::time::Timestamp;

/// What somebody says of a budget. What is absent stays as it is, an empty text takes away what was there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BudgetChange {
    /// Its name.
    pub budget: String,
    /// What people call it.
    pub title: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Whether its policies rule; those of a new one do.
    pub active: Option<bool>,
    /// Who sets it.
    pub author: Option<String>,
    /// Free pairs; a value of an empty text takes the pair away.
    pub labels: BTreeMap<String, String>,
}

/// Makes or changes a budget.
///
/// # Errors
///
/// A name that is none.
pub fn set_budget(state: &BudgetState, change: BudgetChange, at: Timestamp) -> Decision {
    let BudgetChange { budget, title, description, owner, active, author, labels: changed } = change;
    name("budget", &budget)?;
    let before = state.budget(&budget);
    let text = |now: Option<String>, before: Option<&String>| {
        now.or_else(|| before.cloned()).filter(|text| !text.is_empty())
    };
    let mut labels = before.map(|set| set.labels.clone()).unwrap_or_default();
    labels.extend(changed);
    labels.retain(|_, value| !value.is_empty());
    let set = BudgetSet {
        title: text(title, before.and_then(|set| set.title.as_ref())),
        description: text(description, before.and_then(|set| set.description.as_ref())),
        owner: text(owner, before.and_then(|set| set.owner.as_ref())),
        active: active.or(before.map(|set| set.active)).unwrap_or(true),
        made_at: before.map_or(Some(at), |set| set.made_at),
        decided_at: Some(at),
        budget,
        author,
        labels,
    };
    Ok(set.into())
}
