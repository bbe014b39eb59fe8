//! LiteLLM's price map: USD per token, one object per model, conditions in suffixed keys, lists or objects.

mod units;

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::entries::{Entries, Fields};
use super::fields::{self, CACHE_WRITE, CACHED_INPUT, Field, INPUT, OUTPUT, REASONING, Rate};
use super::notes::{Notes, OtherUnit, PriceProblem, Stays, Taken};
use super::off_peak::OffPeak;
use super::rates::Rates;
use super::schedule::{Given, Schedule, Tier};
use super::{ModelPrice, Models, number, plausible, text};
use crate::decimal::Decimal;
use crate::money::Usd;

/// Keys of the map that are not models.
const RESERVED: [&str; 2] = ["sample_spec", "fallback_generalizations"];

/// Far more than one text token has ever cost: anything above is a price per million tokens, or for something else.
const TOO_DEAR: Usd = Usd::from_units(1_000_000_000_000_000);

/// The longest chain of aliases that is followed.
const MAX_ALIASES: usize = 8;

/// The models of a text, with `None` for those that are named but unpriced, and notes about the text.
pub(super) fn read(text: &str) -> Result<(Models, Notes), String> {
    // A byte order mark is not valid JSON, but editors write it.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if !text.trim_start().starts_with('{') {
        let is = if text.trim().is_empty() { "is empty" } else { "is no JSON object" };
        return Err(format!(
            "the file {is}: it must map names of models to their prices, in LiteLLM's format"
        ));
    }
    let entries = Entries::read(text)?;
    let mut models = Models::new();
    let mut notes = Notes::default();
    for (model, fields) in entries.iter().filter(|(model, _)| !RESERVED.contains(&model.as_str())) {
        let mut entry = Entry { model, notes: &mut notes };
        let read = Entry::once(&entries, model).and_then(|()| entry.target(&entries));
        let read = read.and_then(|target| match target {
            Some(target) => no_prices_of_its_own(fields).and_then(|()| entry.read(target)),
            None => entry.read(fields),
        });
        match read {
            Ok(Some(price)) => {
                models.insert(model.clone(), Some(price));
            }
            Ok(None) => {
                let mode = text_of(fields, "mode").unwrap_or_else(|| "no mode".to_owned());
                notes.other_units.push(OtherUnit { model: model.clone(), mode });
            }
            Err(FieldProblem { field, value, rule }) => {
                let model = model.clone();
                models.insert(model.clone(), None);
                notes.left_out.push(PriceProblem { model, field, value, rule, stays: Stays::Model });
            }
        }
    }
    notes.doubts = plausible::doubts(&models);
    Ok((models, notes))
}

/// Field, value and rule of a bad price.
struct FieldProblem {
    field: String,
    value: String,
    rule: String,
}

fn problem(field: &str, value: &str, rule: impl Into<String>) -> FieldProblem {
    let value = value.chars().take(60).collect();
    FieldProblem { field: field.to_owned(), value, rule: rule.into() }
}

/// One entry while it is being read.
struct Entry<'a> {
    model: &'a str,
    notes: &'a mut Notes,
}

