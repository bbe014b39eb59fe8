//! Entries by name, found by a provider and a model without making a name of them.

use std::hash::{Hash, Hasher};

use foldhash::fast::RandomState;
use hashbrown::{Equivalent, HashMap};

/// Values by the name of an entry: `model`, or `provider/model`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ByName<T>(HashMap<Name, T, RandomState>);

/// The name of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Name(Box<str>);

/// A name that is looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sought<'a> {
    /// What stands before the first `/`, if there is one.
    first: Option<&'a str>,
    rest: &'a str,
}

impl<T> ByName<T> {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value under a name, with the name.
    pub(super) fn get(&self, name: Sought<'_>) -> Option<(&str, &T)> {
        self.0.get_key_value(&name).map(|(Name(name), value)| (&**name, value))
    }

    /// The names, in any order.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(|Name(name)| &**name)
    }

    /// The values, in any order.
    pub(super) fn values(&self) -> impl Iterator<Item = &T> {
        self.0.values()
    }
}

impl<T> Default for ByName<T> {
    fn default() -> Self {
        Self(HashMap::default())
    }
}

impl<T> FromIterator<(String, T)> for ByName<T> {
    fn from_iter<I: IntoIterator<Item = (String, T)>>(values: I) -> Self {
        Self(values.into_iter().map(|(name, value)| (Name(name.into()), value)).collect())
    }
}

impl<'a> Sought<'a> {
    /// A whole name.
    pub(super) fn named(name: &'a str) -> Self {
        match name.split_once('/') {
            Some((first, rest)) => Self { first: Some(first), rest },
            None => Self { first: None, rest: name },
        }
    }

    /// `provider/model`; `None`: the provider has a `/` itself, so this is not where the name has its first.
    pub(super) fn of(provider: &'a str, model: &'a str) -> Option<Self> {
        (!provider.contains('/')).then_some(Self { first: Some(provider), rest: model })
    }
}

/// As of what it is looked up by.
impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Sought::named(&self.0).hash(state);
    }
}

impl Hash for Sought<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        if let Some(first) = self.first {
            first.hash(state);
        }
        self.rest.hash(state);
    }
}

impl Equivalent<Name> for Sought<'_> {
    fn equivalent(&self, Name(name): &Name) -> bool {
        match self.first {
            Some(first) => name
                .strip_prefix(first)
                .and_then(|rest| rest.strip_prefix('/'))
                .is_some_and(|rest| rest == self.rest),
            None => **name == *self.rest,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_provider_and_a_model_find_the_entry_of_both_names() {
        let names = ["gpt-5", "openai/gpt-5", "openrouter/openai/gpt-5", "/x", "x/", "open"];
        let entries: ByName<usize> = names.iter().map(|name| (*name).to_owned()).zip(0..).collect();
        let found =
            |sought: Option<Sought<'_>>| entries.get(sought?).map(|(name, nth)| (name.to_owned(), *nth));
        for (provider, model, nth) in [
            ("openai", "gpt-5", Some(1)),
            ("openrouter", "openai/gpt-5", Some(2)),
            ("openrouter/openai", "gpt-5", None),
            ("", "x", Some(3)),
            ("x", "", Some(4)),
            ("open", "ai/gpt-5", None),
            ("open", "", None),
        ] {
            let expected = nth.map(|nth: usize| (names[nth].to_owned(), nth));
            assert_eq!(found(Sought::of(provider, model)), expected, "{provider}/{model}");
        }
    }

    proptest! {
        /// By its parts and by its name, an entry is found if and only if it is there.
        #[test]
        fn entries_are_found_by_every_form_of_their_names(
            names in prop::collection::btree_set("[ab/]{0,4}", 0..12),
            provider in "[ab/]{0,2}",
            model in "[ab/]{0,3}",
        ) {
            let entries: ByName<()> = names.iter().map(|name| (name.clone(), ())).collect();
            let both = format!("{provider}/{model}");
            let there = names.contains(&both);
            prop_assert_eq!(entries.get(Sought::named(&both)).map(|(name, ())| name), there.then_some(&*both));
            if let Some(sought) = Sought::of(&provider, &model) {
                prop_assert_eq!(entries.get(sought).map(|(name, ())| name), there.then_some(&*both));
            } else {
                prop_assert!(provider.contains('/'));
            }
            prop_assert_eq!(entries.names().count(), names.len());
        }
    }
}
