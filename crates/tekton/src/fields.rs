//! What requests say: bodies and queries, read as leniently as Tekton's own server reads them.

use std::collections::BTreeMap;

use serde_json::value::RawValue;
use tollgate_domain::money::Usd;

use crate::fault::{Fault, Handled, wrong};
use crate::json::Json;
use crate::number::plain;

/// The most entries on a page.
const MOST: u64 = 100;

/// Members of a JSON object, or parameters of a query: by names in snake case, with what is wrong so far.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    given: BTreeMap<String, Box<RawValue>>,
    place: &'static str,
    wrong: Vec<Json>,
}

/// Which page of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Page {
    pub(crate) page: u64,
    pub(crate) limit: u64,
    /// Whether the request names a page or a limit.
    pub(crate) is_named: bool,
}

impl Fields {
    /// Reads a body. None at all is an empty object.
    pub(crate) fn of_body(body: &[u8]) -> Handled<Self> {
        let blank = body.iter().all(u8::is_ascii_whitespace);
        let body = if blank { b"{}".as_slice() } else { body };
        let parsed: Result<BTreeMap<String, Box<RawValue>>, _> = serde_json::from_slice(body);
        match parsed {
            Ok(given) => Ok(Self::of(given, "body")),
            Err(error) => {
                let shown: String = String::from_utf8_lossy(body).chars().take(200).collect();
                let rule = format!("JSON object expected: {error}");
                Err(Fault::invalid(vec![wrong("json_invalid", &["body"], &rule, shown.into())]))
            }
        }
    }

    /// The members of a member; an empty object if it is absent or none.
    pub(crate) fn within(&mut self, name: &str) -> Self {
        let inner = self.raw(name).map(RawValue::get).unwrap_or("{}").to_owned();
        serde_json::from_str(&inner)
            .map_or_else(|_| Self::of(BTreeMap::new(), "body"), |given| Self::of(given, "body"))
    }

