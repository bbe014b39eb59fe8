//! Answers in Tekton's form, made of those of the ledger.

pub(crate) mod alert;
pub(crate) mod allocation;
pub(crate) mod budget;
pub(crate) mod policy;
pub(crate) mod price;
pub(crate) mod usage;

use crate::fields::Page;
use crate::json::{Json, object};

/// A page of a list. `total`: how many there are before paging.
pub(crate) fn paged(items: Vec<Json>, total: u64, page: Page) -> Json {
    object! { "items" => items, "total" => total, "page" => page.page, "limit" => page.limit }
}

/// The entries of a page, out of all of them.
pub(crate) fn page_of<T>(all: Vec<T>, page: Page) -> (Vec<T>, u64) {
    let total = u64::try_from(all.len()).unwrap_or(u64::MAX);
    let before = usize::try_from((page.page - 1).saturating_mul(page.limit)).unwrap_or(usize::MAX);
    let limit = usize::try_from(page.limit).unwrap_or(usize::MAX);
    (all.into_iter().skip(before).take(limit).collect(), total)
}

/// JSON that was kept as a text in a label; an empty object if there is none.
pub(crate) fn kept(text: Option<&String>) -> Json {
    let value = text.and_then(|text| serde_json::from_str::<serde_json::Value>(text).ok());
    value.map_or_else(|| Json::Object(Vec::new()), |value| Json::from(&value))
}
