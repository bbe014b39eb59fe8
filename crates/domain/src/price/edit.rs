//! The rates of an entry as the text of a price book has them, changed one by one.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::value::RawValue;

use super::fields::{self, Field, Kind, Rate};
use super::quote::PriceEntry;
use super::rate_tier::RateTier;
use super::rates::PricedKind;
use super::unit_fields::{When, unit_field};
use crate::money::Usd;
use crate::units::Unit;

/// The fields of an entry that make its price, as they are written. What is not changed stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EntryRates(BTreeMap<String, Box<str>>);

/// The ranges of a list, which has a price for every size of the input.
const LIST: &str = "tiered_pricing";
/// Other rates at certain hours.
const HOURS: &str = "off_peak_pricing";
/// What only one provider has, among it the factor of a service tier.
const SPECIFIC: &str = "provider_specific_entry";
/// The service tier that may have a factor, and the name of the factor.
const FAST: &str = "fast";

impl EntryRates {
    /// Those of an entry.
    #[must_use]
    pub fn of(entry: &PriceEntry<'_>) -> Self {
        let text = entry.price().map_or("{}", |price| &price.text);
        let fields: BTreeMap<String, Box<RawValue>> = serde_json::from_str(text).unwrap_or_default();
        Self(fields.into_iter().map(|(name, raw)| (name, raw.get().into())).collect())
    }

    /// A JSON object in the form of the price book.
    #[must_use]
    pub fn to_text(&self) -> String {
        let fields =
            self.0.iter().map(|(name, raw)| format!("{}: {raw}", serde_json::Value::from(name.as_str())));
        format!("{{{}}}", fields.collect::<Vec<_>>().join(", "))
    }

    /// Names who serves the model.
    pub fn set_provider(&mut self, provider: &str) {
        self.0.insert("litellm_provider".to_owned(), serde_json::Value::from(provider).to_string().into());
    }

    /// The price of a kind of tokens, in a tier.
    pub fn set(&mut self, kind: PricedKind, tier: &RateTier, usd: Usd) {
        self.remove(kind, tier);
        let above = tier.above_input.map(|above| format!("_above_{above}_tokens")).unwrap_or_default();
        let suffix = tier.service_tier.map(|tier| format!("_{}", fields::suffix(tier))).unwrap_or_default();
        self.0.insert(format!("{}{above}{suffix}", fields::name(of_priced(kind))), usd.to_string().into());
    }

    /// Takes the price of a kind of tokens away, however it is spelled.
    pub fn remove(&mut self, kind: PricedKind, tier: &RateTier) {
        let kind = of_priced(kind);
        self.0.retain(|name, _| {
            !rate_of(name).is_some_and(|rate| rate.kind == kind && tier_of(&rate) == *tier)
        });
    }

    /// Takes all prices away that have to do with a size of the input or a service tier, but for a factor.
    pub fn remove_tiers(&mut self, is_one: impl Fn(&RateTier) -> bool) {
        self.0.retain(|name, _| {
            let of_unit = unit_tier(name).is_some_and(|tier| is_one(&tier));
            !of_unit && !rate_of(name).is_some_and(|rate| is_one(&tier_of(&rate)))
        });
    }

    /// The price of a unit, whatever it depended on.
    pub fn set_unit(&mut self, unit: Unit, usd: Usd) {
        self.remove_unit(unit);
        self.0.insert(unit_field(unit).to_owned(), usd.to_string().into());
    }

    /// Takes the price of a unit away, but in service tiers.
    pub fn remove_unit(&mut self, unit: Unit) {
        self.0.retain(|name, _| match fields::read(name) {
            Field::Unit(field) => field.unit != unit || field.when == When::InTier,
            Field::Rate(_) | Field::Other | Field::Unknown => true,
        });
    }

    /// Takes the list of ranges away, in which no rate has effect that is not of a size. Whether there was one.
    pub fn remove_list(&mut self) -> bool {
        self.0.remove(LIST).is_some()
    }

    /// Takes the prices of certain hours away.
    pub fn remove_hours(&mut self) {
        self.0.remove(HOURS);
    }