impl Entry<'_> {
    /// Refuses duplicates: it is unclear which of the two is meant, and it may be the more expensive one.
    fn once(entries: &Entries<'_>, model: &str) -> Result<(), FieldProblem> {
        match entries.twice(model) {
            None => Ok(()),
            Some("") => {
                Err(problem("the entry", model, "appears twice in the file, with different contents"))
            }
            Some(field) => {
                let last =
                    entries.get(model).and_then(|fields| fields.get(field)).map_or("", |raw| raw.get());
                Err(problem(field, last, "appears twice in the entry, with different values"))
            }
        }
    }

    /// The entry that this one is an alias of.
    fn target<'m, 'f>(&self, entries: &'m Entries<'f>) -> Result<Option<&'m Fields<'f>>, FieldProblem> {
        let mut found = None;
        let mut at = entries.get(self.model);
        for _ in 0..MAX_ALIASES {
            let Some(raw) = at.and_then(|fields| fields.get("alias_of")).filter(|raw| raw.get() != "null")
            else {
                return Ok(found);
            };
            let name: Option<String> = serde_json::from_str(raw.get()).ok();
            if let Some(name) = &name {
                Self::once(entries, name)?;
            }
            at = name.and_then(|name| entries.get(&name));
            found = at;
            if at.is_none() {
                return Err(problem("alias_of", raw.get(), "must name another entry of the file"));
            }
        }
        Err(problem("alias_of", self.model, format!("leads on more than {MAX_ALIASES} times")))
    }

    fn read(&mut self, fields: &Fields<'_>) -> Result<Option<ModelPrice>, FieldProblem> {
        if let Some(raw) = fields.get("unpriced").filter(|raw| raw.get() != "null") {
            return Err(problem("unpriced", raw.get().trim_matches('"'), "the book says so"));
        }
        let provider = text_of(fields, "litellm_provider");
        let inclusive = provider.as_deref() == Some("xai");
        let (standard, mut tiers) = self.given(fields)?;
        let listed =
            fields.get("tiered_pricing").map(|list| self.listed(list, &standard)).transpose()?.flatten();
        let confirmed = fields.get("price_confirmed").is_some_and(|raw| raw.get() == "true");
        let units = self.units(fields, confirmed);
        if units.values().all(Option::is_none)
            && standard.is_empty()
            && listed.is_none()
            && tiers.values().all(|given| given.as_ref().is_ok_and(Given::is_empty))
        {
            return Ok(None);
        }
        let schedule = match listed {
            Some(list) => Schedule::listed(standard.base, list),
            None => Schedule::standard(&standard, inclusive),
        };
        let thresholds = schedule.thresholds();
        let off_peak = fields.get("off_peak_pricing").filter(|raw| raw.get() != "null");
        let off_peak =
            off_peak.map(|raw| OffPeak::read(raw).map_err(|rule| problem("off_peak_pricing", "", rule)));
        let mut price = ModelPrice {
            provider,
            text: text::of(fields).into(),
            mode: text_of(fields, "mode"),
            max_input: count_of(fields, "max_input_tokens"),
            max_output: count_of(fields, "max_output_tokens"),
            given: standard.base,
            off_peak: off_peak.transpose()?,
            units,
            service_tiers: BTreeMap::new(),
            confirmed,
            version: None,
            decided_as: None,
            as_of: text_of(fields, "as_of").and_then(|day| day.parse().ok()),
            standard: schedule,
        };
        if let Some(factor) = fast_multiplier(fields)? {
            price.service_tiers.insert("fast", Some(price.standard.times(factor)));
        }
        while let Some((tier, given)) = tiers.pop_first() {
            let schedule = match given {
                Ok(given) => Some(Schedule::of_service_tier(&given, &standard, &thresholds, inclusive)),
                Err(FieldProblem { field, value, rule }) => {
                    let (model, stays) = (self.model.to_owned(), Stays::ServiceTier(tier));
                    self.notes.left_out.push(PriceProblem { model, field, value, rule, stays });
                    None
                }
            };
            price.service_tiers.insert(tier, schedule);
        }
        if let Some((field, rate)) = price.dearest().filter(|(_, rate)| *rate > TOO_DEAR && !confirmed) {
            let rule = "is more than 0.001 USD for one token: prices are per token, not per million tokens; \
                        a price book takes it as it is with `\"price_confirmed\": true` in the entry";
            return Err(problem(field, &rate.to_string(), rule));
        }
        Ok(Some(price))
    }

    /// The rates of an entry: the standard ones and those of service tiers, each readable or with its problem.
    #[expect(
        clippy::type_complexity,
        reason = "two results of one pass; a type of their own would say no more"
    )]
    fn given(
        &mut self,
        fields: &Fields<'_>,
    ) -> Result<(Given, BTreeMap<&'static str, Result<Given, FieldProblem>>), FieldProblem> {
        let mut standard = Given::default();
        let mut tiers: BTreeMap<&'static str, Result<Given, FieldProblem>> = BTreeMap::new();
        for (name, raw, field) in in_order(fields) {
            match field {
                // Those of units are read apart.
                Field::Other | Field::Unit(_) => {}
                Field::Unknown if is_nothing(raw) => {}
                Field::Unknown => {
                    let rule = "could change the price in a way that is not known";
                    return Err(problem(name, raw.get(), rule));
                }
                Field::Rate(rate) => {
                    let Some(tier) = rate.tier else {
                        let usd = self.price(name, raw)?;
                        put(&mut standard, &rate, name, usd)?;
                        continue;
                    };
                    let given = tiers.entry(tier).or_insert_with(|| Ok(Given::default()));
                    let Ok(so_far) = given else { continue };
                    let read = self.price(name, raw).and_then(|usd| put(so_far, &rate, name, usd));
                    if let Err(problem) = read {
                        *given = Err(problem);
                    }
                }
            }
        }
        tiers.retain(|_, given| given.as_ref().is_ok_and(|given| !given.is_empty()) || given.is_err());
        Ok((standard, tiers))
    }

    /// A price: a JSON number, or a string containing one. Null is the same as absent.
    fn price(&mut self, name: &str, raw: &RawValue) -> Result<Option<Usd>, FieldProblem> {
        let text = raw.get();
        if text == "null" {
            return Ok(None);
        }
        let text = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text).trim();
        let number = number::read(text).map_err(|rule| problem(name, text, rule))?;
        if number.usd < Usd::ZERO {
            return Err(problem(name, text, "must not be negative"));
        }
        if let Some(taken) = number.taken {
            let (model, field, text) = (self.model.to_owned(), name.to_owned(), text.to_owned());
            self.notes.taken.push(Taken { model, field, text, taken });
        }
        Ok(Some(number.usd))
    }

    /// `tiered_pricing: [{range: [lo, hi], …}]`: the tier with `lo < input ≤ hi`; the last one also applies
    /// above its end. A first range from 0 also covers an empty input. `None`: the list is not about tokens.
    fn listed(&mut self, list: &RawValue, standard: &Given) -> Result<Option<Vec<Tier>>, FieldProblem> {
        let of_list = |rule: &str| problem("tiered_pricing", "", rule);
        if list.get() == "null" {
            return Ok(None);
        }
        let objects: Vec<Fields<'_>> =
            serde_json::from_str(list.get()).map_err(|_| of_list("must be a list of objects"))?;
        let of_tokens =
            |fields: &Fields<'_>| fields.keys().any(|name| matches!(fields::read(name), Field::Rate(_)));
        if !objects.iter().any(of_tokens) {
            return Ok(None);
        }
        let mut tiers: Vec<(u64, Option<u64>, Rates)> = Vec::new();
        for fields in &objects {
            let (low, high) = fields.get("range").ok_or("").and_then(|raw| range(raw)).map_err(|value| {
                problem(
                    "tiered_pricing",
                    value,
                    "each tier needs a range of two whole numbers, the last may be open (null)",
                )
            })?;
            let mut rates = Rates::default();
            for (name, raw, field) in in_order(fields).filter(|(name, ..)| *name != "range") {
                match field {
                    Field::Other | Field::Unit(_) => {}
                    Field::Unknown if is_nothing(raw) => {}
                    Field::Rate(Rate { kind, above: None, tier: None, old }) => {
                        let usd = self.price(&format!("tiered_pricing.{name}"), raw)?;
                        let slot = rates.of(kind);
                        *slot = if old { slot.or(usd) } else { usd };
                    }
                    Field::Rate(_) | Field::Unknown => {
                        return Err(problem("tiered_pricing", name, "is not known in a tier"));
                    }
                }
            }
            tiers.push((low, high, rates));
        }
        tiers.sort_by_key(|(low, ..)| *low);
        let joined =
            tiers.windows(2).all(|pair| matches!(pair, [(_, high, _), (low, ..)] if *high == Some(*low)));
        if !joined {
            return Err(of_list("each range must begin where the one below ends"));
        }
        let tier = |(threshold, _, rates): (u64, Option<u64>, Rates)| Tier {
            threshold,
            inclusive: threshold == 0,
            rates: rates.listed(&standard.base),
        };
        Ok(Some(tiers.into_iter().map(tier).collect()))
    }
}

