//! Phases of a history that nobody reported: rules concluded them from sessions when those were imported.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tollgate_domain::event::{EventBody, RecordedEvent, TaskEvent};

/// How many executions of phases began, and which rules concluded them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConcludedPhases {
    /// All that began.
    pub executions: u64,
    /// Those that rules concluded, by the name and hash of the rules.
    pub by_rules: BTreeMap<String, u64>,
}

impl ConcludedPhases {
    /// Takes an event of a task.
    pub(crate) fn take(&mut self, event: &RecordedEvent<'_>) {
        let EventBody::Task(TaskEvent::PhaseStarted(started)) = event.body else { return };
        self.executions = self.executions.saturating_add(1);
        if let Some(rules) = &started.concluded_by {
            match self.by_rules.get_mut(rules) {
                Some(count) => *count = count.saturating_add(1),
                None => {
                    self.by_rules.insert(rules.clone(), 1);
                }
            }
        }
    }

    /// Adds those of another partition.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.executions = self.executions.saturating_add(other.executions);
        for (rules, executions) in &other.by_rules {
            let count = self.by_rules.entry(rules.clone()).or_default();
            *count = count.saturating_add(*executions);
        }
    }

    /// Nothing where all were reported, or where the rules' coverage is stated (`is_covered`).
    pub(crate) fn unless(self, is_covered: bool) -> Option<Self> {
        (!is_covered && !self.by_rules.is_empty()).then_some(self)
    }

    /// What a reader of limits has to know about them, without a full stop.
    #[must_use]
    pub fn sentence(&self) -> String {
        let concluded: u64 = self.by_rules.values().fold(0, |sum, count| sum.saturating_add(*count));
        let names: Vec<&str> = self.by_rules.keys().map(String::as_str).collect();
        format!(
            "{concluded} of {} executions of phases were not reported: the rules {} concluded them when sessions were imported. A ledger does not say what \
             they concluded them from; a replay of the session files states it. Where sessions name no tools, do not enforce limits by \
             phase that were learned from them",
            self.executions,
            names.join(", ")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_phases_that_rules_concluded_are_told_of_and_not_twice() {
        let of = |executions, rules: &[(&str, u64)]| ConcludedPhases {
            executions,
            by_rules: rules.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect(),
        };
        assert_eq!(of(4, &[]).unless(false), None);
        assert_eq!(of(4, &[("shipped 12ab", 3)]).unless(true), None);
        let mut all = of(4, &[("shipped 12ab", 3)]);
        all.merge(&of(2, &[("own 9f", 1), ("shipped 12ab", 1)]));
        assert_eq!(all, of(6, &[("own 9f", 1), ("shipped 12ab", 4)]));
        let said = all.unless(false).unwrap().sentence();
        assert!(
            said.starts_with(
                "5 of 6 executions of phases were not reported: the rules own 9f, shipped 12ab concluded"
            ),
            "{said}"
        );
    }
}