    /// The service tier whose prices are the standard ones times a factor, with the factor as it is written; `None`:
    /// none has one, or the tier has prices of its own.
    #[must_use]
    pub fn factor(&self) -> Option<(RateTier, String)> {
        let tier = RateTier { above_input: None, service_tier: Some(FAST) };
        let has_own = |name: &String| rate_of(name).is_some_and(|rate| rate.tier == Some(FAST));
        if self.0.keys().any(has_own) {
            return None;
        }
        let raw = self.specific()?.remove(FAST).filter(|raw| raw.get() != "null")?;
        Some((tier, raw.get().trim_matches('"').to_owned()))
    }

    /// Takes the factor of the service tier away that has one.
    pub fn remove_factor(&mut self) {
        let Some(mut specific) = self.specific() else { return };
        if specific.remove(FAST).is_none() {
            return;
        }
        let rest = specific.iter().map(|(name, raw)| (name.clone(), raw.get().into())).collect();
        self.0.remove(SPECIFIC);
        if !specific.is_empty() {
            self.0.insert(SPECIFIC.to_owned(), Self(rest).to_text().into());
        }
    }

    fn specific(&self) -> Option<BTreeMap<String, Box<RawValue>>> {
        serde_json::from_str(self.0.get(SPECIFIC)?).ok()
    }

    /// The service tiers in which other units have a price, with the units.
    #[must_use]
    pub fn tiers_of_units(&self) -> BTreeMap<&'static str, BTreeSet<Unit>> {
        let mut tiers: BTreeMap<&str, BTreeSet<Unit>> = BTreeMap::new();
        for name in self.0.keys() {
            if let (Some(tier), Field::Unit(field)) =
                (unit_tier(name).and_then(|tier| tier.service_tier), fields::read(name))
            {
                tiers.entry(tier).or_default().insert(field.unit);
            }
        }
        tiers
    }

    /// Whether it has a list of ranges.
    #[must_use]
    pub fn has_list(&self) -> bool {
        self.0.contains_key(LIST)
    }

    /// Whether it has other prices at certain hours.
    #[must_use]
    pub fn has_hours(&self) -> bool {
        self.0.contains_key(HOURS)
    }

    /// The prices in tiers: of a size of the input, of a service tier.
    #[must_use]
    pub fn tiers(&self) -> BTreeMap<RateTier, BTreeMap<PricedKind, String>> {
        let mut tiers: BTreeMap<RateTier, BTreeMap<PricedKind, String>> = BTreeMap::new();
        for (name, raw) in &self.0 {
            let Some(rate) = rate_of(name) else { continue };
            let (tier, kind) = (tier_of(&rate), priced(rate.kind));
            if tier == RateTier::default() {
                continue;
            }
            let text = raw.trim_matches('"').trim();
            let usd =
                super::number::read(text).map_or_else(|_| text.to_owned(), |number| number.usd.to_string());
            // The older spelling counts where there is no other.
            let rates = tiers.entry(tier).or_default();
            if rate.old {
                rates.entry(kind).or_insert(usd);
            } else {
                rates.insert(kind, usd);
            }
        }
        tiers
    }
}

fn rate_of(name: &str) -> Option<Rate> {
    match fields::read(name) {
        Field::Rate(rate) => Some(rate),
        Field::Unit(_) | Field::Other | Field::Unknown => None,
    }
}

/// The service tier of the price of a unit.
fn unit_tier(name: &str) -> Option<RateTier> {
    match fields::read(name) {
        Field::Unit(field) if field.when == When::InTier => {
            let (_, suffix) = name.rsplit_once('_')?;
            let (_, tier) = fields::service_tiers().find(|(word, _)| *word == suffix)?;
            Some(RateTier { above_input: None, service_tier: Some(tier) })
        }
        Field::Unit(_) | Field::Rate(_) | Field::Other | Field::Unknown => None,
    }
}

const fn tier_of(rate: &Rate) -> RateTier {
    RateTier { above_input: rate.above, service_tier: rate.tier }
}

