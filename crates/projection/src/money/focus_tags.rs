//! Fields of FOCUS that are JSON objects.

use std::collections::BTreeMap;

use super::{LineDimension, MoneyLine};

/// The tags as a JSON object; empty if there is none.
pub(super) fn tags(line: &MoneyLine<'_>, asked: &[LineDimension]) -> String {
    let mut tags = BTreeMap::new();
    for tag in asked {
        let value = line.value(tag).to_owned();
        match tag {
            // Labels were written as such an object.
            LineDimension::Labels => {
                tags.extend(serde_json::from_str::<BTreeMap<String, String>>(&value).unwrap_or_default());
            }
            LineDimension::Label(key) => drop(tags.insert(key.clone(), value)),
            own @ (LineDimension::Tenant
            | LineDimension::Producer
            | LineDimension::Component
            | LineDimension::Provider
            | LineDimension::Model
            | LineDimension::Tier
            | LineDimension::ServiceTier
            | LineDimension::Phase
            | LineDimension::Complexity
            | LineDimension::Importance
            | LineDimension::PriceVersion
            | LineDimension::Corrects
            | LineDimension::RecordedOn) => drop(tags.insert(format!("tollgate/{own}"), value)),
        }
    }
    object(tags.iter().map(|(name, value)| (name.as_str(), value.as_str())))
}

/// A JSON object of the texts that are not empty; empty if all are.
pub(super) fn object<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let fields: BTreeMap<&str, &str> = pairs.filter(|(_, value)| !value.is_empty()).collect();
    if fields.is_empty() {
        return String::new();
    }
    // Texts and their keys can always be written.
    serde_json::to_string(&fields).unwrap_or_default()
}