/// The fields of an entry with their meaning; older spellings first, so that the newer ones override them.
fn in_order<'f, 'a>(fields: &'f Fields<'a>) -> impl Iterator<Item = (&'f str, &'a RawValue, Field)> {
    let named = |(name, raw): (&'f String, &&'a RawValue)| (name.as_str(), *raw, meaning(name, raw));
    let mut all: Vec<(&str, &RawValue, Field)> = fields.iter().map(named).collect();
    all.sort_by_key(|(.., field)| !matches!(field, Field::Rate(Rate { old: true, .. })));
    all.into_iter()
}

/// The meaning of a field; fields that are read separately mean nothing here.
fn meaning(name: &str, raw: &RawValue) -> Field {
    match name {
        "tiered_pricing" | "off_peak_pricing" | "price_confirmed" | "unpriced" => Field::Other,
        _ => fields::read_with(name, raw.get()),
    }
}

/// Refuses prices next to `alias_of`: it is unclear which are meant, and it may be the more expensive ones.
fn no_prices_of_its_own(fields: &Fields<'_>) -> Result<(), FieldProblem> {
    let of_both = ["tiered_pricing", "off_peak_pricing"];
    let own = in_order(fields)
        .find(|(name, raw, field)| !is_nothing(raw) && (*field != Field::Other || of_both.contains(name)));
    let rule = "cannot be combined with `alias_of`: the other entry's prices hold, or leave `alias_of` out";
    own.map_or(Ok(()), |(name, raw, _)| Err(problem(name, raw.get(), rule)))
}

