//! What usage is billed for besides tokens, in the forms of events.

use std::collections::BTreeMap;

use serde_json::value::RawValue;
use serde_json::{Map, Value};
use tollgate_domain::nearest;
use tollgate_domain::tokens::{MAX_TOKENS_PER_EVENT, TokenCounts};
use tollgate_domain::units::{Unit, UnitCounts, UnitError, UnitSums};

use crate::error::FieldError;
use crate::object::Object;
use crate::out::whole;

/// Counts as they are sent.
pub(crate) fn sent(raw: &RawValue) -> Result<BTreeMap<String, u64>, FieldError> {
    let units = Object::of(raw, Unit::NAMES)?;
    let count = |name: &&str| units.count(name).map(|count| Some(((*name).to_owned(), count?)));
    Unit::NAMES.iter().filter_map(|name| count(name).transpose()).collect()
}

/// Changes as they are sent.
pub(crate) fn sent_change(raw: &RawValue) -> Result<BTreeMap<String, i64>, FieldError> {
    let units = Object::of(raw, Unit::NAMES)?;
    let change = |name: &&str| units.signed(name).map(|change| Some(((*name).to_owned(), change?)));
    Unit::NAMES.iter().filter_map(|name| change(name).transpose()).collect()
}

/// Counts of an event.
pub(crate) fn counts(stored: BTreeMap<String, u64>) -> Result<UnitCounts, FieldError> {
    let pairs: Result<Vec<_>, _> =
        stored.into_iter().map(|(name, count)| Ok((unit(&name)?, count))).collect();
    Ok(UnitCounts::from_pairs(pairs?))
}

/// A change of an event.
pub(crate) fn change(stored: BTreeMap<String, i64>) -> Result<UnitSums, FieldError> {
    let pairs: Result<Vec<_>, _> =
        stored.into_iter().map(|(name, change)| Ok((unit(&name)?, change.into()))).collect();
    Ok(UnitSums::from_pairs(pairs?))
}

/// As they are stored.
pub(crate) fn stored(counts: &UnitCounts) -> BTreeMap<String, u64> {
    counts.iter().map(|(unit, count)| (unit.as_str().to_owned(), count)).collect()
}

/// As it is stored.
pub(crate) fn stored_change(change: &UnitSums) -> BTreeMap<String, i64> {
    change.iter().map(|(unit, change)| (unit.as_str().to_owned(), held(change))).collect()
}

/// As JSON shows them.
pub(crate) fn written<T: Copy + Into<i128>>(stored: &BTreeMap<String, T>) -> Map<String, Value> {
    stored.iter().map(|(name, count)| (name.clone(), whole(*count))).collect()
}

/// Refuses counts that no call reaches, and parts above their whole.
pub(crate) fn check(units: &UnitCounts, tokens: &TokenCounts) -> Result<(), FieldError> {
    units.check(tokens).map_err(|error| {
        let (unit, value) = match error {
            UnitError::TooMany { unit, value } | UnitError::AboveWhole { unit, value, .. } => (unit, value),
        };
        FieldError::new(format!("units.{unit}"), &value.to_string(), error.to_string())
    })
}

/// Refuses changes that no correction needs.
pub(crate) fn check_change(units: &UnitSums) -> Result<(), FieldError> {
    match units.iter().find(|(_, change)| change.unsigned_abs() > MAX_TOKENS_PER_EVENT.into()) {
        None => Ok(()),
        Some((unit, change)) => {
            let rule = format!("must lie within ±{MAX_TOKENS_PER_EVENT}, the most one event may correct");
            Err(FieldError::new(format!("units.{unit}"), &change.to_string(), rule))
        }
    }
}

/// A sum over many events may be longer than one change; what is shown is then the largest that can be.
pub(crate) fn held(change: i128) -> i64 {
    i64::try_from(change).unwrap_or(if change < 0 { i64::MIN } else { i64::MAX })
}

fn unit(name: &str) -> Result<Unit, FieldError> {
    Unit::from_word(name).ok_or_else(|| {
        let hint = nearest::hint(name, Unit::NAMES);
        let rule = format!("must be one of {}{hint}", Unit::NAMES.join(", "));
        FieldError::new("units", name, rule)
    })
}