    /// Reads a query.
    pub(crate) fn of_query(query: &str) -> Self {
        let mut given = BTreeMap::new();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            // A text can always be written as JSON.
            if let Ok(raw) = serde_json::value::to_raw_value(&value) {
                given.insert(name.into_owned(), raw);
            }
        }
        Self::of(given, "query")
    }

    fn of(given: BTreeMap<String, Box<RawValue>>, place: &'static str) -> Self {
        let mut renamed = BTreeMap::new();
        let (snake, camel): (Vec<_>, Vec<_>) = given.into_iter().partition(|(name, _)| snake(name) == *name);
        // What is written as the answers write it counts.
        for (name, raw) in camel.into_iter().map(|(name, raw)| (self::snake(&name), raw)).chain(snake) {
            renamed.insert(name, raw);
        }
        Self { given: renamed, place, wrong: Vec::new() }
    }

    /// What a field has, if it is given and not `null`. An empty parameter of a query is not given.
    pub(crate) fn raw(&self, name: &str) -> Option<&RawValue> {
        let raw = self.given.get(name)?.as_ref();
        let absent = raw.get() == "null" || (self.place == "query" && raw.get() == "\"\"");
        (!absent).then_some(raw)
    }

    /// A field as JSON.
    pub(crate) fn value(&self, name: &str) -> Option<serde_json::Value> {
        serde_json::from_str(self.raw(name)?.get()).ok()
    }

    fn is_wrong(&mut self, kind: &str, name: &str, rule: &str) {
        let given = self.value(name).map_or(Json::Null, |value| Json::from(&value));
        self.wrong.push(wrong(kind, &[self.place, name], rule, given));
    }

    /// A text; a number is taken as its digits.
    pub(crate) fn text(&mut self, name: &str) -> Option<String> {
        let raw = self.raw(name)?.get().to_owned();
        if let Ok(text) = serde_json::from_str::<String>(&raw) {
            return Some(text);
        }
        if raw.starts_with(['{', '[', 't', 'f']) {
            self.is_wrong("string_type", name, "Input should be a valid string");
            return None;
        }
        Some(raw)
    }

    /// A text that says something.
    pub(crate) fn filled(&mut self, name: &str) -> Option<String> {
        self.text(name).filter(|text| !text.trim().is_empty())
    }

    /// A text that has to be there.
    pub(crate) fn needed(&mut self, name: &str) -> String {
        if self.raw(name).is_none() {
            self.is_missing(name);
        }
        let text = self.text(name).unwrap_or_default();
        if self.raw(name).is_some() && text.trim().is_empty() {
            self.is_wrong("string_too_short", name, "String should have at least 1 character");
        }
        text
    }

    fn is_missing(&mut self, name: &str) {
        self.is_wrong("missing", name, "Field required");
    }

    /// The digits of a number, also of one in quotes.
    fn digits(&self, name: &str) -> Option<Result<String, ()>> {
        let raw = self.raw(name)?.get();
        let quoted = serde_json::from_str::<String>(raw).ok();
        Some(plain(quoted.as_deref().unwrap_or(raw).trim()).ok_or(()))
    }

    /// A whole number that is not negative.
    pub(crate) fn whole(&mut self, name: &str) -> Option<u64> {
        match self.digits(name)?.map(|digits| digits.parse()) {
            Ok(Ok(number)) => Some(number),
            Ok(Err(_)) | Err(()) => {
                self.is_wrong("int_parsing", name, "Input should be a valid integer of 0 or more");
                None
            }
        }
    }

    /// A whole number that has to be there.
    pub(crate) fn needed_whole(&mut self, name: &str) -> u64 {
        if self.raw(name).is_none() {
            self.is_missing(name);
        }
        self.whole(name).unwrap_or_default()
    }

    /// A whole number within bounds, or what it is if absent.
    pub(crate) fn within_bounds(&mut self, name: &str, (least, most): (u64, u64), absent: u64) -> u64 {
        let number = self.whole(name).unwrap_or(absent);
        if !(least..=most).contains(&number) {
            let rule = format!("Input should be greater than or equal to {least} and at most {most}");
            self.is_wrong("greater_than_equal", name, &rule);
        }
        number
    }

    /// An exact amount of 0 or more.
    pub(crate) fn money(&mut self, name: &str) -> Option<Usd> {
        let amount = self.digits(name)?.ok().and_then(|digits| digits.parse::<Usd>().ok());
        match amount.filter(|amount| *amount >= Usd::ZERO) {
            Some(amount) => Some(amount),
            None => {
                self.is_wrong("float_parsing", name, "Input should be a valid number of 0 or more");
                None
            }
        }
    }

    /// A threshold, as a decimal text; one above 1 is in percent.
    pub(crate) fn threshold(&mut self, name: &str) -> Option<String> {
        let amount = self.money(name)?;
        let one = 10_i128.pow(18);
        let share = if amount.units() > one { amount.units() / 100 } else { amount.units() };
        if share > one {
            self.is_wrong(
                "less_than_equal",
                name,
                "Input should be a share up to 1, or a percentage up to 100",
            );
        }
        // Thresholds have four places.
        let step = 10_i128.pow(14);
        Some(Usd::from_units(share / step * step).to_string())
    }

    /// Yes or no, in the words of any client.
    pub(crate) fn flag(&mut self, name: &str) -> Option<bool> {
        let raw = self.raw(name)?.get().trim_matches('"').to_ascii_lowercase();
        match raw.as_str() {
            "true" | "1" | "yes" | "on" | "t" | "y" => Some(true),
            "false" | "0" | "no" | "off" | "f" | "n" => Some(false),
            _ => {
                self.is_wrong("bool_parsing", name, "Input should be a valid boolean");
                None
            }
        }
    }

    /// A JSON object as its text; `None`: absent or empty.
    pub(crate) fn object(&mut self, name: &str) -> Option<String> {
        let value = self.value(name)?;
        if !value.is_object() {
            self.is_wrong("dict_type", name, "Input should be a valid dictionary");
            return None;
        }
        Some(value.to_string()).filter(|text| text != "{}")
    }

    /// A list of texts.
    pub(crate) fn texts(&mut self, name: &str) -> Vec<String> {
        match self.value(name).map(serde_json::from_value::<Vec<String>>) {
            Some(Ok(texts)) => texts,
            None => Vec::new(),
            Some(Err(_)) => {
                self.is_wrong("list_type", name, "Input should be a valid list of strings");
                Vec::new()
            }
        }
    }

    /// Which page of a list is wanted.
    pub(crate) fn page(&mut self) -> Page {
        let is_named = self.raw("page").is_some() || self.raw("limit").is_some();
        let page = self.within_bounds("page", (1, u64::from(u32::MAX)), 1);
        let limit = self.within_bounds("limit", (1, MOST), 20);
        Page { page, limit, is_named }
    }

    /// Notes a field that is wrong for another reason.
    pub(crate) fn refuse(&mut self, name: &str, rule: &str) {
        self.is_wrong("value_error", name, rule);
    }

    /// Fails if anything was wrong.
    pub(crate) fn done(&mut self) -> Handled<()> {
        let wrong = std::mem::take(&mut self.wrong);
        if wrong.is_empty() { Ok(()) } else { Err(Fault::invalid(wrong)) }
    }
}