/// Sets a rate. One context size, spelled in two ways, must have one price.
fn put(given: &mut Given, rate: &Rate, name: &str, usd: Option<Usd>) -> Result<(), FieldProblem> {
    let Some(usd) = usd else { return Ok(()) };
    let rates = match rate.above {
        Some(above) => given.above.entry(above).or_default(),
        None => &mut given.base,
    };
    let slot = rates.of(rate.kind);
    if rate.above.is_some() && slot.is_some_and(|other| other != usd) {
        return Err(problem(name, &usd.to_string(), "another field has another price for the same tokens"));
    }
    *slot = Some(usd);
    Ok(())
}

/// A price or factor without any effect, whatever it is about.
fn is_nothing(raw: &RawValue) -> bool {
    matches!(raw.get(), "null" | "0" | "0.0" | "\"\"" | "false" | "{}" | "[]")
}

fn text_of(fields: &Fields<'_>, name: &str) -> Option<String> {
    fields.get(name).and_then(|raw| serde_json::from_str::<String>(raw.get()).ok())
}

/// The bounds of a range: whole numbers in any spelling; null leaves the upper one open.
fn range(raw: &RawValue) -> Result<(u64, Option<u64>), &str> {
    let refused = |_| raw.get();
    let bounds: Vec<&RawValue> = serde_json::from_str(raw.get()).map_err(refused)?;
    let [low, high] = bounds.as_slice() else { return Err(raw.get()) };
    let text = |bound: &RawValue| bound.get().trim_matches('"').to_owned();
    let low = if low.get() == "null" { Some(0) } else { fields::count(&text(low)) };
    let high = if high.get() == "null" { Some(None) } else { fields::count(&text(high)).map(Some) };
    match (low, high) {
        (Some(low), Some(high)) if high.is_none_or(|high| low < high) => Ok((low, high)),
        _ => Err(raw.get()),
    }
}

/// A whole number, as a number or as a text; `None`: it is none.
fn count_of(fields: &Fields<'_>, field: &str) -> Option<u64> {
    let text = fields.get(field)?.get().trim_matches('"');
    text.parse().ok().filter(|count| *count > 0)
}

/// The factor for all prices in fast mode.
fn fast_multiplier(fields: &Fields<'_>) -> Result<Option<Decimal>, FieldProblem> {
    let Some(raw) = fields.get("provider_specific_entry") else { return Ok(None) };
    let Ok(entry) = serde_json::from_str::<Fields<'_>>(raw.get()) else { return Ok(None) };
    let Some(fast) = entry.get("fast").filter(|raw| raw.get() != "null") else { return Ok(None) };
    let text = fast.get().trim_matches('"');
    let factor = text.parse::<Decimal>();
    factor.map(Some).map_err(|error| problem("provider_specific_entry.fast", text, error.to_string()))
}

/// The field names of plain rates, for a message.
pub(super) const PLAIN: [&str; 5] = [INPUT, CACHED_INPUT, CACHE_WRITE, OUTPUT, REASONING];