const fn priced(kind: Kind) -> PricedKind {
    match kind {
        Kind::Input => PricedKind::Input,
        Kind::CachedInput => PricedKind::CachedInput,
        Kind::CacheWrite => PricedKind::CacheWrite,
        Kind::CacheWrite1h => PricedKind::CacheWrite1h,
        Kind::Output => PricedKind::Output,
        Kind::Reasoning => PricedKind::Reasoning,
    }
}

const fn of_priced(kind: PricedKind) -> Kind {
    match kind {
        PricedKind::Input => Kind::Input,
        PricedKind::CachedInput => Kind::CachedInput,
        PricedKind::CacheWrite => Kind::CacheWrite,
        PricedKind::CacheWrite1h => Kind::CacheWrite1h,
        PricedKind::Output => Kind::Output,
        PricedKind::Reasoning => Kind::Reasoning,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Listed, PriceBook};
    use super::*;
    use crate::time::Timestamp;

    fn rates(fields: &str) -> EntryRates {
        let listed = Listed::read("m", &format!("{{{fields}}}")).unwrap();
        EntryRates::of(&listed.as_entry())
    }

    fn tier(above_input: Option<u64>, service_tier: Option<&'static str>) -> RateTier {
        RateTier { above_input, service_tier }
    }

    /// What an entry that is written again costs is what it cost.
    #[test]
    fn entries_of_the_shipped_book_are_the_same_when_they_are_written_again() {
        let book = PriceBook::shipped();
        let mut with_tiers = 0;
        for entry in book.entries(Timestamp::default()).filter(PriceEntry::is_priced) {
            let rates = EntryRates::of(&entry);
            let again = Listed::read(entry.name, &rates.to_text()).unwrap();
            assert!(again.price.costs_like(entry.price().unwrap()), "{}", entry.name);
            assert_eq!(again.price.provider, entry.price().unwrap().provider, "{}", entry.name);
            with_tiers += usize::from(!rates.tiers().is_empty());
        }
        assert!(with_tiers > 100, "{with_tiers} entries have tiers");
    }

    /// `fields | change | fields then`.
    #[test]
    fn one_rate_changes_and_the_others_stay_as_they_are_written() {
        type Change = fn(&mut EntryRates);
        let usd = |text: &str| text.parse::<Usd>().unwrap();
        let all = r#""input_cost_per_token": 2e-6, "input_cost_per_token_above_200k_tokens": 4e-6, "input_cost_per_token_batches": 1e-6, "input_cost_per_token_cache_hit": 1e-7"#;
        let changes: [(Change, &str); 8] = [
            (
                |rates| rates.set(PricedKind::Input, &RateTier::default(), "0.000003".parse().unwrap()),
                r#"{"input_cost_per_token": 0.000003, "input_cost_per_token_above_200k_tokens": 4e-6, "input_cost_per_token_batches": 1e-6, "input_cost_per_token_cache_hit": 1e-7}"#,
            ),
            (
                |rates| rates.set(PricedKind::Input, &tier(Some(200_000), None), "0.000003".parse().unwrap()),
                r#"{"input_cost_per_token": 2e-6, "input_cost_per_token_above_200000_tokens": 0.000003, "input_cost_per_token_batches": 1e-6, "input_cost_per_token_cache_hit": 1e-7}"#,
            ),
            (
                |rates| rates.set(PricedKind::Input, &tier(None, Some("batch")), "0.000003".parse().unwrap()),
                r#"{"input_cost_per_token": 2e-6, "input_cost_per_token_above_200k_tokens": 4e-6, "input_cost_per_token_batches": 0.000003, "input_cost_per_token_cache_hit": 1e-7}"#,
            ),
            (
                |rates| {
                    rates.set(
                        PricedKind::CacheWrite1h,
                        &tier(Some(9), Some("flex")),
                        "0.000003".parse().unwrap(),
                    )
                },
                r#"{"cache_creation_input_token_cost_above_1hr_above_9_tokens_flex": 0.000003, "input_cost_per_token": 2e-6, "input_cost_per_token_above_200k_tokens": 4e-6, "input_cost_per_token_batches": 1e-6, "input_cost_per_token_cache_hit": 1e-7}"#,
            ),
            (
                |rates| rates.set(PricedKind::CachedInput, &RateTier::default(), "0.000003".parse().unwrap()),
                r#"{"cache_read_input_token_cost": 0.000003, "input_cost_per_token": 2e-6, "input_cost_per_token_above_200k_tokens": 4e-6, "input_cost_per_token_batches": 1e-6}"#,
            ),
            (
                |rates| rates.remove(PricedKind::CachedInput, &RateTier::default()),
                r#"{"input_cost_per_token": 2e-6, "input_cost_per_token_above_200k_tokens": 4e-6, "input_cost_per_token_batches": 1e-6}"#,
            ),
            (
                |rates| rates.remove_tiers(|tier| tier.above_input.is_some()),
                r#"{"input_cost_per_token": 2e-6, "input_cost_per_token_batches": 1e-6, "input_cost_per_token_cache_hit": 1e-7}"#,
            ),
            (
                |rates| rates.remove_tiers(|tier| tier.service_tier == Some("flex")),
                r#"{"input_cost_per_token": 2e-6, "input_cost_per_token_above_200k_tokens": 4e-6, "input_cost_per_token_batches": 1e-6, "input_cost_per_token_cache_hit": 1e-7}"#,
            ),
        ];
        for (change, then) in changes {
            let mut rates = rates(all);
            change(&mut rates);
            assert_eq!(rates.to_text(), then);
            Listed::read("m", then).unwrap();
        }
        let found = rates(all).tiers();
        let expected = BTreeMap::from([
            (tier(None, Some("batch")), BTreeMap::from([(PricedKind::Input, usd("0.000001").to_string())])),
            (tier(Some(200_000), None), BTreeMap::from([(PricedKind::Input, usd("0.000004").to_string())])),
        ]);
        assert_eq!(found, expected);
    }

    #[test]
    fn the_price_of_a_unit_replaces_what_it_depended_on_but_for_service_tiers() {
        let mut found = rates(
            r#""output_cost_per_image": 0.04, "output_cost_per_image_1024": 0.08, "input_cost_per_audio_token": 1e-6, "input_cost_per_audio_token_priority": 2e-6"#,
        );
        found.set_unit(Unit::OutputImages, "0.05".parse().unwrap());
        found.set_unit(Unit::InputAudioTokens, "0.000003".parse().unwrap());
        let text = r#"{"input_cost_per_audio_token": 0.000003, "input_cost_per_audio_token_priority": 2e-6, "output_cost_per_image": 0.05}"#;
        assert_eq!(found.to_text(), text);
        found.remove_tiers(|tier| tier.service_tier == Some("priority"));
        found.remove_unit(Unit::OutputImages);
        assert_eq!(found.to_text(), r#"{"input_cost_per_audio_token": 0.000003}"#);
    }

    #[test]
    fn a_factor_is_taken_away_alone_and_says_nothing_beside_prices_of_its_tier() {
        let factor = r#""input_cost_per_token": 2e-6, "provider_specific_entry": {"fast": "6.0", "us": 1.1}"#;
        let found = |fields: &str| rates(fields).factor().map(|(tier, factor)| (tier.service_tier, factor));
        assert_eq!(found(factor), Some((Some("fast"), "6.0".to_owned())));
        assert_eq!(found(&format!(r#"{factor}, "input_cost_per_token_fast": 3e-6"#)), None);
        for (specific, then) in [
            (r#"{"fast": 2, "us": 1.1}"#, r#", "provider_specific_entry": {"us": 1.1}"#),
            (r#"{"fast": 2}"#, ""),
        ] {
            let mut found = rates(&factor.replace(r#"{"fast": "6.0", "us": 1.1}"#, specific));
            found.remove_factor();
            assert_eq!(found.to_text(), format!(r#"{{"input_cost_per_token": 2e-6{then}}}"#));
            assert_eq!(found.factor(), None);
        }
    }

    #[test]
    fn a_service_tier_is_known_by_all_of_its_words() {
        for (word, tier) in [
            ("flex", Some("flex")),
            ("Flex", Some("flex")),
            ("batches", Some("batch")),
            ("batch", Some("batch")),
            ("standard", None),
            ("nights", None),
        ] {
            assert_eq!(RateTier::service_tier(word), tier, "{word}");
        }
    }
}