/// `costLimit` as `cost_limit`.
fn snake(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 4);
    for c in name.chars() {
        if c.is_ascii_uppercase() {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(text: &str) -> Fields {
        Fields::of_body(text.as_bytes()).expect("an object")
    }

    #[test]
    fn names_may_be_camel_case_and_snake_case_wins() {
        let mut read = body(r#"{"costLimit": 12.5, "tokenLimit": 7, "token_limit": 8, "name": null}"#);
        assert_eq!(read.money("cost_limit").map(|usd| usd.to_string()).as_deref(), Some("12.5"));
        assert_eq!((read.whole("token_limit"), read.text("name")), (Some(8), None));
        assert_eq!(read.done(), Ok(()));
    }

    #[test]
    fn numbers_in_quotes_and_with_exponents_are_numbers() {
        let mut read = body(r#"{"a": "12", "b": 1e3, "c": 12.0, "d": "1e-7", "e": 85, "f": 0.85}"#);
        assert_eq!((read.whole("a"), read.whole("b"), read.whole("c")), (Some(12), Some(1000), Some(12)));
        assert_eq!(read.money("d").map(|usd| usd.to_string()).as_deref(), Some("0.0000001"));
        assert_eq!(
            (read.threshold("e").as_deref(), read.threshold("f").as_deref()),
            (Some("0.85"), Some("0.85"))
        );
    }

    #[test]
    fn everything_that_is_wrong_is_said_at_once() {
        let mut read =
            body(r#"{"tokens": -3, "task": {}, "enabled": "maybe", "metadata": [1], "blank": " "}"#);
        let _ = (read.needed("name"), read.whole("tokens"), read.text("task"), read.flag("enabled"));
        let _ = (read.object("metadata"), read.needed("blank"), read.needed_whole("count"));
        let fault = read.done().expect_err("wrong");
        assert_eq!((fault.status.as_u16(), fault.fields.len()), (422, 7));
        assert_eq!(
            fault.fields[0].to_string(),
            r#"{"type":"missing","loc":["body","name"],"msg":"Field required","input":null}"#
        );
        assert_eq!(Fields::of_body(b"[1]").expect_err("no object").status.as_u16(), 422);
    }

    #[test]
    fn pages_have_bounds_and_defaults() {
        for (query, page, limit, is_named, is_wrong) in [
            ("", 1, 20, false, false),
            ("page=3", 3, 20, true, false),
            ("limit=100&is_active=", 1, 100, true, false),
            ("limit=101", 1, 101, true, true),
            ("page=0", 0, 20, true, true),
            ("page=x", 1, 20, true, true),
        ] {
            let mut read = Fields::of_query(query);
            assert_eq!(read.page(), Page { page, limit, is_named }, "{query}");
            assert_eq!(read.done().is_err(), is_wrong, "{query}");
        }
    }
}
