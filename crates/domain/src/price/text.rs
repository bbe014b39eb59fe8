//! The text of a price: the fields of an entry that it is made of, as they are written.

use super::entries::Fields;
use super::fields::{self, Field};

/// The fields that a price is made of, in the order of their names. That a person has confirmed a price is
/// nothing that a source can say.
pub(super) fn of(fields: &Fields<'_>) -> String {
    const KEPT: [&str; 5] =
        ["litellm_provider", "mode", "tiered_pricing", "off_peak_pricing", "provider_specific_entry"];
    let of_price = |name: &str, value: &str| {
        KEPT.contains(&name) || matches!(fields::read_with(name, value), Field::Rate(_) | Field::Unit(_))
    };
    let kept: Vec<String> = fields
        .iter()
        .filter(|(name, raw)| raw.get() != "null" && of_price(name, raw.get()))
        .map(|(name, raw)| format!("{}: {}", serde_json::Value::from(name.as_str()), raw.get()))
        .collect();
    format!("{{{}}}", kept.join(", "))
}
