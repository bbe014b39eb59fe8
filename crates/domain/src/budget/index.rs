//! Finding the policies that usage falls under, without looking at each.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{Dimension, Dimensions, Scope};

/// Names by scope. Scopes that name the same dimensions form a group with one map from the values to the names: a
/// look-up costs one step for each group, however many policies there are.
#[derive(Clone, Debug, Default)]
pub struct ScopeIndex {
    groups: BTreeMap<Vec<Dimension>, HashMap<Vec<String>, BTreeSet<String>>>,
}

impl ScopeIndex {
    /// Adds a name under a scope; the same name may be under several.
    pub fn insert(&mut self, scope: &Scope, name: &str) {
        let dimensions = scope.iter().map(|(dimension, _)| dimension.clone()).collect();
        let values = scope.iter().map(|(_, value)| value.to_owned()).collect();
        let group = self.groups.entry(dimensions).or_default();
        group.entry(values).or_default().insert(name.to_owned());
    }

    /// The names whose scope contains usage with these values, in order.
    #[must_use]
    pub fn matching(&self, usage: &Dimensions<'_>) -> BTreeSet<&str> {
        let mut found = BTreeSet::new();
        for (dimensions, group) in &self.groups {
            for usage in usage.under_each_name(dimensions) {
                let values = dimensions.iter().map(|dimension| usage.get(dimension).map(str::to_owned));
                let Some(values) = values.collect::<Option<Vec<String>>>() else { continue };
                found.extend(group.get(&values).into_iter().flatten().map(String::as_str));
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::AlsoNamed;
    use super::*;

    fn scope() -> impl Strategy<Value = Scope> {
        let value = prop_oneof![Just("A"), Just("B"), Just("C")];
        let names = ["team", "user", "provider", "model", "component", "phase", "label.x"];
        proptest::collection::btree_map(proptest::sample::select(names.to_vec()), value, 0..4)
            .prop_map(|values| Scope::new(values).unwrap())
    }

    proptest! {
        #[test]
        fn the_index_finds_exactly_the_scopes_that_contain_the_usage(
            scopes in proptest::collection::vec(scope(), 0..30),
            usage in scope(),
            also in scope(),
        ) {
            let mut index = ScopeIndex::default();
            for (nth, scope) in scopes.iter().enumerate() {
                index.insert(scope, &nth.to_string());
            }
            let labels: BTreeMap<String, String> = usage
                .iter()
                .map(|(dimension, value)| {
                    let name = dimension.to_string();
                    (name.strip_prefix("label.").unwrap_or(&name).to_owned(), value.to_owned())
                })
                .collect();
            let usage = Dimensions {
                task: "T",
                phase: usage.get(&Dimension::Phase),
                component: usage.get(&Dimension::Component),
                provider: usage.get(&Dimension::Provider),
                model: usage.get(&Dimension::Model),
                labels: &labels,
                also: AlsoNamed {
                    provider: also.get(&Dimension::Provider),
                    model: also.get(&Dimension::Model),
                },
            };
            let one_by_one: BTreeSet<String> = scopes
                .iter()
                .enumerate()
                .filter(|(_, scope)| scope.contains(&usage))
                .map(|(nth, _)| nth.to_string())
                .collect();
            prop_assert_eq!(index.matching(&usage).into_iter().map(str::to_owned).collect::<BTreeSet<_>>(), one_by_one);
            prop_assert!(index.groups.len() <= 64);
        }
    }
}
