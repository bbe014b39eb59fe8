//! Which names of models are one row of a comparison.

use std::collections::{BTreeMap, BTreeSet};

use tollgate_domain::price::undated;

use super::{Model, Row};

/// The models, with snapshots and the model that they are of as one where the two sides do not tell them apart alike:
/// one side has a name of them that the other has not.
pub(super) fn joined(models: BTreeMap<String, Model>) -> BTreeMap<String, Model> {
    let mut families: BTreeMap<String, BTreeMap<String, Model>> = BTreeMap::new();
    for (name, model) in models {
        let family = undated(&name).unwrap_or(&name).to_owned();
        families.entry(family).or_default().insert(name, model);
    }
    let mut found = BTreeMap::new();
    for (family, models) in families {
        let any = |of: fn(&Row) -> bool| {
            let named = models.iter().filter(|(_, model)| model.days.values().any(of));
            named.map(|(name, _)| name.clone()).collect::<BTreeSet<String>>()
        };
        let (billed, used) = (any(|row| row.is_billed), any(|row| row.is_used));
        if billed == used || billed.is_empty() || used.is_empty() {
            found.extend(models);
            continue;
        }
        // Priced as the ledger prices it, if that is by one name.
        let only = (used.len() == 1).then(|| used.into_iter().next()).flatten();
        let mut one = Model::default();
        for model in models.into_values() {
            one.spelled.extend(model.spelled);
            for (day, row) in model.days {
                one.days.entry(day).or_default().absorb(&row);
            }
        }
        found.insert(only.unwrap_or(family), one);
    }
    found
}

/// What a model is called: as everybody spells it, or else by its one name.
pub(super) fn shown(name: &str, spelled: &BTreeSet<String>) -> String {
    let only = spelled.iter().next().filter(|_| spelled.len() == 1);
    match only.map_or(name, String::as_str) {
        "" => "unknown".to_owned(),
        shown => shown.to_owned(),
    }
}
