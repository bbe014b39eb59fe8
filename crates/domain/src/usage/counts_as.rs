//! As what usage counts where budgets look: its allocation says what it does not say itself.

use std::collections::BTreeMap;

use super::{AdjustedUsage, NamedExecution, UsageRecorded, UsageRepriced};
use crate::budget::{AlsoNamed, Dimensions, is_counted_label};
use crate::event::AllocationRequest;
use crate::phase::Phase;
use crate::price::ModelName;

/// The allocation that usage uses, and the values with which it counts in budgets: its own, and those of the allocation
/// for what it does not say. So usage is counted where its reservation was, whatever its producer left out. Without an
/// allocation its own values count, and only the names by which it is priced are added.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CountsAs {
    /// The allocation: the one that is named, or the one that its context had.
    pub allocation: String,
    /// The phase.
    pub phase: Option<Phase>,
    /// The part of the producer that made the call.
    pub component: Option<String>,
    /// Who served the model.
    pub provider: Option<String>,
    /// Which model.
    pub model: Option<String>,
    /// The labels. Those with values that no scope can name are left out.
    pub labels: BTreeMap<String, String>,
    /// Who served the model, as the price book knows it, if that is another name.
    pub priced_provider: Option<String>,
    /// Which model, as the price book knows it, if that is another name.
    pub priced_model: Option<String>,
    /// The allocation that the usage names had not been made: it uses none, also if one is made under that name later.
    /// Else it would free a reservation where it does not count.
    pub unmade: bool,
}

impl CountsAs {
    /// How usage counts that uses this allocation; `None`: as what it says itself.
    #[must_use]
    pub fn of(usage: &UsageRecorded, made: &AllocationRequest) -> Option<Box<Self>> {
        fn or(own: Option<&String>, made: Option<&String>) -> Option<String> {
            own.or(made).cloned()
        }
        let own_phase = usage.execution.as_ref().map(|execution| &execution.phase);
        // Who serves a model says nothing about another one.
        let same_model = usage.model.is_none() || usage.model == made.model;
        let mut labels = made.labels.clone();
        labels.extend(usage.labels.clone());
        labels.retain(|key, value| is_counted_label(key, value));
        let found = Self {
            allocation: made.allocation.clone(),
            phase: own_phase.or(made.phase.as_ref()).cloned(),
            component: or(usage.component.as_ref(), made.component.as_ref()),
            provider: or(usage.provider.as_ref(), made.provider.as_ref().filter(|_| same_model)),
            model: or(usage.model.as_ref(), made.model.as_ref()),
            labels,
            ..Self::default()
        };
        let says_all = usage.allocation.as_ref() == Some(&found.allocation)
            && own_phase == found.phase.as_ref()
            && usage.component == found.component
            && usage.provider == found.provider
            && usage.model == found.model
            && found.labels.keys().all(|key| usage.labels.contains_key(key));
        (!says_all).then(|| Box::new(found))
    }

    /// How usage counts that names an allocation which is not made: as what it says itself, and as use of none.
    #[must_use]
    pub fn of_unmade() -> Box<Self> {
        Box::new(Self { unmade: true, ..Self::default() })
    }

    /// What it says, with the names by which the usage was priced, where they are not those with which it counts.
    #[must_use]
    pub fn named(counts: Option<Box<Self>>, own: &Dimensions<'_>, priced: &ModelName) -> Option<Box<Self>> {
        let other = |own: Option<&str>, priced: &str| {
            Some(priced.to_owned()).filter(|name| !name.is_empty() && own != Some(name.as_str()))
        };
        let priced_provider = other(own.provider, &priced.provider);
        let priced_model = other(own.model, &priced.model);
        if priced_provider.is_none() && priced_model.is_none() {
            return counts;
        }
        Some(Box::new(Self {
            priced_provider,
            priced_model,
            ..counts.map_or_else(Self::default, |found| *found)
        }))
    }

    fn also(&self) -> AlsoNamed<'_> {
        AlsoNamed { provider: self.priced_provider.as_deref(), model: self.priced_model.as_deref() }
    }

    fn dimensions<'a>(&'a self, own: Dimensions<'a>) -> Dimensions<'a> {
        if self.allocation.is_empty() {
            return Dimensions { also: self.also(), ..own };
        }
        Dimensions {
            task: own.task,
            phase: self.phase.as_ref().map(Phase::as_str),
            component: self.component.as_deref(),
            provider: self.provider.as_deref(),
            model: self.model.as_deref(),
            labels: &self.labels,
            also: self.also(),
        }
    }
}

/// What usage, its corrections and its repricings say in the same words.
macro_rules! counts {
    ($($usage:ty),+) => {$(
        impl $usage {
            /// The values with which it counts in budgets.
            #[must_use]
            pub fn dimensions<'a>(&'a self, task: &'a str) -> Dimensions<'a> {
                let Self { execution, component, provider, model, labels, .. } = self;
                let own = own(execution.as_ref(), [component, provider, model], labels, task);
                self.counts_as.as_ref().map_or(own, |counts| counts.dimensions(own))
            }

            /// The allocation that it uses, named or found by its context; none that was not made before it.
            #[must_use]
            pub fn used_allocation(&self) -> Option<&str> {
                let named = self.allocation.as_deref();
                match self.counts_as.as_deref() {
                    Some(found) if found.unmade => None,
                    Some(found) if !found.allocation.is_empty() => Some(&found.allocation),
                    Some(_) | None => named,
                }
            }
        }
    )+};
}

counts!(UsageRecorded, AdjustedUsage, UsageRepriced);

fn own<'a>(
    execution: Option<&'a NamedExecution>,
    [component, provider, model]: [&'a Option<String>; 3],
    labels: &'a BTreeMap<String, String>,
    task: &'a str,
) -> Dimensions<'a> {
    Dimensions {
        task,
        phase: execution.map(|execution| execution.phase.as_str()),
        component: component.as_deref(),
        provider: provider.as_deref(),
        model: model.as_deref(),
        labels,
        also: AlsoNamed::default(),
    }
}

#[cfg(test)]
mod tests;
